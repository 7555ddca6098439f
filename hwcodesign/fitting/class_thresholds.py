"""Fitting thresholds of their own to the classes that an exit predicts (Bonato and Bouganis 2021).

Samples of different predicted classes never compete for the same threshold, so that each pair of exit and class is
like an exit of its own, which only samples of its class can leave at. At a price of cost the best threshold of every
class is found at once; the points so found, and those without classes, are where the constrained search starts from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwcodesign.fitting.search import PRICES, OperatingPoint, cost_curve, evaluate, fit
from hwcodesign.policies.class_offsets import median
from hwcodesign.policies.criterion import ALWAYS, NEVER
from hwcodesign.policies.policy import ExitPolicy
from hwcodesign.policies.statistics import ExitStatistics
from hwcodesign.policies.tables import Integers

#: Below every threshold code: a sample cannot leave by another class' threshold.
_OTHER_CLASS = ALWAYS - 1
_MAX_SWEEPS = 10


@dataclass(frozen=True)
class _ByClass(ExitStatistics):
    """Statistics in which each exit but the last stands once for every class, (K - 1) C + 1 exits in all.

    Attributes:
        exit_scores, exit_labels: (K - 1, N) of the exits themselves.
        classes: C.
    """

    exit_scores: Integers
    exit_labels: Integers
    classes: int

    @classmethod
    def of_exits(cls, statistics: ExitStatistics, classes: int) -> _ByClass:
        early = statistics.labels[:-1]
        own = early[:, None, :] == np.arange(classes)[None, :, None]
        scores = np.where(own, statistics.scores[:-1, None, :], _OTHER_CLASS).reshape(-1, early.shape[1])
        return cls(
            np.concatenate([scores, statistics.scores[-1:]]),
            np.concatenate([np.repeat(early, classes, axis=0), statistics.labels[-1:]]),
            statistics.truth,
            np.append(np.repeat(statistics.costs[:-1], classes), statistics.costs[-1]),
            statistics.scores[:-1],
            early,
            classes,
        )

    def exits_taken(self, codes: Sequence[int]) -> Integers:
        """(N,) pair of exit and class, or the last exit, that each sample leaves at."""
        table = np.asarray(codes, np.int64).reshape(-1, self.classes)
        exits = np.arange(len(table))[:, None]
        leaves = self.exit_scores >= table[exits, self.exit_labels]
        first = np.asarray(np.concatenate([leaves, np.ones_like(leaves[:1])]).argmax(axis=0))
        labels = np.concatenate([self.exit_labels, np.zeros_like(self.exit_labels[:1])])
        return np.asarray(first * self.classes + labels[first, np.arange(len(first))])


def fit_by_class(
    policy: ExitPolicy,
    statistics: ExitStatistics,
    *,
    accuracy_drop: float | None = None,
    budget: float | None = None,
    spend: bool = False,
    confidence: float | None = None,
) -> tuple[tuple[tuple[int, ...], ...], OperatingPoint]:
    """Finds thresholds by class that meet one request on these samples; arguments are those of `fit`.

    Returns:
        Codes, C for each exit but the last, and what they give; a class that no sample of the split was given at an
        exit has the median of the others' thresholds. The point's own codes are those medians.

    Raises:
        PolicyError: as `fit`.
    """
    pairs = _ByClass.of_exits(statistics, policy.classes)
    shape = (len(statistics.costs) - 1, policy.classes)
    points = [
        evaluate(pairs, np.repeat(point.codes, policy.classes).tolist()) for point in cost_curve(policy, statistics)
    ]
    codes = np.full(shape, NEVER, np.int64)
    for price in PRICES:
        codes = _at_price(statistics, codes, float(price))
        points.append(evaluate(pairs, codes.reshape(-1).tolist()))
    found = fit(
        policy, pairs, accuracy_drop=accuracy_drop, budget=budget, spend=spend, confidence=confidence, curve=points
    )
    best = np.array(found.codes, np.int64).reshape(shape)
    rates = np.array(found.exit_rate[:-1]).reshape(shape).sum(axis=1)
    filled = [_filled(row, labels) for row, labels in zip(best, statistics.labels[:-1], strict=True)]
    medians = tuple(median(row) for row in filled)
    return tuple(filled), replace(found, codes=medians, exit_rate=(*rates.tolist(), found.exit_rate[-1]))


def _at_price(statistics: ExitStatistics, codes: Integers, price: float) -> Integers:
    """Codes (K - 1, C) of best accuracy less price of cost, by sweeps over the exits, deepest first."""
    for _ in range(_MAX_SWEEPS):
        before = codes
        for k in reversed(range(len(codes))):
            codes = codes.copy()
            codes[k] = _best_codes(statistics, codes, k, price)
        if np.array_equal(codes, before):
            break
    return codes


def _best_codes(statistics: ExitStatistics, codes: Integers, k: int, price: float) -> Integers:
    """(C,) the best codes of exit k, the other exits' fixed."""
    early = statistics.labels[:-1]
    leaves = statistics.scores[:-1] >= codes[np.arange(len(codes))[:, None], early]
    leaves[k] = False
    taken = np.concatenate([leaves, np.ones_like(leaves[:1])]).argmax(axis=0)
    gain = statistics.correct[k] * 1.0 - statistics.correct[taken, np.arange(len(taken))]
    gain += price * (statistics.costs[taken] - statistics.costs[k])
    best = np.full(codes.shape[1], NEVER, np.int64)
    reach = taken > k
    for c in range(len(best)):
        rows = np.flatnonzero(reach & (early[k] == c))
        order = rows[np.argsort(-statistics.scores[k, rows], kind="stable")]
        scores = statistics.scores[k, order]
        total = np.cumsum(gain[order])
        total[:-1][scores[1:] == scores[:-1]] = -np.inf  # equal scores leave together
        if len(total) and total.max() > 0:
            best[c] = scores[total.argmax()]
    return best


def _filled(codes: Integers, labels: NDArray[np.int64]) -> tuple[int, ...]:
    """Codes with the median of the others where no sample has the class."""
    seen = np.isin(np.arange(len(codes)), labels)
    middle = median(codes[seen].tolist())
    return tuple(int(code) if known else middle for code, known in zip(codes, seen, strict=True))
