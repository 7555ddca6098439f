"""Linear layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Stream, register
from hwcodesign.kernels.timing import Automaton
from hwcodesign.kernels.weighted import WeightedKernel
from hwcodesign.systemverilog import Instance


@register
@dataclass(frozen=True, eq=False)
class Dense(WeightedKernel):
    """y[o] = bias[o] + sum_i w[i, o] x[i].

    Attributes:
        weights: (inputs, outputs) integer codes.
    """

    kind = "dense"
    summed_axes = (0,)

    @property
    def macs(self) -> int:
        return self.weights.size

    def reads(self, offered: tuple[Stream, ...]) -> tuple[Stream, ...]:
        return offered  # in any number of beats: they are a flattened image's

    def instance(self, streams: tuple[Stream, ...]) -> Instance:
        parameters, roms = self.mac_array(streams[0])
        sizes = [("Lanes", streams[0].lanes), ("Beats", streams[0].beats), ("Outputs", self.weights.shape[1])]
        return Instance("dense", (*sizes, *parameters), roms)

    def timing(self, streams: tuple[Stream, ...]) -> tuple[Automaton, ...]:
        return (self.mac_timing(streams[0]),)

    def compute(self, *inputs: Codes) -> Codes:
        codes: Codes = inputs[0].reshape(len(inputs[0]), -1).astype(self._carrier, copy=False)
        return self.result.requantise(codes @ self._matrix + self._bias, self.accumulator.fraction)

    @cached_property
    def _matrix(self) -> Codes:
        return np.ascontiguousarray((self.weights * self._alignment).astype(self._carrier))
