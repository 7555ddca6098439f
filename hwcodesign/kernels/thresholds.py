"""This module holds monotone functions of a code before a quantiser, as integer thresholds.

A batch normalisation, a sigmoid or a clipped rectifier before a quantiser takes few values, and rises or falls. So it
is known by the codes at which its result changes. No real number is left in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwcodesign.errors import FieldError, FormatError
from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Kernel, Shape, carrier, largest, register, require_shape


@register
@dataclass(frozen=True, eq=False)
class Thresholds(Kernel):
    """A threshold kernel computes y[..., c] = first[c] + sign[c] #{k: x[..., c] >= thresholds[c, k]}.

    Attributes:
        first: (C,) codes of the result for the least input.
        sign: (C,) 1 where the result rises with the input, -1 where it falls.
        thresholds: (C, K) codes of the input, ascending. The code behind the largest is one that no input reaches;
            a result that changes by several codes at once has equal thresholds there.

    Raises:
        FormatError: constants that make no such function, or results that are no codes of the format.
    """

    kind = "thresholds"

    first: Codes
    sign: Codes
    thresholds: Codes

    def __post_init__(self) -> None:
        _ = self.dtype
        last = self.first + self.sign * self.thresholds.shape[1]
        low, high = np.minimum(self.first, last), np.maximum(self.first, last)
        used = (self.thresholds <= self.input_formats[0].max_code).sum(axis=1)
        ends = self.first + self.sign * used
        if min(self.first.min(), ends.min()) < self.result.min_code or max(self.first.max(), ends.max()) > (
            self.result.max_code
        ):
            raise FormatError(
                f"{self.name}: its results lie in {low.min():g} to {high.max():g}, beyond the codes of {self.result}"
            )

    @classmethod
    def check_shapes(cls, values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:
        super().check_shapes(values, shapes)
        channels = values["output_shape"][-1:]
        for name in ("first", "sign"):
            require_shape(f"shape of {name}", shapes[name], channels)
        if len(shapes["thresholds"]) != 2 or shapes["thresholds"][:1] != channels or shapes["thresholds"][1] < 1:
            raise FieldError(f"shape of thresholds is {shapes['thresholds']}, and must be {(*channels, 'K >= 1')}")

    @property
    def dtype(self) -> type[np.float32] | type[np.float64]:
        """Returns the dtype that is exact for its codes."""
        return carrier(float(max(largest(self.input_formats[0]) + 1, largest(self.result))), self.name)

    @property
    def is_uniform(self) -> bool:
        """Returns whether all channels have one function."""
        constants = (self.first, self.sign, self.thresholds)
        return all(bool((values == values[:1]).all()) for values in constants)

    def compute(self, *inputs: Codes) -> Codes:
        codes = inputs[0]
        counts: Codes = np.empty(codes.shape, self.dtype)
        for c, levels in enumerate(self.thresholds.astype(np.float64)):
            counts[..., c] = np.searchsorted(levels, codes[..., c].astype(np.float64), side="right")
        first = self.first.astype(self.dtype)
        result: Codes = first + np.where(self.sign > 0, counts, -counts)
        return result
