"""This module holds the average of each window."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, reduce

import numpy as np

from hwcodesign.errors import FormatError
from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.kernels.averaging import averages_carrier, divide, with_cast
from hwcodesign.kernels.kernel import Kernel, register
from hwcodesign.kernels.pooling import WindowedPool


@register
@dataclass(frozen=True, eq=False)
class AveragePool2D(WindowedPool):
    """An average pooling computes y[r, q, c] = cast(trunc(S / n)): S is the exact sum of the window, n its number of
    pixels that count.

    S is a code at the accumulator's fraction: the sum of the input's codes, shifted
    left by the difference of both fractions. The quotient is a whole code at that fraction, rounded toward zero. Only
    then is it cast to the result's format, by its rounding and overflow modes.

    Attributes:
        accumulator: exact type of the sums; the division works at its fraction.
        uncounted: rows and columns of the padding that do not count, the outermost: top, bottom, left, right.

    Raises:
        FormatError: the accumulator could round or overflow, less padding is there than does not count, or a window has
            no pixel that counts.
    """

    kind = "average_pool2d"

    accumulator: FixedPoint
    uncounted: tuple[int, int, int, int] = field(default=(0, 0, 0, 0), kw_only=True)

    def __post_init__(self) -> None:
        _ = self._carrier  # refuses sums that would not be exact
        there = all(0 <= out <= padded for out, padded in zip(self.uncounted, self.padding, strict=True))
        if not there or any(0 in counts for counts in self.counts):
            raise FormatError(
                f"{self.name}: windows of {self.pool} in padding {self.padding}, of which {self.uncounted} does not "
                "count, have nothing to divide by: pad less"
            )

    @property
    def counts(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Returns how many rows count in each row of windows, and how many columns in each column of them."""
        top, bottom, left, right = (padded - out for padded, out in zip(self.padding, self.uncounted, strict=True))
        return self._inside(0, top, bottom), self._inside(1, left, right)

    def compute(self, *inputs: Codes) -> Codes:
        sums = reduce(np.add, self._taps(inputs[0].astype(self._carrier, copy=False)))
        sums = sums * sums.dtype.type(2.0 ** (self.accumulator.fraction - self.input_formats[0].fraction))
        rows, columns = (np.array(counts, sums.dtype) for counts in self.counts)
        quotients = divide(sums, rows[:, None, None] * columns[None, :, None])
        return self.result.requantise(quotients, self.accumulator.fraction)

    def with_cast(self, result: FixedPoint) -> Kernel | None:
        return with_cast(self, self.input_formats[0], self.accumulator, result)

    @cached_property
    def _carrier(self) -> type[np.float32] | type[np.float64]:
        return averages_carrier(self.name, self.input_formats[0], self.accumulator, self.result, self.window)
