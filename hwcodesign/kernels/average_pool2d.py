"""Average of each window."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np

from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.kernels.averaging import Division, averages_carrier, divide, division
from hwcodesign.kernels.kernel import Stream, largest, register
from hwcodesign.kernels.pooling import WindowedPool
from hwcodesign.kernels.timing import Automaton, Pipeline
from hwcodesign.systemverilog import Instance


@register
@dataclass(frozen=True, eq=False)
class AveragePool2D(WindowedPool):
    """y[r, q, c] = cast(trunc(S / n)): S the exact sum of the window, n its pixels, padding included.

    S is a code at the accumulator's fraction (the sum of the input's codes, shifted left by the difference of both
    fractions); the quotient is a whole code at that fraction, rounded toward zero; only then is it cast to the
    result's format, by its rounding and overflow modes.

    Attributes:
        accumulator: exact type of the sums; its fraction is the one that the division works at.

    Raises:
        FormatError: the accumulator could round or overflow.
    """

    kind = "average_pool2d"

    accumulator: FixedPoint

    def __post_init__(self) -> None:
        _ = self._carrier  # refuses sums that would not be exact

    @property
    def division(self) -> Division:
        """Hardware's division of a sum's magnitude, of the code at the accumulator's fraction."""
        source = self.input_formats[0]
        bound = self.window * largest(source) << (self.accumulator.fraction - source.fraction)
        return division(self.window, bound)

    def instance(self, streams: tuple[Stream, ...]) -> Instance:  # noqa: ARG002
        formats = [("In", self.input_formats[0]), ("Result", self.result)]
        division = self.division.parameters(self.accumulator.fraction)
        return Instance("pool2d", (*self.sliding.parameters, *division, *formats))

    def timing(self, streams: tuple[Stream, ...]) -> tuple[Automaton, ...]:  # noqa: ARG002
        return (self.sliding.timing, Pipeline(depth=3))

    def compute(self, *inputs: Codes) -> Codes:
        sums = reduce(np.add, self._taps(inputs[0].astype(self._carrier, copy=False)))
        sums = sums * sums.dtype.type(2.0 ** (self.accumulator.fraction - self.input_formats[0].fraction))
        return self.result.requantise(divide(sums, self.window), self.accumulator.fraction)

    @cached_property
    def _carrier(self) -> type[np.float32] | type[np.float64]:
        return averages_carrier(self.name, self.input_formats[0], self.accumulator, self.result, self.window)
