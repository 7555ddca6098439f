"""Holds the module of each segment, simulated alone, to software."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hwcodesign as hw
from hwcodesign.runtime.segments import segment_by_segment
from hwcodesign.simulation.alone import segment_codes


def assert_equal_alone(design: hw.Design, images: NDArray[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold every tensor of every segment, each simulated alone, to software."""
    monkeypatch.setattr("hwcodesign.simulation.alone._PART", 16)  # parts are put together in order
    alone = segment_by_segment(design.accelerator, partial(segment_codes, design.rtl), "rtl", images)
    expected = design.segment_outputs(images)
    assert alone.keys() == expected.keys()
    assert [name for name in expected if not np.array_equal(alone[name], expected[name])] == []
