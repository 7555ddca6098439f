"""This module finds the narrowest weights."""

from __future__ import annotations

from hwcodesign.fixedpoint import Codes, signed_width


def weight_width(weights: Codes) -> int:
    """Returns the bits of the widest weight, in two's complement; at least 2."""
    return max(2, signed_width(int(weights.min()), int(weights.max())))
