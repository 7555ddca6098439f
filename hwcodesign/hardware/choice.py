"""This module chooses units and foldings of layers: for wished intervals, those that take least of a device.

It knows in which ways a layer can be built; `picking` and `budget` choose among them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.hardware.budget import Budget, Choice, Chosen, chosen
from hwcodesign.hardware.folding import divisors
from hwcodesign.hardware.implementation import (
    BLOCK,
    DEFAULT,
    LATENCY,
    MEMORY,
    REGISTERS,
    RESOURCE,
    WINDOWS,
    Implementation,
)
from hwcodesign.hardware.offers import Catalogue, Floats, Integers, Kind, Offer
from hwcodesign.hardware.parallelism import MOST_PRODUCTS
from hwcodesign.hardware.picking import Layer, Market, Options, Plan
from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.unit import Unit
from hwcodesign.hardware.units import possible_pixels, reads_memory, strategies_of, unit_of
from hwcodesign.kernels import Kernel

#: Wishes that are chosen for at a time, so that arrays stay small.
_AT_ONCE = 8192


@dataclass(frozen=True, eq=False)
class Choices:
    """Choices say for several wishes how all layers are built.

    Attributes:
        groups: of wishes that were chosen for at a time.
    """

    groups: tuple[Chosen, ...]

    def __getitem__(self, wish: int) -> Choice:
        """Returns the choice for a wish, by its number."""
        return self.groups[wish // _AT_ONCE].choice(wish % _AT_ONCE)

    @property
    def taken(self) -> Floats:
        """Returns the resources that units take: (B, `RESOURCES`)."""
        return np.concatenate([group.taken for group in self.groups])

    @property
    def is_within(self) -> NDArray[np.bool_]:
        """Returns whether all layers are as fast as wished within the share: (B,)."""
        return np.concatenate([group.is_within for group in self.groups])

    @property
    def least(self) -> Floats:
        """Returns a sum of fractions of resources below which nothing within the share lies of the units that are
        compared: (B,), infinite where it is known that there is nothing.
        """
        return np.concatenate([group.least for group in self.groups])


@dataclass(frozen=True)
class Pace:
    """A pace says how a unit could be folded: the cycles between samples, and the products of a cycle."""

    interval: float
    products: int


def neighbours(unit: Unit[Any]) -> tuple[Pace | None, Pace, Pace | None]:
    """Returns the pace of a folded unit, between those of the next faster and the next slower unit of its kind."""
    if unit.folding is None:
        raise ValueError(f"{unit.kernel.name} has no weights")
    foldable = _foldable(unit.kernel, replace(unit.implementation, reuse_factor=1), unit.offered)
    faster = [folds for folds in foldable if folds < unit.folding.folds][-1:]
    slower = [folds for folds in foldable if folds > unit.folding.folds][:1]

    def pace(built: Unit[Any]) -> Pace:
        return Pace(Offer(built).interval, built.products)

    def folded(folds: list[int]) -> Pace | None:
        implementations = [replace(unit.implementation, reuse_factor=count) for count in folds]
        return next((pace(unit_of(unit.kernel, one, unit.offered)) for one in implementations), None)

    return folded(faster), pace(unit), folded(slower)


class Chooser:
    """A chooser keeps what units take, so that it can be asked for several intervals.

    Args:
        catalogue: offers that others may know, too.
    """

    def __init__(self, catalogue: Catalogue | None = None) -> None:
        self._catalogue = catalogue or Catalogue()
        self._options: dict[tuple[str, str, tuple[Stream, ...], bool], Options] = {}
        self._alike: dict[tuple[object, ...], Options] = {}

    def choose(self, plan: Plan, cycles: Integers, capacity: Resources, share: float, rest: Floats) -> Choices:
        """Chooses the units of all layers, for several wishes at a time.

        Units are chosen that take least: the sum of the fractions of the device's resources. That is exact where what
        takes least is within the share. Where it is not, `Choices.least` bounds what is lost.

        Args:
            plan: the layers.
            cycles: (B, layers) that each kernel may take for a sample, in data order.
            capacity: resources of the device.
            share: fraction of each resource that may be taken.
            rest: (B, `RESOURCES`) what else takes resources.

        Returns:
            For each wish a choice within the share; else one that takes a small fraction of the scarcest resource.
        """
        budget, starts = Budget.of(capacity, share), range(0, len(cycles), _AT_ONCE)
        offered = partial(self._offered, capacity)
        parts = [(cycles[i : i + _AT_ONCE], rest[i : i + _AT_ONCE]) for i in starts]
        return Choices(tuple(chosen(Market(plan, offered, own), budget, beside) for own, beside in parts))

    def _offered(self, capacity: Resources, layer: Layer, offered: tuple[Stream, ...]) -> Options:
        """The kinds of units of a layer; the same ones where they read the same streams, whatever comes."""
        key = (layer.part.segment.name, layer.kernel.name, offered, bool(capacity.uram))
        if key not in self._options:
            streams: dict[Stream, int] = {}
            kinds = [
                (
                    wished,
                    folds,
                    Kind(
                        folds,
                        partial(self._offer, layer, wished, offered),
                        streams,
                        capacity,
                        self._above(layer, wished, offered),
                    ),
                )
                for wished, folds in kinds_of(layer, offered)
            ]
            reads = [kind.offer(i).unit.reads for _, folds, kind in kinds for i in range(len(folds))]
            same = (*key[:2], key[3], *((wished, tuple(folds)) for wished, folds, _ in kinds), *reads)
            self._options[key] = self._alike.setdefault(same, Options(tuple(kind for *_, kind in kinds), streams))
        return self._options[key]

    def _above(self, layer: Layer, wished: Implementation, offered: tuple[Stream, ...]) -> float:
        """The cycles from which on fewer pixels in a beat are fast enough."""
        fewer = [pixels for pixels in possible_pixels(layer.kernel) if pixels < wished.pixels]
        if not fewer or layer.kernel.name in layer.part.kept:
            return float("inf")
        return self._offer(layer, Implementation(1, LATENCY, REGISTERS, pixels=fewer[-1]), offered, 1).interval

    def _offer(self, layer: Layer, wished: Implementation, offered: tuple[Stream, ...], folds: int) -> Offer:
        return self._catalogue.offer(layer.kernel, replace(wished, reuse_factor=folds), offered)


def kinds_of(layer: Layer, offered: tuple[Stream, ...]) -> Iterator[tuple[Implementation, list[int]]]:
    """Yields the kinds of units that a layer can have: how each is built, and its numbers of folds."""
    kernel, kept = layer.kernel, layer.part.kept
    if kernel.name in kept:
        yield kept[kernel.name], [kept[kernel.name].reuse_factor]
        return
    if not kernel.parameters:
        yield DEFAULT, [1]
        if reads_memory(kernel):
            yield replace(DEFAULT, windows=MEMORY), [1]
        return
    strategies = [strategy for strategy in (LATENCY, RESOURCE) if strategy in strategies_of(kernel.kind)]
    for strategy, windows, pixels in itertools.product(strategies, WINDOWS, _pixels(kernel, offered)):
        if windows == MEMORY and pixels > 1:
            continue
        wished = Implementation(1, strategy, windows, pixels=pixels)
        if windows == MEMORY and unit_of(kernel, wished, offered).windows == WINDOWS:
            continue  # there are no windows: it is as before
        foldable = _foldable(kernel, wished, offered)
        if foldable:
            yield wished, foldable
            yield replace(wished, weights=BLOCK), foldable
    for pixels in _pixels(kernel, offered):
        built_in = Implementation(1, LATENCY, REGISTERS, pixels=pixels)
        if unit_of(kernel, built_in, offered).products <= MOST_PRODUCTS:  # weights in adders, which folds cannot be
            yield built_in, [1]


def _pixels(kernel: Kernel, offered: tuple[Stream, ...]) -> list[int]:
    """The numbers of pixels of a beat that a kernel can have, and that simulators can read."""
    most = (
        pixels
        for pixels in possible_pixels(kernel)
        if pixels > 1
        and unit_of(kernel, Implementation(1, LATENCY, REGISTERS, pixels=pixels), offered).products > MOST_PRODUCTS
    )
    first = next(most, None)
    return [pixels for pixels in possible_pixels(kernel) if first is None or pixels < first]


def _foldable(kernel: Kernel, wished: Implementation, offered: tuple[Stream, ...]) -> list[int]:
    """Numbers of folds that a unit can have and simulators can read, in order; none where there is no such unit."""
    first = unit_of(kernel, wished, offered)
    if first.folding is None or not first.is_asked_for:
        return []
    work = first.folding.folds * first.folding.products
    found = []
    for folds in divisors(work):
        unit = unit_of(kernel, replace(wished, reuse_factor=folds), offered)
        if unit.folding is not None and unit.folding.folds == folds and unit.products <= MOST_PRODUCTS:
            found.append(folds)
    return found
