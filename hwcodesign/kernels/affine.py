"""This module holds a scale and a bias per channel: the rest of a batch normalisation, or scales that no type can
express.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.kernels.kernel import Kernel, Shape, carrier, largest, register, require_shape


@register
@dataclass(frozen=True, eq=False)
class Affine(Kernel):
    """An affine kernel computes y[..., c] = cast(scale[c] x[..., c] + bias[c]); product and sum are exact.

    Attributes:
        scale: (C,) integer codes of `scale_format`.
        bias: (C,) integer codes of `bias_format`.
        scale_format, bias_format: formats of the constants.
    """

    kind = "affine"

    @classmethod
    def check_shapes(cls, values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:
        super().check_shapes(values, shapes)
        for name in ("scale", "bias"):
            require_shape(f"shape of {name}", shapes[name], values["output_shape"][-1:])

    scale: Codes
    bias: Codes
    scale_format: FixedPoint
    bias_format: FixedPoint

    def __post_init__(self) -> None:
        _ = self._carrier  # refuses sums that would not be exact

    @property
    def product_fraction(self) -> int:
        """Returns the fraction bits of a product of scale and input."""
        return self.input_formats[0].fraction + self.scale_format.fraction

    @property
    def sum_fraction(self) -> int:
        """Returns the fraction bits of the sum: the finer of product and bias."""
        return max(self.product_fraction, self.bias_format.fraction)

    @property
    def bounds(self) -> tuple[int, int]:
        """Returns the least and the greatest sum, codes at `sum_fraction`."""
        source = self.input_formats[0]
        ends = [self._scale * code + self.aligned_bias for code in (source.min_code, source.max_code)]
        return int(np.minimum(*ends).min()), int(np.maximum(*ends).max())

    @property
    def parameters(self) -> int:
        return self.scale.size + self.bias.size

    def compute(self, *inputs: Codes) -> Codes:
        codes = inputs[0].astype(self._carrier, copy=False)
        sums = codes * self._scale.astype(self._carrier) + self.aligned_bias.astype(self._carrier)
        return self.result.requantise(sums, self.sum_fraction)

    @property
    def _scale(self) -> Codes:
        """Such that products are at `sum_fraction`."""
        return self.scale.astype(np.float64) * 2.0 ** (self.sum_fraction - self.product_fraction)

    @property
    def aligned_bias(self) -> Codes:
        """Returns the bias as codes at `sum_fraction`, (C,)."""
        return self.bias.astype(np.float64) * 2.0 ** (self.sum_fraction - self.bias_format.fraction)

    @cached_property
    def _carrier(self) -> type[np.float32] | type[np.float64]:
        bound = float((np.abs(self._scale) * largest(self.input_formats[0]) + np.abs(self.aligned_bias)).max())
        # a cast to a finer fraction multiplies the code before it saturates
        return carrier(bound * 2.0 ** max(0, self.result.fraction - self.sum_fraction), self.name)
