"""This module finds the kernel of a segment at which a difference begins, as far as values from elsewhere show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.segment import Segment

Values = NDArray[np.float64]


def where_it_differs(
    segment: Segment, inputs: Sequence[Codes], seen: Sequence[Values], same: Callable[[Any, Any], bool] = np.array_equal
) -> str:
    """Tells up to which kernel a segment agrees with values that are known to be right, and from which on it does not.

    Args:
        segment: that gives another output than it should.
        inputs: codes of its inputs.
        seen: values of layers, in any order; a kernel agrees whose values are among them.
        same: whether a kernel's values and a layer's are the same.
    """
    results: dict[str, Codes] = dict(zip(segment.input_names, inputs, strict=True))
    agreed = ""
    for kernel in segment.kernels:
        results[kernel.name] = kernel.compute(*(results[name] for name in kernel.inputs))
        values = kernel.result.decode(results[kernel.name])
        if any(same(values, layer) for layer in seen):
            agreed = kernel.name
    names = [kernel.name for kernel in segment.kernels]
    following = names[names.index(agreed) + 1 :] if agreed else names
    after = f"They agree up to layer {agreed!r}" if agreed else "They agree in no layer"
    return after + (f", and differ from layer {following[0]!r} on" if following else "")
