"""This module chooses units that take least of a device and are within a share of each of its resources.

What units take is the sum of the fractions of the device's resources. A resource's price is 1; where too much of one is
taken, its price rises and all layers choose again. Then layers change their units one by one. Prices also tell how
little any choice within the share could take (Lagrangian duality), so that what is lost is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwcodesign.hardware.implementation import DEFAULT, Implementation, Implementations
from hwcodesign.hardware.offers import RESOURCES, Floats, Integers, Offer, vector
from hwcodesign.hardware.picking import Market, Picked, Plan, pick
from hwcodesign.hardware.resources.figures import Resources

#: Rounds of choosing with other prices.
_ROUNDS = 10
#: What a price is multiplied by at least, where less is taken.
_LEAST = 0.5
#: What exceeding a share costs when units are changed one by one, against what they take; the least improvement.
_BEYOND, _WORTH = 1e3, 1e-9
#: Of each resource: more than any units take, before there are some.
_NOTHING = 1e12


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
    names = [name for name in RESOURCES if getattr(capacity, name)]
    return {name: getattr(taken, name) / getattr(capacity, name) for name in names}


@dataclass(frozen=True, eq=False)
class Budget:
    """A budget is a device, and how much of it may be taken.

    Attributes:
        fractions: (`RESOURCES`) the fraction of the device that one of a resource is; 0 where it has none.
        share: fraction of each resource that may be taken.
    """

    fractions: Floats
    share: float

    @classmethod
    def of(cls, capacity: Resources, share: float) -> Budget:
        """Returns the budget of a share of a device."""
        counts = np.array(vector(capacity))
        return cls(np.divide(1, counts, out=np.zeros(len(counts)), where=counts > 0), share)


@dataclass(frozen=True, eq=False)
class Chosen:
    """Chosen is a unit for each layer and wish.

    Attributes:
        plan: the layers.
        picked: for each wish, the picking that it is of, and its row there.
        taken: (B, `RESOURCES`) what all units take together.
        is_within: (B,) whether all layers are as fast as wished, within the share.
        least: (B,) sum of fractions below which nothing within the share lies.
    """

    plan: Plan
    picked: Sequence[tuple[Picked, int]]
    taken: Floats
    is_within: NDArray[np.bool_]
    least: Floats

    def choice(self, wish: int) -> Choice:
        """Returns the choice for a wish, by its number."""
        picked, row = self.picked[wish]
        built: dict[str, dict[str, Implementation]] = {part.segment.name: {} for part in self.plan.parts}
        slowest, resources = [], Resources()
        for number, layer in enumerate(self.plan.layers):
            segment, kernel = layer.part.segment.name, layer.kernel
            offer, late = _offer(picked, row, number)
            implementation = offer.unit.implementation
            resources += offer.resources
            if kernel.parameters or implementation != DEFAULT:
                built[segment][kernel.name] = implementation
            if kernel.parameters and late:
                slowest.append((segment, kernel.name, offer.interval))
        return Choice(built, resources, tuple(slowest))


def _offer(picked: Picked, row: int, layer: int) -> tuple[Offer, float]:
    """The unit of a layer, and by how many cycles it is too slow."""
    candidates, column = picked.options[layer][picked.given[row, layer]], picked.columns[row, layer]
    kind = candidates.kinds[column]
    return kind.offer(int(candidates.places[row, column])), float(candidates.late[row, column])


@dataclass(eq=False)
class _Search:
    """A search for the choices of B wishes, with the best one of each so far.

    Attributes:
        market, budget, rest: as of `chosen`.
        picked: for each wish the best picking so far, and its row there.
        taken: (B, `RESOURCES`) what its units take.
        least: (B,) sum of fractions below which nothing within the share lies, by all prices so far.
    """

    market: Market
    budget: Budget
    rest: Floats
    picked: dict[int, tuple[Picked, int]]
    taken: Floats
    least: Floats

    def pick(self, wishes: Integers, prices: Floats, columns: Integers | None = None) -> Picked:
        """Picks the units of some wishes that cost least."""
        return pick(self.market, wishes, prices * self.budget.fractions, columns)

    def shares(self, wishes: Integers, taken: Floats) -> Floats:
        """Returns the fractions of the device that are taken with all else: (n, `RESOURCES`)."""
        found: Floats = (taken + self.rest[wishes]) * self.budget.fractions
        return found

    def keep(self, wishes: Integers, picked: Picked) -> None:
        """Keeps a picking for those wishes for which it is better: it takes less of the scarcest resource beyond the
        share, or less of all.
        """
        new, old = (self._merit(wishes, taken) for taken in (picked.taken, self.taken[wishes]))
        better = (new[0] < old[0]) | ((new[0] == old[0]) & (new[1] < old[1]))
        for row in np.flatnonzero(better).tolist():
            self.picked[int(wishes[row])] = picked, row
        self.taken[wishes[better]] = picked.taken[better]

    def _merit(self, wishes: Integers, taken: Floats) -> tuple[Floats, Floats]:
        shares = self.shares(wishes, taken)
        return np.maximum(shares.max(1), self.budget.share), shares.sum(1)

    def bound(self, wishes: Integers, picked: Picked, prices: Floats) -> None:
        """Raises the sums below which nothing within the share lies, by what costs least at some prices.

        Whatever is within the share costs no more than the room does at any prices. With prices of which the least is
        1, what each price is above 1, for all room, is the most by which a cost can exceed the sum of the fractions.
        """
        room = np.where(self.budget.fractions > 0, self.budget.share - self.rest[wishes] * self.budget.fractions, 0.0)
        lowest = np.where(self.budget.fractions > 0, prices, np.inf).min(1)
        beside = picked.cost - (prices * room).sum(1)
        least = np.where(beside > 0, np.inf, room.sum(1) + beside / lowest)
        self.least[wishes] = np.maximum(self.least[wishes], least)

    def change(self, wishes: Integers) -> None:
        """Changes the units of one layer after another, each time the one that brings the sum nearest to the share, or
        takes less within it.

        Prices alone move layers that are alike all at once, from one resource to another that has no room for all.
        """
        columns = [_changed(*self.picked[n], self.rest[n], self.budget) for n in wishes.tolist()]
        changed = [n for n, one in enumerate(columns) if one is not None]
        if changed:
            own, forced = wishes[changed], np.stack([one for one in columns if one is not None])
            self.keep(own, self.pick(own, np.ones((len(own), len(RESOURCES))), forced))


def chosen(market: Market, budget: Budget, rest: Floats) -> Chosen:
    """Chooses the units of all layers for each of B wishes.

    Args:
        market: has the wishes, and the units that layers can have.
        budget: what may be taken.
        rest: (B, `RESOURCES`) what else takes resources.
    """
    count = len(market.cycles)
    wishes, prices = np.arange(count), np.ones((count, len(RESOURCES)))
    search = _Search(market, budget, rest, {}, np.full(prices.shape, _NOTHING), np.full(count, -np.inf))
    beyond = wishes[:0]
    for number in range(_ROUNDS):
        picked = search.pick(wishes, prices)
        search.keep(wishes, picked)
        search.bound(wishes, picked, prices)
        shares = search.shares(wishes, picked.taken) / budget.share
        still = (shares.max(1) > 1) & np.isfinite(search.least[wishes])
        wishes, prices = wishes[still], (prices * np.maximum(shares, _LEAST))[still]
        beyond = wishes if number == 0 else beyond
        if not len(wishes):
            break
    search.change(beyond[np.isfinite(search.least[beyond])])
    within = search.shares(np.arange(count), search.taken).max(1) <= budget.share
    best = tuple(search.picked[n] for n in range(count))
    fast = np.array([not picked.late[row] for picked, row in best])
    return Chosen(market.plan, best, search.taken, within & fast, search.least)


def _changed(picked: Picked, row: int, rest: Floats, budget: Budget) -> Integers | None:
    """The candidates of all layers after changes; nothing if none is worth it."""
    columns = picked.columns[row].copy()
    layers = [own[number] for own, number in zip(picked.options, picked.given[row], strict=True)]
    resources = [one.resources[row] * budget.fractions for one in layers]
    late = [one.late[row] for one in layers]
    layer = np.concatenate([np.full(len(one), n) for n, one in enumerate(late)])
    column = np.concatenate([np.arange(len(one)) for one in late])
    every, lates = np.concatenate(resources), np.concatenate(late)
    start = np.cumsum([0, *(len(one) for one in late[:-1])])
    total = every[start + columns].sum(0) + rest * budget.fractions

    def merit(totals: Floats) -> Floats:
        found: Floats = _BEYOND * np.maximum(0.0, totals - budget.share).sum(-1) + totals.sum(-1)
        return found

    is_changed = False
    while True:
        now = (start + columns)[layer]
        after = merit(total - every[now] + every)
        swap = int(np.where(lates <= lates[now], after, np.inf).argmin())
        if after[swap] >= merit(total) - _WORTH:
            return columns if is_changed else None
        total, is_changed = total - every[now[swap]] + every[swap], True
        columns[layer[swap]] = column[swap]
