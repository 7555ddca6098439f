"""This module holds the units of convolutions: whole windows, one after another, into multiply-accumulates (conv2d)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from hwcodesign.hardware.folding import Folding, fold
from hwcodesign.hardware.implementation import LATENCY, REGISTERS, RESOURCE
from hwcodesign.hardware.mac_array import MacArray
from hwcodesign.hardware.mac_unit import MacUnit
from hwcodesign.hardware.resources.arithmetic import mac_array
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.resources.windows import window_buffer
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.timing import Automaton
from hwcodesign.hardware.window import Window
from hwcodesign.kernels import Conv2D
from hwcodesign.systemverilog import Instance, Parameter


def window_of(kernel: Conv2D, pixels: int = 1) -> Window:
    """Returns the windows that a window_buffer makes for a convolution.

    Args:
        kernel: the convolution.
        pixels: pixels of an input beat.
    """
    return Window.of(kernel, kernel.sides, kernel.stride, kernel.padding, pixels)


@dataclass(frozen=True, eq=False)
class ConvolutionByMultipliers(MacUnit[Conv2D]):
    """The unit reads weights from ROM and multiplies in LUTs or DSP blocks; a window takes one cycle per fold.

    Where a beat is several pixels, all windows that begin in it are multiplied at once.
    """

    strategies: ClassVar[tuple[str, ...]] = (LATENCY, RESOURCE)
    windows: ClassVar[tuple[str, ...]] = (REGISTERS,)
    takes_several_pixels: ClassVar[bool] = True

    @property
    def fits(self) -> bool:
        pixels = self.implementation.pixels
        return super().fits and (pixels == 1 or pixels in window_of(self.kernel).possible_pixels)

    @property
    def window(self) -> Window:
        """Returns the windows of its window_buffer."""
        return window_of(self.kernel, self.implementation.pixels)

    @property
    def reads(self) -> tuple[Stream, ...]:
        return (self.window.reads,)

    @property
    def writes(self) -> Stream:
        return self.window.writes

    @property
    def products(self) -> int:
        return self.folding.products * self.window.together

    @cached_property
    def folding(self) -> Folding:
        (rows, columns), reuse = self.kernel.sides, self.implementation.reuse_factor
        lanes = rows * columns * self.kernel.input_shapes[0][2]
        return fold(lanes, 1, self.kernel.output_shape[2], reuse, groups=self.kernel.groups)

    @cached_property
    def array(self) -> MacArray:
        kernel = self.kernel
        weights = kernel.spread_weights().reshape(-1, kernel.output_shape[2])
        source, sums = kernel.input_formats[0], kernel.narrowest_sums
        given = (weights, sums, source, kernel.result, 1, self.folding, self.wanted)
        return MacArray(*given, channels=kernel.groups, in_blocks=self.in_blocks)

    @property
    def instance(self) -> Instance:
        sizes: list[tuple[str, Parameter]] = [
            *self.window.parameters,
            ("Outputs", self.kernel.output_shape[2]),
            ("Groups", self.kernel.groups),
        ]
        return Instance("conv2d", (*sizes, *self.array.parameters), self.array.roms)

    @property
    def parts(self) -> tuple[Part, ...]:
        window, arrays = self.window, mac_array(self.array)
        every = tuple(replace(part, number=part.number * window.together) for part in arrays)
        return window_buffer(window, self.kernel.input_formats[0].width), *every

    @cached_property
    def timing(self) -> tuple[Automaton, ...]:
        return (self.window.timing, self.array.timing)


@dataclass(frozen=True, eq=False)
class ConvolutionByAdders(ConvolutionByMultipliers):
    """The unit builds weights into adders; it takes one window per cycle."""

    strategies: ClassVar[tuple[str, ...]] = (LATENCY,)
    by_adders = True
