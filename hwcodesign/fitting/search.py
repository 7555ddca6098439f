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
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import PolicyError
from hwcodesign.fitting.allocation import quota_codes, tilted
from hwcodesign.policies.criterion import ALWAYS, NEVER, Threshold
from hwcodesign.policies.policy import ExitPolicy
from hwcodesign.policies.statistics import ExitStatistics

#: Prices of cost, in accuracy per full cost, that the curve is traced at.
PRICES = np.concatenate([[0.0], np.logspace(-4, 1, 61)])
#: A budget counts as spent from this fraction of it on.
SPENT = 0.99
#: A mean of equal costs may be above them, by what floats round.
_ROUNDED = 1 + 1e-9
#: Curve points from which a request's constrained sweeps start.
_STARTS = 6
_MAX_SWEEPS = 20
#: Weight of an exit that hardly any sample should leave at, beside 1 of the others.
_FEW = 1e-3


@dataclass(frozen=True)
class _Splits:
    """What each of some candidate thresholds gives.

    Attributes:
        accuracy: fraction of right answers.
        cost: average cost.
        changed: fraction of samples that the policy has right and the last exit wrong, or the other way round.
    """

    accuracy: NDArray[np.float64]
    cost: NDArray[np.float64]
    changed: NDArray[np.float64]


# Value of each split; larger is better.
_Objective = Callable[[_Splits], NDArray[np.float64]]


@dataclass(frozen=True)
class OperatingPoint:
    """An operating point is what thresholds give on a set of samples.

    Attributes:
        codes: integer thresholds, one per exit but the last.
        accuracy: fraction of right answers.
        cost: average cost, as a fraction of the full cost.
        exit_rate: fraction of samples leaving at each exit.
    """

    codes: tuple[int, ...]
    accuracy: float
    cost: float
    exit_rate: tuple[float, ...]


def evaluate(statistics: ExitStatistics, codes: Sequence[int]) -> OperatingPoint:
    """Computes accuracy, cost and exit rates of threshold codes on samples."""
    taken = statistics.exits_taken(codes)
    samples = np.arange(len(taken))
    rates = np.bincount(taken, minlength=len(statistics.costs)) / len(taken)
    return OperatingPoint(
        tuple(int(code) for code in codes),
        float(statistics.correct[taken, samples].mean()),
        float(statistics.costs[taken].mean()),
        tuple(float(rate) for rate in rates),
    )


def cost_curve(policy: ExitPolicy, statistics: ExitStatistics) -> list[OperatingPoint]:
    """Computes the criterion's accuracy-cost curve on these samples, cheapest first, without dominated points."""
    if policy.criterion.shared_threshold:
        points = _shared_points(statistics)
    else:
        points = []
        codes = _never(statistics)
        for price in PRICES:
            codes = _descend(statistics, codes, _priced(float(price)))
            points.append(evaluate(statistics, codes))
    return _pareto(points)


def check_request(
    accuracy_drop: float | None,
    budget: float | None,
    thresholds: Sequence[Threshold] | None,
    confidence: float | None,
) -> None:
    """Refuses anything but one request, within its range.

    Raises:
        PolicyError: naming what was given, and the range.
    """
    requests = {"accuracy_drop": accuracy_drop, "budget": budget, "thresholds": thresholds}
    given = sorted(name for name, value in requests.items() if value is not None)
    if len(given) != 1:
        raise PolicyError(f"give exactly one of accuracy_drop, budget and thresholds, not {given or 'none'}")
    if budget is not None and not 0 < budget < float("inf"):
        raise PolicyError(f"budget {budget!r} is not a positive number (a fraction of the full cost, so 0.5 is half)")
    if accuracy_drop is not None and not 0 <= accuracy_drop < 1:
        raise PolicyError(f"accuracy_drop {accuracy_drop!r} is not in 0..1 (a fraction, so 0.005 is half a point)")
    if confidence is not None and (accuracy_drop is None or not 0.5 <= confidence < 1):
        raise PolicyError(f"confidence {confidence!r} goes with accuracy_drop and lies in 0.5..1")


def check_budget(budget: float | None, costs: Sequence[float]) -> None:
    """Refuses a budget that no thresholds could spend.

    Args:
        costs: of leaving at each exit, as fractions of the full cost.

    Raises:
        PolicyError: naming the most that can be spent.
    """
    if budget is not None and budget > max(costs) * _ROUNDED:
        raise PolicyError(
            f"budget {budget:g} of the full cost cannot be spent: the dearest exit costs {max(costs):.4g}; give at "
            "most that, or accuracy_drop=0.0 for what the last exit gets right at the least cost"
        )


def fit(
    policy: ExitPolicy,
    statistics: ExitStatistics,
    *,
    accuracy_drop: float | None = None,
    budget: float | None = None,
    spend: bool = False,
    confidence: float | None = None,
    start: Sequence[int] | None = None,
    curve: Sequence[OperatingPoint] | None = None,
) -> OperatingPoint:
    """Finds thresholds that meet one request on these samples.

    Args:
        policy: criterion and tables; its thresholds are ignored.
        statistics: the fitting split.
        accuracy_drop: least cost whose accuracy is at most this far below the last exit's.
        budget: highest accuracy whose average cost is at most this fraction of the full cost.
        spend: with budget: rather a cost above `SPENT` of the budget, wherever ties allow, than the highest accuracy.
        confidence: with accuracy_drop: the drop holds for new samples with this probability, not only for these.
        start: with budget: codes that the search starts from, too; one per exit but the last.
        curve: points that the search starts from, instead of the criterion's own curve.

    Raises:
        PolicyError: not exactly one request, or one that nothing can meet.
    """
    check_request(accuracy_drop, budget, None, confidence)
    known = cost_curve(policy, statistics) if curve is None else list(curve)
    if budget is not None:
        return _fit_budget(policy, statistics, known, budget, start, spend=spend)
    assert accuracy_drop is not None
    return _fit_accuracy(policy, statistics, known, accuracy_drop, confidence)


def _fit_budget(
    policy: ExitPolicy,
    statistics: ExitStatistics,
    curve: list[OperatingPoint],
    budget: float,
    start: Sequence[int] | None,
    *,
    spend: bool,
) -> OperatingPoint:
    low = float(statistics.costs[0])
    feasible = [point for point in curve if point.cost <= budget]
    if not feasible:
        reachable = min(point.cost for point in curve)
        raise PolicyError(
            f"budget {budget:g} of the full cost cannot be met: leaving at the first exit costs {low:g}, "
            f"the cheapest this criterion reaches here is {reachable:g}"
        )

    def objective(split: _Splits) -> NDArray[np.float64]:
        spent = np.where(spend & (split.cost > SPENT * budget), 1.0, 0.0)  # more than any accuracy is worth
        return np.where(split.cost <= budget, split.accuracy + spent, -split.cost)

    if policy.criterion.shared_threshold:
        return max(feasible, key=lambda point: (float(objective(_splits_of(statistics, point))[0]), -point.cost))
    starts = sorted(feasible, key=lambda point: -point.accuracy)
    if start is not None:
        starts.insert(0, evaluate(statistics, start))
    if not spend:
        return _refine(statistics, starts, objective, _STARTS)
    # nearest to the budget from below, and from above, where one threshold may bring the cost down to it
    nearest = sorted(curve, key=lambda point: abs(point.cost - budget))[:_STARTS]
    spent = [evaluate(statistics, codes) for codes in _spending(statistics, budget)]
    return _refine(statistics, [*spent, *nearest, *starts[:_STARTS]], objective, len(spent) + 2 * _STARTS)


def _spending(statistics: ExitStatistics, budget: float) -> list[tuple[int, ...]]:
    """Codes that cost about the budget, whatever accuracy says of it: a curve may end far below.

    Exits divide the samples evenly, or all leave at two of them, one cheaper and one dearer than the budget; rates are
    tilted until they cost the budget.
    """
    exits, costs = len(statistics.costs), statistics.costs
    mostly = [np.ones(exits)]
    for k in range(exits - 1):
        if costs[k] <= budget <= costs[k + 1]:
            mostly.append(np.where((np.arange(exits) == k) | (np.arange(exits) == k + 1), 1.0, _FEW))
    return [quota_codes(statistics, tilted(rates, costs, min(budget, float(costs.max())))) for rates in mostly]


def _fit_accuracy(
    policy: ExitPolicy,
    statistics: ExitStatistics,
    curve: list[OperatingPoint],
    drop: float,
    confidence: float | None,
) -> OperatingPoint:
    last, samples = float(statistics.correct[-1].mean()), len(statistics.truth)

    def meets(split: _Splits) -> NDArray[np.bool_]:
        # a hair more, so that equal fractions of right answers compare equal
        bound = largest_drop(last - split.accuracy, split.changed, samples, confidence)
        return np.asarray((bound <= drop + 1e-12) | (split.changed == 0))

    def objective(split: _Splits) -> NDArray[np.float64]:
        # splits that meet the request always beat those that do not: no cost fraction is anywhere near 100
        return np.where(meets(split), -split.cost, split.accuracy - 100.0)

    never = evaluate(statistics, _never(statistics))
    feasible = [point for point in [*curve, never] if meets(_splits_of(statistics, point))[0]]
    if policy.criterion.shared_threshold:
        return min(feasible, key=lambda point: point.cost)
    return _refine(statistics, sorted(feasible, key=lambda point: point.cost), objective)


def largest_drop(
    drop: NDArray[np.float64], changed: NDArray[np.float64], samples: int, confidence: float | None
) -> NDArray[np.float64]:
    """Computes the upper confidence bound of an accuracy drop between two answers on the same samples.

    A. Agresti and Y. Min, "Simple improved confidence intervals for comparing matched proportions", Statistics in
    Medicine 24, 2005: half a count is added to each cell of the two-by-two table, then the normal bound is taken.

    Args:
        drop: observed difference of the fractions of right answers.
        changed: fraction of samples that exactly one of both has right.
        samples: N.
        confidence: one-sided; None returns the observed drop.
    """
    if confidence is None:
        return drop
    total = samples + 2
    shifted = drop * samples / total
    variance = ((changed * samples + 1) / total - shifted**2) / total
    return np.asarray(shifted + NormalDist().inv_cdf(confidence) * np.sqrt(variance))


def _refine(
    statistics: ExitStatistics, starts: list[OperatingPoint], objective: _Objective, most: int = _STARTS
) -> OperatingPoint:
    """Constrained sweeps from the first few points; the best of their ends."""
    ends = [evaluate(statistics, _descend(statistics, start.codes, objective)) for start in starts[:most]]
    values = [float(objective(_splits_of(statistics, end))[0]) for end in ends]
    return ends[int(np.argmax(values))]


def _priced(price: float) -> _Objective:
    """Accuracy less the price of cost."""

    def objective(split: _Splits) -> NDArray[np.float64]:
        return split.accuracy - price * split.cost

    return objective


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
    # with exit k closed, whoever gets past it has reached it; a score below all codes can leave by none
    reach = np.flatnonzero((taken > k) & (statistics.scores[k] >= ALWAYS))
    order = reach[np.argsort(-statistics.scores[k, reach], kind="stable")]
    scores = statistics.scores[k, order]
    gained = np.cumsum(statistics.correct[k, order].astype(np.float64) - right[order])
    saved = np.cumsum(statistics.costs[k] - cost[order])
    boundary = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) if len(scores) else np.zeros(0, np.int64)
    candidates = np.concatenate([[NEVER], scores[boundary]])
    accuracy = (right.sum() + np.concatenate([[0.0], gained[boundary]])) / len(taken)
    average = (cost.sum() + np.concatenate([[0.0], saved[boundary]])) / len(taken)
    last = statistics.correct[-1]
    turned = np.cumsum((statistics.correct[k, order] != last[order]) * 1.0 - (right[order] != last[order]))
    changed = ((right != last).sum() + np.concatenate([[0.0], turned[boundary]])) / len(taken)
    values = objective(_Splits(accuracy, average, changed))
    best = int(np.argmax(values))
    here = np.flatnonzero(candidates == codes[k])
    return int(codes[k]) if len(here) and values[here[0]] >= values[best] else int(candidates[best])


def _splits_of(statistics: ExitStatistics, point: OperatingPoint) -> _Splits:
    """One operating point as a split."""
    taken = statistics.exits_taken(point.codes)
    right = statistics.correct[taken, np.arange(len(taken))]
    changed = (right != statistics.correct[-1]).mean()
    return _Splits(np.array([point.accuracy]), np.array([point.cost]), np.array([changed]))


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
