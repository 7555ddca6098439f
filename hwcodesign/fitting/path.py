"""The path of thresholds along a policy's accuracy-cost curve.

The curve's points are each the best at their cost, but one's thresholds need not be stricter than another's
everywhere. The path goes through those that are in one order, as evenly spaced in cost as they can be, from leaving at
once to never leaving early; between them it divides the ranks of the scores at each exit in halves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hwcodesign.fitting.search import OperatingPoint, cost_curve
from hwcodesign.policies.criterion import ALWAYS, NEVER
from hwcodesign.policies.policy import ExitPolicy
from hwcodesign.policies.statistics import ExitStatistics
from hwcodesign.policies.threshold_path import PathPoint, ThresholdPath

#: Largest step of the average cost between neighbours, as a fraction of all that the path spans, where ties allow.
STEP = 0.01

_Codes = tuple[int, ...]


def threshold_path(
    policy: ExitPolicy, statistics: ExitStatistics, curve: Sequence[OperatingPoint] | None = None
) -> ThresholdPath | None:
    """Returns the path of a policy's criterion on these samples; None if thresholds make no difference to them, as in a
    network with one exit.

    Args:
        policy: criterion and tables; its own thresholds are one more point that the path may go through.
        statistics: the fitting split.
        curve: the criterion's curve on these samples, where it is known.
    """
    early = len(statistics.costs) - 1
    if not early:
        return None
    if policy.criterion.shared_threshold:
        most = int(statistics.scores[:-1].max())
        codes = [(code,) * early for code in (*range(1, most + 1), NEVER)]
    else:
        known = cost_curve(policy, statistics) if curve is None else curve
        found = {point.codes for point in known} | {policy.threshold_codes[:-1]}
        codes = _refined(statistics, _chain(statistics, sorted(found | {(ALWAYS,) * early, (NEVER,) * early})))
    points: list[PathPoint] = []
    for point in (_point(statistics, c) for c in codes):
        if not points or points[-1].leaving != point.leaving:
            points.append(point)
    return ThresholdPath(tuple(points)) if len(points) > 1 else None


def _chain(statistics: ExitStatistics, candidates: Sequence[_Codes]) -> list[_Codes]:
    """From the first to the last through candidates whose codes only rise, with the least sum of squared cost steps."""
    cost = {codes: float(statistics.costs[statistics.exits_taken(codes)].mean()) for codes in candidates}
    order = sorted(candidates, key=lambda codes: (cost[codes], codes))
    best: list[tuple[float, int]] = [(0.0, -1)]  # sum so far, and the candidate before
    for k, codes in enumerate(order[1:], 1):
        ways = [
            (best[j][0] + (cost[codes] - cost[order[j]]) ** 2, j)
            for j in range(k)
            if all(low <= high for low, high in zip(order[j], codes, strict=True))
        ]
        best.append(min(ways, default=(float("inf"), -1)))
    chain, k = [], len(order) - 1
    while k >= 0:
        chain.append(order[k])
        k = best[k][1]
    return chain[::-1]


def _refined(statistics: ExitStatistics, chain: Sequence[_Codes]) -> list[_Codes]:
    """More points between those of a chain, so that no step of the cost is above `STEP` of the whole."""

    @cache
    def cost(codes: _Codes) -> float:
        return float(statistics.costs[statistics.exits_taken(codes)].mean())

    ranked = np.sort(statistics.scores[:-1], axis=1)
    widest = STEP * (cost(chain[-1]) - cost(chain[0]))
    found = [chain[0]]
    for low, high in pairwise(chain):
        found += [*_between(cost, ranked, low, high, widest), high]
    return found


def _between(
    cost: Callable[[_Codes], float], ranked: NDArray[np.int64], low: _Codes, high: _Codes, widest: float
) -> list[_Codes]:
    """Points strictly between two, in order."""
    if cost(high) - cost(low) <= widest:
        return []
    middle = _middle(ranked, low, high)
    if middle is None:
        return []
    below = _between(cost, ranked, low, middle, widest)
    return [*below, middle, *_between(cost, ranked, middle, high, widest)]


def _middle(ranked: NDArray[np.int64], low: _Codes, high: _Codes) -> _Codes | None:
    """Thresholds half way in rank at every exit, or one exit's step where none is wider; None: nothing lies between."""
    middle = []
    for scores, a, b in zip(ranked, low, high, strict=True):
        inside = scores[np.searchsorted(scores, a, "right") : np.searchsorted(scores, b)]
        middle.append(int(inside[len(inside) // 2]) if len(inside) else a)
    if tuple(middle) != low:
        return tuple(middle)
    differing = [k for k, (a, b) in enumerate(zip(low, high, strict=True)) if a != b]
    if len(differing) < 2:
        return None
    raised = differing[: len(differing) // 2]
    return tuple(b if k in raised else a for k, (a, b) in enumerate(zip(low, high, strict=True)))


def _point(statistics: ExitStatistics, codes: _Codes) -> PathPoint:
    taken = statistics.exits_taken(codes)
    leaving = np.bincount(taken, minlength=len(statistics.costs))
    right = statistics.correct[taken, np.arange(len(taken))].sum()
    return PathPoint(codes, tuple(leaving.tolist()), int(right))
