"""This module holds the concatenation of streams: the channels of one after those of the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Kernel, carrier, largest, register


@register
@dataclass(frozen=True, eq=False)
class Concatenate(Kernel):
    """A concatenation joins the inputs' last axes in the order of `inputs`, each cast to the result's format.

    All other axes are equal. One beat of each input makes one beat of output, with the first input in its low lanes.
    """

    kind = "concatenate"

    def compute(self, *inputs: Codes) -> Codes:
        parts = []
        for codes, source in zip(inputs, self.input_formats, strict=True):
            # a cast to a finer fraction multiplies the code before it saturates
            bound = largest(source) * 2.0 ** max(0, self.result.fraction - source.fraction)
            wide = codes.astype(np.promote_types(codes.dtype, carrier(bound, self.name)), copy=False)
            parts.append(self.result.requantise(wide, source.fraction))
        return np.concatenate(parts, axis=-1)
