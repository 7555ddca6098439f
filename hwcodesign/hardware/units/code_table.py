"""This module holds the unit of functions of a code that are kept as a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.resources.functions import code_table
from hwcodesign.hardware.timing import Automaton, Pipeline
from hwcodesign.hardware.unit import BeatByBeat
from hwcodesign.kernels import CodeTable
from hwcodesign.systemverilog import Instance, Rom


@dataclass(frozen=True, eq=False)
class LookUp(BeatByBeat[CodeTable]):
    """The unit looks up all elements of a beat at once (code_table)."""

    @property
    def words(self) -> tuple[int, ...]:
        """Returns the entries as unsigned words, in the order of the codes' bits as unsigned numbers."""
        kernel, mask = self.kernel, (1 << self.kernel.result.width) - 1
        ordered = np.roll(kernel.entries, kernel.input_formats[0].min_code)  # negative codes are behind the others
        return tuple(int(entry) & mask for entry in ordered)

    @property
    def instance(self) -> Instance:
        kernel, lanes = self.kernel, self.reads[0].lanes
        widths = (("CodeWidth", kernel.input_formats[0].width), ("EntryWidth", kernel.result.width))
        rom = Rom("entries", "File", kernel.result.width, self.words)
        return Instance("code_table", (("Lanes", lanes), *widths), (rom,))

    @property
    def parts(self) -> tuple[Part, ...]:
        return code_table(self.words, self.reads[0].lanes, self.kernel.result.width)

    @property
    def timing(self) -> tuple[Automaton, ...]:
        return (Pipeline(),)
