"""Kernels that put elements elsewhere: transposes, and images that are made larger."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwcodesign.kernels.kernel import Kernel
from hwcodesign.native.lowering.context import Fused, Planning, lowers
from hwcodesign.native.plan import Moved


@lowers("transpose", "upsample2d", takes_steps=False)
def lower_move(planning: Planning, fused: Fused, sources: Sequence[int], result: int) -> None:
    """Adds the copy."""
    planning.operations.append(Moved(sources[0], result, places_of(fused.kernel)))


def places_of(kernel: Kernel) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Returns for each element of the kernel's result the place of the input's element that it is; -1 for a zero.

    The kernel itself tells: it gets an image that counts its elements from 1.
    """
    elements = int(np.prod(kernel.input_shapes[0]))
    counted = np.arange(1, elements + 1, dtype=np.float64).reshape(1, *kernel.input_shapes[0])
    return np.asarray(kernel.compute(counted)).reshape(-1).astype(np.int64) - 1
