"""Windows narrower than the zeros on their left: the zeros become a layer of their own, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from hwcodesign.errors import FormatError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.frontend.lowering.zeros import with_zero_columns
from hwcodesign.hardware.netlist import netlist
from hwcodesign.kernels import INPUT, Conv2D, Kernel, MaxPool2D, Segment, ZeroColumns

_IN, _WEIGHTS, _SUMS = FixedPoint(6, 2), FixedPoint(4, 1), FixedPoint(20, 10)
_SHAPE = (5, 7, 2)
_SEED = 9


def _conv(left: int) -> Conv2D:
    """Windows of 2 by 2."""
    weights = np.random.default_rng(_SEED).integers(-7, 8, (2, 2, 2, 3)).astype(float)
    shape = (5, 7 + left - 1, 3)
    return Conv2D(
        "conv", (INPUT,), (_IN,), (_SHAPE,), _SUMS, shape, weights, np.ones(3), _WEIGHTS, _SUMS, (1, 1),
        (0, 1, left, 0),
    )  # fmt: skip


def _pool(left: int) -> MaxPool2D:
    shape = (4, 7 + left - 1, 2)
    return MaxPool2D("pool", (INPUT,), (_IN,), (_SHAPE,), _IN, shape, (2, 2), (1, 1), padding=(0, 0, left, 0))


@pytest.mark.parametrize("left", [2, 3, 6])
@pytest.mark.parametrize("build", [_conv, _pool])
def test_the_zeros_become_a_layer_that_hardware_has(build: type[Kernel], left: int) -> None:
    kernel = build(left)  # type: ignore[call-arg]
    codes = np.random.default_rng(_SEED).integers(-32, 32, (10, *_SHAPE)).astype(float)
    with pytest.raises(FormatError, match="windows of zeros alone"):
        netlist(Segment.chain("s", _IN, _SHAPE, (kernel,)))
    parts = with_zero_columns((kernel,))
    assert [part.kind for part in parts] == ["zero_columns", kernel.kind]
    segment = Segment.chain("s", _IN, _SHAPE, parts)
    assert np.array_equal(segment.run(codes)[0], Segment.chain("s", _IN, _SHAPE, (kernel,)).run(codes)[0])
    assert netlist(segment).nodes()


def test_zeros_cost_no_multiply_accumulates() -> None:
    zeros, conv = with_zero_columns((_conv(3),))
    assert zeros.macs == 0
    assert conv.macs == _conv(3).macs


@pytest.mark.parametrize("left", [0, 1])
def test_windows_that_take_their_zeros_in_stay(left: int) -> None:
    kernels = (_conv(left),)
    assert with_zero_columns(kernels) == kernels


def test_the_columns_are_zero_and_the_others_the_images() -> None:
    zeros = ZeroColumns.before("zeros", INPUT, _IN, _SHAPE, 2)
    codes = np.arange(70.0).reshape(1, *_SHAPE) % 60 - 30
    assert zeros.compute(codes)[0, :, :2].tolist() == np.zeros((5, 2, 2)).tolist()
    assert np.array_equal(zeros.compute(codes)[:, :, 2:], codes)
