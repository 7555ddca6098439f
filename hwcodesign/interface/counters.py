"""This module holds what an accelerator has counted since it was opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hwcodesign.interface.records import FLAG_FINAL, Records


@dataclass(frozen=True)
class Counters:
    """The counters count since opening, across soft resets. None means that a value was not measured here.

    Attributes:
        accepted: samples that were received completely; samples that a recovery sent twice count twice.
        finals: samples that left at each exit.
        cycles: clock cycles.
        input_stalls, output_stalls: cycles in which an input word, or an output word, stalled.
        high_water: most beats in each conditional buffer.
    """

    accepted: int
    finals: tuple[int, ...]
    cycles: int | None = None
    input_stalls: int | None = None
    output_stalls: int | None = None
    high_water: tuple[int, ...] | None = None

    @classmethod
    def none(cls, exits: int) -> Counters:
        """Returns counters at zero, without the values that only hardware measures."""
        return cls(0, (0,) * exits)

    @classmethod
    def of(cls, records: Records, exits: int) -> Counters:
        """Returns the counters that follow from records alone."""
        final = records["exit"][(records["flags"] & FLAG_FINAL) != 0]
        return cls(len(final), tuple(np.bincount(final, minlength=exits).tolist()))

    def left_since(self, before: Counters) -> tuple[int, ...]:
        """Returns the samples that left at each exit after an earlier count."""
        return tuple(now - then for now, then in zip(self.finals, before.finals, strict=True))

    def __add__(self, other: Counters) -> Counters:
        """Adds the counts of two time spans, one after the other; takes the higher of two levels."""
        return Counters(
            self.accepted + other.accepted,
            tuple(a + b for a, b in zip(self.finals, other.finals, strict=True)),
            _combined(sum, self.cycles, other.cycles),
            _combined(sum, self.input_stalls, other.input_stalls),
            _combined(sum, self.output_stalls, other.output_stalls),
            tuple(map(max, self.high_water, other.high_water))
            if self.high_water is not None and other.high_water is not None
            else self.high_water or other.high_water,
        )


def _combined(how: Callable[[Sequence[int]], int], *counts: int | None) -> int | None:
    measured = [count for count in counts if count is not None]
    return how(measured) if measured else None
