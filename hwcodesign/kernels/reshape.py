"""This module holds the reshape: the same values in the same order, channels last."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.errors import FormatError
from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Kernel, register


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

    def compute(self, *inputs: Codes) -> Codes:
        return inputs[0].reshape(len(inputs[0]), *self.output_shape)
