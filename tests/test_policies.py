"""Exit policies decide on integers: tables, scores, thresholds and their fitting, against slow plain Python."""

from __future__ import annotations

import copy
import itertools
import json
import math
import re
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwcodesign.designs.costs import ExitCosts
from hwcodesign.errors import PolicyError
from hwcodesign.fitting.search import OperatingPoint, cost_curve, evaluate, fit, largest_drop
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import ALWAYS, CRITERIA, NEVER, ExitPolicy, ExitStatistics, subnet_codes
from hwcodesign.policies.criteria.cdln import CDLN
from hwcodesign.policies.criteria.eenet.integers import finest_fraction
from hwcodesign.policies.criterion import agreements_after
from hwcodesign.policies.tables import ExponentialTable, MantissaTable

LOGITS = FixedPoint(8, 5)  # steps of 1/8
NAMES = ["entropy", "margin", "max_softmax", "patience"]


def policy_of(
    criterion: str, classes: int = 10, exits: int = 3, fmt: FixedPoint = LOGITS, temperature: float = 1.0
) -> ExitPolicy:
    return ExitPolicy.build(criterion, [fmt] * exits, classes, temperature=temperature)


def random_logits(rng: np.random.Generator, fmt: FixedPoint, samples: int, classes: int) -> NDArray[np.int64]:
    """Some at random over the whole range, some close together, some equal, some at the ends."""
    wide = rng.integers(fmt.min_code, fmt.max_code, (samples, classes), endpoint=True)
    near = rng.integers(fmt.min_code, fmt.max_code, (samples, 1), endpoint=True) + rng.integers(
        0, 6, (samples, classes)
    )
    ends = rng.choice([fmt.min_code, fmt.max_code], (samples, classes))
    kind = rng.integers(0, 10, (samples, 1))
    logits = np.where(kind < 5, wide, np.where(kind < 8, near, np.where(kind == 8, ends, wide[:, :1])))
    return np.clip(logits, fmt.min_code, fmt.max_code).astype(np.int64)


def test_the_criteria_are_those_tested_here() -> None:
    # of the latter, files of their own have the tests
    assert sorted(CRITERIA) == sorted([*NAMES, "eenet", "gate", "cdln"])


# --- tables ---


@pytest.mark.parametrize("fraction", [8, 16])
@pytest.mark.parametrize("step", [1 / 1024, 1 / 37, 1 / 8, 0.3, 1.0])
@pytest.mark.parametrize("largest", [3, 255, 65535])
def test_an_exponential_table_holds_the_rounded_functions(step: float, largest: int, fraction: int) -> None:
    table = ExponentialTable.build(step, largest, fraction=fraction)
    assert table.exponential[0] == 2**fraction
    assert table.weighted[0] == 0
    assert len(table.exponential) == len(table.weighted) == table.length <= 2**12
    assert list(table.exponential) == sorted(table.exponential, reverse=True)
    for i in range(table.length - 1):
        u = step * (i << table.shift)
        assert table.exponential[i] == round(2**fraction * math.exp(-u)), i
        assert table.weighted[i] == round(2**fraction * u * math.exp(-u)), i
    covered = ((table.length - 1) << table.shift) + (1 << table.shift) - 1
    if covered < largest:
        # the table ends early, and its last entry stands for everything beyond: both functions round to zero there
        assert table.exponential[-1] == table.weighted[-1] == 0
        beyond = step * (covered + 1)
        assert round(2**fraction * math.exp(-beyond)) == round(2**fraction * beyond * math.exp(-beyond)) == 0
    else:
        u = step * ((table.length - 1) << table.shift)
        assert table.exponential[-1] == round(2**fraction * math.exp(-u))


def test_weights_rise_to_one_nat_and_fall_from_there() -> None:
    table = ExponentialTable.build(1 / 64, 10**6)
    top = table.weighted.index(max(table.weighted))
    assert list(table.weighted[: top + 1]) == sorted(table.weighted[: top + 1])
    assert list(table.weighted[top:]) == sorted(table.weighted[top:], reverse=True)
    assert max(table.weighted) == table.weighted[64] == round(2**16 / math.e)


def test_the_last_entry_of_a_table_that_ends_early_is_zero_also_where_the_function_is_not_yet() -> None:
    """It stands for everything beyond; with an index that leaves bits out it may lie a step before the end."""
    table = ExponentialTable.build(0.06, 10**6, index_bits=4)
    argument = (table.length - 1) * 2**table.shift * 0.06
    assert round(2**table.fraction * argument * math.exp(-argument)) == 1
    assert (table.exponential[-1], table.weighted[-1]) == (0, 0)
    whole = ExponentialTable.build(0.05, 40)
    assert whole.length == 41
    assert min(whole.exponential[-1], whole.weighted[-1]) > 0


def test_an_index_beyond_the_table_reads_its_last_entry() -> None:
    table = ExponentialTable.build(0.5, 10**6)
    index = table.index(np.array([0, 1, table.length - 1, table.length, 10**6]))
    assert index.tolist() == [0, 1, table.length - 1, table.length - 1, table.length - 1]


@pytest.mark.parametrize("step", [0.0, -1.0, math.inf, math.nan])
def test_a_step_that_is_no_positive_number_is_refused(step: float) -> None:
    with pytest.raises(
        PolicyError, match=rf"one logit step is worth {step} nats: it must be positive; check the temperature"
    ):
        ExponentialTable.build(step, 255)


def test_too_few_index_bits_are_refused_with_what_a_step_would_be_worth() -> None:
    with pytest.raises(
        PolicyError, match=r"one index step would be worth 2 nats: raise the temperature, or use fewer bits"
    ):
        ExponentialTable.build(1 / 8, 10**6, index_bits=3)


@pytest.mark.parametrize("step", [1.5, 4.0, 100.0])
def test_logits_coarser_than_a_nat_lose_nothing_and_are_taken(step: float) -> None:
    table = ExponentialTable.build(step, 255)
    assert table.shift == 0
    assert list(table.exponential[:2]) == [2**16, round(2**16 * math.exp(-step))]
    assert table.sums(np.array([[5, 5, 4]]))[0].tolist() == [2 * 2**16 + round(2**16 * math.exp(-step))]


def test_the_mantissa_table_holds_the_rounded_functions_of_each_cells_middle() -> None:
    table = MantissaTable.build(fraction=16, mantissa_bits=10)
    assert table.ln2 == round(2**16 * math.log(2)) == 45426
    assert len(table.logarithm) == len(table.reciprocal) == 1024
    for m in range(1024):
        middle = 1 + (m + 0.5) / 1024
        assert table.logarithm[m] == round(2**16 * math.log(middle))
        assert table.reciprocal[m] == round(2**16 / middle)
    assert list(table.logarithm) == sorted(table.logarithm)
    assert list(table.reciprocal) == sorted(table.reciprocal, reverse=True)


# --- scores, from the text of policies/tables.py and DESIGN.md, in Python integers ---


def slow_score(policy: ExitPolicy, exit_index: int, logits: Sequence[int], agreements: int) -> int:
    ordered = sorted(logits, reverse=True)
    if policy.criterion_name == "margin":
        return ordered[0] - ordered[1]
    if policy.criterion_name == "patience":
        return agreements
    table = policy.exits[exit_index].parameters.exponential
    indices = [min((ordered[0] - z) >> table.shift, len(table.exponential) - 1) for z in logits]
    total = sum(table.exponential[i] for i in indices)
    if policy.criterion_name == "max_softmax":
        return -total
    weighted = sum(table.weighted[i] for i in indices)
    mantissa = policy.exits[exit_index].parameters.mantissa
    # S = 2^(F + e) (1 + m/M + ...)
    exponent = 0
    while total >= 2 ** (table.fraction + exponent + 1):
        exponent += 1
    m = (total * 2**mantissa.mantissa_bits) // 2 ** (table.fraction + exponent) - 2**mantissa.mantissa_bits
    # between the entries: what S / 2^e is above the middle of its cell
    cell = 2 ** (table.fraction - mantissa.mantissa_bits)
    slope = mantissa.reciprocal[m] * ((total // 2**exponent) % cell - cell // 2)
    logarithm = exponent * mantissa.ln2 + mantissa.logarithm[m] + slope // 2**table.fraction
    reciprocal = mantissa.reciprocal[m] - mantissa.reciprocal[m] * slope // 2 ** (2 * table.fraction)
    return -(logarithm + reciprocal * weighted // 2 ** (table.fraction + exponent))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("classes", [2, 3, 10, 100])
@pytest.mark.parametrize(
    ("fmt", "temperature"), [(LOGITS, 1.0), (FixedPoint(4, 3), 0.7), (FixedPoint(16, 6), 1.0), (FixedPoint(12, 2), 2.5)]
)
@pytest.mark.parametrize("criterion", NAMES)
def test_scores_are_those_of_the_text(
    criterion: str, fmt: FixedPoint, temperature: float, classes: int, seed: int
) -> None:
    rng = np.random.default_rng([seed, classes, fmt.width])
    policy = policy_of(criterion, classes, fmt=fmt, temperature=temperature)
    logits = random_logits(rng, fmt, 120, classes)
    agreements = rng.integers(0, 256, 120)
    got = policy.scores(1, logits, agreements)
    wanted = [slow_score(policy, 1, z, a) for z, a in zip(logits.tolist(), agreements.tolist(), strict=True)]
    assert got.tolist() == wanted
    assert min(wanted) > ALWAYS
    assert max(wanted) < NEVER


@pytest.mark.parametrize("criterion", ["entropy", "margin", "max_softmax"])
def test_a_surer_sample_scores_higher(criterion: str) -> None:
    policy = policy_of(criterion, 3)
    logits = np.array([[0, 0, 0], [4, 0, 0], [16, 0, 0], [100, 0, 0]])
    scores = policy.scores(0, logits, np.zeros(4, np.int64)).tolist()
    assert scores == sorted(set(scores))


@pytest.mark.parametrize("criterion", NAMES)
def test_a_score_does_not_depend_on_a_constant_added_to_all_logits(criterion: str) -> None:
    policy = policy_of(criterion, 4)
    logits = np.random.default_rng(1).integers(-40, 40, (50, 4))
    nothing = np.zeros(50, np.int64)
    assert policy.scores(0, logits + 17, nothing).tolist() == policy.scores(0, logits, nothing).tolist()


def test_ties_go_to_the_lowest_class() -> None:
    logits = [np.array([[3, 3, 3], [1, 5, 5], [5, 1, 5]]), np.array([[3, 3, 3], [5, 5, 1], [-1, -1, -2]])]
    statistics = ExitStatistics.of(policy_of("margin", 3, 2), logits, np.array([0, 1, 0]), [0.5, 1.0])
    assert statistics.labels.tolist() == [[0, 1, 0], [0, 0, 0]]
    assert statistics.scores.tolist() == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(("criterion", "most"), [("max_softmax", 2047), ("entropy", 32767)])
def test_the_sum_of_as_many_exponentials_as_32_bits_hold_and_no_more(criterion: str, most: int) -> None:
    assert ExitPolicy.build(criterion, [LOGITS] * 2, most).classes == most
    with pytest.raises(PolicyError, match=f"sums the exponentials of {most} classes at most .* there are {most + 1}"):
        ExitPolicy.build(criterion, [LOGITS] * 2, most + 1)


@pytest.mark.parametrize(("classes", "fraction"), [(2, 20), (10, 19), (127, 18), (2047, 16)])
def test_eenets_tables_are_as_fine_as_64_bits_allow(classes: int, fraction: int) -> None:
    assert finest_fraction(classes) == fraction
    # D R' of the module's text, D below 2^17 (2^F (C + 1) + C 2^F), R' at most 2^F
    assert 2**17 * 2**fraction * (2 * classes + 1) * 2**fraction < 2**63


def test_agreements_count_exits_in_a_row_and_saturate() -> None:
    labels = [np.array([1, 1, 2]), np.array([1, 2, 2]), np.array([1, 2, 3]), np.array([1, 2, 3])]
    assert [a.tolist() for a in agreements_after(labels)] == [[0, 0, 0], [1, 0, 1], [2, 1, 0], [3, 2, 1]]
    many = agreements_after([np.array([7])] * 300)
    assert [int(a[0]) for a in many] == [min(k, 255) for k in range(300)]


# --- thresholds ---


def reachable_codes(policy: ExitPolicy, seed: int) -> list[int]:
    """Threshold codes to try: the ends of what scores may be, and many between."""
    table, classes = getattr(policy.exits[0].parameters, "exponential", None), policy.classes
    one = 2**table.fraction if table else 1
    low, high = {
        "margin": (0, policy.exits[0].logits.max_code - policy.exits[0].logits.min_code),
        "max_softmax": (-classes * one, -one),
        "entropy": (-math.ceil(math.log(classes) * one * 1.002), 0),
        "patience": (1, 255),
    }[policy.criterion_name]
    rng = np.random.default_rng(seed)
    around = [low, low + 1, low + 2, high - 2, high - 1, high]
    return sorted({*around, *rng.integers(low, high, 2000, endpoint=True).tolist()})


@pytest.mark.parametrize("fmt", [LOGITS, FixedPoint(16, 4), FixedPoint(12, 12), FixedPoint(6, -2)], ids=str)
@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize("criterion", NAMES)
def test_a_codes_value_stands_for_that_code_and_is_in_range(criterion: str, classes: int, fmt: FixedPoint) -> None:
    policy = policy_of(criterion, classes, exits=2, fmt=fmt)
    for code in reachable_codes(policy, seed=classes):
        again = policy.with_codes([code])
        assert again.threshold_codes == (code, NEVER), (code, again.thresholds)
        assert policy.with_thresholds(again.thresholds).threshold_codes == (code, NEVER)


@pytest.mark.parametrize("criterion", NAMES)
def test_never_and_always_do_what_they_say(criterion: str) -> None:
    policy = policy_of(criterion).with_thresholds([None, None])
    assert policy.threshold_codes == (NEVER, NEVER, NEVER)
    rng = np.random.default_rng(0)
    logits = [random_logits(rng, LOGITS, 200, 10) for _ in range(3)]
    statistics = ExitStatistics.of(policy, logits, np.zeros(200, np.int64), [0.3, 0.6, 1.0])
    assert set(statistics.exits_taken((NEVER, NEVER)).tolist()) == {2}
    assert set(statistics.exits_taken((NEVER, ALWAYS)).tolist()) == {1}
    assert set(statistics.exits_taken((ALWAYS, NEVER)).tolist()) == {0}
    assert not policy.float_leaves(0, logits[0], np.zeros(200, np.int64)).any()


def test_the_loosest_and_the_tightest_thresholds() -> None:
    softmax, entropy = policy_of("max_softmax", 4, 2), policy_of("entropy", 4, 2)
    logits = random_logits(np.random.default_rng(2), LOGITS, 300, 4)
    nothing = np.zeros(300, np.int64)
    for policy, loose in ((softmax, 0.0), (softmax, 1e-320), (softmax, 0.25), (policy_of("margin", 4, 2), 0.0)):
        code = policy.with_thresholds([loose]).threshold_codes[0]
        assert (policy.scores(0, logits, nothing) >= code).all(), (policy.criterion_name, loose)
    sure = softmax.with_thresholds([1.0]).threshold_codes[0]
    leaves = softmax.scores(0, logits, nothing) >= sure
    table = softmax.exits[0].parameters.exponential
    distances = np.sort(logits.max(axis=1, keepdims=True) - logits, axis=1)[:, 1]
    zero = table.exponential.index(0)
    assert leaves.tolist() == (distances >= zero).tolist()
    assert 0 < leaves.sum() < 300
    assert entropy.with_thresholds([0.0]).threshold_codes == (0, NEVER)


@pytest.mark.parametrize(
    ("criterion", "threshold", "range_"),
    [
        ("max_softmax", -0.1, "0 to 1 "),
        ("max_softmax", 1.1, "0 to 1 "),
        ("max_softmax", math.nan, "0 to 1 "),
        ("entropy", -0.1, "0 to 1.01 "),
        ("entropy", 1.5, "0 to 1.01 "),
        ("margin", -1.0, "0 to 2.14748e+09 "),
        ("margin", math.inf, "0 to 2.14748e+09 "),
        ("patience", 0, "1 to 255 "),
        ("patience", 256, "1 to 255 "),
    ],
)
def test_a_threshold_out_of_range_is_refused_with_the_range(criterion: str, threshold: float, range_: str) -> None:
    message = re.escape(f"threshold {threshold!r} is outside {criterion}'s range {range_}")
    with pytest.raises(PolicyError, match=message + ".*None means never leave"):
        policy_of(criterion).with_thresholds([None, threshold])


@pytest.mark.parametrize(
    ("criterion", "thresholds"),
    [
        *(("margin", theta) for theta in (0.0, 0.01, 0.25, 0.3, 0.99, 1.0, 7.6)),
        *(("cdln", theta) for theta in (-1.01, -0.25, 0.0, 0.1, 0.26)),
        *(("patience", count) for count in (1, 2)),
    ],
)
def test_without_a_softmax_integers_decide_as_the_float_formula_also_between_two_codes(
    criterion: str, thresholds: float
) -> None:
    fmt = FixedPoint(6, 4)
    rng = np.random.default_rng(7)
    logits = [rng.integers(fmt.min_code, fmt.max_code + 1, (2000, 3)) for _ in range(4)]
    known = CDLN(activation=0.5) if criterion == "cdln" else criterion
    policy = ExitPolicy.build(known, [fmt] * 4, 3, [thresholds] * 3)
    leaves = policy.score_exits(logits)[1][:-1] >= np.array(policy.threshold_codes[:-1])[:, None]
    assert np.array_equal(policy.float_decisions(logits), leaves)
    assert leaves.sum() > 0
    assert leaves.all() == (criterion == "margin" and thresholds == 0)


def test_patience_counts_whole_exits() -> None:
    with pytest.raises(PolicyError, match=r"patience counts agreements: threshold 1\.5 is not a whole number"):
        policy_of("patience").with_thresholds([1.5, 1])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_thresholds_are_one_per_exit_but_the_last(count: int) -> None:
    with pytest.raises(PolicyError, match=f"{count} thresholds for 3 exits: give one per exit but the last, so 2"):
        policy_of("margin").with_thresholds([None] * count)


def test_an_unknown_criterion_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        PolicyError,
        match=r"did you mean 'margin'\? Known: cdln, eenet, entropy, gate, margin, max_softmax, patience",
    ):
        policy_of("magic")


def test_subnet_codes_leave_at_one_exit_that_exists() -> None:
    assert subnet_codes(3, 1) == (NEVER, ALWAYS, NEVER)
    for wrong in (-1, 3):
        with pytest.raises(PolicyError, match=rf"exit {wrong} does not exist: the network has exits 0 to 2"):
            subnet_codes(3, wrong)


# --- what the float formula would have decided ---


def float_verdict(criterion: str, logits: Sequence[int], scale: float, temperature: float, threshold: float) -> bool:
    values = sorted((z * scale / temperature for z in logits), reverse=True)
    if criterion == "margin":
        return (values[0] - values[1]) * temperature >= threshold
    exponentials = [math.exp(v - values[0]) for v in values]
    p = [e / sum(exponentials) for e in exponentials]
    if criterion == "max_softmax":
        return max(p) >= threshold
    return -sum(q * math.log(q) for q in p if q > 0) / math.log(len(p)) <= threshold


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("criterion", "thresholds"), [("margin", (1.3, 0.5)), ("max_softmax", (0.9, 0.61)), ("entropy", (0.21, 0.43))]
)
def test_float_disagreement_is_reported_exactly_and_is_small(
    criterion: str, thresholds: tuple[float, float], seed: int
) -> None:
    fitting = pytest.importorskip("hwcodesign.fitting.outputs", reason="torch is not installed (extra 'design')")
    rng = np.random.default_rng(seed)
    fmt, temperature = FixedPoint(8, 4), 1.0 if criterion == "margin" else 1.2
    policy = policy_of(criterion, 5, fmt=fmt, temperature=temperature).with_thresholds(thresholds)
    logits = [rng.integers(-50, 50, (800, 5)) for _ in range(3)]
    wrong = left = 0
    for k in range(2):
        for z in logits[k].tolist():
            integer = slow_score(policy, k, z, 0) >= policy.threshold_codes[k]
            wrong += integer != float_verdict(criterion, z, fmt.scale, temperature, thresholds[k])
            left += integer
    assert 0 < left < 1600
    assert fitting.float_disagreement(policy, logits) == wrong / 1600
    assert wrong / 1600 < 0.02


def test_float_disagreement_is_not_always_zero() -> None:
    """Of many samples at a threshold between two scores of one float value, some are decided otherwise."""
    fitting = pytest.importorskip("hwcodesign.fitting.outputs", reason="torch is not installed (extra 'design')")
    policy = policy_of("margin", 2, exits=2, fmt=FixedPoint(8, 5)).with_thresholds([1.0])
    moved = copy.deepcopy(policy)
    object.__setattr__(moved.exits[0], "threshold", 2.0)  # the code still stands for 1.0
    logits = [np.array([[12, 0], [20, 0], [4, 0], [9, 0]])] * 2
    assert fitting.float_disagreement(policy, logits) == 0
    assert fitting.float_disagreement(moved, logits) == 0.5  # 1.5 and 1.125 lie between


# --- fitting against brute force over all pairs of thresholds ---

SAMPLES = 32  # a power of two, as are the costs' steps, so that every mean is exact


def small_statistics(seed: int) -> ExitStatistics:
    """Three exits, each better than the one before, surer where it is right, with many equal scores."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, SAMPLES)
    right = rng.random((3, SAMPLES)) < np.array([[0.6], [0.75], [0.9]])
    labels = np.where(right, truth, (truth + rng.integers(1, 3, (3, SAMPLES))) % 3)
    scores = rng.integers(0, 8, (3, SAMPLES)) + np.where(right, 3, 0)
    costs = np.array([[0.25, 0.625, 1.125], [0.125, 0.75, 1.25], [0.5, 0.5625, 1.0625]])[seed % 3]
    return ExitStatistics(scores, labels, truth, costs)


def all_pairs(statistics: ExitStatistics) -> list[OperatingPoint]:
    first, second = ([*sorted(set(statistics.scores[k].tolist())), NEVER] for k in range(2))
    return [evaluate(statistics, pair) for pair in itertools.product(first, second)]


def slow_evaluate(statistics: ExitStatistics, codes: Sequence[int]) -> tuple[int, float, list[int]]:
    """Right answers, summed cost, and samples per exit."""
    right, cost, left = 0, 0.0, [0] * len(statistics.costs)
    for n in range(len(statistics.truth)):
        k = next((k for k, code in enumerate(codes) if statistics.scores[k, n] >= code), len(codes))
        right += int(statistics.labels[k, n] == statistics.truth[n])
        cost += float(statistics.costs[k])
        left[k] += 1
    return right, cost, left


@pytest.mark.parametrize("seed", range(3))
def test_an_operating_point_is_what_its_thresholds_give_sample_by_sample(seed: int) -> None:
    statistics = small_statistics(seed)
    for point in all_pairs(statistics):
        right, cost, left = slow_evaluate(statistics, point.codes)
        assert (point.accuracy, point.cost) == (right / SAMPLES, cost / SAMPLES)
        assert point.exit_rate == tuple(count / SAMPLES for count in left)


def improvements(
    statistics: ExitStatistics, point: OperatingPoint, better: Callable[[OperatingPoint], bool]
) -> list[OperatingPoint]:
    """Points that one changed threshold reaches and that are better."""
    found = []
    for k in range(2):
        for code in [*sorted(set(statistics.scores[k].tolist())), NEVER]:
            codes = list(point.codes)
            codes[k] = code
            other = evaluate(statistics, codes)
            if better(other):
                found.append(other)
    return found


SEEDS = range(40)
BUDGETS = (0.3, 0.5625, 0.75, 1.0, 2.0)
DROPS = (0.0, 1 / 32, 2 / 32, 0.1, 0.3)


def fit_or_none(statistics: ExitStatistics, **request: float) -> OperatingPoint | None:
    try:
        return fit(policy_of("margin", 3), statistics, **request)
    except PolicyError:
        return None


@pytest.mark.parametrize("budget", BUDGETS)
def test_a_budget_is_kept_and_mostly_as_accurate_as_any_pair_of_thresholds(budget: float) -> None:
    optimal = met = 0
    for seed in SEEDS:
        statistics = small_statistics(seed)
        affordable = [pair for pair in all_pairs(statistics) if pair.cost <= budget]
        point = fit_or_none(statistics, budget=budget)
        assert (point is None) == (not affordable), f"seed {seed}"
        if point is None:
            continue
        met += 1
        assert point == evaluate(statistics, point.codes), f"seed {seed}"
        assert point.cost <= budget, f"seed {seed}"
        found, best = point, max(pair.accuracy for pair in affordable)
        better = improvements(
            statistics, found, lambda other, found=found: other.cost <= budget and other.accuracy > found.accuracy
        )
        assert not better, f"seed {seed}: {found} but {better[0]}"
        optimal += found.accuracy == best
    assert met >= 15
    # no single threshold improves a fit, but a pair of them may: so few samples leave gaps between the curve's points
    assert optimal >= 2 / 3 * met, f"{optimal} of {met} optimal"


@pytest.mark.parametrize("drop", DROPS)
def test_an_accuracy_drop_is_kept_and_mostly_as_cheap_as_any_pair_of_thresholds(drop: float) -> None:
    optimal = 0
    for seed in SEEDS:
        statistics = small_statistics(seed)
        least = statistics.correct[-1].mean() - drop
        good_enough = [pair for pair in all_pairs(statistics) if pair.accuracy >= least]
        point = fit(policy_of("margin", 3), statistics, accuracy_drop=drop)
        assert point == evaluate(statistics, point.codes), f"seed {seed}"
        assert point.accuracy >= least, f"seed {seed}"
        better = improvements(
            statistics,
            point,
            lambda other, least=least, point=point: other.accuracy >= least and other.cost < point.cost,
        )
        assert not better, f"seed {seed}: {point} but {better[0]}"
        optimal += point.cost == min(pair.cost for pair in good_enough)
    assert optimal >= 2 / 3 * len(SEEDS), f"{optimal} of {len(SEEDS)} optimal"


@pytest.mark.parametrize("seed", range(40))
def test_a_budget_that_is_exactly_some_average_cost_is_not_exceeded_by_a_rounding_error(seed: int) -> None:
    statistics = small_statistics(seed)
    object.__setattr__(statistics, "costs", np.array([0.1, 0.1 + 1 / 3, 1 + 1 / 7]))  # sums of these do round
    rng = np.random.default_rng(seed)
    pairs = all_pairs(statistics)
    for index in rng.choice(len(pairs), 6, replace=False):
        budget = pairs[index].cost
        point = fit(policy_of("margin", 3), statistics, budget=budget)
        assert point.cost <= budget
        assert point == evaluate(statistics, point.codes)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("seed", range(10))
def test_with_confidence_the_bound_is_kept_and_not_only_the_observed_drop(seed: int, confidence: float) -> None:
    statistics, drop = small_statistics(seed), 0.15
    point = fit(policy_of("margin", 3), statistics, accuracy_drop=drop, confidence=confidence)
    taken = statistics.exits_taken(point.codes)
    right = statistics.correct[taken, np.arange(SAMPLES)]
    last = statistics.correct[-1]
    gained, lost = int((right & ~last).sum()), int((~right & last).sum())
    if gained + lost:
        assert agresti_min(gained, lost, SAMPLES, confidence) <= drop
    if confidence > 0.5:  # at one half the bound shrinks toward no difference, below the observed drop
        assert point.cost >= fit(policy_of("margin", 3), statistics, accuracy_drop=drop).cost


def agresti_min(gained: int, lost: int, samples: int, confidence: float) -> float:
    """One-sided bound of the drop (lost - gained) / N, half a count added to each of the four cells."""
    b, c, n = lost + 0.5, gained + 0.5, samples + 2
    mean = (b - c) / n
    variance = ((b + c) / n - mean * mean) / n
    return mean + NormalDist().inv_cdf(confidence) * math.sqrt(variance)


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95, 0.999])
def test_the_largest_drop_is_the_formula_of_agresti_and_min(confidence: float) -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        samples = int(rng.integers(4, 500))
        gained, lost = rng.multinomial(int(rng.integers(0, samples)), [0.4, 0.6]).tolist()
        got = float(
            largest_drop(np.array((lost - gained) / samples), np.array((lost + gained) / samples), samples, confidence)
        )
        # the same formula written in counts: equal to all the digits that ten places show
        assert f"{got:.10f}" == f"{agresti_min(gained, lost, samples, confidence):.10f}"
    assert largest_drop(np.array(0.01), np.array(0.02), 100, None).tolist() == 0.01


def test_the_curve_runs_from_cheap_to_accurate_without_dominated_points() -> None:
    for seed in range(10):
        points = cost_curve(policy_of("margin", 3), small_statistics(seed))
        assert points
        for before, after in itertools.pairwise(points):
            assert before.cost < after.cost
            assert before.accuracy < after.accuracy


def test_patience_shares_one_threshold_and_is_fitted_by_trying_all() -> None:
    rng = np.random.default_rng(3)
    logits = [np.eye(4, dtype=np.int64)[rng.integers(0, 4, 64)] * 20 for _ in range(4)]
    for k in (1, 2, 3):
        logits[k][:40] = logits[0][:40]
    policy = policy_of("patience", 4, 4)
    truth = logits[0].argmax(axis=1)
    statistics = ExitStatistics.of(policy, logits, truth, [0.25, 0.5, 0.75, 1.25])
    point = fit(policy, statistics, budget=1.0)
    tried = [evaluate(statistics, [t, t, t]) for t in (1, 2, 3)]
    best = max((p for p in tried if p.cost <= 1.0), key=lambda p: (p.accuracy, -p.cost))
    assert (point.accuracy, point.cost) == (best.accuracy, best.cost)
    assert len(set(point.codes)) == 1


def test_a_tied_sample_may_be_let_go_at_the_first_exit_whatever_the_criterion() -> None:
    """Equal logits have all the entropy there is; the tables' rounding must not put that out of range."""
    for criterion, classes in itertools.product(["entropy", "margin", "max_softmax"], [2, 3, 10, 100]):
        policy = policy_of(criterion, classes, 2)
        logits = [np.zeros((4, classes), np.int64)] * 2
        statistics = ExitStatistics.of(policy, logits, np.zeros(4, np.int64), [0.5, 1.0])
        point = fit(policy, statistics, budget=0.5)
        fitted = policy.with_codes(point.codes)
        assert fitted.threshold_codes[:-1] == point.codes
        assert policy.with_thresholds(fitted.thresholds).threshold_codes == fitted.threshold_codes
        assert statistics.exits_taken(fitted.threshold_codes[:-1]).tolist() == [0, 0, 0, 0]


def test_requests_that_cannot_be_met_or_understood_are_refused() -> None:
    statistics, policy = small_statistics(0), policy_of("margin", 3)
    with pytest.raises(PolicyError, match="give exactly one of accuracy_drop, budget and"):
        fit(policy, statistics)
    with pytest.raises(PolicyError, match="give exactly one of accuracy_drop, budget and"):
        fit(policy, statistics, accuracy_drop=0.1, budget=0.5)
    with pytest.raises(
        PolicyError, match=r"budget 0\.1 of the full cost cannot be met.*costs 0\.25, the cheapest.*0\.25"
    ):
        fit(policy, statistics, budget=0.1)
    for drop in (-0.1, 1.0, math.nan):
        with pytest.raises(PolicyError, match=rf"accuracy_drop {drop} is not in 0\.\.1 \(a fraction"):
            fit(policy, statistics, accuracy_drop=drop)
    for confidence in (0.4, 1.0):
        with pytest.raises(
            PolicyError, match=rf"confidence {confidence} goes with accuracy_drop and lies in 0\.5\.\.1"
        ):
            fit(policy, statistics, accuracy_drop=0.1, confidence=confidence)
    with pytest.raises(PolicyError, match=r"confidence 0\.9 goes with accuracy_drop"):
        fit(policy, statistics, budget=0.5, confidence=0.9)
    with pytest.raises(PolicyError, match="2 costs for 3 exits: give one per exit"):
        ExitStatistics.of(policy, [np.zeros((1, 3), np.int64)] * 3, np.zeros(1), [0.5, 1.0])


# --- the policy of a network ---


def test_fitting_a_network_says_where_its_thresholds_came_from(trained_network: Any, digits_data: Any) -> None:
    from hwcodesign.fitting.network import fit_policy
    from hwcodesign.fitting.outputs import float_disagreement

    split = digits_data.fitting
    policy = fit_policy(trained_network, (split.images, split.labels), criterion="entropy", budget=0.6)
    logits = trained_network.logits(split.images)
    statistics = ExitStatistics.of(policy, logits, split.labels, trained_network.costs().fractions)
    point = evaluate(statistics, policy.threshold_codes[:-1])
    fitted = policy.fitted_on
    assert fitted.method == "budget=0.6"
    assert (fitted.samples, fitted.network_sha256) == (397, trained_network.digest())
    assert (fitted.accuracy, fitted.cost_fraction, fitted.exit_rate) == (point.accuracy, point.cost, point.exit_rate)
    assert fitted.last_exit_accuracy == float((logits[-1].argmax(axis=1) == split.labels).mean())
    assert fitted.float_disagreement == float_disagreement(policy, logits)
    assert fitted.cost_fraction is not None
    assert fitted.cost_fraction <= 0.6
    floats = fit_policy(trained_network, (split.images / 16, split.labels), criterion="entropy", budget=0.6)
    assert floats == policy


def test_what_a_network_cannot_be_fitted_to_is_refused(trained_network: Any, digits_data: Any) -> None:
    from hwcodesign.fitting.network import fit_policy

    data = (digits_data.fitting.images, digits_data.fitting.labels)
    with pytest.raises(PolicyError, match=r"exactly one of accuracy_drop, budget and thresholds, not none"):
        fit_policy(trained_network, data)
    with pytest.raises(PolicyError, match=r"exactly one of .*, not \['accuracy_drop', 'budget'\]"):
        fit_policy(trained_network, data, accuracy_drop=0.1, budget=0.5)
    with pytest.raises(PolicyError, match=r"needs \(images, labels\), apart from training and test"):
        fit_policy(trained_network, None, budget=0.5)
    with pytest.raises(PolicyError, match=r"397 fitting images and labels of shape \(396,\): give"):
        fit_policy(trained_network, (data[0], data[1][:-1]), budget=0.5)
    with pytest.raises(PolicyError, match=r"0 fitting images and labels of shape \(0,\): give .* at least one"):
        fit_policy(trained_network, (data[0][:0], data[1][:0]), budget=0.5)


def test_logits_that_are_known_are_not_computed_again(
    trained_network: Any, compiled_design: Any, digits_data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hwcodesign.fitting.network import fit_policy

    split = digits_data.fitting
    data, logits = (split.images, split.labels), compiled_design.logits(split.images)
    wanted = fit_policy(trained_network, data, budget=0.5)
    monkeypatch.setattr(type(trained_network), "logits", lambda *_: pytest.fail("Brevitas computed them"))
    assert fit_policy(trained_network, data, budget=0.5, logits=logits) == wanted
    for wrong in (logits[:-1], [head[:-1] for head in logits]):
        with pytest.raises(PolicyError, match=r"logits have the shapes .*: give what design.logits\(images\) gives"):
            fit_policy(trained_network, data, budget=0.5, logits=wrong)


def test_patience_with_two_exits_warns_notes_and_never_leaves(trained_network: Any, digits_data: Any) -> None:
    from hwcodesign.fitting.network import fit_policy
    from hwcodesign.networks.network import MultiExitNetwork

    two = MultiExitNetwork(
        list(trained_network.stages)[:2], list(trained_network.heads)[:2], trained_network.input_format, (1, 8, 8)
    )
    data = (digits_data.fitting.images, digits_data.fitting.labels)
    note = "patience with two exits never leaves early"
    with pytest.warns(UserWarning, match=note):
        policy = fit_policy(two, data, criterion="patience", budget=max(two.costs().fractions))
    assert policy.threshold_codes == (NEVER, NEVER)
    assert policy.fitted_on.exit_rate == (0.0, 1.0)
    assert policy.fitted_on.note.startswith(note)
    with pytest.warns(UserWarning, match=note), pytest.raises(PolicyError, match=r"budget 0\.5 .* cannot be met"):
        fit_policy(two, data, criterion="patience", budget=0.5)
    with pytest.warns(UserWarning, match=note):
        given = fit_policy(two, None, criterion="patience", thresholds=[1])
    statistics = ExitStatistics.of(given, two.logits(data[0]), data[1], two.costs().fractions)
    assert set(statistics.exits_taken(given.threshold_codes[:-1]).tolist()) == {1}


# --- files ---


@pytest.mark.parametrize("criterion", NAMES)
def test_a_policy_file_is_byte_identical_after_reading_and_writing(criterion: str) -> None:
    policy = policy_of(criterion, temperature=1.25).with_thresholds([None, 1])
    text = json.dumps(policy.to_json(), indent=2, allow_nan=False)
    again = ExitPolicy.from_json(json.loads(text))
    assert again == policy
    assert json.dumps(again.to_json(), indent=2, allow_nan=False) == text


def test_a_fitted_policys_file_is_byte_identical_too(trained_network: Any, digits_data: Any) -> None:
    from hwcodesign.fitting.network import fit_policy

    data = (digits_data.fitting.images, digits_data.fitting.labels)
    policy = fit_policy(trained_network, data, accuracy_drop=0.02, confidence=0.9)
    assert policy.fitted_on.method == "accuracy_drop=0.02, confidence=0.9"
    text = json.dumps(policy.to_json())
    assert json.dumps(ExitPolicy.from_json(json.loads(text)).to_json()) == text


def altered(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(policy_of("entropy").to_json()))
    change(data)
    return data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(policy_version=3), "policy version 3 is not 4: fit the policy again"),
        (lambda d: d.pop("policy_version"), "policy version null is not 4: fit the policy again"),
        (lambda d: d.update(criterion="magic"), r"criterion 'magic' is not known: did you mean 'margin'\? Known: cdln"),
        (lambda d: d.pop("classes"), "the policy file is incomplete .*: classes is missing.*: fit the policy again"),
        (lambda d: d["exits"][1].pop("threshold_code"), "incomplete.*threshold_code.*fit the policy again"),
        (lambda d: d["parameters"]["exponential"][0].pop("shift"), "incomplete.*shift.*fit the policy again"),
        (lambda d: d["parameters"]["mantissa"].pop("ln2"), "incomplete.*ln2.*fit the policy again"),
        (lambda d: d.update(exits=None), "incomplete.*fit the policy again"),
        (lambda d: d["exits"][0]["logits"].update(colour=1), "incomplete.*colour.*fit the policy again"),
        (lambda d: d.pop("fitted_on"), "incomplete.*fitted_on.*fit the policy again"),
    ],
)
def test_a_foreign_or_damaged_policy_is_refused(change: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        ExitPolicy.from_json(altered(change))


def test_a_policy_with_an_impossible_format_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"exits\[0\]\.logits\.width is 99, and must be a whole number from 1 to 53"):
        ExitPolicy.from_json(altered(lambda d: d["exits"][0]["logits"].update(width=99)))


# --- costs ---


def test_the_costs_of_b_lenet_are_those_of_the_contract() -> None:
    costs = ExitCosts(stages=(128_000, 1_220_000), heads=(121_600, 7_200))
    assert costs.at_exit == (249_600, 1_476_800)
    assert costs.full == 1_355_200
    assert costs.single == (249_600, 1_355_200)
    assert costs.fractions == (249_600 / 1_355_200, 1_476_800 / 1_355_200)


def test_an_exit_costs_all_stages_and_heads_before_it_and_the_full_cost_one_head() -> None:
    costs = ExitCosts(stages=(1, 10, 100), heads=(1000, 10000, 100000))
    assert costs.at_exit == (1001, 11011, 111111)
    assert costs.full == 100111
    assert costs.single == (1001, 10011, 100111)


# --- what is given by hand ---


@pytest.mark.parametrize(
    "given",
    [(0.5, 1), [0.5, 1.0], np.array([0.5, 1.0]), np.array([0.5, 1.0], np.float32), np.array([0.5, 1.0], object)],
    ids=["tuple", "list", "float64", "float32", "objects"],
)
def test_thresholds_may_come_in_any_ordered_form(given: Any) -> None:
    assert policy_of("margin").codes_of(given) == policy_of("margin").codes_of([0.5, 1.0])


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("ab", "str"),
        ({0.5, 1.0}, "set"),
        ({0.5: 1, 1.0: 2}, "dict"),
        (0.5, "float"),
        (iter([0.5, 1.0]), "list_iterator"),
    ],
)
def test_thresholds_in_a_form_without_order_or_number_are_refused(given: Any, kind: str) -> None:
    with pytest.raises(PolicyError, match=rf"is a {kind}: give a list, one number per exit but the last"):
        policy_of("margin").codes_of(given)


@pytest.mark.parametrize("value", ["0.5", True, [0.5], 1j], ids=["text", "truth", "list", "complex"])
def test_a_threshold_that_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(PolicyError, match="is no number: give a number, or None to leave at that exit never"):
        policy_of("margin").with_thresholds([0.5, value])


def test_a_masked_threshold_is_not_taken_for_never() -> None:
    with pytest.raises(PolicyError, match="masked array: give a list, with None"):
        policy_of("margin").codes_of(np.ma.array([0.5, 1.0], mask=[False, True]))


@pytest.mark.parametrize("exit_", [1.5, 1.0, "1", True, None])
def test_an_exit_is_a_whole_number(exit_: Any) -> None:
    with pytest.raises(PolicyError, match="is no exit: give its number, a whole one from 0 to 2"):
        subnet_codes(3, exit_)
