"""This module holds the quantisers, alone or behind a rectifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Kernel, carrier, largest, register


@register
@dataclass(frozen=True, eq=False)
class Activation(Kernel):
    """An activation casts to the result's format, after max(x, 0) if `rectify` is set."""

    kind = "activation"

    rectify: bool

    @property
    def is_elementwise(self) -> bool:
        return True

    @property
    def is_cast(self) -> bool:
        # an unsigned number that saturates is never below zero, so the rectifier changes nothing
        return not self.rectify or (not self.result.signed and self.result.overflow.is_monotone)

    def compute(self, *inputs: Codes) -> Codes:
        source = self.input_formats[0]
        # a cast to a finer fraction multiplies the code before it saturates
        bound = largest(source) * 2.0 ** max(0, self.result.fraction - source.fraction)
        codes = inputs[0].astype(np.promote_types(inputs[0].dtype, carrier(bound, self.name)), copy=False)
        if self.rectify and source.signed:
            codes = np.maximum(codes, 0)
        return self.result.requantise(codes, source.fraction)
