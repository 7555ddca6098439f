"""This module improves a choice step by step: a stage becomes faster, another one slower, or buffers change their
depth.

A layer's folds are divisors of its work, so that stages have few speeds. Where all are made faster alike, one that
jumps to a much higher speed takes the room of others; one by one, they find it.
"""

from __future__ import annotations

from collections.abc import Iterator

from hwcodesign.backends.streamrtl.choosing import Built, Choosing, Speed

#: What the cycles of a stage are multiplied by to make it faster, and slower.
_FASTER, _SLOWER = (0.999, 0.8, 0.65), (1.1, 1.5, 2.2)
#: Fraction by which a step must improve.
_LEAST = 1e-3
#: Steps that are tried at most.
_MOST = 300


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
