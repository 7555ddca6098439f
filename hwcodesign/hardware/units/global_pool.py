"""This module holds the unit of maxima and averages of whole images."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.division import Division, division
from hwcodesign.hardware.resources.elementwise import running_average, running_maximum
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.timing import Automaton, Pipeline
from hwcodesign.hardware.unit import PartByPart
from hwcodesign.kernels import GlobalPool
from hwcodesign.kernels.kernel import largest
from hwcodesign.systemverilog import Instance, Parameter


@dataclass(frozen=True, eq=False)
class RunningPool(PartByPart[GlobalPool]):
    """The unit takes a beat per cycle, some channels of a pixel or all, into running maxima or sums (global_pool)."""

    @property
    def turns(self) -> int:
        """Returns the beats of a pixel."""
        return self.writes.beats

    @property
    def division(self) -> Division:
        """Returns the division of a sum's magnitude, a code at the accumulator's fraction."""
        kernel, source = self.kernel, self.kernel.input_formats[0]
        bound = kernel.pixels * largest(source) << (kernel.accumulator.fraction - source.fraction)
        return division(kernel.pixels, bound)

    @property
    def instance(self) -> Instance:
        kernel, stream = self.kernel, self.reads[0]
        sizes = [("Pixels", kernel.pixels), ("Lanes", stream.lanes), ("Turns", self.turns)]
        fraction = kernel.accumulator.fraction
        division: list[tuple[str, Parameter]] = []
        if not kernel.maximum:
            division = [("Average", True), ("Division", self.division.config(fraction))]
        formats = [("In", kernel.input_formats[0]), ("Result", kernel.result)]
        return Instance("global_pool", (*sizes, *division, *formats))

    @property
    def parts(self) -> tuple[Part, ...]:
        kernel, sizes = self.kernel, (self.kernel.pixels, self.reads[0].lanes, self.turns)
        source, fraction = kernel.input_formats[0], kernel.accumulator.fraction
        if kernel.maximum:
            return running_maximum(source, kernel.result, *sizes)
        return running_average(source, kernel.result, fraction, self.division, *sizes)

    @property
    def timing(self) -> tuple[Automaton, ...]:
        depth = 2 if self.kernel.maximum else 4
        return (Pipeline(beats=self.reads[0].beats, depth=depth, given=self.turns),)
