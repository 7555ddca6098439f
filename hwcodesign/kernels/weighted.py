"""This module holds what convolutions and linear layers share: weights, a bias, and an accumulator for every sum."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.kernels.kernel import Kernel, exact_sums_carrier
from hwcodesign.kernels.sums import Sums, narrowest_sums


@dataclass(frozen=True, eq=False)
class WeightedKernel(Kernel):
    """A weighted kernel computes sums of products, plus a bias.

    Attributes:
        weights: integer codes, outputs last.
        bias: (outputs,) integer codes at the accumulator's fraction.
        weight_format: format of the weights.
        accumulator: exact type of the sums.

    Raises:
        FormatError: the accumulator could round or overflow, or the sums exceed what float64 holds.
    """

    #: Axes of `weights` that one output sums over.
    summed_axes: ClassVar[tuple[int, ...]]

    weights: Codes
    bias: Codes
    weight_format: FixedPoint
    accumulator: FixedPoint

    def __post_init__(self) -> None:
        _ = self._carrier  # refuses sums that would not be exact

    @property
    def product_fraction(self) -> int:
        """Returns the fraction bits of a product of weight and input."""
        return self.input_formats[0].fraction + self.weight_format.fraction

    @property
    def narrowest_sums(self) -> Sums:
        """Returns the narrowest accumulator for its sums, with the bias at its fraction."""
        return narrowest_sums(
            self.weights,
            self.bias,
            self.input_formats[0],
            self.summed_axes,
            self.product_fraction,
            self.accumulator.fraction,
        )

    def with_cast(self, result: FixedPoint) -> Kernel | None:
        sums = self.narrowest_sums.accumulator
        exact = self.result.holds(sums.min_code, sums.max_code, sums.fraction)
        return dataclasses.replace(self, result=result) if exact else None

    @property
    def parameters(self) -> int:
        return self.weights.size + self.bias.size

    @property
    def _alignment(self) -> float:
        """Factor of weights such that their products are at the accumulator's fraction."""
        return float(2.0 ** (self.accumulator.fraction - self.product_fraction))

    @cached_property
    def _bias(self) -> Codes:
        return self.bias.astype(self._carrier)

    @cached_property
    def _carrier(self) -> type[np.float32] | type[np.float64]:
        return exact_sums_carrier(
            self.name,
            self.accumulator,
            self.result,
            self.product_fraction,
            self.weights,
            self.bias,
            self.input_formats[0],
            self.summed_axes,
        )
