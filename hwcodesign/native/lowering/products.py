"""Convolutions and linear layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.kernels.conv2d import Conv2D
from hwcodesign.kernels.dense import Dense
from hwcodesign.kernels.kernel import largest
from hwcodesign.kernels.weighted import WeightedKernel
from hwcodesign.native.lowering.context import Fused, Planning, lowers
from hwcodesign.native.plan import Depthwise, ElementType, Integers, Multiply, Padded, Products
from hwcodesign.native.steps import Chain, chain_of

#: Added to signed bytes, which makes them unsigned ones.
_OFFSET = 128
#: Time of what a place costs besides its products, in vectors of products: measured on x86-64, and not critical.
_PLACE = 6
#: Most output pixels that a vector of sums holds.
_WIDEST_BAND = 16


@dataclass(frozen=True, eq=False)
class _Sums:
    """How a kernel's sums are made: what they are multiplied with, and what is done with them.

    Attributes:
        multiply: way to multiply.
        offset: what is added to all inputs, so that they are unsigned.
        shift: of the sums to the left.
        bias: what is added then, without what the offset makes of them.
        chain: the steps behind.
    """

    multiply: Multiply
    offset: int
    shift: int
    bias: Integers
    chain: Chain


@lowers("dense")
def lower_dense(planning: Planning, fused: Fused, sources: Sequence[int], result: int) -> None:
    """Adds a linear layer: one run of all inputs."""
    kernel = fused.kernel
    assert isinstance(kernel, Dense)
    weights = kernel.weights.astype(np.int64)[np.newaxis]
    sums = _sums(planning, fused, kernel)
    none = np.zeros(1, np.int64)
    source = _operand(planning, sources[0], (1, 1, weights.shape[1]), (0, 0, 0, 0), sums)
    bias = _without_offset(sums, weights)
    chain = sums.chain
    planning.operations.append(
        Products(source, result, sums.multiply, sums.shift, none, none, none, none, weights, bias, chain)
    )


@lowers("conv2d", "zero_columns")
def lower_conv2d(planning: Planning, fused: Fused, sources: Sequence[int], result: int) -> None:
    """Adds a convolution: products for each group, or a depthwise operation where each filter reads one channel."""
    kernel = fused.kernel
    assert isinstance(kernel, Conv2D)
    channels, filters = kernel.input_shapes[0][2], kernel.output_shape[2]
    is_depthwise = kernel.groups == channels == filters > 1 and fused.block == 1
    sums = _sums(planning, fused, kernel, bytes_too=not is_depthwise)
    source = _operand(planning, sources[0], _image(kernel), kernel.padding, sums)
    if is_depthwise:
        planning.operations.append(_depthwise(kernel, source, result, sums))
        return
    size = filters // kernel.groups
    for group in range(kernel.groups):
        banded = _banded(planning, kernel, fused.block, group, sums)
        first = group * size
        out_places = _places(kernel, fused.block, banded.starts) + first
        in_places = _in_places(kernel, fused.block, banded.starts) + group * kernel.weights.shape[2]
        planning.operations.append(
            Products(
                source,
                result,
                sums.multiply,
                sums.shift,
                in_places,
                out_places,
                _phases(kernel, fused.block),
                banded.runs,
                banded.weights,
                banded.bias,
                sums.chain.of_channels(first, size),
            )
        )


def _sums(planning: Planning, fused: Fused, kernel: WeightedKernel, *, bytes_too: bool = True) -> _Sums:
    """Chooses the narrowest way to multiply that is exact, and the steps behind the sums."""
    narrowest, source = kernel.narrowest_sums, kernel.input_formats[0]
    shift, bias = narrowest.shift, np.array(narrowest.bias, np.int64)
    accumulator, axes = narrowest.accumulator, kernel.summed_axes
    magnitude = int(np.abs(kernel.weights).sum(axis=axes).max())
    most = magnitude * largest(source)
    shifted = (most << shift) + int(np.abs(bias).max())
    offset = _OFFSET if source.signed else 0
    if bytes_too and planning.has_bytes and source.width <= 8 and _fits(kernel, 8):
        multiply, shifted = Multiply.BYTES, shifted + (magnitude * offset << shift)
    elif _holds(ElementType.I16, source) and _fits(kernel, 16):
        multiply, offset = Multiply.WORDS, 0
    else:
        multiply, offset = Multiply.LONGS, 0
    if shifted >= 2**31:
        multiply, offset = Multiply.LONGS, 0
    reached = 2**31 if multiply == Multiply.LONGS else shifted
    start = Chain(accumulator.min_code, accumulator.max_code, accumulator.fraction, reached)
    return _Sums(multiply, offset, shift, bias, chain_of(fused.tail, start.cast(kernel.result)))


def _fits(kernel: WeightedKernel, bits: int) -> bool:
    return bool(kernel.weights.min() >= -(1 << (bits - 1)) and kernel.weights.max() < 1 << (bits - 1))


def _holds(element_type: ElementType, fmt: FixedPoint) -> bool:
    limits = np.iinfo(element_type.dtype)
    return bool(limits.min <= fmt.min_code and fmt.max_code <= limits.max)


def _without_offset(sums: _Sums, weights: Integers) -> Integers:
    """Returns the bias, less what the offset of inputs adds to the sums.

    Args:
        weights: (runs, elements of a run, results of a place).
    """
    bias = np.tile(sums.bias, weights.shape[2] // len(sums.bias))
    return bias - ((sums.offset * weights.sum(axis=(0, 1))) << sums.shift)


def _operand(
    planning: Planning, source: int, shape: tuple[int, int, int], padding: tuple[int, int, int, int], sums: _Sums
) -> int:
    """Returns the value that products read: the source itself, where it lies as they need it, else a copy."""
    operand = sums.multiply.operand
    is_ready = planning.values[source].type == operand and not sums.offset and not any(padding)
    if is_ready and source not in planning.external:
        return source
    rows, columns, channels = shape
    top, bottom, left, right = padding
    copy = planning.value(operand, (top + rows + bottom) * (left + columns + right) * channels)
    planning.operations.append(Padded(source, copy, shape, padding, sums.offset))
    return copy


def _image(kernel: Conv2D) -> tuple[int, int, int]:
    height, width, channels = kernel.input_shapes[0]
    return height, width, channels


def _padded_width(kernel: Conv2D) -> int:
    return kernel.padding[2] + kernel.input_shapes[0][1] + kernel.padding[3]


@dataclass(frozen=True, eq=False)
class _Banded:
    """Weights of a band: output pixels side by side in the row, whose results lie one behind the other in a vector.

    Few filters would leave most of a vector empty. A band multiplies some zeros instead.

    Attributes:
        starts: first output pixel of each band in a row; the last band may overlap the one before.
        runs, weights, bias: see `Products`.
    """

    starts: Integers
    runs: Integers
    weights: Integers
    bias: Integers


def _banded(planning: Planning, kernel: Conv2D, block: int, group: int, sums: _Sums) -> _Banded:
    runs, weights = _runs(kernel, group)
    columns, step = kernel.output_shape[1] // block, kernel.stride[1] * block * kernel.input_shapes[0][2]
    length, filters = weights.shape[1:]
    lanes = planning.lanes // (2 if sums.multiply == Multiply.LONGS else 1)

    def cost(pixels: int) -> int:
        vectors = -(-pixels * filters // lanes)
        groups = -(-((pixels - 1) * step + length) // sums.multiply.group)
        return -(-columns // pixels) * vectors * (block * block * len(runs) * groups + _PLACE)

    widest = min(columns, _WIDEST_BAND) if kernel.groups == 1 else 1
    pixels = min(range(1, widest + 1), key=cost)
    banded = np.zeros((len(runs), (pixels - 1) * step + length, pixels, filters), np.int64)
    for pixel in range(pixels):
        banded[:, pixel * step : pixel * step + length, pixel] = weights
    whole = banded.reshape(len(runs), -1, pixels * filters)
    part = sums.bias[group * filters : (group + 1) * filters]
    bias = np.tile(part, pixels) - ((sums.offset * whole.sum(axis=(0, 1))) << sums.shift)
    starts = np.minimum(np.arange(0, columns, pixels), columns - pixels)
    return _Banded(starts, runs, whole, bias)


def _runs(kernel: Conv2D, group: int) -> tuple[Integers, Integers]:
    """Returns the places of runs in a window, and their weights: (runs, elements of a run, filters of the group).

    A row of the kernel is one run, where nothing lies between its taps.
    """
    rows, columns, depth, filters = kernel.weights.shape
    size = filters // kernel.groups
    weights = kernel.weights[..., group * size : (group + 1) * size].astype(np.int64)
    channels, width = kernel.input_shapes[0][2], _padded_width(kernel)
    down = np.arange(rows) * kernel.dilation[0] * width * channels
    if kernel.groups == 1 and (kernel.dilation[1] == 1 or columns == 1):
        return down, weights.reshape(rows, columns * depth, size)
    across = np.arange(columns) * kernel.dilation[1] * channels
    return (down[:, np.newaxis] + across).reshape(-1), weights.reshape(rows * columns, depth, size)


def _in_places(kernel: Conv2D, block: int, starts: Integers) -> Integers:
    rows = np.arange(kernel.output_shape[0] // block) * block * kernel.stride[0] * _padded_width(kernel)
    places = rows[:, np.newaxis] + starts * block * kernel.stride[1]
    return np.asarray(places.reshape(-1) * kernel.input_shapes[0][2])


def _places(kernel: Conv2D, block: int, starts: Integers) -> Integers:
    rows = np.arange(kernel.output_shape[0] // block) * (kernel.output_shape[1] // block)
    return np.asarray((rows[:, np.newaxis] + starts).reshape(-1) * kernel.output_shape[2])


def _phases(kernel: Conv2D, block: int) -> Integers:
    down = np.arange(block) * kernel.stride[0] * _padded_width(kernel)
    across = np.arange(block) * kernel.stride[1]
    return np.asarray((down[:, np.newaxis] + across).reshape(-1) * kernel.input_shapes[0][2])


def _depthwise(kernel: Conv2D, source: int, result: int, sums: _Sums) -> Depthwise:
    rows, columns, _, channels = kernel.weights.shape
    width = _padded_width(kernel)
    down, across = np.arange(rows) * kernel.dilation[0] * width, np.arange(columns) * kernel.dilation[1]
    taps = (down[:, np.newaxis] + across).reshape(-1) * channels
    every = np.arange(kernel.output_shape[1])
    return Depthwise(
        source,
        result,
        sums.multiply == Multiply.LONGS,
        sums.shift,
        _in_places(kernel, 1, every),
        taps,
        kernel.weights.reshape(-1, channels).astype(np.int64),
        sums.bias,
        sums.chain,
    )
