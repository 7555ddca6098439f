"""Thresholds by predicted class: one register an exit, offsets in the score, fitted as if classes were exits."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwcodesign.errors import PolicyError
from hwcodesign.fitting.class_thresholds import _best_codes, fit_by_class
from hwcodesign.fitting.search import evaluate, fit
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import NEVER, ExitPolicy, ExitStatistics
from hwcodesign.policies.class_offsets import FAR, joined, split

LOGITS = FixedPoint(8, 5)
CRITERIA_BY_CLASS = ["margin", "max_softmax", "entropy"]
COSTS = [0.25, 0.5, 1.0]


def answers(seed: int, samples: int = 400, classes: int = 4) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Exits that see more and more; the classes are not equally hard."""
    rng = np.random.default_rng(seed)
    truth, ease = rng.integers(0, classes, samples), rng.normal(size=samples)
    found = []
    for k in range(3):
        z = rng.normal(size=(samples, classes)) * 1.5
        z[np.arange(samples), truth] += 1.0 + k + truth + 1.5 * ease
        found.append(np.clip(np.rint(z / LOGITS.scale), LOGITS.min_code, LOGITS.max_code).astype(np.int64))
    return found, truth


def leaves_by_class(
    policy: ExitPolicy, plain: ExitPolicy, logits: list[NDArray[np.int64]]
) -> tuple[list[list[bool]], list[list[bool]]]:
    """What the policy decides by its register, and what a threshold for each class says."""
    labels, scores = plain.score_exits(logits)
    _, lowered = policy.score_exits(logits)
    by_register = (lowered[:-1] >= np.array(policy.threshold_codes[:-1])[:, None]).tolist()
    wanted = []
    for k in range(len(logits) - 1):
        codes = policy.class_codes(k)
        pairs = zip(scores[k].tolist(), labels[k].tolist(), strict=True)
        wanted.append([codes[c] != NEVER and s >= codes[c] for s, c in pairs])
    return by_register, wanted


def test_a_register_holds_the_median_and_offsets_the_rest() -> None:
    assert split([7, 3, NEVER, 5]) == (5, (2, -2, FAR, 0))
    assert split([4, 9]) == (4, (0, 5))
    assert split([NEVER, NEVER]) == (NEVER, (0, 0))
    for codes in ([7, 3, NEVER, 5], [4, 9], [NEVER, NEVER], [-(2**28), 2**28]):
        assert joined(*split(codes)) == tuple(codes)
    with pytest.raises(
        PolicyError, match=r"class thresholds 0 and 1073741824 are too far apart: differences stay below"
    ):
        split([0, 2**30])


@pytest.mark.parametrize("seed", range(20))
def test_no_codes_of_an_exit_are_better_at_a_price_also_where_scores_are_equal(seed: int) -> None:
    """Against all there are: three scores and never, for each of two classes."""
    rng = np.random.default_rng(seed)
    scores, labels, truth = rng.integers(0, 3, (2, 24)), rng.integers(0, 2, (2, 24)), rng.integers(0, 2, 24)
    statistics, price = ExitStatistics(scores, labels, truth, np.array([0.25, 1.0])), 0.2

    def worth(codes: NDArray[np.int64]) -> float:
        taken = np.where(scores[0] >= codes[labels[0]], 0, 1)
        right = statistics.correct[taken, np.arange(24)]
        return float((right - price * statistics.costs[taken]).sum())

    found = _best_codes(statistics, np.full((1, 2), NEVER), 0, price)
    possible = [np.array(pair) for pair in itertools.product((0, 1, 2, NEVER), repeat=2)]
    assert worth(found) == pytest.approx(max(map(worth, possible)), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("criterion", CRITERIA_BY_CLASS)
def test_a_lowered_score_against_the_register_decides_as_each_classs_threshold(criterion: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits, _ = answers(seed)
    plain = ExitPolicy.build(criterion, [LOGITS] * 3, 4)
    _, scores = plain.score_exits(logits)
    codes = np.stack([np.append(rng.choice(row, 3), NEVER) for row in scores[:-1]]).tolist()
    policy = plain.with_class_codes(codes)
    assert [policy.class_codes(k) for k in range(2)] == [tuple(row) for row in codes]
    by_register, wanted = leaves_by_class(policy, plain, logits)
    assert by_register == wanted, f"seed {seed}"
    assert 0 < np.sum(wanted) < np.size(wanted)
    assert policy.score_exits(logits)[1][-1].tolist() == scores[-1].tolist()  # the last exit has no threshold
    assert float(np.mean(policy.float_decisions(logits) != np.array(wanted))) <= 0.02


def test_no_class_that_never_leaves_does_so_whatever_its_score() -> None:
    for criterion, lax in (("margin", 1), ("max_softmax", -(2**17)), ("entropy", -(2**15))):
        policy = ExitPolicy.build(criterion, [LOGITS] * 2, 2).with_class_codes([[NEVER, lax]])
        sure = np.array([[LOGITS.max_code, LOGITS.min_code], [LOGITS.min_code, LOGITS.max_code]])
        _, scores = policy.score_exits([sure, sure])
        assert (scores[0] >= policy.threshold_codes[0]).tolist() == [False, True], criterion


def by_brute_force(statistics: ExitStatistics, codes: Any) -> tuple[float, float]:
    """Accuracy and cost, sample by sample."""
    right, cost = 0, 0.0
    for n in range(len(statistics.truth)):
        labels = statistics.labels[:, n]
        k = next((k for k, row in enumerate(codes) if statistics.scores[k, n] >= row[labels[k]]), len(codes))
        right += int(labels[k] == statistics.truth[n])
        cost += float(statistics.costs[k])
    return right / len(statistics.truth), cost / len(statistics.truth)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "request_", [{"budget": 0.4}, {"budget": 0.6, "spend": True}, {"accuracy_drop": 0.02}], ids=str
)
def test_a_fit_by_class_is_at_least_as_good_as_one_threshold_for_all(seed: int, request_: dict[str, Any]) -> None:
    logits, truth = answers(seed)
    policy = ExitPolicy.build("max_softmax", [LOGITS] * 3, 4)
    statistics = ExitStatistics.of(policy, logits, truth, COSTS)
    plain = fit(policy, statistics, **request_)
    codes, point = fit_by_class(policy, statistics, **request_)
    assert (point.accuracy, f"{point.cost:.12f}") == (
        by_brute_force(statistics, codes)[0],
        f"{by_brute_force(statistics, codes)[1]:.12f}",
    )
    fitted = policy.with_class_codes(codes)
    assert fitted.threshold_codes[:-1] == point.codes
    own = ExitStatistics.of(fitted, logits, truth, COSTS)
    again = evaluate(own, point.codes)
    assert (again.accuracy, again.cost) == (point.accuracy, point.cost)
    assert [f"{rate:.9f}" for rate in again.exit_rate] == [f"{rate:.9f}" for rate in point.exit_rate]
    if "budget" in request_:
        assert point.cost <= request_["budget"]
        assert point.accuracy >= plain.accuracy
    else:
        assert point.cost <= plain.cost


@pytest.mark.parametrize("seed", range(8))
def test_a_point_is_what_its_codes_give_where_classes_are_many_and_samples_few(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = [rng.integers(-60, 60, (50, 20)) for _ in range(3)]
    policy = ExitPolicy.build("margin", [LOGITS] * 3, 20)
    # the first exit is mostly right: the best is often to let all of a class leave there
    truth = np.where(rng.random(50) < 0.8, logits[0].argmax(axis=1), rng.integers(0, 20, 50))
    if seed % 2:  # no exit is ever right
        truth = np.full(50, -1)
    statistics = ExitStatistics.of(policy, logits, truth, [0.1, 0.1 + 1 / 3, 1 + 1 / 7])
    some = evaluate(statistics, [int(np.median(row)) for row in statistics.scores[:-1]]).cost
    for budget, spend in ((0.3, True), (some, True), (some, False), (0.8, True)):
        codes, point = fit_by_class(policy, statistics, budget=budget, spend=spend)
        accuracy, cost = by_brute_force(statistics, codes)
        assert (point.accuracy, f"{point.cost:.12f}") == (accuracy, f"{cost:.12f}"), f"seed {seed}"
        assert point.cost <= budget
        assert min(map(min, codes)) >= 0, f"seed {seed}: no margin is negative"


def test_a_class_that_no_sample_was_given_has_the_median_threshold() -> None:
    logits, truth = answers(0)
    for z in logits:
        z[:, 2] = LOGITS.min_code
    policy = ExitPolicy.build("margin", [LOGITS] * 3, 4)
    statistics = ExitStatistics.of(policy, logits, truth, COSTS)
    assert not (statistics.labels == 2).any()
    codes, point = fit_by_class(policy, statistics, budget=0.4)
    assert tuple(row[2] for row in codes) == point.codes


def test_a_policy_file_keeps_offsets_and_older_files_have_none() -> None:
    plain = ExitPolicy.build("entropy", [LOGITS] * 2, 3)
    assert "class_offsets" not in json.dumps(plain.to_json())
    policy = plain.with_class_codes([[-5, NEVER, -9]])
    text = json.dumps(policy.to_json())
    again = ExitPolicy.from_json(json.loads(text))
    assert again == policy
    assert json.dumps(again.to_json()) == text


def test_criteria_whose_score_no_offset_could_lower_are_refused(trained_network: Any, digits_data: Any) -> None:
    from hwcodesign.fitting.network import fit_policy

    data = (digits_data.fitting.images, digits_data.fitting.labels)
    for criterion in ("patience", "eenet"):
        with pytest.raises(PolicyError, match=f"{criterion} has no thresholds by class: they go with cdln, "):
            fit_policy(trained_network, data, criterion=criterion, budget=0.6, class_thresholds=True)
    with pytest.raises(PolicyError, match="class_thresholds are fitted to an accuracy drop or a budget, not given"):
        fit_policy(trained_network, data, thresholds=[0.5, 0.5], class_thresholds=True)
    with pytest.raises(PolicyError, match="thresholds by class are for at most 8192 classes, not 10000"):
        ExitPolicy.build("margin", [LOGITS] * 2, 10_000).with_class_codes([[0] * 10_000])


def test_a_networks_policy_by_class_is_what_its_file_says(trained_network: Any, digits_data: Any) -> None:
    from hwcodesign.fitting.network import fit_policy

    split_ = digits_data.fitting
    policy = fit_policy(trained_network, (split_.images, split_.labels), budget=0.6, class_thresholds=True)
    logits = trained_network.logits(split_.images)
    statistics = ExitStatistics.of(policy, logits, split_.labels, trained_network.costs().fractions)
    point = evaluate(statistics, policy.threshold_codes[:-1])
    assert (policy.fitted_on.accuracy, policy.fitted_on.cost_fraction) == (point.accuracy, point.cost)
    assert point.cost <= 0.6
    assert any(offset not in {0, FAR} for offset in policy.exits[0].class_offsets or ())
