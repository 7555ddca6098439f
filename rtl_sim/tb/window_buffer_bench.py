"""Windows against NumPy, and every cycle's valid and ready against the cycle model."""

from __future__ import annotations

import json
import os
from typing import Any

import cocotb
import numpy as np
from beats import Pace, pack, play, seeded, unpack
from telling import require_telling_beats

from hwcodesign.hardware.timing import Windows

CASE = json.loads(os.environ["HWC_CASE"])


def windows(images: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """All windows of images.

    Args:
        images: (N, height, width, channels).

    Returns:
        (N, out_height, out_width, kernel_height, kernel_width, channels).
    """
    c = CASE
    rows = (c["out_height"] - 1) * c["stride_y"] + c["kernel_height"]
    columns = (c["out_width"] - 1) * c["stride_x"] + c["kernel_width"]
    padded = np.zeros(
        (len(images), max(rows, c["pad_top"] + c["height"]), max(columns, c["pad_left"] + c["width"]), c["channels"]),
        np.int64,
    )
    padded[:, c["pad_top"] : c["pad_top"] + c["height"], c["pad_left"] : c["pad_left"] + c["width"]] = images
    cut = np.empty(
        (len(images), c["out_height"], c["out_width"], c["kernel_height"], c["kernel_width"], c["channels"]), np.int64
    )
    for y, x in np.ndindex(c["out_height"], c["out_width"]):
        top, left = y * c["stride_y"], x * c["stride_x"]
        cut[:, y, x] = padded[:, top : top + c["kernel_height"], left : left + c["kernel_width"]]
    return cut


def model() -> Windows:
    c = CASE
    return Windows(
        height=c["height"],
        width=c["width"],
        kernel=(c["kernel_height"], c["kernel_width"]),
        stride=(c["stride_y"], c["stride_x"]),
        pad_top=c["pad_top"],
        pad_left=c["pad_left"],
        out_height=c["out_height"],
        out_width=c["out_width"],
        pixels=c["pixels"],
    )


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.5], stall=[0.0, 0.6])
async def windows_are_numpys(dut: Any, idle: float, stall: float) -> None:
    rng = seeded()
    bits, lanes = CASE["element_width"], CASE["channels"]
    shape = (CASE["samples"], CASE["height"], CASE["width"], lanes)
    images = np.array([rng.getrandbits(bits) for _ in range(int(np.prod(shape)))], np.int64).reshape(shape)
    together = model().together
    expected = windows(images).reshape(-1, together * CASE["kernel_height"] * CASE["kernel_width"] * lanes)
    require_telling_beats([pack(window, bits) for window in expected])
    beats = [pack(pixel, bits) for pixel in images.reshape(-1, CASE["pixels"] * lanes)]
    trace = await play(dut, {"in": beats}, len(expected), Pace(idle, stall), rng, [model()])
    for i, (beat, window) in enumerate(zip(trace.outputs, expected, strict=True)):
        assert unpack(beat, bits, len(window), signed=False) == window.tolist(), f"beat {i} differs"
