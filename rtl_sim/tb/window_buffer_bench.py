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
    """All windows (N, OutHeight, OutWidth, KernelHeight, KernelWidth, Lanes) of images (N, Height, Width, Lanes)."""
    c = CASE
    rows = (c["OutHeight"] - 1) * c["StrideY"] + c["KernelHeight"]
    columns = (c["OutWidth"] - 1) * c["StrideX"] + c["KernelWidth"]
    padded = np.zeros(
        (len(images), max(rows, c["PadTop"] + c["Height"]), max(columns, c["PadLeft"] + c["Width"]), c["Lanes"]),
        np.int64,
    )
    padded[:, c["PadTop"] : c["PadTop"] + c["Height"], c["PadLeft"] : c["PadLeft"] + c["Width"]] = images
    cut = np.empty(
        (len(images), c["OutHeight"], c["OutWidth"], c["KernelHeight"], c["KernelWidth"], c["Lanes"]), np.int64
    )
    for y, x in np.ndindex(c["OutHeight"], c["OutWidth"]):
        top, left = y * c["StrideY"], x * c["StrideX"]
        cut[:, y, x] = padded[:, top : top + c["KernelHeight"], left : left + c["KernelWidth"]]
    return cut


def model() -> Windows:
    c = CASE
    return Windows(
        height=c["Height"],
        width=c["Width"],
        kernel=(c["KernelHeight"], c["KernelWidth"]),
        stride=(c["StrideY"], c["StrideX"]),
        pad_top=c["PadTop"],
        pad_left=c["PadLeft"],
        out_height=c["OutHeight"],
        out_width=c["OutWidth"],
    )


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.5], stall=[0.0, 0.6])
async def windows_are_numpys(dut: Any, idle: float, stall: float) -> None:
    rng = seeded()
    bits, lanes = CASE["ElementWidth"], CASE["Lanes"]
    shape = (CASE["Samples"], CASE["Height"], CASE["Width"], lanes)
    images = np.array([rng.getrandbits(bits) for _ in range(int(np.prod(shape)))], np.int64).reshape(shape)
    expected = windows(images).reshape(-1, CASE["KernelHeight"] * CASE["KernelWidth"] * lanes)
    require_telling_beats([pack(window, bits) for window in expected])
    beats = [pack(pixel, bits) for pixel in images.reshape(-1, lanes)]
    trace = await play(dut, {"in": beats}, len(expected), Pace(idle, stall), rng, [model()])
    for i, (beat, window) in enumerate(zip(trace.outputs, expected, strict=True)):
        assert unpack(beat, bits, len(window), signed=False) == window.tolist(), f"window {i} differs"
