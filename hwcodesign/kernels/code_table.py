"""This module holds any function of a code before a quantiser, as a table of its results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwcodesign.errors import FieldError, FormatError
from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Kernel, Shape, carrier, largest, register

#: Bits of an input that a table is made for: 4,096 entries.
MOST_BITS = 12


@register
@dataclass(frozen=True, eq=False)
class CodeTable(Kernel):
    """A table computes y = entries[x - least], where least is the least code of the input's format.

    Attributes:
        entries: (2^bits,) codes of the result, for the codes of the input in ascending order.

    Raises:
        FormatError: an entry is no code of the result.
    """

    kind = "code_table"

    entries: Codes

    def __post_init__(self) -> None:
        low, high = self.entries.min(), self.entries.max()
        if low < self.result.min_code or high > self.result.max_code:
            raise FormatError(f"{self.name}: its entries lie in {low:g} to {high:g}, beyond the codes of {self.result}")

    @classmethod
    def check_shapes(cls, values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:
        super().check_shapes(values, shapes)
        bits = values["input_formats"][0].width
        if bits > MOST_BITS:
            raise FieldError(f"the input of a table has {bits} bits, and may have {MOST_BITS} at most")
        if shapes["entries"] != (1 << bits,):
            raise FieldError(f"shape of entries is {shapes['entries']}, and must be {(1 << bits,)}")

    @property
    def is_elementwise(self) -> bool:
        return True

    def compute(self, *inputs: Codes) -> Codes:
        places = inputs[0].astype(np.int64) - self.input_formats[0].min_code
        dtype = carrier(float(largest(self.result)), self.name)
        result: Codes = self.entries.astype(dtype)[places]
        return result
