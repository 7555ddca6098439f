"""Convolutions and linear layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.hardware.weights import narrowed
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
        weights: those of the kernel, without zeros at the end that all of an output's weights have.
        shifts: of the sums to the left, for each output.
        bias: what is added then, without what the offset makes of them.
        chain: the steps behind.
    """

    multiply: Multiply
    offset: int
    weights: Integers
    shifts: Integers
    bias: Integers
    chain: Chain


@lowers("dense")
def lower_dense(planning: Planning, fused: Fused, sources: Sequence[int], result: int) -> None:
    """Adds a linear layer: one run of all inputs."""
    kernel = fused.kernel
    assert isinstance(kernel, Dense)
    sums = _sums(planning, fused, kernel)
    weights, here = sums.weights[np.newaxis], np.zeros(1, np.int64)
    source = _operand(planning, sources[0], (1, 1, weights.shape[1]), (0, 0, 0, 0), sums)
    bias = _without_offset(sums.offset, weights, sums.shifts, sums.bias)
    planning.operations.append(
        Products(source, result, sums.multiply, here, here, here, here, weights, sums.shifts, bias, sums.chain)
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
                in_places,
                out_places,
                _phases(kernel, fused.block),
                banded.runs,
                banded.weights,
                banded.shifts,
                banded.bias,
                sums.chain.of_channels(first, size),
            )
        )


def _sums(planning: Planning, fused: Fused, kernel: WeightedKernel, *, bytes_too: bool = True) -> _Sums:
    """Chooses the narrowest way to multiply that is exact, and the steps behind the sums."""
    found, source = kernel.narrowest_sums, kernel.input_formats[0]
    bias, accumulator = np.array(found.bias, np.int64), found.accumulator
    flat = kernel.weights.reshape(-1, kernel.weights.shape[-1])
    narrow = narrowed(flat)
    magnitude = int(np.abs(flat).sum(axis=0).max()) << found.shift
    reached = magnitude * largest(source) + int(np.abs(bias).max())
    offset = _OFFSET if source.signed else 0
    if bytes_too and planning.has_bytes and source.width <= 8 and _fits(narrow.weights, 8):
        multiply, reached = Multiply.BYTES, reached + magnitude * offset
    elif ElementType.I16.holds(source) and _fits(narrow.weights, 16):
        multiply, offset = Multiply.WORDS, 0
    else:
        multiply, offset = Multiply.LONGS, 0
    if reached >= 2**31:
        multiply, offset = Multiply.LONGS, 0
    if multiply == Multiply.LONGS:
        reached = max(reached, 2**31)  # steps on 64-bit sums are those of 64 bits
    start = Chain(accumulator.min_code, accumulator.max_code, accumulator.fraction, reached)
    shifts = np.array(narrow.shifts, np.int64) + found.shift
    weights = np.ascontiguousarray(narrow.weights, np.int64)
    return _Sums(multiply, offset, weights, shifts, bias, chain_of(fused.tail, start.cast(kernel.result)))


def _fits(weights: NDArray[Any], bits: int) -> bool:
    return bool(weights.min() >= -(1 << (bits - 1)) and weights.max() < 1 << (bits - 1))


def _without_offset(offset: int, weights: Integers, shifts: Integers, bias: Integers) -> Integers:
    """Returns the bias, less what the offset of inputs adds to the sums.

    Args:
        offset: what is added to every input.
        weights: (runs, elements of a run, results of a place).
        shifts, bias: of the results of a place.
    """
    return np.asarray(bias - ((offset * weights.sum(axis=(0, 1))) << shifts))


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
        runs, weights, shifts, bias: see `Products`.
    """

    starts: Integers
    runs: Integers
    weights: Integers
    shifts: Integers
    bias: Integers


def _banded(planning: Planning, kernel: Conv2D, block: int, group: int, sums: _Sums) -> _Banded:
    runs, weights = _runs(kernel, group, sums.weights)
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
    whole, part = banded.reshape(len(runs), -1, pixels * filters), slice(group * filters, (group + 1) * filters)
    shifts, bias = np.tile(sums.shifts[part], pixels), np.tile(sums.bias[part], pixels)
    starts = np.minimum(_counted(columns, pixels), columns - pixels)
    return _Banded(starts, runs, whole, shifts, _without_offset(sums.offset, whole, shifts, bias))


def _runs(kernel: Conv2D, group: int, narrow: Integers) -> tuple[Integers, Integers]:
    """Returns the places of runs in a window, and their weights: (runs, elements of a run, filters of the group).

    A row of the kernel is one run, where nothing lies between its taps.
    """
    rows, columns, depth, filters = kernel.weights.shape
    size = filters // kernel.groups
    weights = narrow.reshape(kernel.weights.shape)[..., group * size : (group + 1) * size]
    channels, width = kernel.input_shapes[0][2], _padded_width(kernel)
    down = _counted(rows) * kernel.dilation[0] * width * channels
    if kernel.groups == 1 and (kernel.dilation[1] == 1 or columns == 1):
        return down, weights.reshape(rows, columns * depth, size)
    across = _counted(columns) * kernel.dilation[1] * channels
    return (down[:, np.newaxis] + across).reshape(-1), weights.reshape(rows * columns, depth, size)


def _in_places(kernel: Conv2D, block: int, starts: Integers) -> Integers:
    rows = _counted(kernel.output_shape[0] // block) * block * kernel.stride[0] * _padded_width(kernel)
    places = rows[:, np.newaxis] + starts * block * kernel.stride[1]
    return np.asarray(places.reshape(-1) * kernel.input_shapes[0][2])


def _places(kernel: Conv2D, block: int, starts: Integers) -> Integers:
    rows = _counted(kernel.output_shape[0] // block) * (kernel.output_shape[1] // block)
    return np.asarray((rows[:, np.newaxis] + starts).reshape(-1) * kernel.output_shape[2])


def _phases(kernel: Conv2D, block: int) -> Integers:
    down = _counted(block) * kernel.stride[0] * _padded_width(kernel)
    across = _counted(block) * kernel.stride[1]
    return np.asarray((down[:, np.newaxis] + across).reshape(-1) * kernel.input_shapes[0][2])


def _depthwise(kernel: Conv2D, source: int, result: int, sums: _Sums) -> Depthwise:
    rows, columns, _, channels = kernel.weights.shape
    width = _padded_width(kernel)
    down, across = _counted(rows) * kernel.dilation[0] * width, _counted(columns) * kernel.dilation[1]
    taps = (down[:, np.newaxis] + across).reshape(-1) * channels
    every = _counted(kernel.output_shape[1])
    return Depthwise(
        source,
        result,
        sums.multiply == Multiply.LONGS,
        _in_places(kernel, 1, every),
        taps,
        sums.weights,
        sums.shifts,
        sums.bias,
        sums.chain,
    )


def _counted(end: int, step: int = 1) -> Integers:
    """Returns 0, step, … below `end`, in 64 bits; NumPy's own choice is 32 bits on some machines."""
    return np.arange(0, end, step, dtype=np.int64)
