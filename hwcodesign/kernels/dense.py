"""This module holds the linear layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import register
from hwcodesign.kernels.weighted import WeightedKernel


@register
@dataclass(frozen=True, eq=False)
class Dense(WeightedKernel):
    """A linear layer computes y[o] = bias[o] + sum_i w[i, o] x[i].

    Attributes:
        weights: (inputs, outputs) integer codes.
    """

    kind = "dense"
    summed_axes = (0,)

    @property
    def macs(self) -> int:
        return self.weights.size

    def compute(self, *inputs: Codes) -> Codes:
        codes: Codes = inputs[0].reshape(len(inputs[0]), -1).astype(self._carrier, copy=False)
        return self.result.requantise(codes @ self._matrix + self._bias, self.accumulator.fraction)

    @cached_property
    def _matrix(self) -> Codes:
        return np.ascontiguousarray((self.weights * self._alignment).astype(self._carrier))
