"""This module holds the unit of averages of windows."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.division import Divisions, divisions
from hwcodesign.hardware.resources.elementwise import average_of_windows
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.resources.windows import window_buffer
from hwcodesign.hardware.timing import Automaton, Pipeline
from hwcodesign.hardware.units.windows import WholeWindows
from hwcodesign.kernels import AveragePool2D
from hwcodesign.kernels.kernel import largest
from hwcodesign.systemverilog import Instance


def divisions_of(kernel: AveragePool2D) -> Divisions:
    """Returns the divisions of a sum's magnitude, a code at the accumulator's fraction."""
    source = kernel.input_formats[0]
    return divisions(kernel.counts, largest(source) << (kernel.accumulator.fraction - source.fraction))


@dataclass(frozen=True, eq=False)
class AverageOfWindows(WholeWindows[AveragePool2D]):
    """The unit takes whole windows per cycle (pool2d), and divides their sums by a multiplication and a shift: by each
    number of pixels that count, where windows at the border have fewer, and takes the quotient of its place.
    """

    @property
    def instance(self) -> Instance:
        kernel = self.kernel
        formats = [("In", kernel.input_formats[0]), ("Result", kernel.result)]
        division = divisions_of(self.kernel).parameters(kernel.accumulator.fraction)
        return Instance("pool2d", (*self.window.parameters, *division, *formats))

    @property
    def parts(self) -> tuple[Part, ...]:
        kernel, source = self.kernel, self.kernel.input_formats[0]
        fraction, lanes = kernel.accumulator.fraction, self.writes.lanes
        sizes = kernel.window, lanes, self.window.together
        averages = average_of_windows(source, kernel.result, fraction, divisions_of(self.kernel), *sizes)
        return window_buffer(self.window, source.width), *averages

    @property
    def timing(self) -> tuple[Automaton, ...]:
        return (self.window.timing, Pipeline(depth=4))
