"""Fitting an exit policy to what a network's heads gave for the fitting split: weights, then thresholds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import PolicyError
from hwcodesign.fitting.allocation import quota_codes, tilted
from hwcodesign.fitting.calibration import expected_calibration_error, fit_temperature, require_softmax
from hwcodesign.fitting.class_thresholds import fit_by_class
from hwcodesign.fitting.eenet import EENetSettings, mean_assignment, train_scorer
from hwcodesign.fitting.path import threshold_path
from hwcodesign.fitting.search import SPENT, OperatingPoint, check_budget, check_request, cost_curve, evaluate, fit
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import NEVER, ExitPolicy, ExitStatistics, FittedOn, Threshold
from hwcodesign.policies.cdln import activation_grid
from hwcodesign.policies.class_offsets import require_offsets
from hwcodesign.policies.criterion import criterion_named
from hwcodesign.policies.tables import Integers


@dataclass(frozen=True)
class _Request:
    """What thresholds are fitted to; one of drop and budget."""

    accuracy_drop: float | None
    budget: float | None
    confidence: float | None

    @property
    def text(self) -> str:
        """For the policy file; empty where nothing is asked."""
        return ", ".join(f"{name}={value}" for name, value in vars(self).items() if value is not None)

    def merit(self, point: OperatingPoint) -> tuple[float, ...]:
        """What a point that meets the request is worth: a budget spent, then accuracy; or a small cost."""
        if self.budget is None:
            return (-point.cost,)
        return (float(point.cost > SPENT * self.budget), point.accuracy)


@dataclass(frozen=True)
class _Samples:
    """Integer outputs of each exit's head, logits and gates where there are any, and true classes (N,)."""

    logits: list[Integers]
    labels: Integers

    def part(self, rows: Integers) -> _Samples:
        return _Samples([z[rows] for z in self.logits], self.labels[rows])

    def halves(self) -> tuple[_Samples, _Samples]:
        """Two halves at random; the second has the odd one."""
        if len(self.labels) < 2:
            raise PolicyError("one sample cannot both teach weights and set thresholds: give two at least")
        order = np.random.default_rng(0).permutation(len(self.labels))
        return self.part(order[: len(order) // 2]), self.part(order[len(order) // 2 :])


def fit_to_outputs(
    outputs: Sequence[Integers],
    labels: Integers,
    formats: Sequence[FixedPoint],
    costs: Sequence[float],
    *,
    gated: bool = False,
    criterion: str = "max_softmax",
    accuracy_drop: float | None = None,
    budget: float | None = None,
    thresholds: Sequence[Threshold] | None = None,
    confidence: float | None = None,
    temperature: float = 1.0,
    calibrate: bool = False,
    class_thresholds: bool = False,
    eenet: EENetSettings | None = None,
    activation: float | Sequence[float] | None = None,
) -> ExitPolicy:
    """What `fitting.fit_policy` does, where the answers of a network are known and the network is not at hand.

    Args:
        outputs: (N, C) integer logits of each exit, or (N, C + 1) with gates.
        labels: (N,) true classes.
        formats: of each exit's outputs.
        costs: of leaving at each exit, as shares of the full cost.
        gated: whether the last column of each exit's outputs is a gate.

    Raises:
        PolicyError: as `fitting.fit_policy`.
    """
    check_request(accuracy_drop, budget, thresholds, confidence)
    check_budget(budget, costs)
    policy = starting_policy(
        criterion,
        formats,
        outputs[0].shape[1] - gated,
        thresholds,
        temperature,
        calibrate=calibrate,
        by_class=class_thresholds,
        gated=gated,
        activation=activation,
    )
    known, samples = criterion_named(criterion), _Samples(list(outputs), labels)
    learning, choosing = samples.halves() if known.learned else (samples, samples)
    start, note = None, ""
    if calibrate:
        policy = calibrated(policy, learning.logits, learning.labels)
    if known.learned:
        policy, start = _with_eenet(policy, learning, choosing, costs, budget, eenet)
        note = f"weights learned on {len(learning.labels)} samples, thresholds fitted on {len(choosing.labels)} others"
    request = _Request(accuracy_drop, budget, confidence)
    if thresholds is not None:
        policy = policy.with_thresholds(thresholds)
        statistics = ExitStatistics.of(policy, choosing.logits, choosing.labels, costs)
        found = _Fitted(policy, statistics, evaluate(statistics, policy.threshold_codes[:-1]))
    else:
        candidates = [policy]
        if known.needs_activation and activation is None:
            candidates = _with_activations(policy, choosing.logits)
        found = _best_fitted(candidates, choosing, costs, request, start, by_class=class_thresholds)
    policy, statistics, point = found.policy, found.statistics, found.point
    if policy.threshold_codes[:-1] != point.codes:
        raise PolicyError(f"thresholds {policy.thresholds} do not stand for the codes {point.codes} that were fitted")
    fitted = dataclasses.replace(
        policy.fitted_on,  # what calibration said
        method=request.text or "given",
        samples=len(labels),
        accuracy=point.accuracy,
        last_exit_accuracy=evaluate(statistics, (NEVER,) * len(point.codes)).accuracy,
        cost_share=point.cost,
        exit_share=point.exit_share,
        float_disagreement=float_disagreement(policy, choosing.logits),
        note=note,
    )
    if class_thresholds:  # by whose offsets scores are lowered now
        statistics = ExitStatistics.of(policy, choosing.logits, choosing.labels, costs)
    return dataclasses.replace(policy, fitted_on=fitted, path=threshold_path(policy, statistics, found.curve))


def starting_policy(
    criterion: str,
    formats: Sequence[FixedPoint],
    classes: int,
    thresholds: Sequence[Threshold] | None,
    temperature: float,
    *,
    calibrate: bool,
    by_class: bool,
    gated: bool = False,
    activation: float | Sequence[float] | None = None,
) -> ExitPolicy:
    """What fitting starts from.

    A learned criterion has no policy yet, but the softmax that it rests on; and one whose activations are to be fitted
    has that of the margin, which reads the same two logits.

    Raises:
        PolicyError: the criterion does not exist or cannot have what is asked of it, or thresholds are out of range.
    """
    known = criterion_named(criterion)
    if calibrate:
        require_softmax(known)
    if by_class:
        require_offsets(known, classes)
        if thresholds is not None:
            raise PolicyError("class_thresholds are fitted to an accuracy drop or a budget, not given")
    name, given = criterion, thresholds
    if known.learned:
        name, given = "max_softmax", None
    elif known.needs_activation and activation is None and thresholds is None:
        name = "margin"
    return ExitPolicy.build(name, formats, classes, given, temperature=temperature, gated=gated, activation=activation)


def _with_activations(base: ExitPolicy, outputs: Sequence[Integers]) -> list[ExitPolicy]:
    """CDLN on the logits of another policy, at every activation that is worth trying on these outputs."""
    formats = [exit_.logits for exit_ in base.exits]
    return [
        ExitPolicy.build(
            "cdln",
            formats,
            base.classes,
            gated=base.gated,
            activation=[code * fmt.scale for code, fmt in zip(codes, formats, strict=True)],
        )
        for codes in activation_grid([base.class_logits(z) for z in outputs], formats)
    ]


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
    candidates: Sequence[ExitPolicy],
    samples: _Samples,
    shares: Sequence[float],
    request: _Request,
    start: Sequence[int] | None,
    *,
    by_class: bool,
) -> _Fitted:
    """Of some policies, each at the thresholds that meet the request, the one that meets it best; the first on ties.

    Raises:
        PolicyError: none can meet it; the first one's reason.
    """
    refused: list[PolicyError] = []
    fitted: list[_Fitted] = []
    for candidate in candidates:
        statistics = ExitStatistics.of(candidate, samples.logits, samples.labels, shares)
        try:
            fitted.append(_fitted(candidate, statistics, request, start, by_class=by_class))
        except PolicyError as error:  # another one may do
            refused.append(error)
    if not fitted:
        raise refused[0]
    return max(fitted, key=lambda found: request.merit(found.point))


def _fitted(
    policy: ExitPolicy, statistics: ExitStatistics, request: _Request, start: Sequence[int] | None, *, by_class: bool
) -> _Fitted:
    drop, budget, confidence = request.accuracy_drop, request.budget, request.confidence
    if by_class:
        codes, point = fit_by_class(
            policy, statistics, accuracy_drop=drop, budget=budget, spend=True, confidence=confidence
        )
        return _Fitted(policy.with_class_codes(codes), statistics, point)
    curve = cost_curve(policy, statistics)
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


def _with_eenet(
    base: ExitPolicy,
    learning: _Samples,
    choosing: _Samples,
    costs: Sequence[float],
    budget: float | None,
    settings: EENetSettings | None,
) -> tuple[ExitPolicy, tuple[int, ...] | None]:
    """EENet on the softmax of another policy; and, for a budget, the codes that EENet's own allocation gives."""
    steps = [exit_.logits.scale / exit_.temperature for exit_ in base.exits]
    logits = [base.class_logits(z) for z in learning.logits]
    scorer = train_scorer(logits, steps, learning.labels, costs, budget, settings)
    policy = ExitPolicy.build(
        "eenet",
        [exit_.logits for exit_ in base.exits],
        base.classes,
        temperature=base.temperatures,
        learned=scorer.weights(),
        gated=base.gated,
    )
    policy = dataclasses.replace(policy, fitted_on=base.fitted_on)
    if budget is None:
        return policy, None
    statistics = ExitStatistics.of(policy, choosing.logits, choosing.labels, costs)
    unseen = [base.class_logits(z) for z in choosing.logits]
    shares = tilted(mean_assignment(scorer, unseen, steps), statistics.costs, budget)
    return policy, quota_codes(statistics, shares)


def calibrated(policy: ExitPolicy, logits: Sequence[NDArray[np.int64]], labels: NDArray[np.int64]) -> ExitPolicy:
    """The policy with each exit's temperature fitted to integer logits, and its tables made anew; no thresholds.

    Args:
        logits: (N, C) of each exit; with gates (N, C + 1).
        labels: (N,) true classes.

    Raises:
        PolicyError: the criterion looks at no softmax.
    """
    require_softmax(policy.criterion)
    formats = [exit_.logits for exit_ in policy.exits]
    scales = [fmt.scale for fmt in formats]
    logits = [policy.class_logits(z) for z in logits]
    fitted = [fit_temperature(z, labels, scale) for z, scale in zip(logits, scales, strict=True)]
    errors = [
        tuple(
            expected_calibration_error(z, labels, scale, temperature)
            for z, scale, temperature in zip(logits, scales, temperatures, strict=True)
        )
        for temperatures in (policy.temperatures, fitted)
    ]
    made = ExitPolicy.build(policy.criterion_name, formats, policy.classes, temperature=fitted, gated=policy.gated)
    fitted_on = FittedOn("calibrated", calibration_error_before=errors[0], calibration_error=errors[1])
    return dataclasses.replace(made, fitted_on=fitted_on)


def float_disagreement(policy: ExitPolicy, logits: Sequence[NDArray[np.int64]]) -> float:
    """Share of decisions at early exits that the float formula on the same logits would make otherwise."""
    _, scores = policy.score_exits(logits)
    leaves = scores[:-1] >= np.asarray(policy.threshold_codes[:-1], np.int64)[:, None]
    return float(np.mean(policy.float_decisions(logits) != leaves))
