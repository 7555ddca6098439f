"""This module holds the unit of maxima of windows."""

from __future__ import annotations

from dataclasses import dataclass

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
        return Instance("pool2d", (("Window", self.window.config), *formats))

    @property
    def timing(self) -> tuple[Automaton, ...]:
        return (self.window.timing, Pipeline())
