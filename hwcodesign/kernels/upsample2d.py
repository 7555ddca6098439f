"""This module holds the image that is made larger by whole factors: pixels are repeated, or zeros put between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwcodesign.errors import FieldError, FormatError
from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Kernel, Shape, register, require_shape
from hwcodesign.kernels.stored_shapes import require_image


@register
@dataclass(frozen=True, eq=False)
class Upsample2D(Kernel):
    """An upsampling computes y[r, q, c] = x[r // rows, q // columns, c]; with zeros only where both divide without
    rest, and zero elsewhere.

    Values and format stay. Of the last row and column there may be fewer copies, as the output's shape says.

    Attributes:
        factors: rows and columns of the output for each of the input.
        zeros: whether zeros are put between the pixels, which are then there once each, as a transposed convolution
            has it before an ordinary one; otherwise pixels are repeated (nearest neighbours).

    Raises:
        FormatError: the result's format differs from the input's.
    """

    kind = "upsample2d"

    factors: tuple[int, int]
    zeros: bool

    def __post_init__(self) -> None:
        if self.result.ap_type != self.input_formats[0].ap_type:
            raise FormatError(f"{self.name}: upsampling {self.input_formats[0]} to {self.result} would cast")

    @classmethod
    def check_shapes(cls, values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:  # noqa: ARG003
        source, output = require_image(values["input_shapes"][0]), require_image(values["output_shape"])
        require_shape("channels of output_shape", output[2:], source[2:])
        for axis, factor in enumerate(values["factors"]):
            if not (source[axis] - 1) * factor < output[axis] <= source[axis] * factor:
                raise FieldError(
                    f"output_shape {output} has {output[axis]} rows or columns, and {source[axis]} times {factor} "
                    "or a little fewer must be there"
                )

    def compute(self, *inputs: Codes) -> Codes:
        (rows, columns), (height, width) = self.factors, self.output_shape[:2]
        if not self.zeros:
            larger: Codes = inputs[0].repeat(rows, axis=1).repeat(columns, axis=2)
            return np.ascontiguousarray(larger[:, :height, :width])
        spread: Codes = np.zeros((len(inputs[0]), *self.output_shape), inputs[0].dtype)
        spread[:, ::rows, ::columns] = inputs[0]
        return spread
