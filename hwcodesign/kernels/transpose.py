"""This module holds the transpose: axes in another order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwcodesign.errors import FieldError, FormatError
from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Axes, Kernel, Shape, register, require_shape
from hwcodesign.kernels.stored_shapes import require_image


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

    permutation: Axes

    def __post_init__(self) -> None:
        if self.result.ap_type != self.input_formats[0].ap_type:
            raise FormatError(f"{self.name}: transposing {self.input_formats[0]} to {self.result} would cast")

    @classmethod
    def check_shapes(cls, values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:  # noqa: ARG003
        source, axes = require_image(values["input_shapes"][0]), values["permutation"]
        if sorted(axes) != [0, 1, 2]:
            raise FieldError(f"permutation {axes} is not one of 0, 1 and 2")
        require_shape("output_shape", values["output_shape"], tuple(source[axis] for axis in axes))

    def compute(self, *inputs: Codes) -> Codes:
        return np.ascontiguousarray(inputs[0].transpose(0, *(axis + 1 for axis in self.permutation)))
