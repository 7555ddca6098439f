"""The choice of units for given exit rates: against all combinations of units, and how many a second.

python -m benchmarks.inner_step

All combinations of units are tried of small networks, for intervals and parts of a board that are drawn by chance.
Results go to benchmarks/results/inner_step.json; `python -m benchmarks.exploration_page` writes them into
docs/exploration.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.predictions import exploration
from hwcodesign.backends.streamrtl.choosing import SHARE, Choosing
from hwcodesign.designs.boards import board_named
from hwcodesign.hardware.budget import Budget
from hwcodesign.hardware.choice import kinds_of
from hwcodesign.hardware.offers import RESOURCES, Floats, Integers, Offer, vector
from hwcodesign.hardware.picking import Layer, Plan
from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.hardware.stream import Stream, along_rows
from hwcodesign.hardware.units import unit_of
from hwcodesign.search.space import Point
from hwcodesign.storage.files import write_json

RESULTS = Path("benchmarks/results/inner_step.json")


@dataclass(frozen=True)
class Unit:
    """A unit of a layer: cycles between samples, what it takes, and the stream that it writes."""

    interval: float
    resources: Floats
    writes: Stream


class Units:
    """All units that layers can have, whatever their folds are, and what is known of them."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Unit] = {}
        self._of: dict[tuple[object, ...], list[Unit]] = {}

    def of(self, layer: Layer, offered: tuple[Stream, ...]) -> list[Unit]:
        """All units of a layer for the streams that come."""
        name = (layer.part.segment.name, layer.kernel.name)
        whole = (*name, offered)
        if whole not in self._of:
            found = []
            for wished, folds in kinds_of(layer, offered):
                for count in folds:
                    implementation = replace(wished, reuse_factor=count)
                    offer = Offer(unit_of(layer.kernel, implementation, offered))
                    key = (*name, implementation, offer.unit.reads)
                    if key not in self._known:
                        taken = np.array(vector(offer.resources))
                        self._known[key] = Unit(offer.interval, taken, offer.unit.writes)
                    found.append(self._known[key])
            self._of[whole] = found
        return self._of[whole]


def combinations(plan: Plan, units: Units, cycles: Integers, room: Floats) -> Floats:
    """What all combinations of units take that are fast enough and within the room: (n, `RESOURCES`).

    Those are left out that take no less of anything than another that ends in the same streams.
    """
    found: dict[tuple[Stream, ...], Floats] = {plan.images: np.zeros((1, len(RESOURCES)))}
    number = 0
    for step in plan.steps:
        made: dict[tuple[Stream, ...], list[Floats]] = {}
        for streams, taken in found.items():
            given = tuple(streams[i] for i in step.takes)
            kept = tuple(streams[i] for i in step.keeps)
            if step.layer is None:
                made.setdefault((*kept, along_rows(given[0], step.shape)), []).append(taken)
                continue
            for unit in units.of(step.layer, given):
                if unit.interval <= cycles[number]:
                    made.setdefault((*kept, unit.writes), []).append(taken + unit.resources)
        number += step.layer is not None
        found = {streams: undominated(np.concatenate(parts), room) for streams, parts in made.items()}
    return np.concatenate([*found.values(), np.zeros((0, len(RESOURCES)))])


def undominated(taken: Floats, room: Floats) -> Floats:
    """Those within the room that take less of something than any other."""
    taken = np.unique(taken[(taken <= room).all(1)], axis=0)
    kept = np.zeros((0, taken.shape[1]))
    for one in taken:  # in lexical order: none behind it is better than one before
        if not (kept <= one).all(1).any():
            kept = np.vstack([kept, one])
    return kept


#: Networks of which all combinations are tried, by recipe and early exits that stay; wishes that are drawn of each, and
#: of those the ones for which the shortest interval is looked for, too.
SMALL, WISHES, SHORTEST = (("digits", ()), ("digits", (0,)), ("jet_mlp", ())), 30, 5
#: Networks for which choices are counted, each with all exits; and how many.
COUNTED, COUNT = ("digits", "blenet_mnist", "resnet8_cifar_w4a4"), 10_000
BOARD, SEED = "pynq-z2", 1
#: Logarithms of intervals; of the parts of the board's resources; ratio at which an interval is near enough.
INTERVALS, PARTS, NEAR = (2.0, 4.5), ((-1.6, -1.3, -3.0, -2.0), -0.3), 1.001


@dataclass(frozen=True)
class Compared:
    """A wish, and what became of it.

    Attributes:
        network: name of the recipe, and the early exits that stay.
        interval: cycles that layers may take for an image.
        capacity: of the part of the board.
        exact, chosen: sum of the fractions of that part, of the best of all combinations and of what is chosen; None
            where nothing is within the share.
        exact_interval, chosen_interval: the shortest interval at which there is something; None where that was not
            asked for, or there is nothing.
    """

    network: str
    interval: float
    capacity: dict[str, int]
    exact: float | None
    chosen: float | None
    exact_interval: float | None = None
    chosen_interval: float | None = None


@dataclass(frozen=True)
class Counted:
    """Choices that were made, for exit rates and intervals that are drawn by chance.

    Attributes:
        network: name of the recipe.
        layers: kernels that choose.
        seconds: processor time of `COUNT` choices, when what units take is known.
        first_seconds: the same before it is.
        within: fraction that is within the share of the board.
        proven: fraction that is, or for which it is proven that nothing is.
        gap: of those within, the mean and the largest fraction by which a better choice may take less.
    """

    network: str
    layers: int
    seconds: float
    first_seconds: float
    within: float
    proven: float
    gap: tuple[float, float]


@cache
def choosing(name: str, early: tuple[int, ...]) -> Choosing:
    """What chooses for a network of which some exits stay."""
    one = replace(exploration(name), board=BOARD)
    variant = one.subject.variants.with_exits(early)
    policy = one.subject.variants.policy(Point("margin", 0.01, None, early) if early else Point.without_exits(None))
    accelerator = replace(variant.design.accelerator, policy=policy)
    return Choosing(accelerator, {}, board_named(BOARD), keeps_buffers=False, known=variant.known)


@dataclass
class Comparison:
    """A comparison with all combinations of units of one network.

    Attributes:
        one: what chooses.
        units: all units.
    """

    one: Choosing
    units: Units

    def exact(self, interval: float, capacity: Resources) -> float | None:
        """The least sum of fractions of all combinations within the share."""
        budget, counts = Budget.of(capacity, SHARE), np.array(vector(capacity))
        cycles = np.array(self.one.speed(interval, self._busy).cycles)
        every = combinations(self.one.plan, self.units, cycles, np.where(counts > 0, SHARE * counts, np.inf))
        return float((every * budget.fractions).sum(1).min()) if len(every) else None

    def chosen(self, interval: float, capacity: Resources) -> float | None:
        """The same of what is chosen."""
        cycles, rest = np.array([self.one.speed(interval, self._busy).cycles]), np.zeros((1, len(RESOURCES)))
        found = self.one.chooser.choose(self.one.plan, cycles, capacity, SHARE, rest)
        within = bool(found.is_within[0])
        return float((found.taken[0] * Budget.of(capacity, SHARE).fractions).sum()) if within else None

    @property
    def _busy(self) -> list[float]:
        return [1.0] * len(self.one.rates or (1.0,))

    def shortest(self, find: Callable[[float, Resources], float | None], capacity: Resources) -> float | None:
        """The shortest interval at which something is within the share."""
        low, high = 1.0, 10 ** INTERVALS[1]
        if find(high, capacity) is None:
            return None
        while high / low > NEAR:
            middle = (low * high) ** 0.5
            low, high = (low, middle) if find(middle, capacity) is not None else (middle, high)
        return high


def compared(name: str, early: tuple[int, ...]) -> Iterator[Compared]:
    """Wishes that are drawn by chance, of parts of a board that are drawn, too."""
    rng, comparison = np.random.default_rng(SEED), Comparison(choosing(name, early), Units())
    whole = board_named(BOARD).capacity
    counts = np.array([whole.lut, whole.ff, whole.dsp, whole.bram18])
    for number in range(WISHES):
        own = np.maximum(1, counts * 10 ** rng.uniform(*PARTS)).astype(int).tolist()
        capacity = Resources(*own)
        interval = float(10 ** rng.uniform(*INTERVALS))
        row = Compared(
            f"{name} {early}",
            interval,
            capacity.to_json(),
            comparison.exact(interval, capacity),
            comparison.chosen(interval, capacity),
        )
        if number < SHORTEST:
            both = [comparison.shortest(find, capacity) for find in (comparison.exact, comparison.chosen)]
            row = replace(row, exact_interval=both[0], chosen_interval=both[1])
        yield row


def counted(name: str) -> Counted:
    """How long choices take, for exit rates, intervals and what else is there that are drawn by chance."""
    rng, one = np.random.default_rng(SEED), choosing(name, tuple(range(exploration(name).network.exits - 1)))
    board = board_named(BOARD).capacity
    stages = np.array(one.stages)
    reached = np.cumprod(np.column_stack([np.ones(COUNT), rng.uniform(0.1, 1, (COUNT, stages.max()))]), axis=1)
    cycles = np.maximum(1, 10 ** rng.uniform(*INTERVALS, (COUNT, 1)) / reached[:, stages]).astype(np.int64)
    rest = np.array(vector(board)) * rng.uniform(0, 0.3, (COUNT, 1))
    times = []
    for _ in range(2):
        begun = time.process_time()
        found = one.chooser.choose(one.plan, cycles, board, SHARE, rest)
        times.append(time.process_time() - begun)
    within, taken = found.is_within, (found.taken * Budget.of(board, SHARE).fractions).sum(1)
    gap = np.maximum(0, taken / found.least - 1)[within]
    proven = float((within | np.isinf(found.least)).mean())
    ends = (float(gap.mean()), float(gap.max()))
    return Counted(name, len(stages), times[1], times[0], float(within.mean()), proven, ends)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    counts = [counted(name) for name in COUNTED]
    for row in counts:
        print(f"{row.network}: {COUNT / row.seconds:,.0f} choices in a second of a core", flush=True)
    rows = [row for name, early in SMALL for row in compared(name, early)]
    kept = {"counted": [asdict(row) for row in counts], "compared": [asdict(row) for row in rows]}
    write_json(RESULTS, kept)
    gaps = [row.chosen / row.exact - 1 for row in rows if row.exact and row.chosen]
    print(f"{len(gaps)} of {len(rows)} wishes can be met; the worst choice takes {max(gaps):.2%} more than the best")


if __name__ == "__main__":
    main()
