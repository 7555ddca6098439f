"""This module splits off zeros on the left that a window buffer cannot make, because a window would hold nothing
else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from hwcodesign.kernels import Kernel, ZeroColumns


def with_zero_columns(kernels: Sequence[Kernel]) -> tuple[Kernel, ...]:
    """Returns kernels with the same function, padded on the left by less than the width of a window.

    Args:
        kernels: of a segment, in order.
    """
    return tuple(part for kernel in kernels for part in _narrowed(kernel))


def _narrowed(kernel: Kernel) -> Iterator[Kernel]:
    """Returns the kernel, behind a kernel for zeros if its windows are too narrow for them."""
    windows = kernel.windows
    if windows is None or windows.padding[2] < windows.sides[1]:
        yield kernel
        return
    across, (top, bottom, left, right) = windows.sides[1], windows.padding
    zeros = ZeroColumns.before(
        f"{kernel.name}_zeros", kernel.inputs[0], kernel.input_formats[0], kernel.input_shapes[0], left - across + 1
    )
    yield zeros
    narrower: dict[str, Any] = {"padding": (top, bottom, across - 1, right)}
    yield dataclasses.replace(
        kernel,
        inputs=(zeros.name,),
        input_formats=(zeros.result,),
        input_shapes=(zeros.output_shape,),
        **narrower,
    )
