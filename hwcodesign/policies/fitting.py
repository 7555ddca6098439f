"""Choosing thresholds: by accuracy drop, by budget, and the whole accuracy-cost curve.

One threshold at a time can be chosen exactly: with the others fixed, sort the samples that reach
the exit by score; every threshold splits that order in two, and prefix sums give accuracy and cost
of each split. Sweeping the exits in turn until nothing changes, for a range of prices of cost
(Lagrange multipliers), traces the curve; requests are then met exactly by constrained sweeps
from the curve's points nearest to them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import PolicyError
from hwcodesign.policies.criterion import NEVER
from hwcodesign.policies.policy import ExitPolicy
from hwcodesign.policies.statistics import ExitStatistics

#: Prices of cost, in accuracy per full cost, that the curve is traced at.
_PRICES = np.concatenate([[0.0], np.logspace(-4, 1, 61)])
#: Curve points from which a request's constrained sweeps start.
_STARTS = 6
_MAX_SWEEPS = 20

# Value of each split, given its accuracy and its average cost; larger is better.
_Objective = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class OperatingPoint:
    """What thresholds give on a set of samples.

    Attributes:
        codes: integer thresholds, one per exit but the last.
        accuracy: share of right answers.
        cost: average cost, as a fraction of the full cost.
        exit_share: share of samples leaving at each exit.
    """

    codes: tuple[int, ...]
    accuracy: float
    cost: float
    exit_share: tuple[float, ...]


def evaluate(statistics: ExitStatistics, codes: Sequence[int]) -> OperatingPoint:
    """Accuracy, cost and exit shares of threshold codes on samples."""
    taken = statistics.exits_taken(codes)
    samples = np.arange(len(taken))
    share = np.bincount(taken, minlength=len(statistics.costs)) / len(taken)
    return OperatingPoint(
        tuple(int(code) for code in codes),
        float(statistics.correct[taken, samples].mean()),
        float(statistics.costs[taken].mean()),
        tuple(float(s) for s in share),
    )


def cost_curve(policy: ExitPolicy, statistics: ExitStatistics) -> list[OperatingPoint]:
    """The criterion's accuracy-cost curve on these samples, cheapest first, dominated points left out."""
    if policy.criterion.shared_threshold:
        points = _shared_points(statistics)
    else:
        points = []
        codes = _never(statistics)
        for price in _PRICES:
            codes = _descend(statistics, codes, lambda accuracy, cost, price=price: accuracy - price * cost)
            points.append(evaluate(statistics, codes))
    return _pareto(points)


def fit(
    policy: ExitPolicy,
    statistics: ExitStatistics,
    *,
    accuracy_drop: float | None = None,
    budget: float | None = None,
) -> OperatingPoint:
    """Thresholds that meet one request on these samples.

    Args:
        policy: criterion and tables; its thresholds are ignored.
        statistics: the fitting split.
        accuracy_drop: least cost whose accuracy is at most this far below the last exit's.
        budget: highest accuracy whose average cost is at most this fraction of the full cost.

    Raises:
        PolicyError: not exactly one request, or one that nothing can meet.
    """
    if (accuracy_drop is None) == (budget is None):
        raise PolicyError("give exactly one of accuracy_drop and budget (or explicit thresholds)")
    curve = cost_curve(policy, statistics)
    if budget is not None:
        return _fit_budget(policy, statistics, curve, budget)
    assert accuracy_drop is not None
    return _fit_accuracy(policy, statistics, curve, accuracy_drop)


def _fit_budget(
    policy: ExitPolicy, statistics: ExitStatistics, curve: list[OperatingPoint], budget: float
) -> OperatingPoint:
    low = float(statistics.costs[0])
    feasible = [point for point in curve if point.cost <= budget]
    if not feasible:
        reachable = min(point.cost for point in curve)
        raise PolicyError(
            f"budget {budget:g} of the full cost cannot be met: leaving at the first exit costs {low:g}, "
            f"the cheapest this criterion reaches here is {reachable:g}"
        )
    if policy.criterion.shared_threshold:
        return max(feasible, key=lambda point: (point.accuracy, -point.cost))

    def objective(accuracy: NDArray[np.float64], cost: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(cost <= budget, accuracy, -cost)

    return _refine(statistics, sorted(feasible, key=lambda point: -point.accuracy), objective)


def _fit_accuracy(
    policy: ExitPolicy, statistics: ExitStatistics, curve: list[OperatingPoint], drop: float
) -> OperatingPoint:
    if not 0 <= drop < 1:
        raise PolicyError(f"accuracy_drop {drop!r} is not in 0..1 (a fraction, so 0.005 is half a point)")
    # a hair below, so that equal shares of right answers compare equal
    target = float(statistics.correct[-1].mean()) - drop - 1e-12
    feasible = [point for point in curve if point.accuracy >= target]
    feasible.append(evaluate(statistics, _never(statistics)))
    if policy.criterion.shared_threshold:
        return min(feasible, key=lambda point: point.cost)

    def objective(accuracy: NDArray[np.float64], cost: NDArray[np.float64]) -> NDArray[np.float64]:
        # feasible splits always beat infeasible ones, whose value is below -1 (no cost share is above ~2)
        return np.where(accuracy >= target, -cost, accuracy - 100.0)

    return _refine(statistics, sorted(feasible, key=lambda point: point.cost), objective)


def _refine(statistics: ExitStatistics, starts: list[OperatingPoint], objective: _Objective) -> OperatingPoint:
    """Constrained sweeps from the best few points of the curve; the best of their ends."""
    ends = [evaluate(statistics, _descend(statistics, start.codes, objective)) for start in starts[:_STARTS]]
    values = [float(objective(np.array([end.accuracy]), np.array([end.cost]))[0]) for end in ends]
    return ends[int(np.argmax(values))]


def _descend(statistics: ExitStatistics, codes: Sequence[int], objective: _Objective) -> tuple[int, ...]:
    """Sweep the exits, deepest first, until no threshold changes."""
    current = list(codes)
    for _ in range(_MAX_SWEEPS):
        before = list(current)
        for k in reversed(range(len(current))):
            current[k] = _best_threshold(statistics, current, k, objective)
        if current == before:
            break
    return tuple(current)


def _best_threshold(statistics: ExitStatistics, codes: Sequence[int], k: int, objective: _Objective) -> int:
    """The best threshold at exit k, the others fixed; the current one wins ties."""
    closed = list(codes)
    closed[k] = NEVER
    taken = statistics.exits_taken(closed)
    samples = np.arange(len(taken))
    right = statistics.correct[taken, samples]
    cost = statistics.costs[taken]
    reach = np.flatnonzero(taken > k)  # with exit k closed, whoever gets past it has reached it
    order = reach[np.argsort(-statistics.scores[k, reach], kind="stable")]
    scores = statistics.scores[k, order]
    gained = np.cumsum(statistics.correct[k, order].astype(np.float64) - right[order])
    saved = np.cumsum(statistics.costs[k] - cost[order])
    boundary = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) if len(scores) else np.zeros(0, np.int64)
    candidates = np.concatenate([[NEVER], scores[boundary]])
    accuracy = (right.sum() + np.concatenate([[0.0], gained[boundary]])) / len(taken)
    average = (cost.sum() + np.concatenate([[0.0], saved[boundary]])) / len(taken)
    values = objective(accuracy, average)
    best = int(np.argmax(values))
    here = np.flatnonzero(candidates == codes[k])
    return int(codes[k]) if len(here) and values[here[0]] >= values[best] else int(candidates[best])


def _shared_points(statistics: ExitStatistics) -> list[OperatingPoint]:
    """One point per threshold that all exits share, and the one that never leaves."""
    early = statistics.scores[:-1]
    points = [evaluate(statistics, [int(t)] * len(early)) for t in range(1, int(early.max(initial=0)) + 1)]
    return [*points, evaluate(statistics, _never(statistics))]


def _never(statistics: ExitStatistics) -> tuple[int, ...]:
    return (NEVER,) * (len(statistics.costs) - 1)


def _pareto(points: list[OperatingPoint]) -> list[OperatingPoint]:
    """Points that no other one beats in both accuracy and cost, cheapest first."""
    kept: list[OperatingPoint] = []
    for point in sorted(points, key=lambda point: (point.cost, -point.accuracy)):
        if not kept or point.accuracy > kept[-1].accuracy:
            kept.append(point)
    return kept
