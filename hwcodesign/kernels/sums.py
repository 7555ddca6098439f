"""This module finds the narrowest accumulators that hold every sum."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hwcodesign.fixedpoint import Codes, FixedPoint, signed_width
from hwcodesign.kernels.kernel import sum_bounds


class Sums(NamedTuple):
    """It says how hardware adds products.

    Attributes:
        shift: left shift of products to the accumulator's fraction.
        accumulator: the narrowest format for all sums.
        bias: codes at the accumulator's fraction.
    """

    shift: int
    accumulator: FixedPoint
    bias: tuple[int, ...]


def narrowest_sums(
    weights: Codes, bias: Codes, source: FixedPoint, axes: tuple[int, ...], product_fraction: int, sum_fraction: int
) -> Sums:
    """Finds the coarsest and narrowest accumulator that is exact.

    Args:
        weights: integer codes, summed over `axes`.
        bias: one integer code per output, at `sum_fraction`.
        source: format of what is multiplied by the weights.
        axes: axes of `weights` that are summed over.
        product_fraction: fraction bits of a product.
        sum_fraction: fraction bits of the sums, at least those of a product.
    """
    codes = [int(code) for code in bias]
    shift = sum_fraction - product_fraction
    while shift > 0 and all(code % 2 == 0 for code in codes):  # nothing is as fine as hls4ml's accumulator
        shift, codes = shift - 1, [code // 2 for code in codes]
    low, high, _ = sum_bounds(weights * 2.0**shift, np.array(codes, np.float64), source, axes)
    width = signed_width(int(low), int(high))
    return Sums(shift, FixedPoint(width, width - product_fraction - shift), tuple(codes))
