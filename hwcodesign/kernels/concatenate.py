"""This module holds the concatenation of streams: the channels of one after those of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Kernel, Shape, carrier, largest, register, require_shape


@register
@dataclass(frozen=True, eq=False)
class Concatenate(Kernel):
    """A concatenation joins the inputs' last axes in the order of `inputs`, each cast to the result's format.

    All other axes are equal. One beat of each input makes one beat of output, with the first input in its low lanes.
    """

    kind = "concatenate"
    arity = 2

    @classmethod
    def check_shapes(cls, values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:  # noqa: ARG003
        first, second = values["input_shapes"]
        require_shape("the second of input_shapes", second, (*first[:-1], second[-1]))
        require_shape("output_shape", values["output_shape"], (*first[:-1], first[-1] + second[-1]))

    def compute(self, *inputs: Codes) -> Codes:
        parts = []
        for codes, source in zip(inputs, self.input_formats, strict=True):
            # a cast to a finer fraction multiplies the code before it saturates
            bound = largest(source) * 2.0 ** max(0, self.result.fraction - source.fraction)
            wide = codes.astype(np.promote_types(codes.dtype, carrier(bound, self.name)), copy=False)
            parts.append(self.result.requantise(wide, source.fraction))
        return np.concatenate(parts, axis=-1)
