"""This module holds the unit of maxima of windows."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.resources.elementwise import maximum_of_windows
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.resources.windows import window_buffer
from hwcodesign.hardware.timing import Automaton, Pipeline
from hwcodesign.hardware.unit import Unit
from hwcodesign.hardware.window import Window
from hwcodesign.kernels import MaxPool2D
from hwcodesign.systemverilog import Instance


@dataclass(frozen=True, eq=False)
class MaximumOfWindows(Unit[MaxPool2D]):
    """The unit takes a whole window per cycle (pool2d)."""

    @property
    def window(self) -> Window:
        """Returns the windows of its window_buffer."""
        kernel = self.kernel
        return Window.of(kernel, kernel.pool, kernel.stride, kernel.padding)

    @property
    def instance(self) -> Instance:
        formats = [("In", self.kernel.input_formats[0]), ("Result", self.kernel.result)]
        padding = ("IgnoresPadding", self.kernel.ignores_padding)
        return Instance("pool2d", (("Window", self.window.config), padding, *formats))

    @property
    def parts(self) -> tuple[Part, ...]:
        kernel, source = self.kernel, self.kernel.input_formats[0]
        taps, lanes = kernel.pool[0] * kernel.pool[1], kernel.output_shape[2]
        return window_buffer(self.window, source.width), *maximum_of_windows(source, kernel.result, taps, lanes)

    @property
    def timing(self) -> tuple[Automaton, ...]:
        return (self.window.timing, Pipeline())
