"""Maximum and average pooling, over windows or over the whole image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.kernels.average_pool2d import AveragePool2D
from hwcodesign.kernels.global_pool import GlobalPool
from hwcodesign.kernels.max_pool2d import MaxPool2D
from hwcodesign.kernels.pooling import WindowedPool
from hwcodesign.native.lowering.context import Fused, Planning, lowers
from hwcodesign.native.plan import Integers, Pool
from hwcodesign.native.steps import Chain, chain_of


@dataclass(frozen=True)
class _Windows:
    """Windows, the rows and columns from one to the next, and the padding at the top and at the left."""

    pool: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, kernel: WindowedPool) -> _Windows:
        return cls(kernel.pool, kernel.stride, (kernel.padding[0], kernel.padding[2]))


@lowers("max_pool2d")
def lower_max_pool(planning: Planning, fused: Fused, sources: Sequence[int], result: int) -> None:
    """Adds a maximum pooling."""
    kernel = fused.kernel
    assert isinstance(kernel, MaxPool2D)
    start = _maxima(kernel.input_formats[0])
    with_zero = not kernel.ignores_padding
    planning.operations.append(_pool(fused, sources[0], result, _Windows.of(kernel), start, with_zero=with_zero))


@lowers("average_pool2d")
def lower_average_pool(planning: Planning, fused: Fused, sources: Sequence[int], result: int) -> None:
    """Adds an average pooling."""
    kernel = fused.kernel
    assert isinstance(kernel, AveragePool2D)
    rows, columns = (np.array(counts, np.int64) for counts in kernel.counts)
    start = _averages(kernel.input_formats[0], kernel.accumulator, kernel.window)
    windows = _Windows.of(kernel)
    planning.operations.append(_pool(fused, sources[0], result, windows, start, averaged=(rows, columns)))


@lowers("global_pool")
def lower_global_pool(planning: Planning, fused: Fused, sources: Sequence[int], result: int) -> None:
    """Adds a pooling over the whole image."""
    kernel = fused.kernel
    assert isinstance(kernel, GlobalPool)
    source, (rows, columns, _) = kernel.input_formats[0], kernel.input_shapes[0]
    windows = _Windows((rows, columns), (rows, columns))
    if kernel.maximum:
        planning.operations.append(_pool(fused, sources[0], result, windows, _maxima(source)))
        return
    start = _averages(source, kernel.accumulator, rows * columns)
    averaged = (np.array([rows], np.int64), np.array([columns], np.int64))
    planning.operations.append(_pool(fused, sources[0], result, windows, start, averaged=averaged))


@dataclass(frozen=True)
class _Start:
    """What a pooling gives before its cast, and how far sums are shifted before they are divided."""

    chain: Chain
    shift: int = 0


def _maxima(source: FixedPoint) -> _Start:
    return _Start(Chain.starting(source.min_code, source.max_code, source.fraction))


def _averages(source: FixedPoint, accumulator: FixedPoint, most: int) -> _Start:
    """Returns what averages of up to `most` codes give, at the accumulator's fraction; sums are wider on the way."""
    shift = accumulator.fraction - source.fraction
    low, high = source.min_code << shift, source.max_code << shift
    return _Start(Chain(low, high, accumulator.fraction, max(-low, high) * most), shift)


def _pool(
    fused: Fused,
    source: int,
    result: int,
    windows: _Windows,
    start: _Start,
    *,
    averaged: tuple[Integers, Integers] | None = None,
    with_zero: bool = False,
) -> Pool:
    """Returns the operation with the kernel's cast and the steps behind it."""
    kernel = fused.kernel
    rows, columns = (*kernel.output_shape[:-1], 1, 1)[:2]
    rows_and_columns = averaged or (np.ones(rows, np.int64), np.ones(columns, np.int64))
    height, width, channels = kernel.input_shapes[0]
    return Pool(
        source,
        result,
        averaged is None,
        with_zero,
        start.shift,
        (height, width, channels),
        windows.pool,
        windows.stride,
        windows.padding,
        rows_and_columns,
        chain_of(fused.tail, start.chain.cast(kernel.result)),
    )
