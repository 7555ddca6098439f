"""This module holds the unit of sums of two streams."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.resources.elementwise import add
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.stream import Stream, along_rows
from hwcodesign.hardware.timing import Automaton, Pipeline
from hwcodesign.hardware.unit import Unit
from hwcodesign.kernels import Add
from hwcodesign.systemverilog import Instance


@dataclass(frozen=True, eq=False)
class Sum(Unit[Add]):
    """The unit adds all elements of a beat at once (add), in the beats of the input that has the smaller ones."""

    @property
    def reads(self) -> tuple[Stream, ...]:
        narrow = min(self.offered, key=lambda stream: stream.lanes)
        narrow = along_rows(narrow, self.kernel.output_shape)
        return (narrow, narrow)

    @property
    def writes(self) -> Stream:
        return self.reads[0]

    @property
    def instance(self) -> Instance:
        one, other = self.kernel.input_formats
        formats = [("InA", one), ("InB", other), ("Result", self.kernel.result)]
        return Instance("add", (("Lanes", self.reads[0].lanes), *formats))

    @property
    def parts(self) -> tuple[Part, ...]:
        one, other = self.kernel.input_formats
        return add(one, other, self.kernel.result, self.reads[0].lanes)

    @property
    def timing(self) -> tuple[Automaton, ...]:
        return (Pipeline(inputs=2),)
