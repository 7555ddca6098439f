"""This module finds the narrowest weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hwcodesign.fixedpoint import Codes, signed_width

#: Bits of a shift in hardware: ShiftBits of hwc_pkg.
SHIFT_BITS = 5


def weight_width(weights: Codes) -> int:
    """Returns the bits of the widest weight, in two's complement; at least 2."""
    return max(2, signed_width(int(weights.min()), int(weights.max())))


class Narrowed(NamedTuple):
    """Narrowed weights are multiplied without the zeros at the end of all weights of an output.

    Attributes:
        weights: (inputs, outputs) integer codes.
        shifts: for each output, bits by which its sums of products are then shifted left.
    """

    weights: Codes
    shifts: tuple[int, ...]


def narrowed(weights: Codes) -> Narrowed:
    """Returns the narrowest weights with a shift for each output; outputs are shifted no more than the widest one asks.

    Weights with a scale for each output have such zeros: all are codes of the finest scale.

    Args:
        weights: (inputs, outputs) integer codes.
    """
    columns = np.asarray(weights).astype(np.int64).T
    zeros = [_zeros(column) for column in columns]
    width = max(weight_width(column >> shift) for column, shift in zip(columns, zeros, strict=True))
    shifts = tuple(
        next(shift for shift in range(most + 1) if weight_width(column >> shift) <= width)
        for column, most in zip(columns, zeros, strict=True)
    )
    return Narrowed((columns >> np.array(shifts)[:, None]).T, shifts)


def _zeros(column: Codes) -> int:
    """Zeros at the end of all codes; none where all are zero."""
    together = int(np.bitwise_or.reduce(column))
    return min((together & -together).bit_length() - 1, (1 << SHIFT_BITS) - 1) if together else 0
