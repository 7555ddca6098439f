"""This module holds the maximum or average of each channel over the whole image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from hwcodesign.errors import FormatError
from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.kernels.averaging import averages_carrier, divide, with_cast
from hwcodesign.kernels.kernel import Kernel, Shape, carrier, largest, register, require_shape
from hwcodesign.kernels.stored_shapes import require_image


@register
@dataclass(frozen=True, eq=False)
class GlobalPool(Kernel):
    """A global pooling computes y[c] = cast(max x[:, :, c]), or cast(trunc(S[c] / n)).

    S is the exact sum over the image, n its number of pixels. The average divides as `AveragePool2D` does. The output
    is one beat: its shape is (C,) or (1, 1, C).

    Attributes:
        maximum: whether it takes the largest value instead of the average.
        accumulator: exact type of the sums, at whose fraction the division works; for a maximum, a type that holds
            every value of the input.

    Raises:
        FormatError: the accumulator could round or overflow.
    """

    kind = "global_pool"

    maximum: bool
    accumulator: FixedPoint

    def __post_init__(self) -> None:
        _ = self._carrier  # refuses what would not be exact

    @classmethod
    def check_shapes(cls, values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:  # noqa: ARG003
        channels, output = require_image(values["input_shapes"][0])[2], values["output_shape"]
        require_shape("output_shape", output, (channels,) if len(output) == 1 else (1, 1, channels))

    @property
    def pixels(self) -> int:
        """Returns the number of pixels of the image, which is the number of input beats for one output beat."""
        return self.input_shapes[0][0] * self.input_shapes[0][1]

    def compute(self, *inputs: Codes) -> Codes:
        codes = inputs[0].astype(np.promote_types(inputs[0].dtype, self._carrier), copy=False)
        codes = codes.reshape(len(codes), self.pixels, -1)
        source = self.input_formats[0]
        if self.maximum:
            pooled = self.result.requantise(codes.max(axis=1), source.fraction)
        else:
            sums = codes.sum(axis=1) * codes.dtype.type(2.0 ** (self.accumulator.fraction - source.fraction))
            pooled = self.result.requantise(divide(sums, self.pixels), self.accumulator.fraction)
        return pooled.reshape(len(codes), *self.output_shape)

    def with_cast(self, result: FixedPoint) -> Kernel | None:
        return None if self.maximum else with_cast(self, self.input_formats[0], self.accumulator, result)

    @cached_property
    def _carrier(self) -> type[np.float32] | type[np.float64]:
        source = self.input_formats[0]
        if not self.maximum:
            return averages_carrier(self.name, source, self.accumulator, self.result, self.pixels)
        if not self.accumulator.holds(source.min_code, source.max_code, source.fraction):
            raise FormatError(f"{self.name}: {self.accumulator} does not hold every value of {source}; {source} would")
        return carrier(largest(source) * 2.0 ** max(0, self.result.fraction - source.fraction), self.name)
