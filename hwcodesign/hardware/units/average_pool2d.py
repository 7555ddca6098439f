"""This module holds the unit of averages of windows."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.division import Divisions, divisions
from hwcodesign.hardware.resources.elementwise import average_of_windows
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.resources.windows import window_buffer
from hwcodesign.hardware.timing import Automaton, Pipeline
from hwcodesign.hardware.unit import Unit
from hwcodesign.hardware.window import Window
from hwcodesign.kernels import AveragePool2D
from hwcodesign.kernels.kernel import largest
from hwcodesign.systemverilog import Instance


def divisions_of(kernel: AveragePool2D) -> Divisions:
    """Returns the divisions of a sum's magnitude, a code at the accumulator's fraction."""
    source = kernel.input_formats[0]
    return divisions(kernel.counts, largest(source) << (kernel.accumulator.fraction - source.fraction))


@dataclass(frozen=True, eq=False)
class AverageOfWindows(Unit[AveragePool2D]):
    """The unit takes a whole window per cycle (pool2d), and divides its sum by a multiplication and a shift: by each
    number of pixels that count, where windows at the border have fewer, and takes the quotient of its place.
    """

    @property
    def window(self) -> Window:
        """Returns the windows of its window_buffer."""
        kernel = self.kernel
        return Window.of(kernel, kernel.pool, kernel.stride, kernel.padding)

    @property
    def instance(self) -> Instance:
        kernel = self.kernel
        formats = [("In", kernel.input_formats[0]), ("Result", kernel.result)]
        division = divisions_of(self.kernel).parameters(kernel.accumulator.fraction)
        return Instance("pool2d", (("Window", self.window.config), *division, *formats))

    @property
    def parts(self) -> tuple[Part, ...]:
        kernel, source = self.kernel, self.kernel.input_formats[0]
        fraction, lanes = kernel.accumulator.fraction, kernel.output_shape[2]
        averages = average_of_windows(source, kernel.result, fraction, divisions_of(self.kernel), kernel.window, lanes)
        return window_buffer(self.window, source.width), *averages

    @property
    def timing(self) -> tuple[Automaton, ...]:
        return (self.window.timing, Pipeline(depth=3))
