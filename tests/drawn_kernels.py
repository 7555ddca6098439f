"""Draws kernels of every kind at random, one behind the other, as no front end would write them.

Formats, shapes, strides, paddings, groups and dilations are drawn; accumulators hold every sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import FormatError
from hwcodesign.fixedpoint import MAX_WIDTH, FixedPoint, Overflow, Rounding
from hwcodesign.kernels import (
    INPUT,
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
)
from hwcodesign.kernels.kernel import largest
from hwcodesign.kernels.stored_shapes import require_image

Codes = NDArray[Any]
Generator = np.random.Generator
Draw = Callable[[Generator, str, TensorType, str], Kernel]

#: Widths of formats: mostly narrow ones, those at the ends of bytes and words, and wide ones.
_WIDTHS = (1, 2, 3, 3, 4, 4, 5, 5, 6, 7, 7, 8, 8, 9, 12, 16, 17)


def random_codes(rng: Generator, fmt: FixedPoint, shape: tuple[int, ...]) -> Codes:
    """Codes of a format, a third of them its extremes."""
    codes = rng.integers(fmt.min_code, fmt.max_code, shape, endpoint=True)
    ends = rng.choice([fmt.min_code, fmt.max_code], shape)
    return np.where(rng.random(shape) < 1 / 3, ends, codes).astype(np.float64)


def drawn_format(rng: Generator, around: int | None = None) -> FixedPoint:
    """A format whose fraction is about `around`, with any rounding and overflow."""
    width, signed = int(rng.choice(_WIDTHS)), bool(rng.integers(2))
    width = max(width, 1 + int(signed))
    fraction = width // 2 if around is None else around - int(rng.integers(-1, 6))
    rounding, overflow = rng.choice([mode.value for mode in Rounding]), rng.choice([mode.value for mode in Overflow])
    return FixedPoint(width, width - fraction, signed, Rounding(rounding), Overflow(overflow))


def accumulator_of(low: float, high: float, fraction: int) -> FixedPoint:
    """The narrowest signed format for codes from `low` to `high`."""
    width = max(int(max(abs(low), abs(high))).bit_length() + 1, 2)
    if width > MAX_WIDTH:
        raise FormatError("wider than any format")
    return FixedPoint(width, width - fraction)


def drawn_windows(rng: Generator, shape: tuple[int, int], window: tuple[int, int]) -> dict[str, Any]:
    """A stride and a padding narrower than the window, and the output's rows and columns under the key "size"."""
    stride = tuple(int(value) for value in rng.integers(1, 4, 2))
    padding = tuple(int(rng.integers(0, side)) for side in (window[0], window[0], window[1], window[1]))
    rows = (padding[0] + shape[0] + padding[1] - window[0]) // stride[0] + 1
    columns = (padding[2] + shape[1] + padding[3] - window[1]) // stride[1] + 1
    if rows < 1 or columns < 1:
        raise FormatError("a window larger than the image")
    return {"stride": stride, "padding": padding, "size": (rows, columns)}


def _conv(rng: Generator, name: str, source: TensorType, read: str) -> Kernel:
    shape = _image(source)
    groups = int(rng.choice([g for g in range(1, shape[2] + 1) if shape[2] % g == 0]))
    filters = groups * int(rng.choice([1, 1, 2, 3, 7]))
    taps, dilation = rng.integers(1, 4, 2), rng.integers(1, 3, 2)
    sides = tuple(int(value) for value in (taps - 1) * dilation + 1)
    windows = drawn_windows(rng, shape[:2], (sides[0], sides[1]))
    weight_format = drawn_format(rng)
    weights = random_codes(rng, weight_format, (*taps, shape[2] // groups, filters))
    return Conv2D(
        **_weighted(rng, name, source, read, weights, weight_format, (0, 1, 2)),
        output_shape=(*windows["size"], filters),
        stride=windows["stride"],
        padding=windows["padding"],
        dilation=(int(dilation[0]), int(dilation[1])),
    )


def _dense(rng: Generator, name: str, source: TensorType, read: str) -> Kernel:
    weight_format, outputs = drawn_format(rng), int(rng.choice([1, 3, 10, 17, 40, 70]))
    weights = random_codes(rng, weight_format, (source.elements, outputs))
    return Dense(**_weighted(rng, name, source, read, weights, weight_format, (0,)), output_shape=(outputs,))


def _weighted(
    rng: Generator,
    name: str,
    source: TensorType,
    read: str,
    weights: Codes,
    weight_format: FixedPoint,
    axes: tuple[int, ...],
) -> dict[str, Any]:
    finer = int(rng.choice([0, 0, 2]))
    fraction = source.format.fraction + weight_format.fraction + finer
    most = np.abs(weights).sum(axis=axes).max() * largest(source.format) * 2**finer
    bias = rng.integers(-min(most, 2**40) - 3, min(most, 2**40) + 4, weights.shape[-1:]).astype(np.float64)
    accumulator = accumulator_of(0, most + np.abs(bias).max() + 1, fraction)
    result = accumulator if rng.integers(4) == 0 else drawn_format(rng, fraction - accumulator.width // 2)
    return {
        **_common(name, source, read, result),
        "weights": weights,
        "bias": bias,
        "weight_format": weight_format,
        "accumulator": accumulator,
    }


def _common(name: str, source: TensorType, read: str, result: FixedPoint) -> dict[str, Any]:
    return {
        "name": name,
        "inputs": (read,),
        "input_formats": (source.format,),
        "input_shapes": (source.shape,),
        "result": result,
    }


def _elementwise(name: str, source: TensorType, read: str, result: FixedPoint) -> dict[str, Any]:
    return {**_common(name, source, read, result), "output_shape": source.shape}


def _activation(rng: Generator, name: str, source: TensorType, read: str) -> Kernel:
    result = drawn_format(rng, source.format.fraction)
    return Activation(**_elementwise(name, source, read, result), rectify=bool(rng.integers(2)))


def _affine(rng: Generator, name: str, source: TensorType, read: str) -> Kernel:
    scale_format, bias_format = drawn_format(rng), drawn_format(rng, source.format.fraction)
    channels = source.shape[-1:]
    return Affine(
        **_elementwise(name, source, read, drawn_format(rng, source.format.fraction)),
        scale=random_codes(rng, scale_format, channels),
        bias=random_codes(rng, bias_format, channels),
        scale_format=scale_format,
        bias_format=bias_format,
    )


def _code_table(rng: Generator, name: str, source: TensorType, read: str) -> Kernel:
    if source.format.width > 12:
        raise FormatError("too many codes for a table")
    result = drawn_format(rng)
    return CodeTable(
        **_elementwise(name, source, read, result), entries=random_codes(rng, result, (1 << source.format.width,))
    )


def _thresholds(rng: Generator, name: str, source: TensorType, read: str) -> Kernel:
    bits, channels = int(rng.choice([1, 2, 3, 6])), source.shape[-1]
    count, result = (1 << bits) - 1, FixedPoint(bits, bits, signed=False)
    all_rise = rng.integers(2) > 0
    sign = np.where((rng.integers(2, size=channels) > 0) | all_rise, 1.0, -1.0)
    levels = np.sort(random_codes(rng, source.format, (channels, count)), axis=1)
    return Thresholds(
        **_elementwise(name, source, read, result), first=np.where(sign > 0, 0.0, count), sign=sign, thresholds=levels
    )


def _max_pool(rng: Generator, name: str, source: TensorType, read: str) -> Kernel:
    shape = _image(source)
    if rng.integers(2) and shape[0] % 2 == shape[1] % 2 == 0:
        half = (shape[0] // 2, shape[1] // 2, shape[2])
        common = _common(name, source, read, source.format)
        return MaxPool2D(**common, output_shape=half, pool=(2, 2), stride=(2, 2))
    window = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    windows = drawn_windows(rng, shape[:2], window)
    result = source.format if rng.integers(2) else drawn_format(rng, source.format.fraction)
    return MaxPool2D(
        **_common(name, source, read, result),
        output_shape=(*windows["size"], shape[2]),
        pool=window,
        stride=windows["stride"],
        padding=windows["padding"],
        ignores_padding=bool(rng.integers(2)),
    )


def _average_pool(rng: Generator, name: str, source: TensorType, read: str) -> Kernel:
    shape, window = _image(source), (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    windows = drawn_windows(rng, shape[:2], window)
    fraction = source.format.fraction + int(rng.integers(0, 5))
    most = window[0] * window[1] * largest(source.format) * 2.0 ** (fraction - source.format.fraction)
    return AveragePool2D(
        **_common(name, source, read, drawn_format(rng, source.format.fraction)),
        output_shape=(*windows["size"], shape[2]),
        pool=window,
        stride=windows["stride"],
        padding=windows["padding"],
        accumulator=accumulator_of(0, most, fraction),
        uncounted=windows["padding"] if rng.integers(2) else (0, 0, 0, 0),
    )


def _global_pool(rng: Generator, name: str, source: TensorType, read: str) -> Kernel:
    shape, fraction = _image(source), source.format.fraction + int(rng.integers(0, 5))
    most = shape[0] * shape[1] * largest(source.format) * 2.0 ** (fraction - source.format.fraction)
    return GlobalPool(
        **_common(name, source, read, drawn_format(rng, source.format.fraction)),
        output_shape=shape[2:] if rng.integers(2) else (1, 1, shape[2]),
        maximum=bool(rng.integers(2)),
        accumulator=accumulator_of(0, most, fraction),
    )


def _transpose(rng: Generator, name: str, source: TensorType, read: str) -> Kernel:
    shape, order = _image(source), tuple(int(axis) for axis in rng.permutation(3))
    return Transpose(
        **_common(name, source, read, source.format),
        output_shape=tuple(shape[axis] for axis in order),
        permutation=(order[0], order[1], order[2]),
    )


def _upsample(rng: Generator, name: str, source: TensorType, read: str) -> Kernel:
    shape, factors = _image(source), (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    size = tuple(side * factor - int(rng.integers(factor)) for side, factor in zip(shape[:2], factors, strict=True))
    return Upsample2D(
        **_common(name, source, read, source.format),
        output_shape=(*size, shape[2]),
        factors=factors,
        zeros=bool(rng.integers(2)),
    )


def _zero_columns(rng: Generator, name: str, source: TensorType, read: str) -> Kernel:
    shape = require_image(source.shape)
    return ZeroColumns.before(name, read, source.format, shape, int(rng.integers(1, 4)))


def _reshape(_rng: Generator, name: str, source: TensorType, read: str) -> Kernel:
    return Reshape(**_common(name, source, read, source.format), output_shape=(source.elements,))


def _two_inputs(rng: Generator, name: str, source: TensorType, read: str) -> dict[str, Any]:
    """The fields of a kernel that reads one tensor twice."""
    fmt = source.format
    return {
        "name": name,
        "inputs": (read, read),
        "input_formats": (fmt, fmt),
        "input_shapes": (source.shape, source.shape),
        "result": drawn_format(rng, fmt.fraction),
    }


def _add(rng: Generator, name: str, source: TensorType, read: str) -> Kernel:
    return Add(**_two_inputs(rng, name, source, read), output_shape=source.shape)


def _concatenate(rng: Generator, name: str, source: TensorType, read: str) -> Kernel:
    *pixels, channels = source.shape
    return Concatenate(**_two_inputs(rng, name, source, read), output_shape=(*pixels, 2 * channels))


#: How kernels of each kind are drawn.
DRAWS: dict[str, Draw] = {
    "activation": _activation,
    "add": _add,
    "affine": _affine,
    "average_pool2d": _average_pool,
    "code_table": _code_table,
    "concatenate": _concatenate,
    "conv2d": _conv,
    "dense": _dense,
    "global_pool": _global_pool,
    "max_pool2d": _max_pool,
    "reshape": _reshape,
    "thresholds": _thresholds,
    "transpose": _transpose,
    "upsample2d": _upsample,
    "zero_columns": _zero_columns,
}


def _image(source: TensorType) -> tuple[int, int, int]:
    rows, columns, channels = require_image(source.shape)
    return rows, columns, channels


def drawn_segment(rng: Generator, first: str | None = None, most: int = 4) -> Segment:
    """A segment of up to `most` kernels, each of which reads the one before; some kernels' results are outputs, too.

    Args:
        first: kind of the first kernel; any kind by default.
    """
    height, width = (int(side) for side in rng.integers(1, 11, 2))
    source = TensorType(drawn_format(rng), (height, width, int(rng.choice([1, 2, 3, 4, 6, 16, 33, 70]))))
    kernels: list[Kernel] = []
    last, read, wanted = source, INPUT, int(rng.integers(1, most + 1))
    while len(kernels) < wanted:
        kind = first if first and not kernels else str(rng.choice([*DRAWS]))
        try:
            kernel = DRAWS[kind](rng, f"kernel{len(kernels)}", last, read)
        except FormatError:  # this kind cannot read such a tensor
            if not kernels:
                return drawn_segment(rng, first, most)
            continue
        except Exception as error:
            if "no image" not in str(error):
                raise
            continue
        if math.prod(kernel.output_shape) > 20_000:
            break
        kernels.append(kernel)
        last, read = TensorType(kernel.result, kernel.output_shape), kernel.name
    if not kernels:
        return drawn_segment(rng, first, most)
    others = [kernel.name for kernel in kernels[:-1] if rng.integers(4) == 0]
    return Segment("drawn", (source,), tuple(kernels), (kernels[-1].name, *others))
