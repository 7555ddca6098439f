"""This module holds the reshape: the same values in the same order, channels last."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hwcodesign.errors import FieldError, FormatError
from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Kernel, Shape, register


@register
@dataclass(frozen=True, eq=False)
class Reshape(Kernel):
    """A reshape gives its input another shape; values, their order and their format stay.

    Raises:
        FormatError: the result's format differs from the input's.
    """

    kind = "reshape"

    def __post_init__(self) -> None:
        if self.result.ap_type != self.input_formats[0].ap_type:
            raise FormatError(f"{self.name}: reshaping {self.input_formats[0]} to {self.result} would cast")

    @property
    def is_flattening(self) -> bool:
        return len(self.output_shape) == 1

    @classmethod
    def check_shapes(cls, values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:  # noqa: ARG003
        source, output = values["input_shapes"][0], values["output_shape"]
        if math.prod(source) != math.prod(output):
            raise FieldError(f"output_shape {output} has other elements than {source}, whose order it keeps")

    def compute(self, *inputs: Codes) -> Codes:
        return inputs[0].reshape(len(inputs[0]), *self.output_shape)
