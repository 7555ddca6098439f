"""This module holds the units of transposes."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.movement_timing import Frames
from hwcodesign.hardware.resources.elementwise import transpose
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.timing import Automaton
from hwcodesign.hardware.unit import Unit
from hwcodesign.kernels import Transpose
from hwcodesign.systemverilog import Instance


@dataclass(frozen=True, eq=False)
class InOrder(Unit[Transpose]):
    """The unit is nothing but wires: the order of elements does not change.

    The channels stay the last axis, and the others keep their order, or one of them has length one.
    """

    @property
    def fits(self) -> bool:
        axes = self.kernel.permutation
        return axes[2] == 2 and (axes[0] == 0 or 1 in self.kernel.input_shapes[0][:2])

    @property
    def is_wires(self) -> bool:
        return True

    @property
    def writes(self) -> Stream:
        return self.reads[0]

    @property
    def timing(self) -> tuple[Automaton, ...]:
        return ()


@dataclass(frozen=True, eq=False)
class StoredFrames(Unit[Transpose]):
    """The unit writes a whole sample while it reads the one before (transpose)."""

    @property
    def instance(self) -> Instance:
        kernel = self.kernel
        sizes = zip(("Height", "Width", "Channels"), kernel.input_shapes[0], strict=True)
        axes = zip(("AxisOfRows", "AxisOfColumns", "AxisOfChannels"), kernel.permutation, strict=True)
        return Instance("transpose", (*sizes, *axes, ("ElementWidth", kernel.result.width)))

    @property
    def parts(self) -> tuple[Part, ...]:
        return (transpose(self.kernel),)

    @property
    def timing(self) -> tuple[Automaton, ...]:
        beats, lanes = self.reads[0].beats, self.reads[0].lanes
        whole = self.kernel.permutation[2] == 2  # a step reads a pixel, else an element
        return (Frames(beats, beats if whole else beats * lanes, 1 if whole else self.kernel.output_shape[2]),)
