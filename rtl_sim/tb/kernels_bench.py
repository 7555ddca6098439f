"""Several kernels side by side: results against NumPy, every valid and ready against the cycle model."""

from __future__ import annotations

import json
import os
from typing import Any

import cocotb
from beats import Pace, Player, pack, play_all, seeded, unpack
from kernel_cases import Port, random_case
from telling import require_telling

from hwcodesign.fixedpoint import Codes

#: Kind and seed of each module, in the order of the wrapper.
CASES: list[tuple[str, int]] = json.loads(os.environ["HWC_CASES"])


def _beats(codes: Codes, port: Port) -> list[int]:
    return [pack(beat, port.fmt.width) for beat in codes.reshape(-1, port.stream.lanes).astype(int).tolist()]


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.5], stall=[0.0, 0.6])
async def results_are_numpys(dut: Any, idle: float, stall: float) -> None:
    players, wanted = [], []
    cases = [random_case(kind, seed) for kind, seed in CASES]
    for i, ((_, seed), case) in enumerate(zip(CASES, cases, strict=True)):
        inputs = case.inputs(seed)
        beats = {port.name: _beats(codes, port) for port, codes in zip(case.ports[:-1], inputs, strict=True)}
        wanted.append(case.expected(seed))
        require_telling(wanted[-1])
        players.append(Player(beats, len(wanted[-1]), case.timing, f"k{i}_"))
    traces = await play_all(dut, players, Pace(idle, stall), seeded())
    for (kind, seed), case, trace, expected in zip(CASES, cases, traces, wanted, strict=True):
        fmt = case.ports[-1].fmt
        for number, (beat, codes) in enumerate(zip(trace.outputs, expected, strict=True)):
            got = unpack(beat, fmt.width, len(codes), fmt.signed)
            assert got == codes, f"{kind}, seed {seed}: beat {number} is {got} instead of {codes}; {case.instance}"
