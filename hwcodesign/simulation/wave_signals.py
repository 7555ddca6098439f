"""This module writes what a waveform shows: a SystemVerilog module beside the accelerator whose signals are made for
people, one group for each level.

The accelerator's own signals are packed: a record is 128 bits, and a handshake two. The module has the fields of
records and of what travels with a sample, and enumerations for states, whose names FST files keep.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.channels import channels
from hwcodesign.interface.records import FLAG_ERROR, FLAG_FINAL
from hwcodesign.simulation.probes import wrapper_name

#: The instance in the accelerator, and its module.
_INSTANCE = "u_view"
#: Bits of fields of hwc_pkg's sample_t. What travels with a sample has them by no name where past_t lie above it.
_SAMPLE_ID, _BANK = "[90:59]", "[1]"


class Shown(Enum):
    """How a signal is shown."""

    BIT = "bit"
    UNSIGNED = "unsigned"
    SIGNED = "signed"
    HEXADECIMAL = "hexadecimal"
    HANDSHAKE = "handshake"
    VERDICT = "verdict"


#: Names of states, by the values of signals from 0. A handshake is valid and ready; a verdict is valid and whether the
#: sample stays.
STATES = {
    Shown.HANDSHAKE: ("IDLE", "WAIT", "STALL", "MOVE"),
    Shown.VERDICT: ("NONE", "UNUSED", "LEAVES", "STAYS"),
}


@dataclass(frozen=True)
class Signal:
    """A signal of the view.

    Attributes:
        name: its name in its group.
        value: SystemVerilog of the accelerator's nets that it shows.
        shown: how it is shown.
        bits: its width.
    """

    name: str
    value: str
    shown: Shown = Shown.BIT
    bits: int = 1


@dataclass(frozen=True)
class Group:
    """A group is the signals of one level, or of what lies before or behind all levels."""

    name: str
    signals: tuple[Signal, ...]


def view_scope(accelerator: Accelerator) -> tuple[str, ...]:
    """Returns the scopes in the wave file, from the top, above those of the groups."""
    return ("TOP", wrapper_name(accelerator), "u_dut", _INSTANCE)


def view_groups(accelerator: Accelerator) -> tuple[Group, ...]:
    """Returns the groups in data order: the clock, the input, one for each exit, records and output."""
    clock = (Signal("aclk", "aclk"), Signal("reset_n", "core_rst_n"), _number("stamp", "now", 32))
    image = (
        _handshake("word", "s_axis_tvalid", "s_axis_tready"),
        Signal("word_data", "s_axis_tdata", Shown.HEXADECIMAL, 64),
        Signal("word_last", "s_axis_tlast"),
        Signal("sample_begins", "sample_started"),
        _number("samples_accepted", "accepted", 32),
        Signal("active_bank", "active_bank"),
    )
    exits = [Group(f"exit{k}", tuple(_exit(accelerator, k))) for k in range(accelerator.exits)]
    records = (_stream("records"), *_record("records_data", "cycles"))
    output = (
        _handshake("word", "m_axis_tvalid", "m_axis_tready"),
        Signal("word_data", "m_axis_tdata", Shown.HEXADECIMAL, 64),
        Signal("word_last", "m_axis_tlast"),
    )
    before = (Group("clock", clock), Group("images_in", image))
    return (*before, *exits, Group("merge", records), Group("records_out", output))


def view_source(accelerator: Accelerator) -> str:
    """Returns the SystemVerilog: the module, and its binding to the accelerator."""
    groups = view_groups(accelerator)
    ports, connections, blocks = [], [], []
    for group in groups:
        blocks.append(f"  if (1) begin : {group.name}")
        for signal in group.signals:
            port = _port(group, signal)
            ports.append(f"  input wire logic {_range(signal.bits)}{port}")
            connections.append(f"  .{port}({signal.value})")
            blocks.append(f"    {_declared(signal)} = {_typed(signal, port)};")
        blocks.append("  end")
    name = f"{accelerator.name}_view"
    lines = [
        "`default_nettype none",
        "",
        f"// What a waveform of {accelerator.name} shows; for simulation only.",
        f"module {name} (",
        ",\n".join(ports),
        ");",
        *(f"  typedef enum logic [1:0] {{{', '.join(names)}}} {kind.value}_e;" for kind, names in STATES.items()),
        *blocks,
        "endmodule",
        "",
        f"bind {accelerator.name} {name} {_INSTANCE} (",
        ",\n".join(connections),
        ");",
        "",
        "`default_nettype wire",
    ]
    return "\n".join(lines) + "\n"


def _exit(accelerator: Accelerator, k: int) -> Iterator[Signal]:
    """Yields the signals of an exit: the sample that is decided on, its score and verdict, its record, the streams."""
    last = k == accelerator.exits - 1
    sample, decision = f"waiting{k}_data", f"u_decision{k}"
    yield Signal("waiting", f"waiting{k}_valid")
    yield _number("waiting_sample_id", f"{sample}{_SAMPLE_ID}", 32)
    yield Signal("scored", f"{decision}.scored")
    yield Signal("score", f"{decision}.score", Shown.SIGNED, 32)
    yield _number("score_label", f"{decision}.label", 16)
    yield Signal("threshold", f"thresholds[{k}][{sample}{_BANK}]", Shown.SIGNED, 32)
    if last:
        yield Signal("verdict", f"{{record{k}_valid, 1'b0}}", Shown.VERDICT, 2)
    else:
        yield Signal("verdict", f"{{release{k}_valid, release{k}_valid && release{k}_data}}", Shown.VERDICT, 2)
    yield from _record(f"record{k}_data", "stamp")  # the merge makes cycles of it
    if not last:
        yield _number("buffer_level", f"levels[{k}]", 16)
    for channel in channels(accelerator):
        found = re.match(r"[a-z]+(\d+)", channel.name)
        if found is not None and int(found[1]) == k:
            yield _stream(channel.name)


def _record(data: str, time: str) -> Iterator[Signal]:
    """Yields the fields of a record.

    Args:
        time: what its field `cycles` holds there.
    """
    yield _number("record_sample_id", f"{data}.sample_id", 32)
    yield _number(f"record_{time}", f"{data}.cycles", 32)
    yield Signal("record_score", f"{data}.score", Shown.SIGNED, 32)
    yield _number("record_label", f"{data}.label", 16)
    yield _number("record_exit", f"{data}.exit_index", 8)
    for name, flag in (("final", FLAG_FINAL), ("error", FLAG_ERROR)):
        yield Signal(f"record_{name}", f"{data}.flags[{flag.bit_length() - 1}]")


def _number(name: str, value: str, bits: int) -> Signal:
    return Signal(name, value, Shown.UNSIGNED, bits)


def _stream(name: str) -> Signal:
    return _handshake(name, f"{name}_valid", f"{name}_ready")


def _handshake(name: str, valid: str, ready: str) -> Signal:
    return Signal(name, f"{{{valid}, {ready}}}", Shown.HANDSHAKE, 2)


def _range(bits: int) -> str:
    return f"[{bits - 1}:0] " if bits > 1 else ""


def _declared(signal: Signal) -> str:
    """Returns the declaration of a signal, up to its value."""
    if signal.shown in STATES:
        return f"wire {signal.shown.value}_e {signal.name}"
    return f"wire logic {'signed ' if signal.shown is Shown.SIGNED else ''}{_range(signal.bits)}{signal.name}"


def _typed(signal: Signal, port: str) -> str:
    return f"{signal.shown.value}_e'({port})" if signal.shown in STATES else port


def path(accelerator: Accelerator, group: Group, signal: Signal) -> str:
    """Returns the full name of a signal in the wave file."""
    return ".".join([*view_scope(accelerator), group.name, signal.name])


def bits_path(accelerator: Accelerator, group: Group, signal: Signal) -> str:
    """Returns the full name of the same signal as a plain number, without names for its states."""
    return ".".join([*view_scope(accelerator), _port(group, signal)])


def _port(group: Group, signal: Signal) -> str:
    return f"{group.name}_{signal.name}_i"
