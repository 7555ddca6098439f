"""This module puts zeros to the left of an image if the windows that follow are too narrow for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.kernels.conv2d import Conv2D
from hwcodesign.kernels.kernel import Shape, register

#: Of the only weight that is not zero, 1.
_WEIGHTS = FixedPoint(2, 2)


@register
@dataclass(frozen=True, eq=False)
class ZeroColumns(Conv2D):
    """It computes y[r, q] = x[r, q - n], zero if q < n: a depthwise convolution with one weight that is not zero."""

    kind = "zero_columns"

    @classmethod
    def before(cls, name: str, source: str, fmt: FixedPoint, shape: Shape, columns: int) -> ZeroColumns:
        """Makes the kernel that adds `columns` columns of zeros.

        Args:
            name: name of the kernel.
            source: kernel that it reads.
            fmt, shape: format and shape (H, W, C) of that kernel's result.
            columns: number of zero columns, at least 1.
        """
        height, width, channels = shape
        weights = np.zeros((1, columns + 1, 1, channels))
        weights[0, 0] = 1
        return cls(
            name,
            (source,),
            (fmt,),
            (shape,),
            fmt,
            (height, width + columns, channels),
            weights,
            np.zeros(channels),
            _WEIGHTS,
            FixedPoint(fmt.width + 2, fmt.integer + 2),
            (1, 1),
            (0, 0, columns, columns),
        )

    @property
    def macs(self) -> int:
        """Returns zero: the only weight is 1, so nothing is multiplied."""
        return 0
