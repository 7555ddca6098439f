"""This module picks a unit for each layer, for many wishes at a time: those that cost least together.

Which units a layer can have depends on the beats in which the layers before it give their results. So layers are gone
through in data order with all combinations of beats that may then come, and the cheapest way to each of them: dynamic
programming, which is exact. Where there are more than `_MOST` combinations, the cheapest of them go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hwcodesign.hardware.implementation import Implementations
from hwcodesign.hardware.offers import RESOURCES, Floats, Integers, Kind
from hwcodesign.hardware.stream import Stream, along_rows, whole_pixels
from hwcodesign.kernels import Kernel, Segment
from hwcodesign.kernels.kernel import Shape

#: Combinations of beats that go on for a wish.
_MOST = 256
#: What a cycle costs by which a layer is slower than wished: more than all of any device.
_LATE = 1e3
#: Cycles by which a candidate that is not compared is taken to be too slow.
_NEVER = 1e9
#: What another candidate costs than one that is fixed.
_OTHER = 1e9


@dataclass(frozen=True)
class Part:
    """A part is a segment whose layers are chosen.

    Attributes:
        segment: the segment.
        kept: implementations that the user gave; they stay.
        reads: for each of its inputs, the segment of an earlier part and the number of its output; nothing for images.
    """

    segment: Segment
    kept: Implementations
    reads: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer is a kernel of a part."""

    part: Part
    kernel: Kernel


@dataclass(frozen=True, eq=False)
class _Step:
    """A step makes a tensor of others.

    Attributes:
        layer: what makes it; None where it goes from segment to segment.
        shape: of such a tensor, whose beats are parts of pixels.
        takes: places of the tensors that it reads, of those that are there.
        keeps: places of those that later steps read.
    """

    layer: Layer | None
    shape: Shape
    takes: tuple[int, ...]
    keeps: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _Units:
    """Units of some kinds that are compared: (B, K) of each, and what they take (B, K, `RESOURCES`)."""

    kinds: tuple[Kind, ...]
    places: Integers
    intervals: Floats
    resources: Floats
    writes: Integers

    @classmethod
    def of(cls, kinds: Sequence[Kind], slowest: Sequence[Integers]) -> _Units:
        """Finds them by the places of those of each kind that are folded as far as wished."""
        found: list[tuple[Kind, Integers]] = []
        for kind, places in zip(kinds, slowest, strict=True):
            rungs = kind.rungs(places)
            own = [rungs[:, i] for i in range(rungs.shape[1]) if not i or np.any(rungs[:, i] != rungs[:, i - 1])]
            found += [(kind, column) for column in own]
        return cls(
            tuple(kind for kind, _ in found),
            np.stack([places for _, places in found], 1),
            np.stack([kind.intervals(places) for kind, places in found], 1),
            np.stack([kind.resources(places) for kind, places in found], 1),
            np.stack([kind.writes(places) for kind, places in found], 1),
        )


@dataclass(frozen=True, eq=False)
class Options:
    """Options are the kinds of units that a layer can have if its inputs come in some beats.

    Attributes:
        kinds: the kinds.
        streams: numbers of the streams that their units write.
        known: units that were compared for one wish, by the places of those that are folded as far as wished.
    """

    kinds: tuple[Kind, ...]
    streams: dict[Stream, int] = field(default_factory=dict)
    known: dict[tuple[int, ...], _Units] = field(default_factory=dict)


#: Gives the options of a layer for the streams that come.
Offering = Callable[[Layer, tuple[Stream, ...]], Options]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidates are the units that may be best for a wish: of each kind those that are folded as far as wished, or
    less so that they take less block RAM.

    Attributes:
        kinds: the kinds of K candidates.
        streams: numbers of the streams that they write.
        is_weighted: whether the layer has weights.
        places: (B, K) of the units in their kinds.
        late: (B, K) cycles by which they are slower than wished.
        resources: (B, K, `RESOURCES`).
        writes: (B, K) numbers of the streams that they write.
    """

    kinds: tuple[Kind, ...]
    streams: dict[Stream, int]
    is_weighted: bool
    places: Integers
    late: Floats
    resources: Floats
    writes: Integers

    @classmethod
    def of(cls, layer: Layer, options: Options, cycles: Integers) -> Candidates:
        """Finds the candidates of a layer for (B,) wished cycles; those of one wish are kept."""
        if len(cycles) == 1:
            compared = [kind for kind in options.kinds if cycles[0] < kind.above]
            own = (len(compared), *(kind.slowest(int(cycles[0])) for kind in compared))
            if own not in options.known:
                options.known[own] = _Units.of(compared, [np.array([place]) for place in own[1:]])
            units = options.known[own]
        else:
            units = _Units.of(options.kinds, [kind.slowest_within(cycles) for kind in options.kinds])
        late = np.maximum(0.0, units.intervals - cycles[:, None])
        above = np.array([kind.above for kind in units.kinds])
        late = np.where(cycles[:, None] < above, late, _NEVER)
        weighted = bool(layer.kernel.parameters)
        return cls(units.kinds, options.streams, weighted, units.places, late, units.resources, units.writes)


@dataclass(frozen=True, eq=False)
class Market:
    """A market gives the candidates of all layers for some wishes, which are found once.

    Attributes:
        plan: the layers.
        offering: gives the options of a layer.
        cycles: (B, layers) that a sample may take in each.
        known: the candidates of all wishes, by layer and options.
    """

    plan: Plan
    offering: Offering
    cycles: Integers
    known: dict[tuple[int, Options], Candidates] = field(default_factory=dict)

    def candidates(self, layer: Layer, number: int, options: Options, wishes: Integers) -> Candidates:
        """Returns the candidates of a layer for some of the wishes."""
        key = (number, options)
        if key not in self.known:
            self.known[key] = Candidates.of(layer, options, self.cycles[:, number])
        found = self.known[key]
        if len(wishes) == len(self.cycles):
            return found
        own = (found.kinds, found.streams, found.is_weighted, found.places[wishes], found.late[wishes])
        return Candidates(*own, found.resources[wishes], found.writes[wishes])


@dataclass(frozen=True, eq=False)
class Picked:
    """Picked is a unit for each layer and wish.

    Attributes:
        cost: (B,) what they cost together; cycles that are missed are in it.
        taken: (B, `RESOURCES`) what they take together.
        late: (B,) whether a layer with weights is slower than wished.
        columns: (B, layers) which of the candidates they are.
        options: for each layer, all candidates by the streams that came.
        given: (B, layers) which of these streams came.
    """

    cost: Floats
    taken: Floats
    late: NDArray[np.bool_]
    columns: Integers
    options: tuple[tuple[Candidates, ...], ...]
    given: Integers


@dataclass(frozen=True, eq=False)
class Plan:
    """A plan says in which order the layers of some parts are picked.

    Attributes:
        parts: the parts.
        images: streams of images.
        steps: what is made of them, in data order.
    """

    parts: tuple[Part, ...]
    images: tuple[Stream, ...]
    steps: tuple[_Step, ...]

    @property
    def layers(self) -> list[Layer]:
        """Returns the layers, in data order."""
        return [step.layer for step in self.steps if step.layer is not None]


def plan_of(parts: Sequence[Part]) -> Plan:
    """Returns the plan of parts, each of which stands behind those that it reads."""
    made: list[tuple[object, Layer | None, Shape, tuple[object, ...]]] = []
    images: dict[object, Stream] = {}
    for part in parts:
        own: dict[str, object] = dict(zip(part.segment.input_names, part.reads, strict=False))
        if not part.reads:
            streams = whole_pixels(part.segment.inputs)
            for name, stream in zip(part.segment.input_names, streams, strict=True):
                own[name] = (part.segment.name, name)
                images[own[name]] = stream
        for kernel in part.segment.kernels:
            own[kernel.name] = (part.segment.name, kernel.name, "made")
            made.append((own[kernel.name], Layer(part, kernel), (), tuple(own[name] for name in kernel.inputs)))
        for i, (name, tensor) in enumerate(zip(part.segment.outputs, part.segment.results, strict=True)):
            made.append(((part.segment.name, i), None, tensor.shape, (own[name],)))
    there, steps = list(images), []
    for n, (result, layer, shape, takes) in enumerate(made):
        later = {taken for *_, others in made[n + 1 :] for taken in others}
        keeps = tuple(i for i, one in enumerate(there) if one in later)
        steps.append(_Step(layer, shape, tuple(there.index(taken) for taken in takes), keeps))
        there = [there[i] for i in keeps] + [result]
    return Plan(tuple(parts), tuple(images.values()), tuple(steps))


@dataclass
class _Ways:
    """The cheapest ways to all combinations of streams, before or behind a step.

    Attributes:
        streams: of the tensors that are there: a combination for each way.
        cost: (ways, B) of the cheapest way to it.
        before: (ways, B) the way before the step from which it comes.
        columns: (ways, B) the candidate that was picked in it.
    """

    streams: list[tuple[Stream, ...]]
    cost: Floats
    before: Integers
    columns: Integers


def pick(market: Market, wishes: Integers, prices: Floats, columns: Integers | None = None) -> Picked:
    """Picks the units that cost least together.

    Args:
        market: has the candidates.
        wishes: (n,) for which of its wishes.
        prices: (n, `RESOURCES`) of one of each resource.
        columns: (n, layers) candidates that are picked whatever they cost, where the layers have them.
    """
    none, count = np.zeros((1, len(wishes)), np.int64), len(wishes)
    ways = _Ways([market.plan.images], np.zeros((1, count)), none, none)
    trail: list[tuple[_Ways, Integers | None]] = []
    options: list[tuple[Candidates, ...]] = []
    for step in market.plan.steps:
        if step.layer is None:
            streams = [_kept(one, step, along_rows(one[step.takes[0]], step.shape)) for one in ways.streams]
            groups = [[(one, np.zeros(count), none[0])] for one in streams]
            ways, numbers = _joined(ways, groups), None
        else:
            layer, number = step.layer, len(options)
            given = [market.offering(layer, tuple(one[i] for i in step.takes)) for one in ways.streams]
            unique = list(dict.fromkeys(given))
            own = [market.candidates(layer, number, one, wishes) for one in unique]
            options.append(tuple(own))
            fixed = None if columns is None else columns[:, number]
            cheapest = [list(_by_stream(candidates, prices, fixed)) for candidates in own]
            numbers = np.array([unique.index(one) for one in given])
            groups = [
                [(_kept(one, step, stream), *rest) for stream, *rest in cheapest[number]]
                for one, number in zip(ways.streams, numbers, strict=True)
            ]
            ways = _joined(ways, groups)
        trail.append((ways, numbers))
    return _traced(ways, trail, tuple(options))


def _kept(streams: tuple[Stream, ...], step: _Step, made: Stream) -> tuple[Stream, ...]:
    return (*(streams[i] for i in step.keeps), made)


def _by_stream(
    candidates: Candidates, prices: Floats, fixed: Integers | None
) -> Iterator[tuple[Stream, Floats, Integers]]:
    """For each stream that may be written: the least cost of a candidate that does, and which one that is."""
    cost = np.einsum("bkr,br->bk", candidates.resources, prices) + _LATE * candidates.late
    if fixed is not None:
        cost += _OTHER * (np.arange(cost.shape[1]) != fixed[:, None])
    rows = np.arange(len(cost))
    for stream, number in candidates.streams.items():
        writes = candidates.writes == number
        if writes.any():
            own = cost if writes.all() else np.where(writes, cost, np.inf)
            column = own.argmin(1)
            yield stream, own[rows, column], column


def _joined(ways: _Ways, groups: list[list[tuple[tuple[Stream, ...], Floats, Integers]]]) -> _Ways:
    """What the ways become, of which each leads to a group of others; the cheapest of those to the same streams."""
    found: dict[tuple[Stream, ...], list[NDArray[np.generic]]] = {}
    for way, group in enumerate(groups):
        for streams, more, column in group:
            cost = ways.cost[way] + more
            if streams not in found:
                found[streams] = [cost, np.full(len(cost), way), column]
                continue
            best = found[streams]
            less = cost < best[0]
            if less.any():
                best[:] = np.where(less, cost, best[0]), np.where(less, way, best[1]), np.where(less, column, best[2])
    cost = np.array([one[0] for one in found.values()])
    if len(cost) > _MOST:
        cost = np.where(cost > np.partition(cost, _MOST - 1, axis=0)[_MOST - 1], np.inf, cost)
    reached = np.isfinite(cost).any(1)
    rows = [one for one, is_reached in zip(found.items(), reached, strict=True) if is_reached]
    return _Ways(
        [streams for streams, _ in rows],
        cost[reached],
        np.array([one[1] for _, one in rows]),
        np.array([one[2] for _, one in rows]),
    )


def _traced(
    ways: _Ways, trail: list[tuple[_Ways, Integers | None]], options: tuple[tuple[Candidates, ...], ...]
) -> Picked:
    """Goes back along the cheapest way of each wish."""
    rows, way = np.arange(ways.cost.shape[1]), ways.cost.argmin(0)
    cost, found, came = ways.cost[way, rows], [], []
    for made, numbers in reversed(trail):
        column, way = made.columns[way, rows], made.before[way, rows]
        if numbers is not None:
            found.append(column)
            came.append(numbers[way])
    columns, given = np.stack(found[::-1], 1), np.stack(came[::-1], 1)
    taken, late = np.zeros((len(rows), len(RESOURCES))), np.zeros(len(rows), np.bool_)
    for layer, own in enumerate(options):
        for number, candidates in enumerate(own):
            here = rows[given[:, layer] == number]
            picked = columns[here, layer]
            taken[here] += candidates.resources[here, picked]
            late[here] |= candidates.is_weighted & (candidates.late[here, picked] > 0)
    return Picked(cost, taken, late, columns, options, given)
