"""Linear layers against NumPy, pixel beats in, one beat a sample out; latency and interval against the cycle model."""

from __future__ import annotations

import os
from typing import Any

import cocotb
from beats import Pace, pack, play, seeded, unpack
from telling import require_telling
from weighted_cases import Case, Layer

CASE = Case.from_json(os.environ["HWC_CASE"])
SAMPLES = int(os.environ["HWC_SAMPLES"])


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.5], stall=[0.0, 0.6])
async def results_are_numpys(dut: Any, idle: float, stall: float) -> None:
    layer = Layer(CASE, SAMPLES)
    codes, expected = layer.inputs(), layer.expected
    require_telling(expected, layer.wrong())
    beats = [pack(beat, layer.input.width) for beat in codes.reshape(-1, CASE.lanes)]
    trace = await play(dut, {"in": beats}, SAMPLES, Pace(idle, stall), seeded(), [layer.pipeline])
    for i, (result, wanted) in enumerate(zip(trace.outputs, expected, strict=True)):
        got = unpack(result, layer.result.width, CASE.outputs, layer.result.signed)
        assert got == wanted, f"sample {i} differs"
    if idle == stall == 0:
        folds, depth = CASE.folding.folds, layer.pipeline.depth
        # the first beat is offered in cycle 0, and samples follow one another without a gap
        assert trace.left == [(i + 1) * folds - 1 + depth for i in range(SAMPLES)]
        assert trace.accepted["in"] == [(i + 1) * folds // CASE.beats - 1 for i in range(SAMPLES * CASE.beats)]
