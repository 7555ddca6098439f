"""This module holds the units of a scale and a bias per channel: hardware computes a depthwise layer with one tap.

The module is mac_array.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hwcodesign.hardware.folding import Folding, fold
from hwcodesign.hardware.mac_array import MacArray
from hwcodesign.hardware.mac_unit import MacUnit
from hwcodesign.hardware.resources.arithmetic import mac_array
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.unit import PixelByPixel
from hwcodesign.kernels import Affine
from hwcodesign.kernels.sums import narrowest_sums
from hwcodesign.systemverilog import Instance


@dataclass(frozen=True, eq=False)
class ScalesByMultipliers(PixelByPixel[Affine], MacUnit[Affine]):
    """The unit reads scales from ROM and multiplies in LUTs; a beat takes one cycle per fold."""

    @cached_property
    def folding(self) -> Folding:
        lanes = self.reads[0].lanes
        return fold(lanes, 1, lanes, self.implementation.reuse_factor, groups=lanes)

    @cached_property
    def array(self) -> MacArray:
        kernel, source = self.kernel, self.kernel.input_formats[0]
        scales, bias = np.tile(kernel.scale, self.pixels).reshape(1, -1), np.tile(kernel.aligned_bias, self.pixels)
        sums = narrowest_sums(scales, bias, source, (0,), kernel.product_fraction, kernel.sum_fraction)
        return MacArray(scales, sums, source, kernel.result, 1, self.folding, self.wanted, channels=self.reads[0].lanes)

    @property
    def instance(self) -> Instance:
        sizes = [(name, self.reads[0].lanes) for name in ("Lanes", "Outputs", "Channels")]
        return Instance("mac_array", (*sizes, ("Depthwise", True), *self.array.parameters), self.array.roms)

    @property
    def parts(self) -> tuple[Part, ...]:
        return mac_array(self.array)


@dataclass(frozen=True, eq=False)
class ScalesByAdders(ScalesByMultipliers):
    """The unit builds scales into adders; it takes one beat per cycle."""

    by_adders = True
