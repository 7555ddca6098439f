"""This module holds the sum of two streams of one shape, as in residual blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Kernel, carrier, largest, register


@register
@dataclass(frozen=True, eq=False)
class Add(Kernel):
    """An addition computes the exact sum at the finer of both fractions, and casts it to the result's format."""

    kind = "add"
    arity = 2

    @property
    def is_elementwise(self) -> bool:
        return True

    def compute(self, *inputs: Codes) -> Codes:
        fraction = max(fmt.fraction for fmt in self.input_formats)
        bound = sum(largest(fmt) * 2.0 ** (fraction - fmt.fraction) for fmt in self.input_formats)
        bound *= 2.0 ** max(0, self.result.fraction - fraction)
        dtype = np.promote_types(carrier(bound, self.name), np.result_type(*inputs))
        aligned = [
            codes.astype(dtype) * dtype.type(2.0 ** (fraction - fmt.fraction))
            for codes, fmt in zip(inputs, self.input_formats, strict=True)
        ]
        return self.result.requantise(aligned[0] + aligned[1], fraction)
