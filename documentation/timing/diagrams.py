"""The timing diagrams: what is sent into which module, and which of its ports are shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hwcodesign.simulation.cocotb_runner import Bench, run_bench
from hwcodesign.systemverilog import Parameter

#: Values of every port that is shown, cycle by cycle.
Found = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Data:
    """A port that carries data while another one is 1."""

    name: str
    valid: str


@dataclass(frozen=True)
class Diagram:
    """A diagram of a module.

    Attributes:
        name: of the file in docs/images, behind "timing_".
        top: module.
        parameters: its parameters.
        inputs: values of its inputs, one a cycle; those that are not named are 0.
        shown: groups of ports from the top; a group of one name is that port.
        title: what stands above it.
        names: of data, where hexadecimal numbers are too long.
    """

    name: str
    top: str
    inputs: Mapping[str, Sequence[int]]
    shown: Mapping[str, Sequence[str | Data]]
    title: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)

    def found(self, folder: Path) -> Found:
        """Simulate the module, with the checker of streams bound to it."""
        ports = [port.name if isinstance(port, Data) else port for group in self.shown.values() for port in group]
        values = {
            "HWC_INPUTS": json.dumps({name: list(values) for name, values in self.inputs.items()}),
            "HWC_SHOWN": json.dumps(ports),
            "HWC_FOUND": str(folder.absolute() / "found.json"),
        }
        here = Path(__file__).resolve().parent
        run_bench(Bench(self.top, "recorder", self.parameters, values=values, folder_of_bench=here), folder)
        found: Found = json.loads((folder / "found.json").read_text())
        return found


def _bits(text: str) -> list[int]:
    return [int(bit) for bit in text]


def _beats(text: str) -> list[int]:
    """Bytes by their names in hexadecimal; -- where there is none."""
    return [0 if beat == "--" else int(beat, 16) for beat in text.split()]


STREAM = Diagram(
    "stream",
    "stream_register",
    {
        "in_valid_i": _bits("011111110000"),
        "in_data_i": _beats("-- A0 A1 A2 A3 A3 A3 A3 -- -- -- --"),
        "out_ready_i": _bits("111000111111"),
    },
    {
        "in": ["in_valid_i", "in_ready_o", Data("in_data_i", "in_valid_i")],
        "out": ["out_valid_o", "out_ready_i", Data("out_data_o", "out_valid_o")],
    },
    "stream_register: four beats, and an output that is not ready for three cycles",
    {"Width": 8},
)

BUFFER = Diagram(
    "buffer",
    "conditional_buffer",
    {
        "in_valid_i": _bits("0111111000000000"),
        "in_data_i": _beats("-- A0 A1 A2 B0 B1 B2 -- -- -- -- -- -- -- -- --"),
        "release_valid_i": _bits("0000001001000000"),
        "release_keep_i": _bits("0000000001000000"),
        "out_ready_i": _bits("1111111111111111"),
    },
    {
        "in": ["in_valid_i", "in_ready_o", Data("in_data_i", "in_valid_i")],
        "release": ["release_valid_i", "release_ready_o", Data("release_keep_i", "release_valid_i")],
        "level": [Data("level_o", "level_o")],
        "out": ["out_valid_o", "out_ready_i", Data("out_data_o", "out_valid_o")],
    },
    "conditional_buffer: sample A is dropped, sample B is forwarded (3 beats a sample, room for 6)",
    {"Width": 8, "Beats": 3, "Depth": 6},
)


def _record(sample: int, score: int, label: int, exit_index: int, flags: int) -> int:
    return flags << 120 | exit_index << 112 | label << 96 | score << 64 | 0x8B << 32 | sample


#: Two records, and the names of their words.
_RECORDS = (_record(0, 9, 7, 0, 1), _record(1, 5, 2, 1, 1))
_WORDS = {
    record >> 64 * half & (1 << 64) - 1: f"{i} {'hi' if half else 'lo'}"
    for i, record in enumerate(_RECORDS)
    for half in range(2)
}

PACKETS = Diagram(
    "packets",
    "record_pack",
    {
        "batch_last_i": _bits("0000100000"),
        "in_valid_i": _bits("0100100000"),
        "in_data_i": [{1: _RECORDS[0], 4: _RECORDS[1]}.get(cycle, 0) for cycle in range(10)],
        "m_axis_tready": _bits("1111101111"),
    },
    {
        "record": ["in_valid_i", "in_ready_o"],
        "batch": ["batch_last_i"],
        "m_axis": ["m_axis_tvalid", "m_axis_tready", Data("m_axis_tdata", "m_axis_tvalid"), "m_axis_tlast"],
    },
    "record_pack: two records, in two words each",
    names=_WORDS,
)

DIAGRAMS = (STREAM, BUFFER, PACKETS)
