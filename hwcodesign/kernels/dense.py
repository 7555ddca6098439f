"""This module holds the linear layer."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Axes, Shape, register, require_shape
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

    @classmethod
    def check_shapes(cls, values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:
        output = values["output_shape"]
        require_shape("output_shape", output, output[-1:])
        require_shape("shape of weights", shapes["weights"], (math.prod(values["input_shapes"][0]), *output))
        require_shape("shape of bias", shapes["bias"], output)

    def before_transpose(self, shape: Shape, permutation: Axes) -> Dense:
        outputs, back = self.weights.shape[-1], np.argsort(permutation)
        turned = self.weights.reshape(*(shape[axis] for axis in permutation), outputs)
        weights = np.ascontiguousarray(turned.transpose(*back, 3).reshape(-1, outputs))
        return dataclasses.replace(self, input_shapes=(shape,), weights=weights)

    @property
    def macs(self) -> int:
        return self.weights.size

    def compute(self, *inputs: Codes) -> Codes:
        codes: Codes = inputs[0].reshape(len(inputs[0]), -1).astype(self._carrier, copy=False)
        return self.result.requantise(codes @ self._matrix + self._bias, self.accumulator.fraction)

    @cached_property
    def _matrix(self) -> Codes:
        return np.ascontiguousarray((self.weights * self._alignment).astype(self._carrier))
