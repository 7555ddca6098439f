"""This module merges quantisers into the layer before them, so that no wide values travel between the two.

A front end gives a convolution exact sums, and a quantiser behind it, perhaps with a pooling in between. Where the sums
are exact, casting them at once gives the same codes. A cast that is monotone may also move in front of a maximum,
because the largest of the casts is the cast of the largest.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

from hwcodesign.kernels import Kernel


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
        merged = _merged(kernel, done, readers) if kernel.is_cast else ()
        for one in merged:
            done[one.name] = one
        if merged:
            same[kernel.name] = merged[-1].name
            readers[merged[-1].name] = readers[kernel.name]
        else:
            done[kernel.name] = kernel
    return tuple(done.values()), tuple(same.get(name, name) for name in outputs)


def _merged(kernel: Kernel, done: Mapping[str, Kernel], readers: Mapping[str, int]) -> tuple[Kernel, ...]:
    """Returns the replacement of the layers that the quantiser closes; nothing if they must stay as they are."""
    before = done.get(kernel.inputs[0])
    maximum = before if before is not None and before.is_maximum else None
    sums = done.get(maximum.inputs[0]) if maximum else before
    if sums is None or any(readers[one.name] > 1 for one in (sums, maximum) if one):
        return ()
    cast = sums.with_cast(kernel.result)
    if cast is None:
        return ()
    if maximum is None:
        return (cast,)
    if not kernel.result.overflow.is_monotone:
        return ()
    return cast, dataclasses.replace(maximum, input_formats=(kernel.result,), result=kernel.result)
