"""This module merges quantisers into the layer before them, so that no wide values travel between the two.

A front end gives a convolution exact sums, and a quantiser behind it, perhaps with a pooling in between. Where the sums
are exact, casting them at once gives the same codes. A cast that is monotone may also move in front of a maximum,
because the largest of the casts is the cast of the largest.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

from hwcodesign.fixedpoint import FixedPoint, Overflow
from hwcodesign.hardware.sums import sums_of
from hwcodesign.kernels import Activation, Kernel, MaxPool2D
from hwcodesign.kernels.weighted import WeightedKernel

_MONOTONE = (Overflow.SAT, Overflow.SAT_SYM)


def with_merged_casts(kernels: Sequence[Kernel], outputs: Sequence[str]) -> tuple[tuple[Kernel, ...], tuple[str, ...]]:
    """Returns kernels with the same function, in which convolution and linear layers apply the quantisers behind them
    if this changes no code.

    Args:
        kernels: of a segment, in order.
        outputs: those that write its outputs.

    Returns:
        Kernels in order, and those that then write the outputs.
    """
    readers = Counter([name for kernel in kernels for name in kernel.inputs] + list(outputs))
    done: dict[str, Kernel] = {}
    same: dict[str, str] = {}
    for kernel in kernels:
        kernel = dataclasses.replace(kernel, inputs=tuple(same.get(name, name) for name in kernel.inputs))  # noqa: PLW2901
        merged = _merged(kernel, done, readers) if isinstance(kernel, Activation) else ()
        for one in merged:
            done[one.name] = one
        if merged:
            same[kernel.name] = merged[-1].name
            readers[merged[-1].name] = readers[kernel.name]
        else:
            done[kernel.name] = kernel
    return tuple(done.values()), tuple(same.get(name, name) for name in outputs)


def _merged(kernel: Activation, done: Mapping[str, Kernel], readers: Mapping[str, int]) -> tuple[Kernel, ...]:
    """Returns the replacement of the layers that the quantiser closes; nothing if they must stay as they are."""
    before = done.get(kernel.inputs[0])
    pool = before if isinstance(before, MaxPool2D) else None
    sums = done.get(pool.inputs[0]) if pool else before
    if not isinstance(sums, WeightedKernel) or any(readers[one.name] > 1 for one in (sums, pool) if one):
        return ()
    if not _exact(sums) or not _casts_alone(kernel):
        return ()
    if pool and (any(pool.padding) or not _same_numbers(pool) or kernel.result.overflow not in _MONOTONE):
        return ()
    cast = dataclasses.replace(sums, result=kernel.result)
    if pool is None:
        return (cast,)
    return cast, dataclasses.replace(pool, input_formats=(kernel.result,), result=kernel.result)


def _exact(kernel: WeightedKernel) -> bool:
    """Tells whether its result holds every sum as it is."""
    sums = sums_of(kernel).accumulator
    return kernel.result.holds(sums.min_code, sums.max_code, sums.fraction)


def _casts_alone(kernel: Activation) -> bool:
    """Tells whether the cast does what the rectifier does: an unsigned number that saturates is never below zero."""
    return not kernel.rectify or (not kernel.result.signed and kernel.result.overflow in _MONOTONE)


def _same_numbers(pool: MaxPool2D) -> bool:
    def numbers(fmt: FixedPoint) -> tuple[int, int, bool]:
        return fmt.width, fmt.integer, fmt.signed

    return numbers(pool.result) == numbers(pool.input_formats[0])
