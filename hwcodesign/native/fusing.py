"""This module groups kernels that one operation of the engine computes."""

from __future__ import annotations

from collections.abc import Iterator

from hwcodesign.kernels import Segment
from hwcodesign.kernels.conv2d import Conv2D
from hwcodesign.kernels.kernel import Kernel
from hwcodesign.native.lowering import TAKE_STEPS
from hwcodesign.native.lowering.context import Fused
from hwcodesign.native.steps import Chain, chain_of, is_function


def fused_kernels(segment: Segment) -> Iterator[Fused]:
    """Yields the groups of a segment's kernels, in an order in which each reads only earlier ones.

    A kernel takes with it the elementwise kernels behind it, each of which alone reads the one before. A convolution
    takes the maximum pooling of whole blocks behind these, too, if no step reverses the order of two values.
    """
    taken: set[str] = set()
    for kernel in segment.kernels:
        if kernel.name in taken:
            continue
        tail: list[Kernel] = []
        reader = _only_reader(segment, kernel) if kernel.kind in TAKE_STEPS else None
        while reader is not None and is_function(reader):
            tail.append(reader)
            reader = _only_reader(segment, reader)
        fused = Fused(kernel, tuple(tail))
        if reader is not None and reader.is_maximum and reader.maximum_block > 1 and _keeps_order(fused):
            fused = Fused(kernel, tuple(tail), reader)
        taken.update(other.name for other in (*fused.tail, *([fused.pool] if fused.pool else [])))
        yield fused


def _only_reader(segment: Segment, kernel: Kernel) -> Kernel | None:
    """Returns the kernel that alone reads what a kernel writes; None if there are others, or an output is."""
    readers = [reader for reader in segment.kernels if kernel.name in reader.inputs]
    return readers[0] if len(readers) == 1 and kernel.name not in segment.outputs else None


def _keeps_order(fused: Fused) -> bool:
    kernel = fused.kernel
    if not isinstance(kernel, Conv2D):
        return False
    sums = kernel.narrowest_sums.accumulator
    start = Chain.starting(sums.min_code, sums.max_code, sums.fraction)
    return chain_of(fused.tail, start.cast(kernel.result)).is_monotone
