"""This module finds the kernel of a segment at which a difference begins, as far as values from elsewhere show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.segment import INPUT, Segment

Values = NDArray[np.float64]


def where_it_differs(
    segment: Segment, codes: Codes, seen: Sequence[Values], same: Callable[[Any, Any], bool] = np.array_equal
) -> str:
    """Tells up to which kernel a segment agrees with values that are known to be right, and from which on it does not.

    Args:
        segment: segment whose output is wrong.
        codes: codes of its input.
        seen: values of layers, in any order; a kernel agrees if its values are among them.
        same: function that says whether a kernel's values and a layer's are the same.
    """
    results: dict[str, Codes] = {INPUT: codes}
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
