"""This module holds what pooling layers share: windows that slide over a zero-padded image, one per output pixel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Kernel, Shape, Windows, require_shape
from hwcodesign.kernels.stored_shapes import require_windows


@dataclass(frozen=True, eq=False)
class WindowedPool(Kernel):
    """A windowed pooling reduces each window of each channel.

    Attributes:
        pool: window rows and columns.
        stride: rows down, columns across.
        padding: zeros around the image: top, bottom, left, right. They count as pixels of value zero, unless the kernel
            says otherwise.
    """

    pool: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int] = field(default=(0, 0, 0, 0), kw_only=True)

    @property
    def windows(self) -> Windows:
        return Windows(self.pool, self.stride, self.padding)

    @classmethod
    def check_shapes(cls, values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:  # noqa: ARG003
        require_windows(values, values["pool"])
        require_shape("channels of output_shape", values["output_shape"][2:], values["input_shapes"][0][2:])

    @property
    def pads(self) -> bool:
        """Returns whether a window reaches beyond the image."""
        return any(self._inside(axis) != (self.pool[axis],) * self.output_shape[axis] for axis in (0, 1))

    @property
    def window(self) -> int:
        """Returns the number of pixels in a window."""
        return self.pool[0] * self.pool[1]

    def _inside(self, axis: int, before: int = 0, after: int = 0) -> tuple[int, ...]:
        """For each window along an axis, how many of its rows or columns lie in the image.

        Args:
            axis: 0 down, 1 across.
            before, after: rows or columns of the padding that count as the image's.
        """
        window, stride, side = self.pool[axis], self.stride[axis], self.input_shapes[0][axis]
        starts = [k * stride - self.padding[2 * axis] for k in range(self.output_shape[axis])]
        return tuple(max(0, min(start + window, side + after) - max(start, -before)) for start in starts)

    def _taps(self, codes: Codes, padded: int = 0) -> Iterator[Codes]:
        """For each place in the window, what lies there under every output pixel: (N, rows, columns, C).

        Args:
            codes: of the image.
            padded: code of the padding.
        """
        top, bottom, left, right = self.padding
        if any(self.padding):
            codes = np.pad(codes, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=padded)
        rows, columns = self.output_shape[:2]
        for i in range(self.pool[0]):
            for j in range(self.pool[1]):
                yield codes[
                    :,
                    i : i + (rows - 1) * self.stride[0] + 1 : self.stride[0],
                    j : j + (columns - 1) * self.stride[1] + 1 : self.stride[1],
                ]
