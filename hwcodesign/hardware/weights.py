"""This module finds the narrowest weights."""

from __future__ import annotations

from hwcodesign.fixedpoint import Codes


def weight_width(weights: Codes) -> int:
    """Returns the bits of the widest weight, in two's complement; at least 2."""
    low, high = int(weights.min()), int(weights.max())
    return max(2, (-low - 1).bit_length() + 1 if low < 0 else 1, high.bit_length() + 1 if high > 0 else 1)
