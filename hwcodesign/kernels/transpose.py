"""Axes in another order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwcodesign.errors import FormatError
from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Kernel, Stream, register
from hwcodesign.kernels.movement_timing import Frames
from hwcodesign.kernels.timing import Automaton
from hwcodesign.systemverilog import Instance


@register
@dataclass(frozen=True, eq=False)
class Transpose(Kernel):
    """y = x with axis `permutation[i]` of the input as axis i of the output; values and format stay.

    Hardware stores a whole sample, unless the channels stay the last axis and one of the others has length one.

    Attributes:
        permutation: of (0, 1, 2), which are height, width and channels of the input.

    Raises:
        FormatError: the result's format differs from the input's.
    """

    kind = "transpose"

    permutation: tuple[int, int, int]

    def __post_init__(self) -> None:
        if self.result.ap_type != self.input_formats[0].ap_type:
            raise FormatError(f"{self.name}: transposing {self.input_formats[0]} to {self.result} would cast")

    @property
    def is_wires(self) -> bool:
        """Whether the pixels come in the same order anyway."""
        return self.permutation[2] == 2 and (self.permutation[0] == 0 or 1 in self.input_shapes[0][:2])

    def instance(self, streams: tuple[Stream, ...]) -> Instance | None:  # noqa: ARG002
        if self.is_wires:
            return None
        sizes = zip(("Height", "Width", "Channels"), self.input_shapes[0], strict=True)
        axes = zip(("AxisOfRows", "AxisOfColumns", "AxisOfChannels"), self.permutation, strict=True)
        return Instance("transpose", (*sizes, *axes, ("ElementWidth", self.result.width)))

    def timing(self, streams: tuple[Stream, ...]) -> tuple[Automaton, ...]:
        if self.is_wires:
            return ()
        beats, lanes = streams[0].beats, streams[0].lanes
        whole = self.permutation[2] == 2  # a step reads a pixel, else an element
        return (Frames(beats, beats if whole else beats * lanes, 1 if whole else self.output_shape[2]),)

    def compute(self, *inputs: Codes) -> Codes:
        return np.ascontiguousarray(inputs[0].transpose(0, *(axis + 1 for axis in self.permutation)))
