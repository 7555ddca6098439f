"""This module holds the maximum of each window."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce

import numpy as np

from hwcodesign.errors import FormatError
from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import carrier, largest, register
from hwcodesign.kernels.pooling import WindowedPool


@register
@dataclass(frozen=True, eq=False)
class MaxPool2D(WindowedPool):
    """A maximum pooling computes the largest x of each window, y[r, q, c], cast to the result's format.

    Attributes:
        ignores_padding: whether pixels of the padding are ignored; otherwise they are zeros.

    Raises:
        FormatError: padding is ignored, and a window sees nothing else.
    """

    kind = "max_pool2d"

    ignores_padding: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if self.ignores_padding and any(0 in self._inside(axis) for axis in (0, 1)):
            raise FormatError(
                f"{self.name}: a window of {self.pool} sees nothing but padding, {self.padding}: pad less"
            )

    @property
    def is_maximum(self) -> bool:
        source, result = self.input_formats[0], self.result
        # the cast of a zero is zero
        return (source.width, source.integer, source.signed) == (result.width, result.integer, result.signed)

    @property
    def maximum_block(self) -> int:
        side, (height, width) = self.pool[0], self.input_shapes[0][:2]
        tiles = self.pool == self.stride == (side, side) and height % side == 0 and width % side == 0
        return side if tiles and not any(self.padding) else 0

    def compute(self, *inputs: Codes) -> Codes:
        source = self.input_formats[0]
        most = reduce(np.maximum, self._taps(inputs[0], source.min_code if self.ignores_padding else 0))
        # a cast to a finer fraction multiplies the code before it saturates
        bound = largest(source) * 2.0 ** max(0, self.result.fraction - source.fraction)
        wide = most.astype(np.promote_types(most.dtype, carrier(bound, self.name)), copy=False)
        return self.result.requantise(wide, source.fraction)
