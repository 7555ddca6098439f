"""Linear layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.kernels.kernel import Kernel, exact_sums_carrier, register


@register
@dataclass(frozen=True, eq=False)
class Dense(Kernel):
    """y[o] = bias[o] + sum_i w[i, o] x[i].

    Attributes:
        weights: (inputs, outputs) integer codes.
        bias: (outputs,) integer codes at the accumulator's fraction.
        weight_format: of the weights.
        accumulator: exact type of the sums.
        reuse_factor: how often hardware uses each multiplier a sample.
    """

    kind = "dense"

    weights: Codes
    bias: Codes
    weight_format: FixedPoint
    accumulator: FixedPoint
    reuse_factor: int

    def __post_init__(self) -> None:
        _ = self._carrier  # refuses sums that would not be exact

    @property
    def product_fraction(self) -> int:
        """Bits after the point of a product of weight and input."""
        return self.input_formats[0].fraction + self.weight_format.fraction

    @property
    def macs(self) -> int:
        return self.weights.size

    @property
    def parameters(self) -> int:
        return self.weights.size + self.bias.size

    def compute(self, *inputs: Codes) -> Codes:
        matrix, bias = self._carried
        codes = inputs[0].reshape(len(inputs[0]), -1).astype(matrix.dtype, copy=False)
        return self.result.requantise(codes @ matrix + bias, self.accumulator.fraction)

    @cached_property
    def _carried(self) -> tuple[Codes, Codes]:
        aligned = self.weights * 2.0 ** (self.accumulator.fraction - self.product_fraction)
        return np.ascontiguousarray(aligned.astype(self._carrier)), self.bias.astype(self._carrier)

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
            (0,),
        )
