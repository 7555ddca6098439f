"""This module says how hardware carries a tensor: in beats, with elements side by side in a beat."""

from __future__ import annotations

import math
from dataclasses import dataclass

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
    def of(cls, shape: Shape) -> Stream:
        """Returns the stream of a shape: one pixel with all its channels per beat; a vector is one beat."""
        return cls(math.prod(shape[:-1]), shape[-1])
