"""This module holds the units of convolutions that read windows from memory, word by word (folded_conv2d).

They have no registers for windows and no multiplexers that choose from them: right for many channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from hwcodesign.hardware.folding import Folding, fold_words
from hwcodesign.hardware.implementation import LATENCY, MEMORY, RESOURCE
from hwcodesign.hardware.mac_array import MacArray
from hwcodesign.hardware.mac_unit import MacUnit
from hwcodesign.hardware.resources.arithmetic import mac_array
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.resources.windows import window_reader
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.timing import Automaton
from hwcodesign.hardware.units.conv2d import window_of
from hwcodesign.hardware.window import Window
from hwcodesign.kernels import Conv2D
from hwcodesign.systemverilog import Instance, Parameter


@dataclass(frozen=True, eq=False)
class FoldedConvolution(MacUnit[Conv2D]):
    """The unit reads a word of `simd` channels in a cycle, and multiplies it into `pe` outputs of the word's group.

    `pe` outputs of a pixel leave as a beat.
    """

    strategies: ClassVar[tuple[str, ...]] = (LATENCY, RESOURCE)
    windows: ClassVar[tuple[str, ...]] = (MEMORY,)

    @property
    def window(self) -> Window:
        """Returns the windows of its window_reader."""
        return window_of(self.kernel)

    @property
    def lanes(self) -> int:
        """Returns the channels of a word."""
        return self.folding.simd

    @property
    def spans(self) -> int:
        """Returns the parts of a pixel that different outputs read."""
        return self.kernel.groups

    @cached_property
    def folding(self) -> Folding:
        kernel = self.kernel
        inputs, outputs = kernel.input_shapes[0][2] // kernel.groups, kernel.output_shape[2] // kernel.groups
        return fold_words(self._taps, inputs, outputs, self.implementation.reuse_factor, groups=kernel.groups)

    @property
    def _taps(self) -> int:
        rows, columns = self.kernel.sides
        return rows * columns

    @property
    def turns(self) -> int:
        """Returns the beats of an output pixel."""
        return self.kernel.output_shape[2] // self.folding.pe

    @property
    def words(self) -> int:
        """Returns the words that make `pe` outputs of a pixel."""
        return self._taps * (self.kernel.input_shapes[0][2] // self.spans // self.lanes)

    @cached_property
    def array(self) -> MacArray:
        kernel, folding = self.kernel, self.folding
        weights = kernel.spread_weights().reshape(-1, kernel.output_shape[2])
        turn = Folding(folding.simd, folding.pe, self.words)
        source, sums = kernel.input_formats[0], kernel.narrowest_sums
        channels = self.lanes // folding.simd
        given = (weights, sums, source, kernel.result, self.words, turn, self.wanted, self.turns, channels)
        return MacArray(*given, in_blocks=self.in_blocks)

    @property
    def reads(self) -> tuple[Stream, ...]:
        return (Stream.of(self.kernel.input_shapes[0], self.lanes),)

    @property
    def writes(self) -> Stream:
        return Stream.of(self.kernel.output_shape, self.folding.pe)

    @property
    def instance(self) -> Instance:
        kernel = self.kernel
        sizes: list[tuple[str, Parameter]] = [
            ("Window", self.window.config),
            ("Outputs", kernel.output_shape[2]),
            ("Groups", kernel.groups),
            ("Depthwise", self.spans != kernel.groups or self.lanes != self.folding.simd),
        ]
        return Instance("folded_conv2d", (*sizes, *self.array.parameters), self.array.roms)

    @property
    def parts(self) -> tuple[Part, ...]:
        width = self.kernel.input_formats[0].width
        reader = window_reader(self.window, self.lanes, self.spans, self.turns // self.spans, width)
        return reader, *mac_array(self.array)

    @cached_property
    def timing(self) -> tuple[Automaton, ...]:
        words = self.kernel.output_shape[1] * self.turns * self.words
        return (self.window.words(self.lanes, words), self.array.timing)


@dataclass(frozen=True, eq=False)
class FoldedDepthwiseConvolution(FoldedConvolution):
    """The unit is that of a convolution in which each output reads a channel of its own: a word has one of each of
    `pe` outputs.
    """

    @property
    def fits(self) -> bool:
        return self.kernel.groups == self.kernel.input_shapes[0][2] == self.kernel.output_shape[2]

    @property
    def lanes(self) -> int:
        return self.folding.pe

    @property
    def spans(self) -> int:
        return self.turns

    @cached_property
    def folding(self) -> Folding:
        return fold_words(self._taps, 1, self.kernel.output_shape[2], self.implementation.reuse_factor)
