"""How hardware carries a tensor: beats, and elements side by side in a beat."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hwcodesign.kernels.kernel import Shape


@dataclass(frozen=True)
class Stream:
    """How hardware carries one sample of a tensor: in order, channels last.

    Attributes:
        beats: transfers of one sample.
        lanes: elements side by side in a transfer.
    """

    beats: int
    lanes: int

    @classmethod
    def of(cls, shape: Shape) -> Stream:
        """One pixel a beat, all its channels; a vector is one beat."""
        return cls(math.prod(shape[:-1]), shape[-1])
