"""Quantisers that the layer before them takes over: the same codes, fewer kernels, and where they must stay."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.frontend.lowering.fusion import with_merged_casts
from hwcodesign.kernels import INPUT, Activation, Add, Conv2D, Kernel, MaxPool2D, Segment

_IN = FixedPoint(6, 2, signed=False)
_WEIGHTS = FixedPoint(4, 1)
_SUMS = FixedPoint(20, 10)
_SHAPE, _POOLED = (6, 8, 3), (3, 4, 5)
_SEED = 5


def _conv(sums: FixedPoint = _SUMS) -> Conv2D:
    rng = np.random.default_rng(_SEED)
    weights = rng.integers(-7, 8, (3, 3, 3, 5)).astype(float)
    bias = rng.integers(-200, 200, 5).astype(float)
    shape = (*_SHAPE[:2], 5)
    return Conv2D(
        "conv", (INPUT,), (_IN,), (_SHAPE,), sums, shape, weights, bias, _WEIGHTS, _SUMS, (1, 1), (1, 1, 1, 1)
    )


def _pool(before: Kernel) -> MaxPool2D:
    shape = before.output_shape
    return MaxPool2D("pool", (before.name,), (before.result,), (shape,), before.result, _POOLED, (2, 2), (2, 2))


def _quantiser(before: Kernel, result: FixedPoint, *, rectify: bool) -> Activation:
    shape = before.output_shape
    return Activation("quant", (before.name,), (before.result,), (shape,), result, shape, rectify)


def _same(kernels: tuple[Kernel, ...], merged: tuple[Kernel, ...]) -> bool:
    codes = np.random.default_rng(_SEED).integers(0, 64, (20, *_SHAPE)).astype(float)
    results = [Segment.chain("s", _IN, _SHAPE, chain).run(codes)[0] for chain in (kernels, merged)]
    return np.array_equal(*results)


@pytest.mark.parametrize("rounding", ["TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV"])
@pytest.mark.parametrize(("signed", "rectify"), [(False, True), (False, False), (True, False)])
@pytest.mark.parametrize("pooled", [False, True])
def test_the_layer_casts_its_sums_itself(rounding: str, signed: bool, rectify: bool, pooled: bool) -> None:
    result = FixedPoint(5, 3, signed, rounding, "SAT")  # type: ignore[arg-type]
    conv = _conv()
    before = (conv, _pool(conv)) if pooled else (conv,)
    kernels = (*before, _quantiser(before[-1], result, rectify=rectify))
    merged, outputs = with_merged_casts(kernels, [kernels[-1].name])
    assert outputs == (merged[-1].name,)
    assert [kernel.name for kernel in merged] == [kernel.name for kernel in before]
    assert {kernel.result for kernel in merged} == {result}
    assert _same(kernels, merged)


_RELU = FixedPoint(5, 3, False, "RND_CONV", "SAT")  # type: ignore[arg-type]


def _chain(result: FixedPoint, *, sums: FixedPoint = _SUMS, rectify: bool = True) -> tuple[Kernel, ...]:
    conv = _conv(sums)
    pool = _pool(conv)
    return conv, pool, _quantiser(pool, result, rectify=rectify)


def _read_twice() -> tuple[Kernel, ...]:
    conv = _conv()
    quantiser = _quantiser(conv, _RELU, rectify=True)
    formats, shapes = (conv.result, quantiser.result), (conv.output_shape,) * 2
    return conv, quantiser, Add("sum", (conv.name, quantiser.name), formats, shapes, _SUMS, conv.output_shape)


@pytest.mark.parametrize(
    "kernels",
    [
        pytest.param(_chain(dataclasses.replace(_RELU, overflow="WRAP")), id="a cast that wraps is not monotone"),
        pytest.param(
            _chain(dataclasses.replace(_RELU, overflow="WRAP"), rectify=False),
            id="a cast that wraps, no rectifier",
        ),
        pytest.param(
            _chain(dataclasses.replace(_RELU, overflow="SAT_ZERO"), rectify=False), id="a cast that goes to zero"
        ),
        pytest.param(_chain(dataclasses.replace(_RELU, signed=True)), id="a signed result knows no rectifier"),
        pytest.param(_chain(_RELU, sums=FixedPoint(12, 10)), id="sums that were rounded before"),
        pytest.param(_read_twice(), id="another layer reads the sums"),
    ],
)
def test_it_stays_where_codes_could_change(kernels: tuple[Kernel, ...]) -> None:
    assert [kernel.result for kernel in with_merged_casts(kernels, [kernels[-1].name])[0]] == [
        kernel.result for kernel in kernels
    ]


@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("result", [_RELU, FixedPoint(5, 3, True, "RND", "SAT")])  # type: ignore[arg-type]
def test_padding_is_the_same_before_a_cast_and_behind_it(result: FixedPoint, ignored: bool) -> None:
    """The cast of a zero is zero, and what is ignored is not cast."""
    conv = _conv()
    fields = {"stride": (3, 3), "padding": (1, 1, 1, 1), "output_shape": (3, 3, 5), "ignores_padding": ignored}
    pool = dataclasses.replace(_pool(conv), **fields)  # type: ignore[arg-type]
    quantiser = _quantiser(pool, result, rectify=not result.signed)
    kernels = (conv, pool, quantiser)
    merged, _ = with_merged_casts(kernels, [quantiser.name])
    assert [kernel.result for kernel in merged] == [result, result]
    assert _same(kernels, merged)


def test_without_pooling_a_cast_that_wraps_moves_too() -> None:
    conv = _conv()
    wraps = FixedPoint(5, 3, True, "RND", "WRAP")  # type: ignore[arg-type]
    kernels = (conv, _quantiser(conv, wraps, rectify=False))
    merged, outputs = with_merged_casts(kernels, [kernels[-1].name])
    assert outputs == (merged[-1].name,)
    assert len(merged) == 1
    assert _same(kernels, merged)
