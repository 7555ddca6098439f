"""A segment behind the adapter for Vitis IPs: both layouts, signed and unsigned, samples that overlap or do not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tb.vitis_stand_in import stand_in_source

from hwcodesign.backends.streamrtl.vitis_segment import vitis_segment_source
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.implementation import Implementation
from hwcodesign.hardware.netlist import netlist
from hwcodesign.hardware.stream import Stream
from hwcodesign.kernels import Activation, Conv2D, Segment
from hwcodesign.simulation.cocotb_runner import Bench, run_bench
from hwcodesign.systemverilog import Bits

SAMPLES = 12

_SIGNED = FixedPoint(5, 2, signed=True)
_UNSIGNED = FixedPoint(5, 2, signed=False)
_RESULT = FixedPoint(11, 6, True, "RND_CONV", "SAT")  # type: ignore[arg-type]


def _convolution() -> Segment:
    """3x3 pixels of three signed elements to as many pixels of two; beats are padded, and so is TDATA where packed."""
    weights = np.random.default_rng(5).integers(-7, 8, (2, 2, 3, 2)).astype(float)
    conv = Conv2D(
        "conv", ("input",), (_SIGNED,), ((3, 3, 3),), _RESULT, (2, 2, 2), weights, np.array([3.0, -4.0]),
        FixedPoint(4, 1, signed=True), FixedPoint(20, 14, signed=True), (1, 1), (0, 0, 0, 0),
    )  # fmt: skip
    return Segment.chain("stage1", _SIGNED, (3, 3, 3), (conv,))


def _cast() -> Segment:
    """A vector of seven unsigned elements to another format: one beat a sample."""
    cast = Activation("cast", ("input",), (_UNSIGNED,), ((7,),), FixedPoint(4, 2, signed=True), (7,), rectify=False)
    return Segment.chain("head0", _UNSIGNED, (7,), (cast,))


#: Segment; bits of an element at the IP; whether samples overlap; elements of a beat around the adapter.
_CASES = {
    "elements on bytes and 16 bits, samples overlap": (_convolution, (None, None), True, (3, 2)),
    "packed elements, one sample after the other": (_cast, (5, 4), False, (7, 7)),
    "streams of parts of pixels": (_convolution, (None, None), True, (1, 1)),
}


@pytest.mark.parametrize("name", _CASES)
def test_a_segment_behind_the_adapter_is_the_segment(name: str, tmp_path: Path) -> None:
    make, bits, overlap, (into, out) = _CASES[name]
    segment = make()
    streams = {"given": [Stream.of(segment.inputs[0].shape, into)], "taken": [Stream.of(segment.results[0].shape, out)]}
    placed, whole = (netlist(segment, {"conv": Implementation(6)}, **lanes) for lanes in (streams, {}))
    source = vitis_segment_source(
        placed, "top", "the_ip", "global_in", "layer5_out", input_element_bits=bits[0], output_element_bits=bits[1]
    )
    inside = stand_in_source(whole, "the_ip", "global_in", "layer5_out", tmp_path, element_bits=bits, overlap=overlap)
    files = []
    for file, text in {**inside.texts, **source.texts}.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
        if file.endswith(".sv"):
            files.append(tmp_path / file)
    fmt, result = segment.inputs[0].format, segment.results[0].format
    codes = np.random.default_rng(2).integers(
        fmt.min_code, fmt.max_code, (SAMPLES, *segment.inputs[0].shape), endpoint=True
    )
    outputs = segment.run(codes.astype(float))[0].astype(int)
    values = {
        "HWC_SENT": json.dumps([Bits.pack(beat.tolist(), fmt.width).value for beat in codes.reshape(-1, into)]),
        "HWC_EXPECTED": json.dumps([Bits.pack(beat.tolist(), result.width).value for beat in outputs.reshape(-1, out)]),
    }
    bench = Bench(source.module, "vitis_segment_bench", {}, sources=files, values=values)
    run_bench(bench, tmp_path / "run")
