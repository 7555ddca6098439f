"""This module says how hardware carries a tensor: in beats, with elements side by side in a beat."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from hwcodesign.kernels import TensorType
from hwcodesign.kernels.kernel import Shape


@dataclass(frozen=True)
class Stream:
    """A stream carries one sample of a tensor in order, channels last.

    Attributes:
        beats: transfers per sample.
        lanes: elements side by side in a transfer.
    """

    beats: int
    lanes: int

    @classmethod
    def of(cls, shape: Shape, lanes: int | None = None) -> Stream:
        """Returns the stream of a shape.

        Args:
            shape: channels last.
            lanes: elements of a beat; without it, a beat is a pixel with all its channels, and a vector one beat.
        """
        elements = math.prod(shape)
        return cls(elements // (lanes or shape[-1]), lanes or shape[-1])


def within_pixels(offered: Stream, shape: Shape) -> Stream:
    """Returns the stream that comes, if its beats are parts of pixels; else that of whole pixels.

    Args:
        offered: the stream that comes.
        shape: channels last.
    """
    return offered if shape[-1] % offered.lanes == 0 else Stream.of(shape)


def along_rows(offered: Stream, shape: Shape) -> Stream:
    """Returns the stream that comes, if its beats are parts of pixels or several pixels of a row; else that of whole
    pixels.

    Args:
        offered: the stream that comes.
        shape: channels last.
    """
    pixels, rest = divmod(offered.lanes, shape[-1])
    if rest or not pixels or (pixels > 1 and (len(shape) < 2 or shape[-2] % pixels)):
        return within_pixels(offered, shape)
    return offered


def pixels_of(stream: Stream, shape: Shape) -> int:
    """Returns the whole pixels of a beat; 1 where a beat is a part of a pixel.

    Args:
        stream: of `along_rows`.
        shape: channels last.
    """
    return max(1, stream.lanes // shape[-1])


def whole_pixels(tensors: Iterable[TensorType]) -> tuple[Stream, ...]:
    """Returns the streams of tensors in which a beat is a pixel with all its channels, or a vector."""
    return tuple(Stream.of(tensor.shape) for tensor in tensors)
