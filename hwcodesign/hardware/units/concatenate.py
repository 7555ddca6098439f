"""This module holds the unit that puts two streams side by side."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.resources.elementwise import concatenate
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.timing import Automaton, Pipeline
from hwcodesign.hardware.unit import Unit
from hwcodesign.kernels import Concatenate
from hwcodesign.systemverilog import Instance


@dataclass(frozen=True, eq=False)
class SideBySide(Unit[Concatenate]):
    """The unit makes one output beat from one beat of each input (concatenate)."""

    @property
    def instance(self) -> Instance:
        (one, other), (first, second) = self.kernel.input_formats, self.reads
        lanes = [("LanesA", first.lanes), ("LanesB", second.lanes)]
        return Instance("concatenate", (*lanes, ("InA", one), ("InB", other), ("Result", self.kernel.result)))

    @property
    def parts(self) -> tuple[Part, ...]:
        (one, other), (first, second) = self.kernel.input_formats, self.reads
        return concatenate(one, other, self.kernel.result, (first.lanes, second.lanes))

    @property
    def timing(self) -> tuple[Automaton, ...]:
        return (Pipeline(inputs=2),)
