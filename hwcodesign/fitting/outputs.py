"""Fitting an exit policy to what a network's heads gave for the fitting split: weights, then thresholds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwcodesign.errors import PolicyError
from hwcodesign.fitting.allocation import quota_codes, tilted
from hwcodesign.fitting.calibration import expected_calibration_error, fit_temperature
from hwcodesign.fitting.class_thresholds import fit_by_class
from hwcodesign.fitting.path import threshold_path
from hwcodesign.fitting.request import PolicyRequest
from hwcodesign.fitting.search import OperatingPoint, check_budget, cost_curve, evaluate, fit
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import NEVER, ExitPolicy, ExitStatistics, FittedOn
from hwcodesign.policies.criterion import Candidate
from hwcodesign.policies.heads import Heads
from hwcodesign.policies.tables import Integers

#: Accuracy-cost curves of some outputs, each by the policy whose thresholds are still to be chosen.
Curves = dict[ExitPolicy, list[OperatingPoint]]


@dataclass(frozen=True)
class _Samples:
    """Integer outputs of each exit's head, logits and gates where there are any, and true classes (N,)."""

    outputs: list[Integers]
    labels: Integers

    def part(self, rows: Integers) -> _Samples:
        return _Samples([z[rows] for z in self.outputs], self.labels[rows])

    def halves(self) -> tuple[_Samples, _Samples]:
        """Two halves at random; the second has the odd one."""
        if len(self.labels) < 2:
            raise PolicyError("one sample cannot both teach weights and set thresholds: give two at least")
        order = np.random.default_rng(0).permutation(len(self.labels))
        return self.part(order[: len(order) // 2]), self.part(order[len(order) // 2 :])

    def logits(self, heads: Heads) -> list[Integers]:
        """(N, C) of the classes alone."""
        return [z[:, : heads.classes] for z in self.outputs]


def fit_to_outputs(
    outputs: Sequence[Integers],
    labels: Integers,
    formats: Sequence[FixedPoint],
    costs: Sequence[float],
    request: PolicyRequest,
    *,
    gated: bool = False,
    curves: Curves | None = None,
) -> ExitPolicy:
    """Does what `fitting.fit_policy` does, from the answers of a network, without the network.

    Args:
        outputs: (N, C) integer logits of each exit, or (N, C + 1) with gates.
        labels: (N,) true classes.
        formats: of each exit's outputs.
        costs: of leaving at each exit, as fractions of the full cost.
        request: criterion, and what thresholds are fitted to.
        gated: whether the last column of each exit's outputs is a gate.
        curves: of these outputs, where some are known; those that are traced are added.

    Raises:
        PolicyError: as `fitting.fit_policy`.
    """
    check_budget(request.budget, costs)
    heads = Heads.of(formats, outputs[0].shape[1] - gated, request.temperature, gated=gated)
    request.given(heads)
    known, samples = request.known, _Samples(list(outputs), labels)
    apart = known.learned and not known.is_fitted
    learning, choosing = samples.halves() if apart else (samples, samples)
    fitted_on = FittedOn("given")
    if request.calibrate:
        heads, fitted_on = calibrated(heads, learning.outputs, learning.labels)
    candidates = [Candidate(known)]
    if not known.is_fitted:
        candidates = known.fit(heads, learning.logits(heads), learning.labels, costs, request.budget)
    found = _best_fitted(candidates, heads, choosing, costs, request, {} if curves is None else curves)
    policy, statistics, point = found.policy, found.statistics, found.point
    if policy.threshold_codes[:-1] != point.codes:
        raise PolicyError(f"thresholds {policy.thresholds} do not stand for the codes {point.codes} that were fitted")
    note = f"weights learned on {len(learning.labels)} samples, thresholds fitted on {len(choosing.labels)} others"
    fitted = dataclasses.replace(
        fitted_on,  # what calibration said
        method=request.text or "given",
        samples=len(labels),
        accuracy=point.accuracy,
        last_exit_accuracy=evaluate(statistics, (NEVER,) * len(point.codes)).accuracy,
        cost_fraction=point.cost,
        exit_rate=point.exit_rate,
        float_disagreement=float_disagreement(policy, choosing.outputs),
        note=note if apart else "",
    )
    if request.class_thresholds:  # by whose offsets scores are lowered now
        statistics = ExitStatistics.of(policy, choosing.outputs, choosing.labels, costs)
    return dataclasses.replace(policy, fitted_on=fitted, path=threshold_path(policy, statistics, found.curve))


@dataclass(frozen=True)
class _Fitted:
    """A policy at the thresholds that meet a request.

    Attributes:
        statistics: of the samples that it was fitted to; of classes with thresholds of their own, before these.
        point: what the thresholds give.
        curve: the criterion's, where it was traced.
    """

    policy: ExitPolicy
    statistics: ExitStatistics
    point: OperatingPoint
    curve: list[OperatingPoint] | None = None


def _best_fitted(
    candidates: Sequence[Candidate],
    heads: Heads,
    samples: _Samples,
    costs: Sequence[float],
    request: PolicyRequest,
    curves: Curves,
) -> _Fitted:
    """Of some criteria, each at the thresholds that meet the request, the one that meets it best; the first on ties.

    Raises:
        PolicyError: none can meet it; the first one's reason.
    """
    refused: list[PolicyError] = []
    fitted: list[_Fitted] = []
    for candidate in candidates:
        policy = ExitPolicy.on(candidate.criterion, heads)
        statistics = ExitStatistics.of(policy, samples.outputs, samples.labels, costs)
        start = None
        if candidate.exit_rates is not None and request.budget is not None:
            rates = tilted(candidate.exit_rates(samples.logits(heads)), statistics.costs, request.budget)
            start = quota_codes(statistics, rates)
        try:
            fitted.append(_fitted(policy, statistics, request, start, curves))
        except PolicyError as error:  # another one may do
            refused.append(error)
    if not fitted:
        raise refused[0]
    return max(fitted, key=lambda found: request.merit(found.point))


def _fitted(
    policy: ExitPolicy,
    statistics: ExitStatistics,
    request: PolicyRequest,
    start: Sequence[int] | None,
    curves: Curves,
) -> _Fitted:
    drop, budget, confidence = request.accuracy_drop, request.budget, request.confidence
    if request.thresholds is not None:
        policy = policy.with_thresholds(request.thresholds)
        return _Fitted(policy, statistics, evaluate(statistics, policy.threshold_codes[:-1]))
    if request.class_thresholds:
        codes, point = fit_by_class(
            policy, statistics, accuracy_drop=drop, budget=budget, spend=True, confidence=confidence
        )
        return _Fitted(policy.with_class_codes(codes), statistics, point)
    if policy not in curves:
        curves[policy] = cost_curve(policy, statistics)
    curve = curves[policy]
    point = fit(
        policy,
        statistics,
        accuracy_drop=drop,
        budget=budget,
        spend=True,
        confidence=confidence,
        start=start,
        curve=curve,
    )
    return _Fitted(policy.with_codes(point.codes), statistics, point, curve)


def calibrated(heads: Heads, outputs: Sequence[Integers], labels: Integers) -> tuple[Heads, FittedOn]:
    """Returns the heads with each exit's temperature fitted to integer logits, and the effect on their softmax.

    Args:
        outputs: (N, C) logits of each exit; with gates (N, C + 1).
        labels: (N,) true classes.
    """
    scales = [fmt.scale for fmt in heads.formats]
    logits = [z[:, : heads.classes] for z in outputs]
    fitted = tuple(fit_temperature(z, labels, scale) for z, scale in zip(logits, scales, strict=True))
    errors = [
        tuple(
            expected_calibration_error(z, labels, scale, temperature)
            for z, scale, temperature in zip(logits, scales, temperatures, strict=True)
        )
        for temperatures in (heads.temperatures, fitted)
    ]
    fitted_on = FittedOn("calibrated", calibration_error_before=errors[0], calibration_error=errors[1])
    return dataclasses.replace(heads, temperatures=fitted), fitted_on


def float_disagreement(policy: ExitPolicy, logits: Sequence[Integers]) -> float:
    """Returns the fraction of decisions at early exits that the float formula makes otherwise on the same logits; 0
    where there is only one exit, which decides nothing.
    """
    if len(logits) == 1:
        return 0.0
    _, scores = policy.score_exits(logits)
    leaves = scores[:-1] >= np.asarray(policy.threshold_codes[:-1], np.int64)[:, None]
    return float(np.mean(policy.float_decisions(logits) != leaves))
