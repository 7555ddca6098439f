"""This module chooses units and foldings of layers: for a wished interval, those that take least of a device.

Each layer is folded as far as the interval allows, in each way in which it can be built, and the cheapest of these is
taken. A resource's price is the fraction of the device that one of it is. Where the sum of all layers takes too much of
one resource, its price rises and all layers choose again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from hwcodesign.hardware.dataflow import images_taken
from hwcodesign.hardware.estimate import estimated
from hwcodesign.hardware.folding import divisors
from hwcodesign.hardware.implementation import (
    BLOCK,
    DEFAULT,
    DEFAULTS,
    LATENCY,
    MEMORY,
    REGISTERS,
    RESOURCE,
    WINDOWS,
    Implementation,
    Implementations,
)
from hwcodesign.hardware.parallelism import MOST_PRODUCTS
from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.hardware.stream import Stream, along_rows
from hwcodesign.hardware.unit import Unit
from hwcodesign.hardware.units import possible_pixels, reads_memory, unit_of
from hwcodesign.kernels import Kernel, Segment

#: Rounds of choosing with other prices.
_ROUNDS = 10


@dataclass(frozen=True)
class Wish:
    """A wish is how fast a segment is to be, whose layers choose.

    Attributes:
        segment: the segment.
        cycles: for each of its kernels, the cycles that it may take for a sample.
        kept: implementations that the user gave; they stay.
        reads: for each of its inputs, the segment of an earlier wish and the number of its output; nothing for images.
    """

    segment: Segment
    cycles: tuple[int, ...]
    kept: Implementations
    reads: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Choice:
    """A choice says how all layers are built.

    Attributes:
        implementations: by segment and kernel.
        resources: what all units take together; resizes and queues between them are not in it.
        slowest: layers that no unit makes as fast as wished: segment, kernel, and least interval.
    """

    implementations: Mapping[str, Implementations]
    resources: Resources
    slowest: tuple[tuple[str, str, float], ...]


def shares(resources: Resources, capacity: Resources) -> dict[str, float]:
    """Returns the fraction that is taken of each resource that the device has, by name."""
    taken = resources.on(capacity)
    names = [field.name for field in fields(Resources) if field.name != "lutram" and getattr(capacity, field.name)]
    return {name: getattr(taken, name) / getattr(capacity, name) for name in names}


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
        return Pace(_Offer(built).interval, built.products)

    def folded(folds: list[int]) -> Pace | None:
        implementations = [replace(unit.implementation, reuse_factor=count) for count in folds]
        return next((pace(unit_of(unit.kernel, one, unit.offered)) for one in implementations), None)

    return folded(faster), pace(unit), folded(slower)


class Chooser:
    """A chooser keeps what units take, so that it can be asked for several intervals."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, Implementation, tuple[Stream, ...]], _Offer] = {}
        self._offered: dict[tuple[str, str, int, tuple[Stream, ...]], tuple[_Offer, ...]] = {}

    def choose(self, wishes: Sequence[Wish], capacity: Resources, share: float, rest: Resources) -> Choice:
        """Chooses the units of all layers.

        Args:
            wishes: one for each segment, behind those of the segments that it reads.
            capacity: resources of the device.
            share: fraction of each resource that may be taken.
            rest: what else takes resources.

        Returns:
            The first choice within the share; else the one that takes the smallest fraction of the scarcest resource.
        """
        prices = dict.fromkeys(shares(rest, capacity), 1.0)
        best: _Walk | None = None
        for _ in range(_ROUNDS):
            found = self._walk(wishes, _cheapest(capacity, prices))
            taken = shares(found.resources + rest, capacity)
            if best is None or max(taken.values()) < max(shares(best.resources + rest, capacity).values()):
                best = found
            if max(taken.values()) <= share:
                return found.choice
            prices = {name: price * max(taken[name] / share, 0.5) for name, price in prices.items()}
        assert best is not None
        return self._walk(wishes, _as_in(best.swapped(capacity, share, rest))).choice

    def _walk(self, wishes: Sequence[Wish], pick: _Pick) -> _Walk:
        """Goes through all layers in data order, and picks one of the offers for each.

        Images come as the layers that are picked take them, so that it may have to go again.
        """
        whole: Mapping[str, Implementations] = {}
        walk = self._walked(wishes, pick, whole)
        built = walk.choice.implementations
        several = any(one.pixels > 1 for wish in wishes if not wish.reads for one in built[wish.segment.name].values())
        return self._walked(wishes, pick, built) if several else walk

    def _walked(self, wishes: Sequence[Wish], pick: _Pick, taken: Mapping[str, Implementations]) -> _Walk:
        """Goes through all layers once.

        Args:
            taken: implementations, by segment, by which images come; whole pixels where there are none.
        """
        layers: list[_Layer] = []
        made: dict[tuple[str, int], Stream] = {}
        for wish in wishes:
            given = tuple(made[source] for source in wish.reads)
            given = given or images_taken(wish.segment, taken.get(wish.segment.name, DEFAULTS))
            streams = dict(zip(wish.segment.input_names, given, strict=True))
            for kernel, cycles in zip(wish.segment.kernels, wish.cycles, strict=True):
                offered = tuple(streams[source] for source in kernel.inputs)
                key = (wish.segment.name, kernel.name, cycles, offered)
                if key not in self._offered:
                    self._offered[key] = tuple(self._offers(wish, kernel, cycles, offered))
                offers = self._offered[key]
                layer = _Layer(wish, kernel, cycles, offers, offers[0])
                layers.append(replace(layer, picked=pick(layer)))
                streams[kernel.name] = layers[-1].picked.unit.writes
            for i, (name, tensor) in enumerate(zip(wish.segment.outputs, wish.segment.results, strict=True)):
                made[wish.segment.name, i] = along_rows(streams[name], tensor.shape)
        return _Walk(tuple(layers))

    def _offers(self, wish: Wish, kernel: Kernel, cycles: int, offered: tuple[Stream, ...]) -> Iterator[_Offer]:
        """The ways to build a kernel that are folded as far as the interval allows."""
        if kernel.name in wish.kept:
            yield self._offer(wish, kernel, wish.kept[kernel.name], offered)
            return
        if not kernel.parameters:
            yield self._offer(wish, kernel, DEFAULT, offered)
            if reads_memory(kernel):
                yield self._offer(wish, kernel, replace(DEFAULT, windows=MEMORY), offered)
            return
        pixels = self._pixels(wish, kernel, cycles, offered)
        for strategy, windows in itertools.product((LATENCY, RESOURCE), WINDOWS):
            wished = Implementation(1, strategy, windows, pixels=pixels if windows == REGISTERS else 1)
            foldable = _foldable(kernel, wished, offered)
            while foldable:  # the largest number of folds that is fast enough: intervals grow with it
                middle = len(foldable) // 2
                tried = self._offer(wish, kernel, replace(wished, reuse_factor=foldable[middle]), offered)
                if len(foldable) == 1:
                    yield tried
                    yield self._offer(wish, kernel, replace(tried.unit.implementation, weights=BLOCK), offered)
                    break
                foldable = foldable[middle:] if tried.interval <= cycles else foldable[:middle]
        built_in = self._offer(wish, kernel, Implementation(1, LATENCY, REGISTERS, pixels=pixels), offered)
        if built_in.products <= MOST_PRODUCTS:  # weights in adders, which folded ones cannot be
            yield built_in

    def _pixels(self, wish: Wish, kernel: Kernel, cycles: int, offered: tuple[Stream, ...]) -> int:
        """Returns the fewest pixels of a beat with which a kernel can be fast enough; else the most that it can have,
        and that simulators can read.
        """
        most = 1
        for pixels in possible_pixels(kernel):
            unit = self._offer(wish, kernel, Implementation(1, LATENCY, REGISTERS, pixels=pixels), offered)
            if pixels > 1 and unit.products > MOST_PRODUCTS:
                break
            most = pixels
            if unit.interval <= cycles:
                break
        return most

    def _offer(self, wish: Wish, kernel: Kernel, implementation: Implementation, offered: tuple[Stream, ...]) -> _Offer:
        key = (wish.segment.name, kernel.name, implementation, offered)
        if key not in self._known:
            self._known[key] = _Offer(unit_of(kernel, implementation, offered))
        return self._known[key]


@dataclass(frozen=True, eq=False)
class _Offer:
    """A unit, and what it takes; both are found when asked for."""

    unit: Unit[Any]

    @cached_property
    def interval(self) -> float:
        return estimated(self.unit.timing, self.unit.reads[0].beats).interval

    @cached_property
    def resources(self) -> Resources:
        return self.unit.resources

    @property
    def products(self) -> int:
        return self.unit.products


@dataclass(frozen=True, eq=False)
class _Layer:
    """A kernel, the cycles that it may take, the offers for it, and the one that is picked."""

    wish: Wish
    kernel: Kernel
    cycles: int
    offers: Sequence[_Offer]
    picked: _Offer

    @property
    def key(self) -> tuple[str, str]:
        return self.wish.segment.name, self.kernel.name

    def late(self, offer: _Offer) -> float:
        """Cycles by which an offer is slower than wished."""
        return max(0.0, offer.interval - self.cycles)


_Pick = Callable[[_Layer], _Offer]


@dataclass(frozen=True, eq=False)
class _Walk:
    """All layers, with what is picked."""

    layers: tuple[_Layer, ...]

    @property
    def resources(self) -> Resources:
        return sum((layer.picked.resources for layer in self.layers), Resources())

    @property
    def choice(self) -> Choice:
        built: dict[str, dict[str, Implementation]] = {layer.wish.segment.name: {} for layer in self.layers}
        weighted = [layer for layer in self.layers if layer.kernel.parameters]
        for layer in self.layers:
            implementation = layer.picked.unit.implementation
            if layer.kernel.parameters or implementation != DEFAULT:
                built[layer.wish.segment.name][layer.kernel.name] = implementation
        slowest = tuple((*layer.key, layer.picked.interval) for layer in weighted if layer.late(layer.picked))
        return Choice(built, self.resources, slowest)

    def swapped(self, capacity: Resources, share: float, rest: Resources) -> _Walk:
        """Swaps one layer's offer after another, each time the one that brings the sum nearest to the share.

        Prices alone move layers that are alike all at once, from one resource to another that has no room for all.
        """
        layers, total = list(self.layers), self.resources + rest

        def beyond(resources: Resources) -> float:
            return sum(max(0.0, taken - share) for taken in shares(resources, capacity).values())

        while beyond(total) > 0:
            swaps = [
                (beyond(total - layer.picked.resources + offer.resources), number, offer)
                for number, layer in enumerate(layers)
                for offer in layer.offers
                if layer.late(offer) <= layer.late(layer.picked)
            ]
            least, number, offer = min(swaps, key=lambda swap: swap[0])
            if least >= beyond(total):
                break
            total = total - layers[number].picked.resources + offer.resources
            layers[number] = replace(layers[number], picked=offer)
        return _Walk(tuple(layers))


def _cheapest(capacity: Resources, prices: Mapping[str, float]) -> _Pick:
    """Picks the offer that is least late, and of these the one that costs least."""

    def pick(layer: _Layer) -> _Offer:
        return min(layer.offers, key=lambda offer: (layer.late(offer), _cost(offer.resources, capacity, prices)))

    return pick


def _as_in(walk: _Walk) -> _Pick:
    """Picks the offers of a walk again, for the beats that then come."""
    wanted = {layer.key: layer.picked.unit.implementation for layer in walk.layers}

    def pick(layer: _Layer) -> _Offer:
        same = [offer for offer in layer.offers if offer.unit.implementation == wanted[layer.key]]
        return same[0] if same else min(layer.offers, key=layer.late)

    return pick


def _cost(resources: Resources, capacity: Resources, prices: Mapping[str, float]) -> float:
    return sum(prices[name] * taken for name, taken in shares(resources, capacity).items())


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
