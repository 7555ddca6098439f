"""This module holds the unit of maxima of windows."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.resources.elementwise import maximum_of_windows
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.resources.windows import window_buffer
from hwcodesign.hardware.timing import Automaton, Pipeline
from hwcodesign.hardware.units.windows import WholeWindows
from hwcodesign.kernels import MaxPool2D
from hwcodesign.systemverilog import Instance


@dataclass(frozen=True, eq=False)
class MaximumOfWindows(WholeWindows[MaxPool2D]):
    """The unit takes whole windows per cycle (pool2d)."""

    @property
    def instance(self) -> Instance:
        formats = [("In", self.kernel.input_formats[0]), ("Result", self.kernel.result)]
        padding = ("IgnoresPadding", self.kernel.ignores_padding)
        return Instance("pool2d", (*self.window.parameters, padding, *formats))

    @property
    def parts(self) -> tuple[Part, ...]:
        kernel, source = self.kernel, self.kernel.input_formats[0]
        taps, lanes = kernel.pool[0] * kernel.pool[1], self.writes.lanes
        return window_buffer(self.window, source.width), *maximum_of_windows(source, kernel.result, taps, lanes)

    @property
    def timing(self) -> tuple[Automaton, ...]:
        return (self.window.timing, Pipeline())
