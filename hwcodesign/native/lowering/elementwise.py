"""Kernels that compute each element by itself: casts, tables, affine kernels, sums of two tensors, concatenations."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hwcodesign.kernels.kernel import Kernel
from hwcodesign.native.lowering.context import Fused, Planning, lowers
from hwcodesign.native.plan import Elements
from hwcodesign.native.steps import Chain, chain_of


@lowers("activation", "affine", "code_table", "thresholds")
def lower_function(planning: Planning, fused: Fused, sources: Sequence[int], result: int) -> None:
    """Adds the steps of an elementwise kernel and those behind it."""
    source = fused.kernel.input_formats[0]
    start = Chain.starting(source.min_code, source.max_code, source.fraction)
    chain = chain_of((fused.kernel, *fused.tail), start)
    _add(planning, fused.kernel, sources, result, (0,), chain)


@lowers("add")
def lower_add(planning: Planning, fused: Fused, sources: Sequence[int], result: int) -> None:
    """Adds the sum of two tensors, at the finer of both fractions."""
    formats = fused.kernel.input_formats
    fraction = max(fmt.fraction for fmt in formats)
    shifts = tuple(fraction - fmt.fraction for fmt in formats)
    low = sum(fmt.min_code << shift for fmt, shift in zip(formats, shifts, strict=True))
    high = sum(fmt.max_code << shift for fmt, shift in zip(formats, shifts, strict=True))
    chain = chain_of(fused.tail, Chain.starting(low, high, fraction).cast(fused.kernel.result))
    _add(planning, fused.kernel, sources, result, shifts, chain)


def _add(
    planning: Planning, kernel: Kernel, sources: Sequence[int], result: int, shifts: tuple[int, ...], chain: Chain
) -> None:
    *pixels, channels = kernel.output_shape
    operation = Elements(tuple(sources), result, shifts, math.prod(pixels), channels, channels, 0, chain)
    planning.operations.append(operation)


@lowers("concatenate", takes_steps=False)
def lower_concatenate(planning: Planning, fused: Fused, sources: Sequence[int], result: int) -> None:
    """Adds a copy for each input, with the cast to the result's format."""
    kernel = fused.kernel
    first = 0
    for i, source in enumerate(sources):
        fmt, (*pixels, channels) = kernel.input_formats[i], kernel.input_shapes[i]
        chain = Chain.starting(fmt.min_code, fmt.max_code, fmt.fraction).cast(kernel.result)
        planning.operations.append(
            Elements((source,), result, (0,), math.prod(pixels), channels, kernel.output_shape[-1], first, chain)
        )
        first += channels
