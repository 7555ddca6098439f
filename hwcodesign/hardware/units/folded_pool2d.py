"""This module holds the units of pooling that read windows from memory, word by word (folded_pool2d)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from hwcodesign.hardware.implementation import MEMORY
from hwcodesign.hardware.resources.elementwise import running_average, running_maximum
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.resources.windows import window_reader
from hwcodesign.hardware.timing import Automaton, Pipeline
from hwcodesign.hardware.unit import K, PartByPart
from hwcodesign.hardware.units.average_pool2d import divisions_of
from hwcodesign.hardware.window import Window
from hwcodesign.kernels import AveragePool2D, MaxPool2D
from hwcodesign.kernels.pooling import WindowedPool
from hwcodesign.systemverilog import Instance, Parameter


@dataclass(frozen=True, eq=False)
class _FoldedPool(PartByPart[K]):
    """The unit takes beats of some channels, as they come, and pools one pixel of a window in a cycle."""

    windows: ClassVar[tuple[str, ...]] = (MEMORY,)

    @property
    def pool(self) -> WindowedPool:
        """Returns the kernel."""
        assert isinstance(self.kernel, WindowedPool)
        return self.kernel

    @property
    def window(self) -> Window:
        """Returns the windows of its window_reader."""
        return Window.of(self.kernel, self.pool.pool, self.pool.stride, self.pool.padding)

    @property
    def words(self) -> int:
        """Returns the words of a pixel."""
        return self.kernel.input_shapes[0][2] // self.reads[0].lanes

    @property
    def divided(self) -> list[tuple[str, Parameter]]:
        """Returns the parameters that make it an average; none for a maximum."""
        return []

    @property
    def depth(self) -> int:
        """Returns the cycles from a window's last word to its result."""
        raise NotImplementedError

    @property
    def instance(self) -> Instance:
        sizes: list[tuple[str, Parameter]] = [("Window", self.window.config), ("Lanes", self.reads[0].lanes)]
        formats = [("In", self.kernel.input_formats[0]), ("Result", self.kernel.result)]
        return Instance("folded_pool2d", (*sizes, *self.divided, *formats))

    @property
    def words_read(self) -> tuple[Part, ...]:
        """Returns its window_reader, and the register behind that."""
        lanes, width = self.reads[0].lanes, self.kernel.input_formats[0].width
        register = Part("folded_pool2d", {}, lanes * width + 1)
        return window_reader(self.window, lanes, self.words, 1, width), register

    @cached_property
    def timing(self) -> tuple[Automaton, ...]:
        steps = self.kernel.output_shape[1] * self.pool.window * self.words
        reader = self.window.words(self.reads[0].lanes, steps)
        return (reader, Pipeline(beats=self.pool.window, depth=self.depth))


@dataclass(frozen=True, eq=False)
class FoldedMaximum(_FoldedPool[MaxPool2D]):
    """The unit is that of maxima. Padding is zeros: where it is ignored, no code may lie below zero."""

    @property
    def fits(self) -> bool:
        ignored = self.kernel.ignores_padding and self.kernel.input_formats[0].signed
        return not (ignored and self.kernel.pads)

    @property
    def depth(self) -> int:
        return 3

    @property
    def parts(self) -> tuple[Part, ...]:
        source = self.kernel.input_formats[0]
        return *self.words_read, *running_maximum(source, self.kernel.result, self.pool.window, self.reads[0].lanes, 1)


@dataclass(frozen=True, eq=False)
class FoldedAverage(_FoldedPool[AveragePool2D]):
    """The unit is that of averages whose windows are all divided by the same number."""

    @property
    def fits(self) -> bool:
        return len(divisions_of(self.kernel).each) == 1

    @property
    def depth(self) -> int:
        return 5

    @property
    def divided(self) -> list[tuple[str, Parameter]]:
        return divisions_of(self.kernel).parameters(self.kernel.accumulator.fraction)

    @property
    def parts(self) -> tuple[Part, ...]:
        kernel, sizes = self.kernel, (self.kernel.window, self.reads[0].lanes, 1)
        (division,) = divisions_of(kernel).each
        fraction = kernel.accumulator.fraction
        averages = running_average(kernel.input_formats[0], kernel.result, fraction, division, *sizes)
        return *self.words_read, *averages
