"""This module improves a choice step by step: a stage becomes faster, another one slower, or buffers change their
depth.

A layer's folds are divisors of its work, so that stages have few speeds. Where all are made faster alike, one that
jumps to a much higher speed takes the room of others; one by one, they find it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

from hwcodesign.backends.streamrtl.choosing import SHARE, Built, Choosing, Speed
from hwcodesign.hardware.choice import Pace, neighbours
from hwcodesign.hardware.unit import Unit

#: What the cycles of a stage are multiplied by to make it faster, and slower.
_FASTER, _SLOWER = (0.999, 0.8, 0.65), (1.1, 1.5, 2.2)
#: Fraction by which a step must improve.
_LEAST = 1e-3
#: Steps that are tried at most.
_MOST = 200
#: Fraction of all multipliers by which a step may add some, and how many times as many as the board seems to have room
#: for: layers differ, and some find room in other resources.
_MORE, _MORE_ROOM = 0.03, 2.0


def quicker(choosing: Choosing, built: Built) -> Built:
    """Returns hardware that fits and takes samples at the shortest interval to which steps lead.

    Args:
        choosing: it builds the accelerator.
        built: hardware that fits, to begin with.
    """
    tried: set[tuple[Speed, int]] = set()
    improves = True
    while improves and len(tried) < _MOST:
        improves, limit = False, built.interval * (1 - _LEAST)
        for changes, depth in _steps(built, choosing.depths):
            speed = built.speed.but(changes)
            if (speed, depth) in tried:
                continue
            tried.add((speed, depth))
            found = choosing.near(built, speed, depth)
            if found is not None and found.interval <= limit:
                built, improves = found, True
                break
    return built


def sooner(choosing: Choosing, built: Built, interval: float, latency: float) -> Built:
    """Returns hardware that fits, keeps an interval, and has a mean latency, or the least one to which steps lead.

    In a step, a layer becomes faster, and one or two others slower so that it finds room. What each of them does to the
    latency is predicted once; of what should improve it, the first that fits and does is taken.

    Args:
        choosing: it builds the accelerator.
        built: hardware that fits, to begin with.
        interval: cycles between samples at most.
        latency: mean cycles of a sample alone.
    """
    known: dict[tuple[int, int], float] = {}
    tried, improves = 0, True
    while improves and _latency(choosing, built) > latency:
        improves, limit = False, _latency(choosing, built) * (1 - _LEAST)
        for changes in _trades(choosing, built, known)[: _MOST - tried]:
            tried += 1
            found = choosing.near(built, built.speed.but(changes), built.depth)
            if found is not None and found.interval <= interval and _latency(choosing, found) <= limit:
                built, improves = found, True
                break
    return built


def _latency(choosing: Choosing, built: Built) -> float:
    return built.hardware.mean_latency(choosing.rates)


class _Turn(NamedTuple):
    """A layer that is folded a step less or more.

    Attributes:
        place: where it stands in a speed.
        cycles: those that it may then take.
        products: multipliers that it then has more.
        later: cycles by which the mean latency grows.
    """

    place: int
    cycles: int
    products: int
    later: float


def _trades(choosing: Choosing, built: Built, known: dict[tuple[int, int], float]) -> list[dict[int, float]]:
    """Returns changes that should make the mean latency shorter and for which there may be room, the best first.

    Args:
        choosing: it builds the accelerator.
        built: from where.
        known: what single layers do to the latency, by place and cycles; more is put there.
    """
    turns = list(_turns(choosing, built, known))
    taken, of_layers = choosing.shares(built.total), choosing.shares(built.choice.resources)
    scarcest = max(taken, key=taken.__getitem__)
    room = (SHARE - taken[scarcest]) / max(of_layers[scarcest], 1e-9)
    most = (_MORE + _MORE_ROOM * room) * sum(unit.products for _, unit in _units(built))
    slower = [(), *((turn,) for turn in turns if turn.products < 0)]
    slower += [(*one, *other) for one, other in combinations(slower[1:], 2) if one[0].place != other[0].place]
    found = []
    for turn in turns:
        for others in slower if turn.products > 0 else ():
            together = (turn, *others)
            later = sum(one.later for one in together)
            places = {one.place: float(one.cycles) for one in together}
            if later < 0 and len(places) == len(together) and sum(one.products for one in together) <= most:
                found.append((later, len(together), places))
    return [places for _, _, places in sorted(found, key=lambda one: one[:2])]


def _turns(choosing: Choosing, built: Built, known: dict[tuple[int, int], float]) -> Iterator[_Turn]:
    own = _latency(choosing, built)
    for place, unit in _units(built):
        faster, now, slower = neighbours(unit)
        if faster is None and now.interval > 1:  # a unit of another kind may be
            faster = Pace(now.interval - 1, now.products + 1)
        for pace in (faster, slower):
            if pace is None:
                continue
            key = (place, int(pace.interval))
            if key not in known:
                found = choosing.at(built, built.speed.but({place: pace.interval}))
                known[key] = float("inf") if found is None else _latency(choosing, found) - own
            yield _Turn(place, int(pace.interval), pace.products - now.products, known[key])


def _units(built: Built) -> Iterator[tuple[int, Unit[Any]]]:
    """Yields the units that have weights and are folded, with their places in a speed."""
    place = 0
    for placed in built.hardware.netlists:
        units = {block.unit.kernel.name: block.unit for block in placed.blocks if block.unit is not None}
        for kernel in placed.segment.kernels:
            unit = units.get(kernel.name)
            if unit is not None and unit.folding is not None and kernel.parameters:
                yield place, unit
            place += 1


def _steps(built: Built, depths: tuple[int, ...]) -> Iterator[tuple[dict[int, float], int]]:
    """Yields cycles of layers that change, and a depth: for the stage that is busiest first."""
    busiest = max(range(len(built.loads)), key=built.loads.__getitem__)
    others = [k for k in range(len(built.loads)) if k != busiest]
    for k in (busiest, *others):
        for factor in _FASTER:
            yield _faster(built, k, factor), built.depth
    for depth in depths[max(0, depths.index(built.depth) - 1) :][:3] if depths else ():
        yield {}, depth
        for factor in _FASTER:
            yield _faster(built, busiest, factor), depth
    for factor in _FASTER:
        for k in others:
            for slower in _SLOWER:
                yield _faster(built, busiest, factor) | _slower(built, k, slower), built.depth


def _faster(built: Built, k: int, factor: float) -> dict[int, float]:
    cycles = built.hardware.stage_intervals[k] * factor
    return {i: min(built.speed.cycles[i], cycles) for i in _places(built, k)}


def _slower(built: Built, k: int, factor: float) -> dict[int, float]:
    cycles = built.hardware.stage_intervals[k] * factor
    return dict.fromkeys(_places(built, k), cycles)


def _places(built: Built, k: int) -> list[int]:
    """Where the layers of a stage and its head stand in a speed."""
    stages = [n // 2 for n, segment in enumerate(built.hardware.accelerator.segments) for _ in segment.kernels]
    return [place for place, stage in enumerate(stages) if stage == k]
