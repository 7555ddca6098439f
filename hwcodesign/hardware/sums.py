"""The narrowest accumulators that hold every sum, and the narrowest weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.kernels.kernel import sum_bounds
from hwcodesign.kernels.weighted import WeightedKernel


class Sums(NamedTuple):
    """Sums of products as hardware adds them.

    Attributes:
        shift: left shift of products to the accumulator's fraction.
        accumulator: the narrowest for all sums.
        bias: codes at its fraction.
    """

    shift: int
    accumulator: FixedPoint
    bias: tuple[int, ...]


def narrowest_sums(
    weights: Codes, bias: Codes, source: FixedPoint, axes: tuple[int, ...], product_fraction: int, sum_fraction: int
) -> Sums:
    """Find the coarsest and narrowest accumulator that is exact.

    Args:
        weights: integer codes, of which `axes` are summed over.
        bias: one integer code per output, at `sum_fraction`.
        source: format of what is multiplied by the weights.
        product_fraction: bits after the point of a product.
        sum_fraction: bits after the point of the sums, at least those of a product.
    """
    codes = [int(code) for code in bias]
    shift = sum_fraction - product_fraction
    while shift > 0 and all(code % 2 == 0 for code in codes):  # nothing is as fine as hls4ml's accumulator
        shift, codes = shift - 1, [code // 2 for code in codes]
    low, high, _ = sum_bounds(weights * 2.0**shift, np.array(codes, np.float64), source, axes)
    width = max(int(high).bit_length(), int(-low - 1).bit_length() if low < 0 else 0) + 1
    return Sums(shift, FixedPoint(width, width - product_fraction - shift), tuple(codes))


def sums_of(kernel: WeightedKernel) -> Sums:
    """Those of a convolution or linear layer."""
    source, finest = kernel.input_formats[0], kernel.accumulator.fraction
    return narrowest_sums(kernel.weights, kernel.bias, source, kernel.summed_axes, kernel.product_fraction, finest)


def weight_width(weights: Codes) -> int:
    """Bits of the widest weight there is, in two's complement; at least 2."""
    low, high = int(weights.min()), int(weights.max())
    return max(2, (-low - 1).bit_length() + 1 if low < 0 else 1, high.bit_length() + 1 if high > 0 else 1)
