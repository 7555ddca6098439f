"""EENet: its integers against Python's own, its training against its definition, its allocation against counting."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwcodesign.errors import PolicyError
from hwcodesign.fitting.allocation import quota_codes, tilted
from hwcodesign.fitting.calibration import fit_temperature
from hwcodesign.fitting.search import evaluate
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import NEVER, ExitPolicy, ExitStatistics
from hwcodesign.policies.criteria.eenet import EENet
from hwcodesign.policies.criteria.eenet.integers import WEIGHT_BITS, LearnedWeights, quantise
from hwcodesign.policies.tables import FRACTION_BITS
from rtl_sim.tb import small_accelerators as small
from rtl_sim.tb.drawn_policies import drawn_policy, drawn_weights
from tests.marks import CAMPAIGN

LOGITS = FixedPoint(8, 5)
TRAINING = "hwcodesign.policies.criteria.eenet.training"
Codes = NDArray[np.int64]


def drawn_logits(rng: np.random.Generator, fmt: FixedPoint, samples: int, classes: int, exits: int) -> list[Codes]:
    """Clear, close, equal and extreme ones; exits often agree."""
    first = rng.integers(fmt.min_code, fmt.max_code, (samples, classes), endpoint=True)
    first[:4] = fmt.min_code
    first[1, -1] = first[2, 0] = first[3] = fmt.max_code
    spread = 2 ** rng.integers(0, fmt.width, (samples, 1))
    noise = (rng.standard_normal((exits, samples, classes)) * spread).astype(np.int64)
    return [np.clip(first + change, fmt.min_code, fmt.max_code) for change in noise]


def slow_scores(policy: ExitPolicy, logits: Sequence[Sequence[int]]) -> list[int]:
    """One sample's scores at all exits, from the text of criteria/eenet/integers.py, in Python integers."""
    scores: list[int] = []
    labels = [list(z).index(max(z)) for z in logits]
    for k, z in enumerate(logits):
        own = policy.exits[k].parameters
        table, function, tables = own.exponential, own.scoring, own.mantissa
        index = [min((max(z) - v) >> table.shift, table.length - 1) for v in z]
        total = sum(table.exponential[i] for i in index)
        dot = sum(w * table.exponential[i] for w, i in zip(function.classes, index, strict=True))
        dot += function.top * 2**table.fraction + function.nats * sum(table.weighted[i] for i in index)
        exponent = total.bit_length() - 1 - table.fraction
        m = (total * 2**tables.mantissa_bits) // 2 ** (table.fraction + exponent) - 2**tables.mantissa_bits
        cell = 2 ** (table.fraction - tables.mantissa_bits)
        slope = tables.reciprocal[m] * (total // 2**exponent % cell - cell // 2)
        reciprocal = tables.reciprocal[m] - tables.reciprocal[m] * slope // 4**table.fraction
        quotient = dot * reciprocal // 2 ** (table.fraction + exponent)
        nats = exponent * tables.ln2 + tables.logarithm[m] + slope // 2**table.fraction
        own = (quotient + function.nats * nats) // 2 ** function.drop(table.fraction)
        past = sum(w * s // 2**function.earlier_fraction for w, s in zip(function.earlier, scores, strict=True))
        most = max(Counter(labels[: k + 1]).values())
        scores.append(own + function.votes[most - 1] + past)
    return scores


def slow_float_scores(
    learned: Sequence[LearnedWeights], steps: Sequence[float], logits: Sequence[Codes]
) -> list[float]:
    """The same from the float formula."""
    scores: list[float] = []
    labels = [int(z.argmax()) for z in logits]
    for k, (weights, z) in enumerate(zip(learned, logits, strict=True)):
        exponentials = [math.exp((v - max(z.tolist())) * steps[k]) for v in z.tolist()]
        y = [e / sum(exponentials) for e in exponentials]
        certainty = 1 + sum(p * math.log(p) for p in y if p > 0) / math.log(len(y))
        most = max(Counter(labels[: k + 1]).values())
        score = sum(w * p for w, p in zip(weights.classes, y, strict=True)) + weights.top * max(y)
        score += weights.certainty * certainty + weights.vote * most / (k + 1) + weights.bias
        scores.append(score + sum(w * s for w, s in zip(weights.earlier, scores, strict=True)))
    return scores


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("classes", [2, 3, 10, 100])
@pytest.mark.parametrize(
    ("fmt", "temperature"), [(LOGITS, 1.0), (FixedPoint(4, 3), 0.7), (FixedPoint(16, 6), 1.0), (FixedPoint(12, 2), 2.5)]
)
def test_scores_are_those_of_the_text(fmt: FixedPoint, temperature: float, classes: int, seed: int) -> None:
    rng = np.random.default_rng([seed, classes, fmt.width])
    policy = drawn_policy("eenet", [fmt] * 4, classes, temperature=temperature, seed=seed)
    logits = drawn_logits(rng, fmt, 60, classes, 4)
    _, scores = policy.score_exits(logits)
    wanted = [slow_scores(policy, [z[n].tolist() for z in logits]) for n in range(60)]
    assert scores.T.tolist() == wanted, f"seed {seed}"
    assert np.abs(scores).max() < 2**30


def test_weights_that_always_point_one_way_still_fit_a_score() -> None:
    """Every feature at its largest, at every exit: what the bound of a score is made for."""
    for size in (1e-3, 0.1, 1.0, 1e3):
        learned = [LearnedWeights((size, -size), size, size, size, (2.0,) * k, size) for k in range(6)]
        policy = ExitPolicy.build(EENet(weights=tuple(learned)), [LOGITS] * 6, 2)
        _, scores = policy.score_exits([np.array([[LOGITS.max_code, LOGITS.min_code]])] * 6)
        assert 2**28 < scores.max() < 2**30


@pytest.mark.parametrize("seed", range(4))
def test_the_float_formula_is_that_of_the_paper_and_rarely_decides_otherwise(seed: int) -> None:
    fitting = pytest.importorskip("hwcodesign.fitting.outputs", reason="torch is not installed (extra 'design')")
    rng = np.random.default_rng(seed)
    policy = drawn_policy("eenet", [LOGITS] * 3, 5, temperature=1.2, seed=seed)
    logits = drawn_logits(rng, LOGITS, 1000, 5, 3)
    _, scores = policy.score_exits(logits)
    policy = policy.with_codes([int(np.median(row)) for row in scores[:-1]])
    learned, steps = [exit_.parameters.scoring.learned for exit_ in policy.exits], [LOGITS.scale / 1.2] * 3
    floats = np.array([slow_float_scores(learned, steps, [z[n] for z in logits]) for n in range(1000)]).T
    wanted = floats[:-1] >= np.array([[threshold] for threshold in policy.thresholds])
    assert policy.float_decisions(logits).tolist() == wanted.tolist(), f"seed {seed}"
    rate = float((wanted != (scores[:-1] >= np.array(policy.threshold_codes[:-1])[:, None])).mean())
    assert fitting.float_disagreement(policy, logits) == rate
    assert rate <= 0.001


def test_a_code_stands_for_one_threshold_in_log_odds() -> None:
    policy = drawn_policy("eenet", [LOGITS] * 3, 10)
    function = policy.exits[1].parameters.scoring
    for code in (-(2**31), -(2**20) - 1, -1, 0, 1, 12345, 2**30, NEVER):
        again = policy.with_codes([NEVER, code])
        assert again.threshold_codes == (NEVER, code, NEVER)
        assert policy.with_thresholds(again.thresholds).threshold_codes == again.threshold_codes
    assert policy.with_codes([NEVER, 12345]).thresholds == (None, 12345 * 2.0**-function.fraction)
    with pytest.raises(PolicyError, match=r"threshold nan is outside eenet's range .* \(log odds of a right answer\)"):
        policy.with_thresholds([math.nan, 0.0])


# --- integers of weights ---


def test_weights_keep_as_many_bits_as_18_hold() -> None:
    for largest in (1.0, 0.999999, 131071.5 / 131072, 3.7, 1e-3, 4096.0):
        learned = [LearnedWeights((largest, -largest / 3), 0.0, 0.0, 0.0, (), 0.0)]
        (function,) = quantise(learned, FRACTION_BITS)
        assert 2 ** (WEIGHT_BITS - 2) <= function.classes[0] < 2 ** (WEIGHT_BITS - 1) or function.weight_fraction == 24
        assert function.classes == tuple(round(w * 2**function.weight_fraction) for w in learned[0].classes)


@pytest.mark.parametrize("seed", range(4))
def test_the_float_formula_has_the_weights_that_the_integers_stand_for(seed: int) -> None:
    drawn = drawn_weights(5, 3, seed)
    functions = quantise(drawn, FRACTION_BITS)
    for given, function in zip(drawn, functions, strict=True):
        held, step = function.learned, 2.0**-function.weight_fraction
        assert [weight * step for weight in function.classes] == list(held.classes), f"seed {seed}"
        assert function.top * step == held.top
        assert round(held.nats / step) == function.nats
        assert [weight * 2.0**-function.earlier_fraction for weight in function.earlier] == list(held.earlier)
        assert max(abs(a - b) for a, b in zip(given.classes, held.classes, strict=True)) <= step / 2
        assert [round(term * 2.0**function.fraction) for term in held.votes] == list(function.votes)
    assert quantise([function.learned for function in functions], FRACTION_BITS) == functions, "rounding again changes"


def test_no_weights_at_all_make_a_score_of_zero() -> None:
    learned = [LearnedWeights((0.0,) * 3, 0.0, 0.0, 0.0, (0.0,) * k, 0.0) for k in range(2)]
    policy = ExitPolicy.build(EENet(weights=tuple(learned)), [LOGITS] * 2, 3)
    assert policy.score_exits([np.arange(12).reshape(4, 3)] * 2)[1].tolist() == [[0] * 4] * 2


def test_weights_that_cannot_be_held_are_refused() -> None:
    fine = drawn_weights(3, 2, 0)
    wrong = [fine[0], LearnedWeights((0.0, math.nan, 0.0), 0, 0, 0, (0.0,), 0)]
    with pytest.raises(PolicyError, match="a weight of exit 1's score is not finite: fit the policy again"):
        ExitPolicy.build(EENet(weights=tuple(wrong)), [LOGITS] * 2, 3)
    with pytest.raises(PolicyError, match=r"scores up to .* leave no bits after the point: fit the policy again"):
        ExitPolicy.build(EENet(weights=(LearnedWeights((1e12, 0.0), 0, 0, 0, (), 0),)), [LOGITS], 2)
    with pytest.raises(PolicyError, match="eenet scores at most 2047 classes exactly, and the network has 2048"):
        ExitPolicy.build(EENet(weights=tuple(drawn_weights(2048, 1, 0))), [LOGITS], 2048)
    with pytest.raises(PolicyError, match=r"weights of \[\(3, 0\), \(3, 1\)\] .* not those of 4 classes and 2 exits"):
        ExitPolicy.build(EENet(weights=tuple(fine)), [LOGITS] * 2, 4)
    with pytest.raises(PolicyError, match="criterion eenet is learned from a network's answers: fit_policy fits it"):
        ExitPolicy.build("eenet", [LOGITS] * 2, 3)


def test_a_policy_file_is_byte_identical_after_reading_and_writing() -> None:
    policy = drawn_policy("eenet", [LOGITS] * 3, 4, temperature=[1.0, 0.5, 2.0]).with_thresholds([None, 0.5])
    text = json.dumps(policy.to_json(), indent=2, allow_nan=False)
    again = ExitPolicy.from_json(json.loads(text))
    assert again == policy
    assert json.dumps(again.to_json(), indent=2, allow_nan=False) == text
    data = json.loads(text)
    del data["parameters"]["scoring"][1]
    with pytest.raises(PolicyError, match=r"the policy file is incomplete .*: parameters\.scoring is a list of 2"):
        ExitPolicy.from_json(data)


def test_the_configuration_hash_knows_weights_and_offsets_but_no_thresholds() -> None:
    plain = small.plain("plain", exits=2, criterion="max_softmax")
    formats = [exit_.logits for exit_ in plain.policy.exits]
    first, other = (drawn_policy("eenet", formats, 3, seed=seed) for seed in (1, 2))
    by_class = plain.policy.with_class_codes([[-70_000, -80_000, NEVER]])
    policies = [plain.policy, first, other, by_class, drawn_policy("max_softmax", formats, 3, temperature=[1.0, 2.0])]
    hashes = [dataclasses.replace(plain, policy=policy).configuration_hash for policy in policies]
    assert len(set(hashes)) == len(policies)
    moved = first.with_codes([12345])
    assert dataclasses.replace(plain, policy=moved).configuration_hash == hashes[1]


# --- allocation ---


@pytest.mark.parametrize("seed", range(20))
def test_tilted_rates_cost_the_budget_and_keep_their_ratios_up_to_the_tilt(seed: int) -> None:
    rng = np.random.default_rng(seed)
    costs = np.cumsum(rng.uniform(0.05, 0.4, 4))
    rates = rng.dirichlet(np.ones(4)) + 1e-6
    budget = float(rng.uniform(costs[0], costs[-1]))
    got = tilted(rates / rates.sum(), costs, budget)
    assert f"{got.sum():.9f}" == "1.000000000"
    assert f"{got @ costs:.9f}" == f"{budget:.9f}"
    tilts = np.diff(np.log(got / rates)) / np.diff(costs)  # -t, whichever exits are compared
    assert len({f"{tilt:.4f}" for tilt in tilts}) == 1, f"seed {seed}"


def test_a_budget_beyond_the_exits_gives_the_nearest_one_everything() -> None:
    costs, rates = np.array([0.25, 0.5, 1.0]), np.full(3, 1 / 3)
    assert [f"{rate:.6f}" for rate in tilted(rates, costs, 0.1)] == ["1.000000", "0.000000", "0.000000"]
    assert [f"{rate:.6f}" for rate in tilted(rates, costs, 7.0)] == ["0.000000", "0.000000", "1.000000"]


@pytest.mark.parametrize("seed", range(5))
def test_each_exit_takes_its_part_of_the_surest_that_are_left(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = np.stack([rng.permutation(1000) for _ in range(3)])  # no ties
    statistics = ExitStatistics(scores, scores * 0, np.zeros(1000, np.int64), np.array([0.2, 0.5, 1.0]))
    rates = np.array([0.5, 0.3, 0.2])
    codes = quota_codes(statistics, rates)
    assert evaluate(statistics, codes).exit_rate == (0.5, 0.3, 0.2)
    left = sorted(range(1000), key=lambda n: -scores[0, n])[500:]
    assert codes == (500, int(sorted(scores[1, left])[-300]))


def test_samples_of_equal_score_leave_together_or_not_at_all() -> None:
    scores = np.array([[5, 5, 5, 5, 1, 1, 1, 1], [0] * 8])
    statistics = ExitStatistics(scores, scores * 0, np.zeros(8, np.int64), np.array([0.5, 1.0]))
    nearest = {rate: quota_codes(statistics, np.array([rate, 1 - rate])) for rate in (0.1, 0.3, 0.6, 0.9)}
    assert nearest == {0.1: (NEVER,), 0.3: (5,), 0.6: (5,), 0.9: (1,)}


# --- training ---


def answers(seed: int, samples: int = 600, classes: int = 4, exits: int = 3) -> tuple[list[Codes], Codes]:
    """Logits of exits that see more and more, of samples of different difficulty."""
    rng = np.random.default_rng(seed)
    truth, ease = rng.integers(0, classes, samples), rng.normal(size=samples)
    found = []
    for k in range(exits):
        z = rng.normal(size=(samples, classes)) * 1.5
        z[np.arange(samples), truth] += 1.5 + k + 1.5 * ease
        found.append(np.clip(np.rint(z / LOGITS.scale), LOGITS.min_code, LOGITS.max_code).astype(np.int64))
    return found, truth


STEPS = [LOGITS.scale] * 3
COSTS = [0.25, 0.5, 1.0]


def test_the_loss_of_scores_weighs_each_sample_by_what_its_assignment_leaves() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed (extra 'design')")
    from hwcodesign.policies.criteria.eenet.training import _score_loss

    rng = np.random.default_rng(0)
    scores, right = rng.normal(size=(7, 3)), rng.integers(0, 2, (7, 3)).astype(float)
    rates = rng.dirichlet(np.ones(3), 7)
    wanted = 0.0
    for k in range(3):
        left = [1 - sum(rates[n, :k]) for n in range(7)]
        for n in range(7):
            p = 1 / (1 + math.exp(-scores[n, k]))
            wanted -= left[n] / sum(left) * math.log(p if right[n, k] else 1 - p)
    got = _score_loss(torch.tensor(scores), torch.tensor(right), torch.tensor(np.log(rates)))
    assert f"{float(got):.9f}" == f"{wanted:.9f}"


def test_all_weights_of_scores_are_held_back_but_that_of_the_largest_probability() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed (extra 'design')")
    from hwcodesign.policies.criteria.eenet.training import ExitScorer, _penalty

    settings = EENet(restraint=0.5, decay=0.25)
    scorer = ExitScorer(4, 2, settings)
    for g in scorer.linear:
        with torch.no_grad():
            g.weight.copy_(torch.arange(1, g.in_features + 1)[None])  # 1, …, 4 the classes', 5 a_max's
    squares = [sum(w * w for w in range(1, inputs + 1)) for inputs in (7, 8)]
    assert _penalty(scorer, settings).item() == 0.25 * sum(squares) + 0.5 * (sum(squares) - 2 * 5**2)


def test_training_is_repeatable_and_its_scores_are_likelier_than_each_exits_accuracy() -> None:
    training = pytest.importorskip(TRAINING, reason="torch is not installed (extra 'design')")
    logits, truth = answers(0)
    first, again = (training.train_scorer(logits, STEPS, truth, COSTS, 0.5, EENet()).weights() for _ in range(2))
    assert first == again
    assert training.train_scorer(logits, STEPS, truth, COSTS, 0.3, EENet()).weights() != first
    policy = ExitPolicy.build(EENet(weights=tuple(first)), [LOGITS] * 3, 4)
    new, new_truth = answers(1)
    labels, scores = policy.score_exits(new)
    for k in range(3):
        function, right = policy.exits[k].parameters.scoring, labels[k] == new_truth
        odds = scores[k] * 2.0**-function.fraction
        rate = right.mean()
        constant = -(rate * math.log(rate) + (1 - rate) * math.log(1 - rate))
        assert np.log1p(np.exp(np.where(right, -odds, odds))).mean() < 0.95 * constant


@CAMPAIGN
def test_the_mean_assignment_moves_with_the_budget_it_was_trained_for() -> None:
    training = pytest.importorskip(TRAINING, reason="torch is not installed (extra 'design')")
    logits, truth = answers(2)
    costs = []
    for budget in (0.3, 0.5, 0.8):
        settings = EENet(budget=20.0)
        scorer = training.train_scorer(logits, STEPS, truth, COSTS, budget, settings)
        rates = training.mean_assignment(scorer, logits, STEPS)
        assert f"{rates.sum():.9f}" == "1.000000000"
        costs.append(float(rates @ np.array(COSTS)))
    assert costs == sorted(costs)
    assert costs[0] < 0.4 < costs[1] < 0.6 < costs[2]


def test_a_networks_policy_learns_on_one_half_and_sets_thresholds_on_the_other(
    trained_network: Any, digits_data: Any
) -> None:
    from hwcodesign.fitting.network import fit_policy
    from hwcodesign.fitting.outputs import float_disagreement

    split = digits_data.fitting
    data = (split.images, split.labels)
    policy = fit_policy(trained_network, data, criterion="eenet", budget=0.6, calibrate=True)
    assert policy == fit_policy(trained_network, data, criterion="eenet", budget=0.6, calibrate=True)
    order = np.random.default_rng(0).permutation(397)[198:]
    logits = [z[order] for z in trained_network.logits(split.images)]
    statistics = ExitStatistics.of(policy, logits, split.labels[order], trained_network.costs().fractions)
    point, fitted = evaluate(statistics, policy.threshold_codes[:-1]), policy.fitted_on
    assert (fitted.accuracy, fitted.cost_fraction, fitted.exit_rate) == (point.accuracy, point.cost, point.exit_rate)
    assert point.cost <= 0.6
    learning = np.random.default_rng(0).permutation(397)[:198]
    assert policy.temperatures == tuple(
        fit_temperature(z[learning], split.labels[learning], exit_.logits.scale)
        for z, exit_ in zip(trained_network.logits(split.images), policy.exits, strict=True)
    ), "temperatures are learned with the weights"
    assert len(set(policy.temperatures)) == 3
    assert fitted.note == "weights learned on 198 samples, thresholds fitted on 199 others"
    assert fitted.float_disagreement == float_disagreement(policy, logits)
    assert ExitPolicy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


def test_given_thresholds_and_accuracy_drops_are_met_too(trained_network: Any, digits_data: Any) -> None:
    from hwcodesign.fitting.network import fit_policy

    data = (digits_data.fitting.images, digits_data.fitting.labels)
    given = fit_policy(trained_network, data, criterion="eenet", thresholds=[2.0, None])
    assert given.thresholds == (2.0, None)
    dropped = fit_policy(trained_network, data, criterion="eenet", accuracy_drop=0.03).fitted_on
    assert dropped.accuracy is not None
    assert dropped.last_exit_accuracy is not None
    assert dropped.accuracy >= dropped.last_exit_accuracy - 0.03
    with pytest.raises(PolicyError, match=r"fitting needs \(images, labels\), apart from training and test"):
        fit_policy(trained_network, None, criterion="eenet", thresholds=[2.0, None])
    with pytest.raises(PolicyError, match="one sample cannot both teach weights and set thresholds: give two at least"):
        fit_policy(trained_network, (data[0][:1], data[1][:1]), criterion="eenet", budget=0.6)
