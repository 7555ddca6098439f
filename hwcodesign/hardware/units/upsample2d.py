"""This module holds the unit that makes images larger."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.movement_timing import Copies
from hwcodesign.hardware.resources.elementwise import upsample
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.timing import Automaton
from hwcodesign.hardware.unit import Unit
from hwcodesign.kernels import Upsample2D
from hwcodesign.systemverilog import Instance


@dataclass(frozen=True, eq=False)
class StoredRow(Unit[Upsample2D]):
    """The unit gives a pixel a cycle; it stores a row where rows are repeated (upsample2d)."""

    @property
    def instance(self) -> Instance:
        kernel = self.kernel
        height, width, channels = kernel.input_shapes[0]
        sizes = (("Height", height), ("Width", width), ("Channels", channels))
        factors = (("RowFactor", kernel.factors[0]), ("ColumnFactor", kernel.factors[1]))
        output = (("OutHeight", kernel.output_shape[0]), ("OutWidth", kernel.output_shape[1]))
        width_of = ("ElementWidth", kernel.result.width)
        return Instance("upsample2d", (*sizes, *factors, *output, ("Zeros", kernel.zeros), width_of))

    @property
    def parts(self) -> tuple[Part, ...]:
        return (upsample(self.kernel),)

    @property
    def timing(self) -> tuple[Automaton, ...]:
        kernel = self.kernel
        (height, width), (rows, columns) = kernel.input_shapes[0][:2], kernel.output_shape[:2]
        return (Copies((height, width), kernel.factors, (rows, columns), kernel.zeros),)
