"""This module says what a tensor between segments is: its format, its shape, and how it is named."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.kernels.kernel import Shape


@dataclass(frozen=True)
class TensorType:
    """A tensor type is what is known of a tensor before its values are.

    Attributes:
        format: of its elements.
        shape: channels last, without the batch.
    """

    format: FixedPoint
    shape: Shape

    def __str__(self) -> str:
        return f"{self.format} {self.shape}"

    @property
    def beats(self) -> int:
        """Returns the beats of its stream: one for each pixel, or one for a vector."""
        return math.prod(self.shape[:-1])

    @property
    def elements(self) -> int:
        """Returns the number of its elements."""
        return math.prod(self.shape)


def tensor_name(segment: str, i: int, tensors: int) -> str:
    """Returns the name of a segment's output in reports: the segment's, where it is the only one.

    Args:
        segment: name of the segment.
        i: position of the output, from 0.
        tensors: number of outputs.
    """
    return f"{segment}:{i}" if tensors > 1 else segment


def suffix(i: int) -> str:
    """Returns what stands behind the names of ports, streams and blocks of a boundary's tensor: nothing for the first.

    Args:
        i: position of the tensor in its boundary, from 0.
    """
    return f"_{i}" if i else ""
