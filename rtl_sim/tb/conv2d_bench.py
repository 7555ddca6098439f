"""Convolutions against NumPy: strides, padding, depthwise; the cycle of every transfer against the cycle model."""

from __future__ import annotations

import os
from typing import Any

import cocotb
from beats import Pace, pack, play, seeded, unpack
from telling import require_telling
from weighted_cases import Case, Layer

from hwcodesign.hardware.timing import Automaton

CASE = Case.from_json(os.environ["HWC_CASE"])
SAMPLES = int(os.environ["HWC_SAMPLES"])


def model(layer: Layer) -> tuple[Automaton, ...]:
    """window_buffer, and the mac_arrays behind it, which are in step."""
    return CASE.window.timing, layer.pipeline


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.5], stall=[0.0, 0.6])
async def feature_maps_are_numpys(dut: Any, idle: float, stall: float) -> None:
    layer = Layer(CASE, SAMPLES)
    codes, expected = layer.inputs(), layer.expected
    require_telling(expected, layer.wrong())
    beats = [pack(beat, layer.input.width) for beat in codes.reshape(-1, CASE.window.reads.lanes)]
    trace = await play(dut, {"in": beats}, len(expected), Pace(idle, stall), seeded(), model(layer))
    for i, (result, wanted) in enumerate(zip(trace.outputs, expected, strict=True)):
        got = unpack(result, layer.result.width, len(wanted), layer.result.signed)
        assert got == wanted, f"beat {i} differs"
