"""Convolutions that read windows from memory, against NumPy; the cycle of every transfer against the cycle model."""

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
async def feature_maps_are_numpys(dut: Any, idle: float, stall: float) -> None:
    layer = Layer(CASE, SAMPLES)
    unit, codes, expected = layer.folded_unit, layer.inputs(), layer.expected
    require_telling(expected, layer.wrong())
    (source,), output = unit.reads, unit.writes
    beats = [pack(word, layer.input.width) for word in codes.reshape(-1, source.lanes)]
    count = SAMPLES * output.beats
    trace = await play(dut, {"in": beats}, count, Pace(idle, stall), seeded(), unit.timing)
    wanted = [code for pixel in expected for code in pixel]
    for i, result in enumerate(trace.outputs):
        got = unpack(result, layer.result.width, output.lanes, layer.result.signed)
        assert got == wanted[i * output.lanes : (i + 1) * output.lanes], f"beat {i} differs"
