"""This module holds the transpose: axes in another order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwcodesign.errors import FormatError
from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Kernel, register


@register
@dataclass(frozen=True, eq=False)
class Transpose(Kernel):
    """A transpose has axis `permutation[i]` of the input as axis i of the output; values and format stay.

    Attributes:
        permutation: order of (0, 1, 2), which are height, width and channels of the input.

    Raises:
        FormatError: the result's format differs from the input's.
    """

    kind = "transpose"

    permutation: tuple[int, int, int]

    def __post_init__(self) -> None:
        if self.result.ap_type != self.input_formats[0].ap_type:
            raise FormatError(f"{self.name}: transposing {self.input_formats[0]} to {self.result} would cast")

    def compute(self, *inputs: Codes) -> Codes:
        return np.ascontiguousarray(inputs[0].transpose(0, *(axis + 1 for axis in self.permutation)))
