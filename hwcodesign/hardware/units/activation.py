"""This module holds the unit of quantisers and rectifiers: element by element, in whatever beats come."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.resources.elementwise import activation
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.timing import Automaton, Pipeline
from hwcodesign.hardware.unit import BeatByBeat
from hwcodesign.kernels import Activation
from hwcodesign.systemverilog import Instance


@dataclass(frozen=True, eq=False)
class Casts(BeatByBeat[Activation]):
    """The unit casts all elements of a beat at once (activation)."""

    @property
    def instance(self) -> Instance:
        kernel, lanes = self.kernel, self.reads[0].lanes
        formats = [("In", kernel.input_formats[0]), ("Result", kernel.result)]
        return Instance("activation", (("Lanes", lanes), ("Rectify", kernel.rectify), *formats))

    @property
    def parts(self) -> tuple[Part, ...]:
        kernel, lanes = self.kernel, self.reads[0].lanes
        return activation(kernel.input_formats[0], kernel.result, lanes, rectify=kernel.rectify)

    @property
    def timing(self) -> tuple[Automaton, ...]:
        return (Pipeline(),)
