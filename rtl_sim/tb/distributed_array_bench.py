"""A generated layer without multipliers against the NumPy kernels; its control against the cycle model."""

from __future__ import annotations

import os
from typing import Any

import cocotb
from beats import Pace, pack, play, seeded, unpack
from telling import require_telling
from weighted_cases import Case, Layer

from hwcodesign.hardware.timing import Pipeline

CASE = Case.from_json(os.environ["HWC_CASE"])
SAMPLES = int(os.environ["HWC_SAMPLES"])
LATENCY = int(os.environ["HWC_LATENCY"])


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.5], stall=[0.0, 0.6])
async def results_are_numpys(dut: Any, idle: float, stall: float) -> None:
    layer = Layer(CASE, SAMPLES)
    codes, expected = layer.inputs(), layer.expected
    require_telling(expected, layer.wrong())
    # a vector comes as one beat; the pixels of a convolution go through a window buffer, which has its own bench
    dense = CASE.kernel is None
    beats = [pack(beat, layer.input.width) for beat in codes.reshape(-1, CASE.shape[2])]
    model = [Pipeline(depth=LATENCY)] if dense else []
    trace = await play(dut, {"in": beats}, len(expected), Pace(idle, stall), seeded(), model)
    for i, (beat, wanted) in enumerate(zip(trace.outputs, expected, strict=True)):
        got = unpack(beat, layer.result.width, CASE.outputs, layer.result.signed)
        assert got == wanted, f"result {i} differs"
    if dense and idle == stall == 0:
        assert trace.accepted["in"] == list(range(SAMPLES))
        assert trace.left == [cycle + LATENCY for cycle in range(SAMPLES)]
