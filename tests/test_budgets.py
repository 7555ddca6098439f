"""Budgets are spent, never exceeded; and what fitting cannot use is refused or has a defined result."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwcodesign.errors import NetworkError, PolicyError
from hwcodesign.fitting.class_thresholds import fit_by_class
from hwcodesign.fitting.outputs import fit_to_outputs
from hwcodesign.fitting.request import PolicyRequest
from hwcodesign.fitting.search import SPENT, check_budget, check_request, evaluate, fit
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import CRITERIA, NEVER, ExitPolicy, ExitStatistics
from rtl_sim.tb.drawn_policies import drawn_policy

LOGITS = FixedPoint(10, 5)
COSTS = [0.2, 0.5, 0.8, 1.1]
#: Criteria with a threshold an exit; patience reaches a few points only.
FREE = sorted(name for name, criterion in CRITERIA.items() if not criterion.shared_threshold)


def answers(seed: int, samples: int = 2000, classes: int = 5) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Four exits that see more and more; at the last two nearly everything is right, so that cost buys nothing more."""
    rng = np.random.default_rng(seed)
    truth, ease = rng.integers(0, classes, samples), rng.normal(size=samples)
    found = []
    for k in range(4):
        z = rng.normal(size=(samples, classes)) * 1.5
        z[np.arange(samples), truth] += 2.0 + 2 * k + 1.5 * ease
        found.append(np.clip(np.rint(z / LOGITS.scale), LOGITS.min_code, LOGITS.max_code).astype(np.int64))
    return found, truth


def outputs(policy: ExitPolicy, logits: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """The logits; behind them, where the policy reads gates, one that says how far the largest is above the second."""
    if not policy.gated:
        return logits
    ordered = [np.sort(z, axis=1) for z in logits]
    return [np.column_stack([z, top[:, -1] - top[:, -2]]) for z, top in zip(logits, ordered, strict=True)]


def statistics_of(policy: ExitPolicy, seed: int) -> ExitStatistics:
    logits, truth = answers(seed)
    return ExitStatistics.of(policy, outputs(policy, logits), truth, COSTS)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("criterion", FREE)
def test_a_budget_is_spent_to_the_last_percent_and_never_exceeded(criterion: str, seed: int) -> None:
    policy = drawn_policy(criterion, [LOGITS] * 4, 5, seed=1)
    statistics = statistics_of(policy, seed)
    for budget in (0.21, 0.25, 0.3, 0.45, 0.6, 0.9, 1.05):
        point = fit(policy, statistics, budget=budget, spend=True)
        assert SPENT * budget < point.cost <= budget, f"seed {seed}, budget {budget}"
        assert point == evaluate(statistics, point.codes)


@pytest.mark.parametrize("budget", [0.25, 0.45, 0.9])
def test_thresholds_by_class_spend_a_budget_too(budget: float) -> None:
    policy = drawn_policy("max_softmax", [LOGITS] * 4, 5)
    _, point = fit_by_class(policy, statistics_of(policy, 0), budget=budget, spend=True)
    assert SPENT * budget < point.cost <= budget


def test_without_spending_a_budget_buys_the_highest_accuracy_and_may_be_left_over() -> None:
    policy = drawn_policy("entropy", [LOGITS] * 4, 5)
    statistics = statistics_of(policy, 0)
    frugal, spent = (fit(policy, statistics, budget=1.05, spend=spend) for spend in (False, True))
    assert frugal.cost < SPENT * 1.05 < spent.cost
    assert frugal.accuracy >= spent.accuracy


def test_more_than_the_last_exit_costs_cannot_be_spent() -> None:
    policy = drawn_policy("margin", [LOGITS] * 4, 5)
    point = fit(policy, statistics_of(policy, 0), budget=5.0, spend=True)
    assert point.cost <= 1.1
    assert point.accuracy == fit(policy, statistics_of(policy, 0), budget=5.0).accuracy


@pytest.mark.parametrize("criterion", FREE)
def test_samples_that_are_all_alike_leave_together_at_the_dearest_exit_that_the_budget_pays(criterion: str) -> None:
    policy = drawn_policy(criterion, [LOGITS] * 4, 5)
    same = [np.tile(np.array([[40, 0, 7, 0, 0]]), (50, 1))] * 4
    constant = [np.full((50, 5), -3)] * 4
    for logits in (same, constant):
        statistics = ExitStatistics.of(policy, outputs(policy, logits), np.zeros(50, np.int64), COSTS)
        for budget, cost, exit_rate in ((0.2, 0.2, (1, 0, 0, 0)), (0.79, 0.5, (0, 1, 0, 0)), (1.1, 1.1, (0, 0, 0, 1))):
            point = fit(policy, statistics, budget=budget, spend=True)
            # where no part of the budget's last percent can be reached, the least cost of equal accuracy is kept
            assert point.cost <= budget
            assert set(point.exit_rate) == {0.0, 1.0}
            if SPENT * budget < cost:
                assert point.exit_rate == exit_rate
        assert len(policy.with_codes(point.codes).thresholds) == 3


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
def test_one_sample_is_fitted_to_what_it_shows(criterion: str) -> None:
    policy = drawn_policy(criterion, [LOGITS] * 4, 5)
    logits = outputs(policy, [np.array([[9, 0, 0, 0, 0]])] * 4)
    statistics = ExitStatistics.of(policy, logits, np.array([0]), COSTS)
    point = fit(policy, statistics, budget=0.6)
    assert point.accuracy == 1.0
    assert point.cost <= 0.6
    wrong = ExitStatistics.of(policy, logits, np.array([1]), COSTS)
    assert fit(policy, wrong, accuracy_drop=0.0).accuracy == 0.0


def test_a_budget_that_nothing_meets_is_refused_with_the_nearest() -> None:
    policy = drawn_policy("margin", [LOGITS] * 4, 5)
    message = (
        r"budget 0\.1 of the full cost cannot be met: leaving at the first exit costs 0\.2, .* reaches here is 0\.2"
    )
    with pytest.raises(PolicyError, match=message):
        fit(policy, statistics_of(policy, 0), budget=0.1, spend=True)
    patience = drawn_policy("patience", [LOGITS] * 4, 5)
    statistics = statistics_of(patience, 0)
    nearest = evaluate(statistics, (1, 1, 1)).cost
    with pytest.raises(PolicyError, match=f"cheapest this criterion reaches here is {nearest:g}"):
        fit(patience, statistics, budget=0.3)
    fit(patience, statistics, budget=nearest)


@pytest.mark.parametrize("budget", [0.0, -1.0, math.nan, math.inf])
def test_a_budget_that_is_no_positive_number_is_refused(budget: float) -> None:
    with pytest.raises(PolicyError, match=f"budget {budget} is not a positive number"):
        check_request(None, budget, None, None)


def test_a_budget_above_the_dearest_exit_is_refused_with_the_most() -> None:
    message = (
        "budget 7 of the full cost cannot be spent: the dearest exit costs 1.1; give at most that, or accuracy_drop"
    )
    for budget in (7, 1.101):
        with pytest.raises(PolicyError, match=message.replace("7", f"{budget:g}")):
            check_budget(budget, COSTS)
    for spent in (None, 1.1, 0.2):
        check_budget(spent, COSTS)
    logits, truth = answers(0)
    with pytest.raises(PolicyError, match=message):
        fit_to_outputs(logits, truth, [LOGITS] * 4, COSTS, PolicyRequest("margin", budget=7))


def test_logits_that_are_not_integers_or_not_one_row_a_sample_are_refused() -> None:
    policy, truth = drawn_policy("entropy", [LOGITS] * 2, 3), np.zeros(4, np.int64)
    fine = np.zeros((4, 3), np.int64)
    with pytest.raises(
        PolicyError, match="logits of exit 1 are float64: a policy decides on integers, and NaN is none"
    ):
        ExitStatistics.of(policy, [fine, np.full((4, 3), math.nan)], truth, [0.5, 1.0])
    with pytest.raises(PolicyError, match=r"logits of exit 0 have shape \(4, 2\): give 3 for each of 4 labels"):
        ExitStatistics.of(policy, [fine[:, :2], fine], truth, [0.5, 1.0])
    with pytest.raises(PolicyError, match=r"shape \(0, 3\): give 3 for each of 0 labels, and one sample at least"):
        ExitStatistics.of(policy, [fine[:0]] * 2, truth[:0], [0.5, 1.0])


def test_a_network_that_gives_no_numbers_is_refused(trained_network: Any, digits_data: Any) -> None:
    import torch

    from hwcodesign.fitting.network import fit_policy

    broken = copy.deepcopy(trained_network)
    with torch.no_grad():
        next(parameter for name, parameter in broken.heads[0].named_parameters() if "bias" in name).fill_(math.nan)
    data = (digits_data.fitting.images, digits_data.fitting.labels)
    with pytest.raises(NetworkError, match="gives values that are not finite: training diverged, or weights are NaN"):
        fit_policy(broken, data, budget=0.6)


def test_labels_are_classes_and_missing_ones_are_said(trained_network: Any, digits_data: Any) -> None:
    from hwcodesign.fitting.network import fit_policy

    images, labels = digits_data.fitting.images, digits_data.fitting.labels
    few = np.isin(labels, [0, 1, 4])
    with pytest.warns(UserWarning, match=r"7 of 10 classes are not in the fitting split \(2, 3, 5, 6, 7, …\): nothing"):
        policy = fit_policy(trained_network, (images[few], labels[few]), budget=0.6)
    assert policy.fitted_on.samples == few.sum()
    assert policy.threshold_codes[-1] == NEVER
    for label in (-1, 10):
        wrong = labels.copy()
        wrong[3] = label
        with pytest.raises(PolicyError, match=rf"fitting label {label} is not a class: the network has classes 0 to 9"):
            fit_policy(trained_network, (images, wrong), budget=0.6)
