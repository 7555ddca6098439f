"""This module holds the unit of monotone functions of a code: thresholds that are found by bisection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.resources.functions import thresholds
from hwcodesign.hardware.timing import Automaton, Pipeline
from hwcodesign.hardware.unit import PixelByPixel
from hwcodesign.kernels import Thresholds
from hwcodesign.systemverilog import Bits, Instance


@dataclass(frozen=True, eq=False)
class Bisection(PixelByPixel[Thresholds]):
    """The unit compares all elements of a beat at once, one bit of their counts in a cycle (thresholds)."""

    @property
    def count_bits(self) -> int:
        """Returns the bits of a count, which are the stages of the pipeline."""
        return int(self.kernel.thresholds.shape[1]).bit_length()

    @property
    def levels(self) -> list[list[int]]:
        """Returns the thresholds of each channel, with such as no code reaches, up to what the stages can count."""
        kernel = self.kernel
        never = kernel.input_formats[0].max_code + 1
        more = ((0, 0), (0, (1 << self.count_bits) - 1 - kernel.thresholds.shape[1]))
        padded = np.pad(kernel.thresholds.astype(np.int64), more, constant_values=never)
        return [[int(level) for level in lane] for lane in padded]

    @property
    def instance(self) -> Instance:
        kernel = self.kernel
        source, result = kernel.input_formats[0], kernel.result
        levels = (level for lane in self.levels * self.pixels for level in lane)
        return Instance(
            "thresholds",
            (
                ("Lanes", self.reads[0].lanes),
                ("CountBits", self.count_bits),
                ("InWidth", source.width),
                ("InSigned", source.signed),
                ("ResultWidth", result.width),
                ("Levels", Bits.pack(levels, source.width + 1)),
                ("First", Bits.pack((int(code) for code in np.tile(kernel.first, self.pixels)), result.width)),
                ("Rises", Bits.pack((int(sign > 0) for sign in np.tile(kernel.sign, self.pixels)), 1)),
            ),
        )

    @property
    def parts(self) -> tuple[Part, ...]:
        kernel = self.kernel
        moved = self.pixels * int(((kernel.first != 0) | (kernel.sign < 0)).sum())
        levels = self.levels * self.pixels
        return (thresholds(kernel.input_formats[0], kernel.result, levels, moved, self.count_bits),)

    @property
    def timing(self) -> tuple[Automaton, ...]:
        return (Pipeline(depth=self.count_bits),)
