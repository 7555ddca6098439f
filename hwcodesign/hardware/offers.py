"""This module holds the units that a layer can have, sorted into kinds that differ by their folds alone.

What a unit takes is found when it is asked for, once, and then lies in arrays, so that many choices can be made at a
time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.hardware.estimate import estimated
from hwcodesign.hardware.implementation import Implementation
from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.unit import Unit
from hwcodesign.hardware.units import unit_of
from hwcodesign.kernels import Kernel

#: Resources in the order of arrays.
RESOURCES = ("lut", "ff", "dsp", "bram18", "uram")
#: Units of a kind with less and less block RAM that may be the best one for a wish.
_STEPS = 3
#: Wished cycles up to which each is looked up by itself.
_FEW = 8

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Offer:
    """A unit, and what it takes; both are found when asked for."""

    unit: Unit[Any]

    @cached_property
    def interval(self) -> float:
        """Returns the cycles between samples."""
        return estimated(self.unit.timing, self.unit.reads[0].beats).interval

    @cached_property
    def resources(self) -> Resources:
        """Returns what the unit takes."""
        return self.unit.resources

    @property
    def products(self) -> int:
        """Returns the products of a cycle; 0 without multiplications."""
        return self.unit.products


class Catalogue:
    """A catalogue keeps offers of kernels by what these compute: they are found once for all networks that share
    kernels, such as those with some exits left out.
    """

    def __init__(self) -> None:
        self._offers: dict[tuple[str, Implementation, tuple[Stream, ...]], Offer] = {}

    def offer(self, kernel: Kernel, implementation: Implementation, offered: tuple[Stream, ...]) -> Offer:
        """Returns the offer of a kernel that is built in a way and reads what is offered in some beats."""
        unit = unit_of(kernel, implementation, offered)
        return self._offers.setdefault((kernel.content, implementation, unit.reads), Offer(unit))


class Kind:
    """A kind is the units of a layer that differ by their folds alone; intervals grow with these.

    Args:
        folds: numbers of folds, in order.
        offered: returns the unit of a number of folds.
        streams: numbers of streams that are written; more are put there.
        capacity: resources of the device, which say where large memories lie.
        above: cycles from which on it is not compared, because kinds with fewer pixels in a beat are fast enough.
    """

    def __init__(
        self,
        folds: Sequence[int],
        offered: Callable[[int], Offer],
        streams: dict[Stream, int],
        capacity: Resources,
        above: float = float("inf"),
    ) -> None:
        self._folds, self._offered, self._streams, self.above = folds, offered, streams, above
        self._capacity = capacity
        self._offers: dict[int, Offer] = {}
        self._places: dict[int, int] = {}
        self._rungs: Integers | None = None
        self._intervals, self._writes = np.full(len(folds), np.nan), np.full(len(folds), -1)
        self._resources = np.full((len(folds), len(RESOURCES)), np.nan)

    def offer(self, place: int) -> Offer:
        """Returns a unit by its place among the folds."""
        if place not in self._offers:
            self._offers[place] = self._offered(self._folds[place])
        return self._offers[place]

    def slowest_within(self, cycles: Integers) -> Integers:
        """Returns the places of the units with the most folds that are fast enough; the fastest where none is.

        Args:
            cycles: (B,) cycles that a sample may take.
        """
        if len(cycles) <= _FEW:
            return np.array([self.slowest(int(wished)) for wished in cycles], np.int64)
        low, high = np.zeros(len(cycles), np.int64), np.full(len(cycles), len(self._folds) - 1)
        while np.any(low < high):
            middle = (low + high + 1) // 2
            fast = self.intervals(middle) <= cycles
            low, high = np.where(fast, middle, low), np.where(fast, high, np.maximum(middle - 1, low))
        return low

    def slowest(self, cycles: int) -> int:
        """Returns the same for one wish, and keeps it: a choice for one board asks for the same again and again."""
        if cycles not in self._places:
            low, high = 0, len(self._folds) - 1
            while low < high:
                middle = (low + high + 1) // 2
                if self._interval(middle) <= cycles:
                    low = middle
                else:
                    high = middle - 1
            self._places[cycles] = low
        return self._places[cycles]

    def rungs(self, places: Integers) -> Integers:
        """Returns for each place those that may be best where units with more folds are too slow: (B, some).

        The first is the place itself. Less folds take more of everything but block RAM, whose place LUTs take where
        weights are read in fewer cycles, and may give results in other beats. So the others are the next ones with less
        block RAM, and for all other beats the one with the most folds; and then the last again.
        """
        if self._rungs is None:
            self._rungs = np.full((len(self._folds), 1 + _STEPS + len(self._by_stream)), -1)
        found = self._rungs[places]
        if np.any(found < 0):
            for place in np.unique(places[found[:, 0] < 0]).tolist():
                rungs = list(dict.fromkeys([place, *self._with_less_blocks(place), *self._of_other_streams(place)]))
                self._rungs[place] = rungs + rungs[-1:] * (self._rungs.shape[1] - len(rungs))
            found = self._rungs[places]
        return found

    def _with_less_blocks(self, place: int) -> list[int]:
        found, blocks = [place], self._taken(place).bram18
        for other in range(place - 1, -1, -1):
            if not blocks:
                break
            own = self._taken(other).bram18
            if own < blocks:
                found, blocks = [*found, other], own
        return [*found[1:_STEPS], *found[-1:]]

    def _taken(self, place: int) -> Resources:
        """What a unit takes of the device."""
        return self.offer(place).resources.on(self._capacity)

    def _of_other_streams(self, place: int) -> list[int]:
        own = self.offer(place).unit.writes
        return [
            max(before)
            for stream, places in self._by_stream.items()
            if stream != own and (before := [other for other in places if other < place])
        ]

    @cached_property
    def _by_stream(self) -> dict[Stream, list[int]]:
        """The places of units by the streams that they write."""
        found: dict[Stream, list[int]] = {}
        for place in range(len(self._folds)):
            found.setdefault(self.offer(place).unit.writes, []).append(place)
        return found

    def _interval(self, place: int) -> float:
        found = self._intervals[place]
        if found != found:  # noqa: PLR0124  # not known
            found = self._intervals[place] = self.offer(place).interval
        return float(found)

    def intervals(self, places: Integers) -> Floats:
        """Returns the intervals of units by their places."""
        found = self._intervals[places]
        if np.isnan(found).any():
            for place in np.unique(places[np.isnan(found)]):
                self._interval(int(place))
            found = self._intervals[places]
        return found

    def resources(self, places: Integers) -> Floats:
        """Returns what units take, by their places: (B, `RESOURCES`)."""
        found = self._resources[places]
        if np.isnan(found).any():
            for place in np.unique(places[np.isnan(found[:, 0])]):
                self._resources[place] = vector(self._taken(int(place)))
            found = self._resources[places]
        return found

    def writes(self, places: Integers) -> Integers:
        """Returns the streams that units write, by their places, as their numbers."""
        found = self._writes[places]
        if np.any(found < 0):
            for place in np.unique(places[found < 0]):
                stream = self.offer(int(place)).unit.writes
                self._writes[place] = self._streams.setdefault(stream, len(self._streams))
            found = self._writes[places]
        return found


def vector(resources: Resources) -> list[float]:
    """Returns resources as numbers in the order of `RESOURCES`."""
    return [float(getattr(resources, name)) for name in RESOURCES]
