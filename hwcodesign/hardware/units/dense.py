"""This module holds the units of linear layers: vectors in whatever beats come, into multiply-accumulates (dense)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from hwcodesign.hardware.folding import Folding, fold
from hwcodesign.hardware.implementation import LATENCY, RESOURCE
from hwcodesign.hardware.mac_array import MacArray
from hwcodesign.hardware.mac_unit import MacUnit
from hwcodesign.hardware.resources.arithmetic import mac_array
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.stream import Stream
from hwcodesign.kernels import Dense
from hwcodesign.systemverilog import Instance


@dataclass(frozen=True, eq=False)
class LinearByMultipliers(MacUnit[Dense]):
    """The unit reads weights from ROM and multiplies in LUTs or DSP blocks; a beat takes one cycle per fold."""

    strategies: ClassVar[tuple[str, ...]] = (LATENCY, RESOURCE)

    @property
    def reads(self) -> tuple[Stream, ...]:
        return self.offered  # in any number of beats: they are a flattened image's

    @cached_property
    def folding(self) -> Folding:
        stream, outputs = self.reads[0], self.kernel.weights.shape[1]
        return fold(stream.lanes, stream.beats, outputs, self.implementation.reuse_factor)

    @cached_property
    def array(self) -> MacArray:
        kernel, beats = self.kernel, self.reads[0].beats
        source, sums = kernel.input_formats[0], kernel.narrowest_sums
        given = (kernel.weights, sums, source, kernel.result, beats, self.folding, self.wanted)
        return MacArray(*given, in_blocks=self.in_blocks)

    @property
    def instance(self) -> Instance:
        stream, outputs = self.reads[0], self.kernel.weights.shape[1]
        sizes = [("Lanes", stream.lanes), ("Beats", stream.beats), ("Outputs", outputs)]
        return Instance("dense", (*sizes, *self.array.parameters), self.array.roms)

    @property
    def parts(self) -> tuple[Part, ...]:
        return mac_array(self.array)


@dataclass(frozen=True, eq=False)
class LinearByAdders(LinearByMultipliers):
    """The unit builds weights into adders; it takes one vector per cycle."""

    strategies: ClassVar[tuple[str, ...]] = (LATENCY,)
    by_adders = True
