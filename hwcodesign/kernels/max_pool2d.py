"""Maximum pooling over windows that do not reach past the input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Kernel, carrier, largest, register


@register
@dataclass(frozen=True, eq=False)
class MaxPool2D(Kernel):
    """Attributes:
    pool: window rows and columns.
    stride: down, across.
    """

    kind = "max_pool2d"

    pool: tuple[int, int]
    stride: tuple[int, int]

    @property
    def square(self) -> int:
        """The side of square, touching windows that tile the input; zero where they are otherwise."""
        side, (height, width) = self.pool[0], self.input_shapes[0][:2]
        tiles = self.pool == self.stride == (side, side) and height % side == 0 and width % side == 0
        return side if tiles else 0

    def compute(self, *inputs: Codes) -> Codes:
        codes = inputs[0]
        rows, columns = self.output_shape[:2]
        result: Codes | None = None
        for i in range(self.pool[0]):
            for j in range(self.pool[1]):
                part = codes[
                    :,
                    i : i + (rows - 1) * self.stride[0] + 1 : self.stride[0],
                    j : j + (columns - 1) * self.stride[1] + 1 : self.stride[1],
                ]
                result = part if result is None else np.maximum(result, part)
        assert result is not None  # a window has one pixel at least
        source = self.input_formats[0]
        # a cast to a finer fraction multiplies the code before it saturates
        bound = largest(source) * 2.0 ** max(0, self.result.fraction - source.fraction)
        wide = result.astype(np.promote_types(result.dtype, carrier(bound, self.name)), copy=False)
        return self.result.requantise(wide, source.fraction)
