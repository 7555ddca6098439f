"""CDLN: leave when exactly one class is active, by one comparison of a score; its activations, given and fitted."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from typing import Any

import numpy as np
import pytest

from hwcodesign.errors import PolicyError
from hwcodesign.fitting.search import evaluate
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import NEVER, ExitPolicy, ExitStatistics
from hwcodesign.policies.criteria.cdln import CDLN, activation_grid
from rtl_sim.tb import small_accelerators as small
from rtl_sim.tb.drawn_policies import drawn_policy

TINY = FixedPoint(3, 2)  # -4 to 3, in steps of 1/2
LOGITS = FixedPoint(8, 5)


def leaving(policy: ExitPolicy, logits: Any) -> list[bool]:
    codes = np.asarray(logits, np.int64)
    scores = policy.scores(0, codes, np.zeros(len(codes), np.int64))
    return (scores >= policy.threshold_codes[0]).tolist()


@pytest.mark.parametrize("fmt", [TINY, FixedPoint(3, 3, signed=False)], ids=str)
@pytest.mark.parametrize("classes", [2, 3])
def test_at_threshold_zero_a_sample_leaves_when_exactly_one_class_reaches_the_activation(
    fmt: FixedPoint, classes: int
) -> None:
    every = list(itertools.product(range(fmt.min_code, fmt.max_code + 1), repeat=classes))
    for code in range(fmt.min_code + 1, fmt.max_code + 1):
        activation = code * fmt.scale
        policy = ExitPolicy.build(CDLN(activation=activation), [fmt] * 2, classes, [0.0])
        wanted = [sum(z * fmt.scale >= activation for z in logits) == 1 for logits in every]
        assert leaving(policy, every) == wanted, activation
        floats = policy.float_leaves(0, np.array(every), np.zeros(len(every), np.int64))
        assert floats.tolist() == wanted, activation


@pytest.mark.parametrize("threshold", [-1.5, -0.5, 0.5, 1.0])
def test_a_threshold_asks_that_much_more_of_the_active_class_and_that_much_less_of_the_others(
    threshold: float,
) -> None:
    every = list(itertools.product(range(TINY.min_code, TINY.max_code + 1), repeat=3))
    for code in range(TINY.min_code + 1, TINY.max_code + 1):
        activation = code * TINY.scale
        policy = ExitPolicy.build(CDLN(activation=activation), [TINY] * 2, 3, [threshold])
        wanted = []
        for logits in every:
            others, top = sorted(z * TINY.scale for z in logits)[-2:]
            wanted.append(top >= activation + threshold and others < activation - threshold)
        assert leaving(policy, every) == wanted, activation
        assert policy.float_decisions([np.array(every)] * 2).tolist() == [wanted], activation


def test_an_activation_between_two_logits_is_reached_by_the_upper_one() -> None:
    for activation, code in ((0.5, 1), (0.51, 2), (0.99, 2), (1.0, 2), (-0.26, 0), (1.5, 3)):
        policy = ExitPolicy.build(CDLN(activation=activation), [TINY] * 2, 3)
        assert [exit_.parameters for exit_ in policy.exits] == [code, code]
    own = ExitPolicy.build(CDLN(activation=[0.5, -2.0]), [TINY, LOGITS], 3)
    assert [exit_.parameters for exit_ in own.exits] == [1, -16]


@pytest.mark.parametrize("activation", [-2.0, -7.0, 1.6, math.nan, math.inf])
def test_an_activation_that_all_or_no_logits_reach_is_refused_with_the_range(activation: float) -> None:
    with pytest.raises(PolicyError, match=rf"activation {activation} .* give one above -2 and up to 1\.5"):
        ExitPolicy.build(CDLN(activation=activation), [TINY] * 2, 3)


def test_what_has_no_activation_or_needs_one_says_so() -> None:
    with pytest.raises(PolicyError, match=r"cdln needs the logit .* give CDLN\(activation=…\), or let fit_policy"):
        ExitPolicy.build("cdln", [LOGITS] * 2, 3)
    with pytest.raises(PolicyError, match="3 activations for 2 exits: give one number, or one per exit"):
        ExitPolicy.build(CDLN(activation=[1.0] * 3), [LOGITS] * 2, 3)


@pytest.mark.parametrize("threshold", [math.nan, math.inf, -(2.0**40)])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(PolicyError, match=r"is outside cdln's range -2\.14748e\+09 to 2\.14748e\+09"):
        drawn_policy("cdln", [LOGITS] * 2, 3).with_thresholds([threshold])


def test_the_widest_logits_score_within_32_bits_and_every_code_stands_for_itself() -> None:
    fmt = FixedPoint(30, 8)
    for activation in (fmt.min_code + 1, fmt.max_code):
        policy = ExitPolicy.build(CDLN(activation=activation * fmt.scale), [fmt] * 2, 2)
        ends = list(itertools.product([fmt.min_code, fmt.max_code], repeat=2))
        scores = policy.scores(0, np.array(ends), np.zeros(4, np.int64)).tolist()
        assert all(-(2**30) <= score <= 2**30 for score in scores)
        for code in (*scores, -(2**31), -1, 0, 1, NEVER - 1):
            assert policy.with_codes([code]).threshold_codes == (code, NEVER)


def test_a_policy_file_and_the_configuration_hash_hold_the_activations() -> None:
    policy = drawn_policy("cdln", [LOGITS] * 3, 4).with_thresholds([None, -0.5])
    text = json.dumps(policy.to_json(), indent=2, allow_nan=False)
    again = ExitPolicy.from_json(json.loads(text))
    assert again == policy
    assert json.dumps(again.to_json(), indent=2, allow_nan=False) == text
    data = json.loads(text)
    del data["parameters"]["activation"][1]
    with pytest.raises(PolicyError, match=r"the policy file is incomplete .*: parameters\.activation is a list of 2"):
        ExitPolicy.from_json(data)
    plain = small.plain("plain", exits=2)
    formats = [exit_.logits for exit_ in plain.policy.exits]
    policies = [ExitPolicy.build(CDLN(activation=[activation, 1.0]), formats, 3) for activation in (1.0, 1.125)]
    hashes = [dataclasses.replace(plain, policy=policy).configuration_hash for policy in policies]
    assert hashes[0] != hashes[1]
    assert dataclasses.replace(plain, policy=policies[0].with_codes([5])).configuration_hash == hashes[0]


def test_activations_that_are_tried_are_quantiles_of_the_two_largest_logits() -> None:
    logits = [np.array([[0, 7, 1], [9, -3, -5], [2, 2, 2]]), np.full((3, 3), LOGITS.min_code)]
    grid = activation_grid(logits, [LOGITS] * 2)
    pool = sorted([7, 1, 9, -3, 2, 2])
    assert [codes[0] for codes in grid] == sorted({codes[0] for codes in grid})
    assert (grid[0][0], grid[-1][0]) == (pool[0], pool[-1])
    assert {codes[0] for codes in grid} <= set(pool)
    assert {codes[1] for codes in grid} == {LOGITS.min_code + 1}  # all equal: the least that not every logit reaches


# --- fitted to a network ---


@pytest.mark.parametrize("request_", [{"budget": 0.5}, {"accuracy_drop": 0.02}], ids=str)
def test_activations_are_fitted_with_the_thresholds_and_beat_each_one_that_was_tried(
    trained_network: Any, digits_data: Any, request_: dict[str, float]
) -> None:
    from hwcodesign.fitting.network import fit_policy

    data = (digits_data.fitting.images, digits_data.fitting.labels)
    policy = fit_policy(trained_network, data, criterion="cdln", **request_)
    assert policy == fit_policy(trained_network, data, criterion="cdln", **request_)
    logits = trained_network.logits(data[0])
    point = evaluate(
        ExitStatistics.of(policy, logits, data[1], trained_network.costs().fractions), policy.threshold_codes[:-1]
    )
    fitted = policy.fitted_on
    assert (fitted.accuracy, fitted.cost_fraction, fitted.exit_rate) == (point.accuracy, point.cost, point.exit_rate)
    assert fitted.float_disagreement == 0
    formats = [exit_.logits for exit_ in policy.exits]
    grid = activation_grid(logits, formats)
    assert tuple(exit_.parameters for exit_ in policy.exits) in grid
    for codes in grid:
        given = [code * fmt.scale for code, fmt in zip(codes, formats, strict=True)]
        other = fit_policy(trained_network, data, criterion=CDLN(activation=tuple(given)), **request_).fitted_on
        if "budget" in request_:
            assert fitted.cost_fraction <= 0.5
            spent = other.cost_fraction > 0.99 * 0.5
            assert fitted.cost_fraction > 0.99 * 0.5 or not spent
            assert fitted.accuracy >= other.accuracy or not spent
        else:
            assert fitted.cost_fraction <= other.cost_fraction


def test_classes_may_have_thresholds_of_their_own(trained_network: Any, digits_data: Any) -> None:
    from hwcodesign.fitting.network import fit_policy

    data = (digits_data.fitting.images, digits_data.fitting.labels)
    policy = fit_policy(trained_network, data, criterion=CDLN(activation=1.0), budget=0.6, class_thresholds=True)
    labels, scores = policy.score_exits(trained_network.logits(data[0]))
    leaves = scores[:-1] >= np.array(policy.threshold_codes[:-1])[:, None]
    taken = [next((k for k in range(2) if leaves[k, n]), 2) for n in range(len(data[1]))]
    right = [labels[k, n] == data[1][n] for n, k in enumerate(taken)]
    assert policy.fitted_on.accuracy == np.mean(right)
    assert len(set(policy.class_codes(0))) > 1
    assert policy.fitted_on.float_disagreement == 0


def test_a_given_activation_and_threshold_need_no_data(trained_network: Any) -> None:
    from hwcodesign.fitting.network import fit_policy

    policy = fit_policy(trained_network, None, criterion=CDLN(activation=1.0), thresholds=[0.0, None])
    assert policy.thresholds == (0.0, None)
    with pytest.raises(PolicyError, match=r"criterion cdln needs the logit that a class must reach"):
        fit_policy(trained_network, None, criterion="cdln", thresholds=[0.0, None])
    with pytest.raises(PolicyError, match=r"setting 'activation' of a policy.*go with it, such as criterion=CDLN\("):
        fit_policy(trained_network, None, thresholds=[0.5, None], activation=1.0)


def test_a_budget_below_the_first_exit_is_refused_with_what_is_reachable(
    trained_network: Any, digits_data: Any
) -> None:
    from hwcodesign.fitting.network import fit_policy

    data = (digits_data.fitting.images, digits_data.fitting.labels)
    with pytest.raises(PolicyError, match=r"budget 0\.001 of the full cost cannot be met"):
        fit_policy(trained_network, data, criterion="cdln", budget=0.001)
