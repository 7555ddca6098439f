"""Averages, poolings, scales, joins and transposes compute what plain loops over fractions compute."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from math import trunc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwcodesign.errors import FormatError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.division import division
from hwcodesign.kernels import INPUT, Affine, AveragePool2D, Concatenate, GlobalPool, Kernel, MaxPool2D, Transpose
from tests.drawn_kernels import random_codes

ExactCast = Callable[[Fraction, FixedPoint], int]
RandomFormat = Callable[..., FixedPoint]
Codes = NDArray[np.float64]


def value(code: float, fmt: FixedPoint) -> Fraction:
    return Fraction(int(code)) / Fraction(2) ** fmt.fraction


def average(values: list[Fraction], accumulator: FixedPoint) -> Fraction:
    """The quotient as `ap_fixed` has it: a code at the accumulator's fraction, rounded toward zero."""
    return trunc(sum(values) * Fraction(2) ** accumulator.fraction / len(values)) / Fraction(2) ** accumulator.fraction


def finer(source: FixedPoint, count: int, bits: int) -> FixedPoint:
    """An accumulator for `count` values, with more bits after the point."""
    integer = source.integer + count.bit_length() + 1
    return FixedPoint(integer + source.fraction + bits, integer) if integer + source.fraction + bits > 0 else source


WINDOWS: list[dict[str, Any]] = [
    {"pool": (2, 2), "stride": (2, 2)},
    {"pool": (3, 3), "stride": (3, 2)},
    {"pool": (1, 3), "stride": (1, 2)},
    {"pool": (3, 2), "stride": (1, 1), "padding": (1, 0, 2, 1)},
    {"pool": (2, 3), "stride": (2, 3), "padding": (0, 1, 1, 1)},
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("kind", ["average", "maximum"])
def test_a_window_is_averaged_or_compared_with_zeros_around_the_image(
    kind: str, window: dict[str, Any], seed: int, exact_cast: ExactCast, random_format: RandomFormat
) -> None:
    rng = np.random.default_rng([seed, WINDOWS.index(window), kind == "average"])
    source, result = random_format(rng, (2, 8), (-1, 6)), random_format(rng, (2, 12), (-1, 8))
    shape = (5, 6, 2)
    top, bottom, left, right = window.get("padding", (0, 0, 0, 0))
    (kh, kw), (sy, sx) = window["pool"], window["stride"]
    rows, columns = (top + 5 + bottom - kh) // sy + 1, (left + 6 + right - kw) // sx + 1
    accumulator = finer(source, kh * kw, int(rng.integers(4)))
    common = ("pool", (INPUT,), (source,), (shape,), result, (rows, columns, 2))
    kernel = AveragePool2D(*common, **window, accumulator=accumulator) if kind == "average" else MaxPool2D(
        *common, **window
    )  # fmt: skip
    codes = random_codes(rng, source, (3, *shape))
    got = kernel.compute(codes.astype(np.float32))
    padded = np.pad(codes, ((0, 0), (top, bottom), (left, right), (0, 0)))
    for n, y, x, c in itertools.product(range(3), range(rows), range(columns), range(2)):
        seen = [value(code, source) for code in padded[n, y * sy : y * sy + kh, x * sx : x * sx + kw, c].reshape(-1)]
        exact = average(seen, accumulator) if kind == "average" else max(seen)
        assert int(got[n, y, x, c]) == exact_cast(exact, result), (kernel, seen)


UNEVEN: list[dict[str, Any]] = [
    {"pool": (3, 3), "stride": (2, 2), "padding": (1, 1, 1, 1), "uncounted": (1, 1, 1, 1)},
    {"pool": (3, 2), "stride": (2, 2), "padding": (1, 2, 0, 1), "uncounted": (0, 1, 0, 1)},
    {"pool": (2, 4), "stride": (1, 3), "padding": (0, 0, 3, 2), "uncounted": (0, 0, 2, 0)},
    {"pool": (3, 4), "stride": (3, 3), "padding": (1, 0, 2, 2), "uncounted": (1, 0, 0, 0)},
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("window", UNEVEN, ids=str)
@pytest.mark.parametrize("kind", ["average", "maximum"])
def test_padding_counts_is_ignored_or_is_zeros(
    kind: str, window: dict[str, Any], seed: int, exact_cast: ExactCast, random_format: RandomFormat
) -> None:
    rng = np.random.default_rng([seed, UNEVEN.index(window), kind == "average", 9])
    source, result = random_format(rng, (2, 8), (-1, 6)), random_format(rng, (2, 12), (-1, 8))
    (kh, kw), (sy, sx), (top, bottom, left, right) = window["pool"], window["stride"], window["padding"]
    shape = (5, 6, 2)
    rows, columns = (top + 5 + bottom - kh) // sy + 1, (left + 6 + right - kw) // sx + 1
    accumulator = finer(source, kh * kw, int(rng.integers(4)))
    common = ("pool", (INPUT,), (source,), (shape,), result, (rows, columns, 2))
    if kind == "average":
        kernel: Kernel = AveragePool2D(*common, **window, accumulator=accumulator)
    else:
        others = {name: value for name, value in window.items() if name != "uncounted"}
        kernel = MaxPool2D(*common, **others, ignores_padding=True)
    codes = random_codes(rng, source, (3, *shape))
    got = kernel.compute(codes.astype(np.float32))
    counts_top, counts_bottom, counts_left, counts_right = (
        padded - out for padded, out in zip(window["padding"], window["uncounted"], strict=True)
    )
    for n, y, x, c in itertools.product(range(3), range(rows), range(columns), range(2)):
        down, across = range(y * sy - top, y * sy - top + kh), range(x * sx - left, x * sx - left + kw)
        places = list(itertools.product(down, across))
        seen = [value(codes[n, i, j, c], source) for i, j in places if 0 <= i < 5 and 0 <= j < 6]
        count = sum(-counts_top <= i < 5 + counts_bottom and -counts_left <= j < 6 + counts_right for i, j in places)
        zeros = [Fraction(0)] * (count - len(seen))
        exact = average([*seen, *zeros], accumulator) if kind == "average" else max(seen)
        assert int(got[n, y, x, c]) == exact_cast(exact, result), (kernel, seen)


def test_a_window_in_padding_alone_is_refused() -> None:
    fmt = FixedPoint(4, 4)
    common = ("pool", (INPUT,), (fmt,), ((4, 4, 1),), fmt, (3, 3, 1), (2, 2), (2, 2))
    message = r"pool: a window of \(2, 2\) sees nothing but padding, \(2, 0, 2, 0\): pad less"
    with pytest.raises(FormatError, match=message):
        MaxPool2D(*common, padding=(2, 0, 2, 0), ignores_padding=True)
    MaxPool2D(*common, padding=(2, 0, 2, 0))
    for uncounted in ((2, 0, 2, 0), (0, 1, 0, 0)):
        with pytest.raises(FormatError, match=r"pool: windows of \(2, 2\) in padding .* have nothing to divide by"):
            AveragePool2D(*common, accumulator=FixedPoint(6, 6), padding=(2, 0, 2, 0), uncounted=uncounted)
    AveragePool2D(*common, accumulator=FixedPoint(6, 6), padding=(2, 0, 2, 0), uncounted=(1, 0, 1, 0))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("maximum", [False, True])
def test_a_whole_image_is_averaged_or_compared(
    maximum: bool, seed: int, exact_cast: ExactCast, random_format: RandomFormat
) -> None:
    rng = np.random.default_rng([seed, maximum])
    source, result = random_format(rng, (2, 9), (-1, 7)), random_format(rng, (2, 12), (-1, 8))
    shape = (int(rng.integers(1, 5)), int(rng.integers(1, 8)), 3)
    accumulator = finer(source, shape[0] * shape[1], int(rng.integers(4)))
    kernel = GlobalPool("g", (INPUT,), (source,), (shape,), result, (3,), maximum=maximum, accumulator=accumulator)
    codes = random_codes(rng, source, (4, *shape))
    got = kernel.compute(codes.astype(np.float32))
    for n, c in itertools.product(range(4), range(3)):
        seen = [value(code, source) for code in codes[n, :, :, c].reshape(-1)]
        exact = max(seen) if maximum else average(seen, accumulator)
        assert int(got[n, c]) == exact_cast(exact, result)


@pytest.mark.parametrize("divisor", [1, 2, 3, 4, 5, 6, 7, 9, 12, 16, 25, 30, 49, 64, 77, 100, 1024])
@pytest.mark.parametrize("bits", [1, 3, 8, 12])
def test_a_division_by_a_constant_is_exact_for_every_sum(divisor: int, bits: int) -> None:
    bound = divisor * ((1 << bits) - 1)
    found = division(divisor, bound)
    sums = np.unique(np.concatenate([np.arange(min(bound, 4000) + 1), bound - np.arange(min(bound, 4000) + 1)]))
    assert np.array_equal(sums * found.multiplier >> found.shift, sums // divisor)
    multiples = np.arange(1, bound // divisor + 1) * divisor  # where the quotient changes
    for near in (multiples, multiples - 1):
        assert np.array_equal(near * found.multiplier >> found.shift, near // divisor)
    if divisor & (divisor - 1) == 0:
        assert found.multiplier == 1
    assert found.multiplier < 2 * max(bound, 1)


@pytest.mark.parametrize("seed", range(20))
def test_a_scale_and_a_bias_are_exact_before_the_cast(
    seed: int, exact_cast: ExactCast, random_format: RandomFormat
) -> None:
    rng = np.random.default_rng(seed)
    source, scale, bias = (random_format(rng, (2, 8), (-3, 7)) for _ in range(3))
    result = random_format(rng, (2, 14), (-3, 12))
    factors, offsets = random_codes(rng, scale, (3,)), random_codes(rng, bias, (3,))
    shape = (2, 2, 3)
    kernel = Affine("norm", (INPUT,), (source,), (shape,), result, shape, factors, offsets, scale, bias)
    codes = random_codes(rng, source, (5, *shape))
    got = kernel.compute(codes.astype(np.float32))
    exact = np.empty((*codes.shape,), object)
    for where in np.ndindex(codes.shape):
        exact[where] = value(factors[where[-1]], scale) * value(codes[where], source)
        exact[where] += value(offsets[where[-1]], bias)
        assert int(got[where]) == exact_cast(exact[where], result)
    low, high = (Fraction(end) / Fraction(2) ** kernel.sum_fraction for end in kernel.bounds)
    assert low <= exact.min()
    assert high >= exact.max()
    assert kernel.parameters == 6


@pytest.mark.parametrize("seed", range(10))
def test_a_join_casts_each_input(seed: int, exact_cast: ExactCast, random_format: RandomFormat) -> None:
    rng = np.random.default_rng(seed)
    left, right, result = (random_format(rng, (2, 9), (-3, 8)) for _ in range(3))
    kernel = Concatenate("both", ("a", "b"), (left, right), ((2, 3, 2), (2, 3, 1)), result, (2, 3, 3))
    a, b = random_codes(rng, left, (4, 2, 3, 2)), random_codes(rng, right, (4, 2, 3, 1))
    got = kernel.compute(a.astype(np.float32), b)
    for n, y, x in itertools.product(range(4), range(2), range(3)):
        exact = [value(code, left) for code in a[n, y, x]] + [value(code, right) for code in b[n, y, x]]
        assert got[n, y, x].astype(int).tolist() == [exact_cast(e, result) for e in exact]


def test_a_transpose_orders_axes_and_keeps_the_format() -> None:
    fmt = FixedPoint(5, 5)
    for axes in itertools.permutations(range(3)):
        shape = (2, 3, 4)
        kernel = Transpose("t", (INPUT,), (fmt,), (shape,), fmt, (shape[axes[0]], shape[axes[1]], shape[axes[2]]), axes)
        codes = np.arange(48.0).reshape(2, *shape)
        got = kernel.compute(codes)
        for where in itertools.product(*map(range, shape)):
            assert got[(1, *(where[axis] for axis in axes))] == codes[(1, *where)]
    with pytest.raises(FormatError, match=r"t: transposing fixed<5,5,.*> to fixed<6,5,.*> would cast"):
        Transpose("t", (INPUT,), (fmt,), ((2, 3, 4),), FixedPoint(6, 5), (4, 2, 3), (2, 0, 1))


def test_sums_beyond_what_float32_holds_are_still_divided_exactly() -> None:
    source, accumulator = FixedPoint(20, 20), FixedPoint(26, 26)
    kernel = GlobalPool("g", (INPUT,), (source,), ((7, 7, 1),), source, (1,), maximum=False, accumulator=accumulator)
    codes = np.full((2, 7, 7, 1), float(source.max_code))
    codes[1] = source.min_code
    codes[1, 0, 0] += 1  # just short of a whole quotient
    assert kernel.compute(codes).reshape(-1).tolist() == [source.max_code, source.min_code + 1]


def test_an_average_that_could_overflow_names_the_type_that_would_do() -> None:
    source = FixedPoint(8, 4)
    common = ("mean", (INPUT,), (source,), ((4, 4, 1),), source, (2, 2, 1), (2, 2), (2, 2))
    with pytest.raises(FormatError, match=r"mean: the accumulator fixed<8,4,.* could round.*; fixed<10,6,.*> would do"):
        AveragePool2D(*common, accumulator=source)
    AveragePool2D(*common, accumulator=FixedPoint(10, 6))
    with pytest.raises(FormatError, match=r"g: fixed<7,4,.* does not hold every value of fixed<8,4"):
        GlobalPool("g", *common[1:5], (1,), maximum=True, accumulator=FixedPoint(7, 4))
