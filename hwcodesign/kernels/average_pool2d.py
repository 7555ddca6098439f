"""This module holds the average of each window."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np

from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.kernels.averaging import averages_carrier, divide, with_cast
from hwcodesign.kernels.kernel import Kernel, register
from hwcodesign.kernels.pooling import WindowedPool


@register
@dataclass(frozen=True, eq=False)
class AveragePool2D(WindowedPool):
    """An average pooling computes y[r, q, c] = cast(trunc(S / n)): S is the exact sum of the window, n its number of
    pixels.

    Pixels of the padding count in n. S is a code at the accumulator's fraction: the sum of the input's codes, shifted
    left by the difference of both fractions. The quotient is a whole code at that fraction, rounded toward zero. Only
    then is it cast to the result's format, by its rounding and overflow modes.

    Attributes:
        accumulator: exact type of the sums; the division works at its fraction.

    Raises:
        FormatError: the accumulator could round or overflow.
    """

    kind = "average_pool2d"

    accumulator: FixedPoint

    def __post_init__(self) -> None:
        _ = self._carrier  # refuses sums that would not be exact

    def compute(self, *inputs: Codes) -> Codes:
        sums = reduce(np.add, self._taps(inputs[0].astype(self._carrier, copy=False)))
        sums = sums * sums.dtype.type(2.0 ** (self.accumulator.fraction - self.input_formats[0].fraction))
        return self.result.requantise(divide(sums, self.window), self.accumulator.fraction)

    def with_cast(self, result: FixedPoint) -> Kernel | None:
        return with_cast(self, self.input_formats[0], self.accumulator, result)

    @cached_property
    def _carrier(self) -> type[np.float32] | type[np.float64]:
        return averages_carrier(self.name, self.input_formats[0], self.accumulator, self.result, self.window)
