"""Kernels compute what naive integer loops compute, refuse what they could not, and survive being stored."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwcodesign.errors import DesignError, FieldError, FormatError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.kernels import (
    INPUT,
    KERNELS,
    Activation,
    Add,
    Affine,
    AveragePool2D,
    CodeTable,
    Concatenate,
    Conv2D,
    Dense,
    GlobalPool,
    Kernel,
    MaxPool2D,
    Reshape,
    Segment,
    TensorType,
    Thresholds,
    Transpose,
    Upsample2D,
    ZeroColumns,
    check_connections,
    kernel_from_json,
    kernel_to_json,
)
from hwcodesign.storage.fields import Field
from tests.drawn_kernels import random_codes

ExactCast = Callable[[Fraction, FixedPoint], int]
RandomFormat = Callable[..., FixedPoint]
Codes = NDArray[Any]

WIDE = FixedPoint(48, 24)  # an accumulator for anything below that is not about accumulators


def real(code: float, fraction: int) -> Fraction:
    return Fraction(int(code)) / Fraction(2) ** fraction


def assert_same(got: Codes, wanted: Codes, what: object) -> None:
    assert got.shape == wanted.shape, what
    assert got.astype(np.int64).tolist() == wanted.astype(np.int64).tolist(), what
    assert np.array_equal(got, np.rint(got)), what


# --- convolutions ---


def make_conv(
    rng: np.random.Generator,
    *,
    shape: tuple[int, int, int],
    filters: int,
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    groups: int = 1,
    dilation: tuple[int, int] = (1, 1),
    input_format: FixedPoint,
    weight_format: FixedPoint,
    result: FixedPoint | None,
    finer: int = 0,
) -> Conv2D:
    """A random convolution whose accumulator has `finer` bits more than its products; by default its result."""
    height, width, channels = shape
    fraction = input_format.fraction + weight_format.fraction + finer
    accumulator = FixedPoint(40, 40 - fraction)
    sides = [(side - 1) * step + 1 for side, step in zip(kernel, dilation, strict=True)]
    rows = (padding[0] + height + padding[1] - sides[0]) // stride[0] + 1
    columns = (padding[2] + width + padding[3] - sides[1]) // stride[1] + 1
    return Conv2D(
        name="conv",
        inputs=(INPUT,),
        input_formats=(input_format,),
        input_shapes=(shape,),
        result=accumulator if result is None else result,
        output_shape=(rows, columns, filters),
        weights=random_codes(rng, weight_format, (*kernel, channels // groups, filters)),
        bias=rng.integers(-500, 500, filters).astype(np.float64),
        weight_format=weight_format,
        accumulator=accumulator,
        stride=stride,
        padding=padding,
        dilation=dilation,
    )


def naive_conv(conv: Conv2D, codes: Codes, exact_cast: ExactCast) -> Codes:
    """The convolution by seven loops over Python integers."""
    kh, kw, depth, filters = conv.weights.shape
    height, width, channels = conv.input_shapes[0]
    top, _, left, _ = conv.padding
    per_group = filters // (channels // depth)
    result = np.zeros((len(codes), *conv.output_shape))
    scale = Fraction(2) ** conv.accumulator.fraction
    product = Fraction(2) ** (conv.input_formats[0].fraction + conv.weight_format.fraction)
    for n, y, x, o in itertools.product(range(len(codes)), *map(range, conv.output_shape)):
        total = 0
        for i, j, c in itertools.product(range(kh), range(kw), range(depth)):
            row = y * conv.stride[0] + i * conv.dilation[0] - top
            column = x * conv.stride[1] + j * conv.dilation[1] - left
            if 0 <= row < height and 0 <= column < width:
                total += int(conv.weights[i, j, c, o]) * int(codes[n, row, column, (o // per_group) * depth + c])
        result[n, y, x, o] = exact_cast(total / product + int(conv.bias[o]) / scale, conv.result)
    return result


CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "plain": {"shape": (6, 6, 3), "filters": 4, "kernel": (3, 3)},
    "1x1": {"shape": (5, 5, 4), "filters": 3, "kernel": (1, 1)},
    "1x1 strided": {"shape": (5, 7, 4), "filters": 3, "kernel": (1, 1), "stride": (2, 2)},
    "strided": {"shape": (7, 9, 2), "filters": 3, "kernel": (3, 3), "stride": (2, 2)},
    "strided unequally, rows left over": {"shape": (9, 8, 2), "filters": 2, "kernel": (2, 3), "stride": (3, 2)},
    "padded": {"shape": (5, 5, 2), "filters": 3, "kernel": (3, 3), "padding": (1, 1, 1, 1)},
    "padded unequally": {"shape": (5, 4, 2), "filters": 3, "kernel": (3, 3), "padding": (2, 0, 1, 3)},
    "padded more than the kernel": {"shape": (2, 2, 1), "filters": 2, "kernel": (2, 2), "padding": (3, 2, 3, 2)},
    "not square": {"shape": (4, 11, 2), "filters": 3, "kernel": (1, 5), "padding": (0, 0, 2, 2)},
    "one output pixel": {"shape": (3, 4, 2), "filters": 5, "kernel": (3, 4)},
    "depthwise": {"shape": (5, 5, 3), "filters": 3, "kernel": (3, 3), "groups": 3},
    "depthwise, two filters a channel": {
        "shape": (5, 6, 3), "filters": 6, "kernel": (3, 2), "groups": 3, "stride": (2, 1), "padding": (1, 0, 0, 1)
    },
    "groups of two channels": {"shape": (5, 4, 6), "filters": 9, "kernel": (2, 3), "groups": 3},
    "dilated": {
        "shape": (7, 9, 2), "filters": 3, "kernel": (3, 2), "dilation": (2, 3), "padding": (1, 2, 0, 1)
    },
    "dilated groups, strided": {
        "shape": (8, 7, 4), "filters": 4, "kernel": (2, 2), "groups": 2, "dilation": (3, 1), "stride": (2, 1)
    },
    "finer accumulator": {"shape": (4, 4, 2), "filters": 3, "kernel": (3, 3), "finer": 3},
}  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_a_convolution_is_its_seven_loops(
    kind: str, seed: int, exact_cast: ExactCast, random_format: RandomFormat
) -> None:
    rng = np.random.default_rng([seed, list(CONVOLUTIONS).index(kind)])
    conv = make_conv(
        rng,
        **CONVOLUTIONS[kind],
        input_format=random_format(rng, (1, 8), (-2, 6)),
        weight_format=random_format(rng, (2, 6), (-2, 4), signed=True),
        result=random_format(rng, (3, 12), (-2, 10)),
    )
    codes = random_codes(rng, conv.input_formats[0], (3, *conv.input_shapes[0]))
    got = conv.compute(codes.astype(np.float32))
    assert_same(got, naive_conv(conv, codes, exact_cast), conv)
    assert conv.macs == conv.output_shape[0] * conv.output_shape[1] * conv.weights.size
    assert conv.parameters == conv.weights.size + conv.bias.size


def pool_of(source: Kernel, pool: tuple[int, int], stride: tuple[int, int], result: FixedPoint) -> MaxPool2D:
    height, width, channels = source.output_shape
    shape = ((height - pool[0]) // stride[0] + 1, (width - pool[1]) // stride[1] + 1, channels)
    return MaxPool2D("pool", (source.name,), (source.result,), (source.output_shape,), result, shape, pool, stride)


def naive_pool(kernel: MaxPool2D, codes: Codes, exact_cast: ExactCast) -> Codes:
    fraction = kernel.input_formats[0].fraction
    result = np.zeros((len(codes), *kernel.output_shape))
    for n, y, x, c in itertools.product(range(len(codes)), *map(range, kernel.output_shape)):
        window = [
            int(codes[n, y * kernel.stride[0] + i, x * kernel.stride[1] + j, c])
            for i in range(kernel.pool[0])
            for j in range(kernel.pool[1])
        ]
        result[n, y, x, c] = exact_cast(real(max(window), fraction), kernel.result)
    return result


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("pool", "stride", "fuses"),
    [
        ((2, 2), (2, 2), True),
        ((3, 3), (3, 3), True),
        ((3, 3), (2, 2), False),
        ((2, 3), (2, 3), False),
        ((2, 2), (1, 1), False),
    ],
)
def test_a_segment_gives_the_same_whether_pooling_is_fused_or_not(
    pool: tuple[int, int],
    stride: tuple[int, int],
    fuses: bool,
    seed: int,
    exact_cast: ExactCast,
    random_format: RandomFormat,
) -> None:
    rng = np.random.default_rng([seed, *pool, *stride])
    conv = make_conv(
        rng,
        shape=(6, 12, 2),
        filters=3,
        kernel=(3, 3),
        padding=(1, 1, 1, 1),
        input_format=random_format(rng, (2, 6), (0, 4)),
        weight_format=random_format(rng, (2, 5), (0, 3), signed=True),
        result=None,
    )
    pooled = pool_of(conv, pool, stride, conv.result)
    assert conv.gives_block_maxima
    assert (pooled.maximum_block > 1) == fuses
    segment = Segment.chain("stage0", conv.input_formats[0], conv.input_shapes[0], (conv, pooled))
    codes = random_codes(rng, conv.input_formats[0], (2, *conv.input_shapes[0]))
    wanted = naive_pool(pooled, naive_conv(conv, codes, exact_cast), exact_cast)
    assert_same(segment.run(codes)[0], wanted, segment)
    assert_same(pooled.compute(conv.compute(codes)), wanted, segment)


@pytest.mark.parametrize("seed", range(2))
def test_a_convolution_that_two_kernels_read_keeps_its_own_result(
    seed: int, exact_cast: ExactCast, random_format: RandomFormat
) -> None:
    rng = np.random.default_rng(seed)
    conv = make_conv(
        rng, shape=(4, 4, 2), filters=2, kernel=(1, 1), input_format=random_format(rng, (2, 5), (0, 4)),
        weight_format=FixedPoint(3, 1), result=None,
    )  # fmt: skip
    pooled = pool_of(conv, (2, 2), (2, 2), conv.result)
    both = Add(
        "sum", ("conv", "again"), (conv.result, conv.result), (conv.output_shape,) * 2, FixedPoint(44, 30), (4, 4, 2)
    )
    again = Activation("again", ("conv",), (conv.result,), (conv.output_shape,), conv.result, conv.output_shape, True)
    segment = Segment.chain("stage0", conv.input_formats[0], (4, 4, 2), (conv, pooled, again, both))
    codes = random_codes(rng, conv.input_formats[0], (2, 4, 4, 2))
    sums = naive_conv(conv, codes, exact_cast)
    wanted = [
        exact_cast(real(s, conv.result.fraction) + real(max(s, 0), conv.result.fraction), both.result)
        for s in sums.reshape(-1)
    ]
    assert_same(segment.run(codes)[0], np.array(wanted).reshape(sums.shape), segment)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("pool", "stride"), [((2, 2), (2, 2)), ((3, 3), (1, 1)), ((3, 2), (2, 1)), ((1, 1), (2, 3)), ((2, 2), (3, 3))]
)
def test_max_pooling_is_the_maximum_of_each_window(
    pool: tuple[int, int], stride: tuple[int, int], seed: int, exact_cast: ExactCast, random_format: RandomFormat
) -> None:
    rng = np.random.default_rng([seed, *pool, *stride])
    source = random_format(rng, (2, 9), (-1, 6))
    before = Reshape("before", (INPUT,), (source,), ((7, 6, 2),), source, (7, 6, 2))
    kernel = pool_of(before, pool, stride, random_format(rng, (2, 12), (-1, 8)))
    codes = random_codes(rng, source, (3, 7, 6, 2))
    assert_same(kernel.compute(codes.astype(np.float32)), naive_pool(kernel, codes, exact_cast), kernel)


# --- linear layers, sums, activations ---


def make_dense(
    rng: np.random.Generator,
    input_format: FixedPoint,
    weight_format: FixedPoint,
    result: FixedPoint,
    *,
    inputs: int = 12,
    outputs: int = 5,
    accumulator: FixedPoint | None = None,
) -> Dense:
    fraction = input_format.fraction + weight_format.fraction
    return Dense(
        "linear",
        (INPUT,),
        (input_format,),
        ((inputs,),),
        result,
        (outputs,),
        random_codes(rng, weight_format, (inputs, outputs)),
        rng.integers(-200, 200, outputs).astype(np.float64),
        weight_format,
        accumulator or FixedPoint(40, 40 - fraction),
    )


def naive_dense(kernel: Dense, codes: Codes, exact_cast: ExactCast) -> Codes:
    flat = codes.reshape(len(codes), -1)
    product = Fraction(2) ** (kernel.input_formats[0].fraction + kernel.weight_format.fraction)
    scale = Fraction(2) ** kernel.accumulator.fraction
    result = np.zeros((len(codes), *kernel.output_shape))
    for n, o in itertools.product(range(len(codes)), range(kernel.output_shape[0])):
        total = sum(int(w) * int(x) for w, x in zip(kernel.weights[:, o], flat[n], strict=True))
        result[n, o] = exact_cast(total / product + int(kernel.bias[o]) / scale, kernel.result)
    return result


@pytest.mark.parametrize("seed", range(20))
def test_a_linear_layer_is_its_two_loops(seed: int, exact_cast: ExactCast, random_format: RandomFormat) -> None:
    rng = np.random.default_rng(seed)
    source, weights = random_format(rng, (1, 9), (-3, 7)), random_format(rng, (2, 7), (-3, 5))
    finer = int(rng.integers(4))
    kernel = make_dense(
        rng,
        source,
        weights,
        random_format(rng, (2, 14), (-3, 12)),
        accumulator=FixedPoint(40, 40 - source.fraction - weights.fraction - finer),
    )
    codes = random_codes(rng, source, (4, 12))
    assert_same(kernel.compute(codes.astype(np.float32)), naive_dense(kernel, codes, exact_cast), kernel)
    assert (kernel.macs, kernel.parameters) == (60, 65)


@pytest.mark.parametrize("seed", range(20))
def test_an_activation_is_a_cast_after_a_rectifier(
    seed: int, exact_cast: ExactCast, random_format: RandomFormat
) -> None:
    rng = np.random.default_rng(seed)
    source, rectify = random_format(rng, (2, 16), (-2, 12)), bool(seed % 2)
    kernel = Activation("relu", (INPUT,), (source,), ((30,),), random_format(rng, (1, 12), (-2, 12)), (30,), rectify)
    codes = random_codes(rng, source, (4, 30))
    wanted = [exact_cast(real(max(c, 0) if rectify else c, source.fraction), kernel.result) for c in codes.reshape(-1)]
    assert_same(kernel.compute(codes.astype(np.float32)), np.array(wanted).reshape(codes.shape), kernel)


@pytest.mark.parametrize("seed", range(20))
def test_a_sum_aligns_different_fractions_exactly(
    seed: int, exact_cast: ExactCast, random_format: RandomFormat
) -> None:
    rng = np.random.default_rng(seed)
    left, right = random_format(rng, (2, 10), (-6, 14)), random_format(rng, (2, 10), (-6, 14))
    result = random_format(rng, (2, 14), (-4, 16))
    kernel = Add("sum", ("a", "b"), (left, right), ((25,), (25,)), result, (25,))
    a, b = random_codes(rng, left, (3, 25)), random_codes(rng, right, (3, 25))
    wanted = [
        exact_cast(real(x, left.fraction) + real(y, right.fraction), result)
        for x, y in zip(a.reshape(-1), b.reshape(-1), strict=True)
    ]
    got = kernel.compute(a.astype(np.float32), b.astype(np.float32))
    assert_same(got, np.array(wanted).reshape(a.shape), kernel)


def test_a_reshape_keeps_values_in_channels_last_order() -> None:
    kernel = Reshape("flat", (INPUT,), (FixedPoint(8, 8),), ((2, 3, 4),), FixedPoint(8, 8), (24,))
    codes = np.arange(48.0).reshape(2, 2, 3, 4)
    got = kernel.compute(codes)
    for n, y, x, c in itertools.product(range(2), range(2), range(3), range(4)):
        assert got[n, (y * 3 + x) * 4 + c] == codes[n, y, x, c]


# --- accumulators ---


def with_accumulator(kernel: Conv2D | Dense, accumulator: FixedPoint) -> Conv2D | Dense:
    return dataclasses.replace(kernel, accumulator=accumulator)


def exact_sums(kernel: Conv2D | Dense) -> tuple[Fraction, Fraction]:
    """Least and greatest sum over all inputs, any product absent (zero padding), by Python integers."""
    fmt = kernel.input_formats[0]
    scale = Fraction(2) ** kernel.accumulator.fraction
    product = Fraction(2) ** (fmt.fraction + kernel.weight_format.fraction)
    ends = []
    for o in range(kernel.weights.shape[-1]):
        extremes = [sorted((int(w) * fmt.min_code, int(w) * fmt.max_code)) for w in kernel.weights[..., o].reshape(-1)]
        bias = Fraction(kernel.bias[o]) / scale
        padded = isinstance(kernel, Conv2D)
        ends += [
            sum(min(low, 0) if padded else low for low, _ in extremes) / product + bias,
            sum(max(high, 0) if padded else high for _, high in extremes) / product + bias,
        ]
    return min(ends), max(ends)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", ["conv", "dense"])
def test_an_inexact_accumulator_is_refused_with_the_least_type_that_would_do(
    kind: str, seed: int, random_format: RandomFormat
) -> None:
    rng = np.random.default_rng([seed, kind == "conv"])
    source, weights = random_format(rng, (2, 8), (-2, 6)), random_format(rng, (2, 6), (-2, 4), signed=bool(seed % 3))
    kernel: Conv2D | Dense
    if kind == "conv":
        kernel = make_conv(
            rng, shape=(4, 4, 2), filters=3, kernel=(2, 2), input_format=source, weight_format=weights, result=WIDE
        )
    else:
        kernel = make_dense(rng, source, weights, WIDE)
    if seed % 4 == 0:
        kernel = dataclasses.replace(kernel, bias=np.abs(kernel.bias), weights=np.abs(kernel.weights))
    fraction = source.fraction + weights.fraction
    with pytest.raises(FormatError, match=rf"^{kernel.name}: the accumulator .* could round or overflow") as refusal:
        with_accumulator(kernel, FixedPoint(3, 3 - fraction))
    named = re.search(r"; (\S+) would do$", str(refusal.value))
    assert named is not None
    enough = FixedPoint.parse(named[1])
    with_accumulator(kernel, enough)

    low, high = exact_sums(kernel)
    assert enough.holds(low * 2**fraction, high * 2**fraction, fraction)
    for less in (
        FixedPoint(enough.width - 1, enough.integer - 1, enough.signed),  # a bit at the top
        FixedPoint(enough.width - 1, enough.integer, enough.signed),  # a bit at the bottom
    ):
        assert less.fraction < fraction or not (
            less.min_code <= low * 2**less.fraction and high * 2**less.fraction <= less.max_code
        )
        with pytest.raises(FormatError, match="could round or overflow"):
            with_accumulator(kernel, less)


def dense_of(weights: list[int], bias: float, source: FixedPoint, accumulator: FixedPoint, result: FixedPoint) -> Dense:
    """One output; weights are whole numbers of 30 bits or less."""
    column = np.array(weights, np.float64)[:, None]
    shape = ((len(weights),),)
    return Dense(
        "fc", (INPUT,), (source,), shape, result, (1,), column, np.array([bias]), FixedPoint(30, 30), accumulator
    )


def test_a_bias_finer_than_the_accumulator_is_refused_because_hardware_would_round_it() -> None:
    source = FixedPoint(4, 4)
    with pytest.raises(
        FormatError, match=r"fc: the accumulator fixed<12,12,.*> could round.* (\S+) would do"
    ) as refusal:
        dense_of([3, -2], 1.5, source, FixedPoint(12, 12), WIDE)
    enough = FixedPoint.parse(str(refusal.value).rsplit(";", 1)[1].split()[0])
    assert enough.fraction == 1
    dense_of([3, -2], 3.0, source, enough, WIDE)


def test_the_type_that_would_do_counts_a_fine_negative_bias() -> None:
    # sums from -4.5 in halves: -4.5 needs four integer bits, where -4 would need three
    source = FixedPoint(1, 1, signed=False)
    with pytest.raises(FormatError, match="would do") as refusal:
        dense_of([-4], -1.0, source, FixedPoint(2, 1), WIDE)
    enough = FixedPoint.parse(str(refusal.value).rsplit(";", 1)[1].split()[0])
    kernel = dense_of([-4], -1.0, source, enough, WIDE)
    assert enough == FixedPoint(5, 4)
    assert kernel.compute(np.array([[1.0], [0.0]])).tolist() == [[-4.5 * 2**24], [-0.5 * 2**24]]


# --- carriers: exact whatever the size of the sums ---


@pytest.mark.parametrize("seed", range(3))
def test_sums_beyond_what_float32_holds_are_still_exact(seed: int, exact_cast: ExactCast) -> None:
    rng = np.random.default_rng(seed)
    source, weights = FixedPoint(13, 13), FixedPoint(12, 12)
    kernel = make_dense(rng, source, weights, FixedPoint(40, 40), inputs=64, accumulator=FixedPoint(40, 40))
    codes = random_codes(rng, source, (20, 64))
    wanted = naive_dense(kernel, codes, exact_cast)
    assert (np.abs(wanted) > 2**24).any()
    assert (wanted % 2 != 0).any()  # which float32 cannot hold there
    assert_same(kernel.compute(codes.astype(np.float32)), wanted, kernel)


@pytest.mark.parametrize(("largest", "dtype"), [(2**23 - 1, "float32"), (2**23, "float64"), (2**52 - 1, "float64")])
def test_the_carrier_is_the_narrowest_exact_one(largest: int, dtype: str) -> None:
    source = FixedPoint(1, 1, signed=False)  # 0 or 1, so that sums reach the weights' and the bias' sum
    kernel = dense_of([3, 4], largest - 7, source, FixedPoint(53, 53, signed=False), FixedPoint(53, 53, signed=False))
    got = kernel.compute(np.array([[1, 1], [0, 1], [1, 0], [0, 0]], np.float32))
    assert got.dtype == np.dtype(dtype)
    assert [int(value) for value in got[:, 0]] == [largest, largest - 3, largest - 4, largest - 7]


def test_sums_beyond_what_float64_holds_are_refused_by_name() -> None:
    source = FixedPoint(1, 1, signed=False)
    with pytest.raises(FormatError, match=r"^fc: sums reach 4.504e\+15, beyond 2\^52: use fewer bits"):
        dense_of([1], 2.0**52 - 1, source, FixedPoint(53, 53, signed=False), FixedPoint(53, 53))
    # and where no accumulator could be named, either
    with pytest.raises(FormatError, match=r"^fc: sums reach .* beyond 2\^52: use fewer bits"):
        dense_of([2**29 - 1] * 64, 0.0, FixedPoint(30, 30), FixedPoint(53, 53), WIDE)


@pytest.mark.parametrize("overflow", ["WRAP", "SAT", "SAT_SYM", "SAT_ZERO"])
@pytest.mark.parametrize("kind", ["dense", "conv", "pool", "activation", "sum"])
def test_a_cast_to_a_much_finer_result_is_exact(kind: str, overflow: str, exact_cast: ExactCast) -> None:
    """The code grows by 2^20 before it saturates, beyond what the carrier of the sums alone would hold."""
    source = FixedPoint(12, 12)
    result = FixedPoint(30, 10, True, "TRN", overflow)  # type: ignore[arg-type]
    codes = np.array([-2048, -513, -512, -511, -1, 0, 1, 3, 510, 511, 512, 2047], np.float32)
    shape = (2, 2, 1)
    images = np.repeat(codes, 4).reshape(-1, *shape)
    accumulator = FixedPoint(20, 20)
    one = np.ones((1, 1, 1, 1))
    kernels: dict[str, tuple[Kernel, tuple[Codes, ...]]] = {
        "dense": (dense_of([1], 0.0, source, accumulator, result), (codes[:, None],)),
        "conv": (
            Conv2D("conv", (INPUT,), (source,), (shape,), result, shape, one, np.zeros(1), FixedPoint(2, 2),
                   accumulator, (1, 1), (0, 0, 0, 0)),
            (images,),
        ),
        "pool": (MaxPool2D("pool", (INPUT,), (source,), (shape,), result, (1, 1, 1), (2, 2), (2, 2)), (images,)),
        "activation": (Activation("quant", (INPUT,), (source,), ((1,),), result, (1,), False), (codes[:, None],)),
        "sum": (Add("sum", ("a", "b"), (source, source), ((1,), (1,)), result, (1,)),
                (codes[:, None], np.zeros_like(codes)[:, None])),
    }  # fmt: skip
    kernel, inputs = kernels[kind]
    got = kernel.compute(*inputs).reshape(len(codes), -1)
    wanted = [exact_cast(Fraction(int(code)), result) for code in codes]
    for column in got.T:
        assert [int(value) for value in column] == wanted


# --- segments ---


def test_a_segment_refuses_kernels_out_of_order_and_names_them() -> None:
    fmt, shape = FixedPoint(4, 4), (3,)
    first = Activation("first", (INPUT,), (fmt,), (shape,), fmt, shape, True)
    second = Activation("second", ("first",), (fmt,), (shape,), fmt, shape, True)
    Segment.chain("head0", fmt, shape, (first, second))
    with pytest.raises(DesignError, match="head0: second reads 'first', which no earlier kernel writes"):
        Segment.chain("head0", fmt, shape, (second, first))
    with pytest.raises(DesignError, match="head0: second reads 'first', which no earlier kernel writes"):
        Segment.chain("head0", fmt, shape, (second,))


@pytest.mark.parametrize("name", ["input", "relu"])
def test_a_stored_segment_in_which_a_name_stands_twice_is_refused(name: str) -> None:
    fmt, shape = FixedPoint(4, 4), (3,)
    kernels = [Activation(each, (INPUT,), (fmt,), (shape,), fmt, shape, True) for each in ("relu", name)]
    with pytest.raises(FieldError, match=f"head0 has two kernels named '{name}'"):
        check_connections(Segment.chain("head0", fmt, shape, kernels))


def test_a_segment_without_kernels_hands_its_input_on() -> None:
    segment = Segment.chain("stage1", FixedPoint(4, 4), (3,), ())
    codes = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(segment.run(codes)[0], codes)
    assert segment.results == (TensorType(FixedPoint(4, 4), (3,)),)
    assert (segment.macs, segment.parameters) == (0, 0)


def test_a_segments_counts_are_the_sums_of_its_kernels() -> None:
    rng = np.random.default_rng(0)
    conv = make_conv(
        rng, shape=(4, 4, 2), filters=3, kernel=(2, 2), input_format=FixedPoint(4, 4), weight_format=FixedPoint(3, 3),
        result=FixedPoint(8, 8),
    )  # fmt: skip
    flat = Reshape("flat", ("conv",), (conv.result,), (conv.output_shape,), conv.result, (27,))
    dense = dataclasses.replace(
        make_dense(rng, conv.result, FixedPoint(3, 3), FixedPoint(8, 8), inputs=27), inputs=("flat",)
    )
    segment = Segment.chain("head0", FixedPoint(4, 4), (4, 4, 2), (conv, flat, dense))
    assert segment.macs == 9 * (2 * 2 * 2 * 3) + 27 * 5
    assert segment.parameters == 2 * 2 * 2 * 3 + 3 + 27 * 5 + 5


# --- upsampling ---


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 2), (3, 1), (1, 4)])
@pytest.mark.parametrize("zeros", [False, True])
def test_an_upsampling_repeats_pixels_or_puts_zeros_between_them(zeros: bool, rows: int, columns: int) -> None:
    rng, fmt = np.random.default_rng(5), FixedPoint(5, 2)
    codes = random_codes(rng, fmt, (3, 4, 3, 2))
    shape = (3 * rows + 1, 2 * columns + 1, 2) if zeros else (4 * rows, 3 * columns, 2)
    kernel = Upsample2D("larger", (INPUT,), (fmt,), ((4, 3, 2),), fmt, shape, (rows, columns), zeros)
    wanted = np.zeros((3, *shape))
    for n, y, x, c in itertools.product(range(3), *map(range, shape)):
        if not zeros or (y % rows == 0 and x % columns == 0):
            wanted[n, y, x, c] = codes[n, y // rows, x // columns, c]
    assert_same(kernel.compute(codes), wanted, kernel)
    assert kernel.macs == 0


def test_an_upsampling_that_would_cast_is_refused() -> None:
    with pytest.raises(FormatError, match=r"larger: upsampling fixed<5,2,.*> to fixed<6,2,.*> would cast"):
        Upsample2D(
            "larger", (INPUT,), (FixedPoint(5, 2),), ((2, 2, 1),), FixedPoint(6, 2), (4, 4, 1), (2, 2), zeros=False
        )


# --- storage ---


def every_kernel() -> list[Kernel]:
    rng = np.random.default_rng(3)
    source, fmt = FixedPoint(6, 2, False, "RND_CONV", "SAT"), FixedPoint(9, 4, True, "RND", "SAT_SYM")  # type: ignore[arg-type]
    conv = make_conv(
        rng, shape=(6, 6, 2), filters=4, kernel=(3, 3), stride=(1, 1), padding=(1, 0, 1, 0), input_format=source,
        weight_format=FixedPoint(4, 1), result=fmt,
    )  # fmt: skip
    return [
        conv,
        make_dense(rng, source, FixedPoint(4, 1), fmt),
        pool_of(conv, (2, 2), (2, 2), fmt),
        Activation("relu", (INPUT,), (fmt,), ((6, 6, 2),), source, (6, 6, 2), True),
        Add("sum", ("a", "b"), (source, fmt), ((6, 6, 2), (6, 6, 2)), fmt, (6, 6, 2)),
        Reshape("flat", ("relu",), (source,), ((6, 6, 2),), source, (72,)),
        AveragePool2D(
            "mean", ("relu",), (source,), ((6, 6, 2),), fmt, (3, 3, 2), (2, 3), (2, 2), WIDE, padding=(0, 0, 0, 1)
        ),
        GlobalPool("whole", ("relu",), (source,), ((6, 6, 2),), fmt, (2,), maximum=False, accumulator=WIDE),
        Affine("norm", ("relu",), (source,), ((6, 6, 2),), fmt, (6, 6, 2), np.array([3.0, -2]), np.array([1.0, 7]),
               FixedPoint(4, 1), FixedPoint(5, 5)),
        Concatenate("both", ("a", "b"), (source, fmt), ((6, 6, 2), (6, 6, 1)), fmt, (6, 6, 3)),
        Transpose("turn", ("relu",), (source,), ((6, 6, 2),), source, (2, 6, 6), (2, 0, 1)),
        Upsample2D("larger", ("relu",), (source,), ((6, 6, 2),), source, (11, 16, 2), (2, 3), zeros=True),
        ZeroColumns.before("zeros", "relu", source, (6, 6, 2), 2),
        Thresholds("steps", ("relu",), (source,), ((6, 6, 2),), fmt, (6, 6, 2), np.array([-3.0, 9]),
                   np.array([1.0, -1]), np.array([[3.0, 3, 40], [1, 60, 64]])),
        CodeTable("bell", ("relu",), (source,), ((6, 6, 2),), fmt, (6, 6, 2), np.arange(64.0) % 7 - 3),
    ]  # fmt: skip


def test_every_kind_of_kernel_is_tried_here() -> None:
    assert {kernel.kind for kernel in every_kernel()} == set(KERNELS)


@pytest.mark.parametrize("kernel", every_kernel(), ids=lambda kernel: kernel.kind)
def test_a_kernel_is_the_same_after_json_and_npz(kernel: Kernel, tmp_path: Path) -> None:
    arrays: dict[str, Codes] = {}
    text = json.dumps(kernel_to_json(kernel, "stage0.k.", arrays))
    np.savez(tmp_path / "weights.npz", **arrays)  # type: ignore[arg-type]
    with np.load(tmp_path / "weights.npz", allow_pickle=False) as stored:
        again = kernel_from_json(Field(json.loads(text), "kernel"), dict(stored))
    assert type(again) is type(kernel)
    for field in dataclasses.fields(kernel):
        mine, other = getattr(kernel, field.name), getattr(again, field.name)
        if isinstance(mine, np.ndarray):
            assert mine.dtype == other.dtype
            assert mine.tobytes() == other.tobytes()
        else:
            assert mine == other, field.name
            assert type(mine) is type(other), field.name
    rng = np.random.default_rng(0)
    inputs = [
        random_codes(rng, fmt, (2, *shape))
        for fmt, shape in zip(kernel.input_formats, kernel.input_shapes, strict=True)
    ]
    assert np.array_equal(kernel.compute(*inputs), again.compute(*inputs))
    rewritten: dict[str, Codes] = {}
    assert json.dumps(kernel_to_json(again, "stage0.k.", rewritten)) == text
    assert rewritten.keys() == arrays.keys()


def test_a_stored_kernel_of_an_unknown_kind_is_refused_with_those_known() -> None:
    with pytest.raises(
        FieldError,
        match=r"kernel\.kind 'attention' is not known.*activation, add, affine, average_pool2d, code_table",
    ):
        kernel_from_json(Field({"kind": "attention"}, "kernel"), {})


@pytest.mark.parametrize("lost", ["bias", "stride", "weights"])
def test_a_stored_kernel_that_lacks_a_field_or_array_is_refused_by_name(lost: str) -> None:
    arrays: dict[str, Codes] = {}
    data = kernel_to_json(every_kernel()[0], "p.", arrays)
    if lost == "weights":
        del arrays["p.weights"]
    else:
        del data[lost]
    with pytest.raises(FieldError, match=rf"kernels\[0\]\.{lost} is .*missing"):
        kernel_from_json(Field(data, "kernels[0]"), dict(arrays))
