"""Paths of thresholds: one direction, whatever the samples are; plain integers in the policy's file."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from hwcodesign.errors import FieldError, PolicyError
from hwcodesign.fitting.outputs import float_disagreement
from hwcodesign.fitting.path import STEP, threshold_path
from hwcodesign.fitting.search import cost_curve, evaluate
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import ALWAYS, NEVER, ExitPolicy, ExitStatistics, PathPoint, ThresholdPath
from hwcodesign.storage.fields import Field

LOGITS = FixedPoint(8, 4)
CLASSES = 5


def drawn(seed: int, exits: int, samples: int = 600) -> tuple[ExitPolicy, ExitStatistics]:
    """A policy without thresholds, and samples that deeper exits are surer of."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, CLASSES, samples)
    logits = []
    for k in range(exits):
        z = rng.normal(0, 12, (samples, CLASSES))
        z[np.arange(samples), truth] += rng.gamma(2.0, 8.0 + 6.0 * k, samples)
        logits.append(np.clip(np.rint(z), LOGITS.min_code, LOGITS.max_code).astype(np.int64))
    policy = ExitPolicy.build(("margin", "entropy", "max_softmax")[seed % 3], [LOGITS] * exits, CLASSES)
    costs = np.cumsum(rng.uniform(0.1, 1.0, exits))
    return policy, ExitStatistics.of(policy, logits, truth, costs / costs[-1])


def found(policy: ExitPolicy, statistics: ExitStatistics) -> ThresholdPath:
    path = threshold_path(policy, statistics)
    assert path is not None
    return path


@pytest.mark.parametrize("exits", [2, 3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_along_a_path_every_sample_leaves_ever_later_also_those_that_it_was_not_fitted_on(
    seed: int, exits: int
) -> None:
    policy, statistics = drawn(seed, exits)
    path = found(policy, statistics)
    _, others = drawn(seed + 3000, exits)  # the same criterion on other samples
    for samples in (statistics, others):
        taken = np.array([samples.exits_taken(point.codes) for point in path.points])
        assert (np.diff(taken, axis=0) >= 0).all()
    assert path.points[0].codes == (ALWAYS,) * (exits - 1)
    assert path.points[-1].codes == (NEVER,) * (exits - 1)
    assert path.points[0].exit_rate == (1.0,) + (0.0,) * (exits - 1)
    assert path.points[-1].exit_rate == (0.0,) * (exits - 1) + (1.0,)


@pytest.mark.parametrize("exits", [2, 3, 5])
def test_its_figures_are_those_of_the_samples_and_it_takes_no_step_that_scores_let_it_divide(exits: int) -> None:
    policy, statistics = drawn(7, exits)
    path = found(policy, statistics)
    costs = path.costs(statistics.costs)
    for point, cost in zip(path.points, costs, strict=True):
        there = evaluate(statistics, point.codes)
        assert point.exit_rate == there.exit_rate
        assert point.accuracy == there.accuracy
        assert cost == pytest.approx(there.cost, abs=1e-12)
    widest = STEP * (costs[-1] - costs[0])
    for k in np.flatnonzero(np.diff(costs) > widest * (1 + 1e-9)):
        low, high = path.points[k].codes, path.points[k + 1].codes
        for scores, a, b in zip(statistics.scores, low, high, strict=False):
            assert not ((scores > a) & (scores < b)).any()


def test_it_goes_along_the_accuracy_cost_curve() -> None:
    policy, statistics = drawn(1, 4, samples=4000)
    curve, path = cost_curve(policy, statistics), found(policy, statistics)
    costs = path.costs(statistics.costs)
    for point in curve:
        nearest = path.points[int(np.argmin(np.abs(costs - point.cost)))]
        assert nearest.accuracy > point.accuracy - 0.01, point


def test_scores_that_are_all_alike_leave_nothing_but_all_and_none() -> None:
    policy = ExitPolicy.build("margin", [LOGITS] * 3, 2)
    logits = [np.tile(np.array([[5, 1]]), (9, 1))] * 3
    path = found(policy, ExitStatistics.of(policy, logits, np.zeros(9, np.int64), [0.2, 0.5, 1.0]))
    assert [point.leaving for point in path.points] == [(9, 0, 0), (0, 9, 0), (0, 0, 9)]


def test_patience_keeps_one_threshold_for_all_exits_and_with_two_exits_has_no_path() -> None:
    rng = np.random.default_rng(5)
    logits = [rng.integers(-20, 20, (300, 3)) for _ in range(4)]
    policy = ExitPolicy.build("patience", [LOGITS] * 4, 3)
    path = found(policy, ExitStatistics.of(policy, logits, np.zeros(300, np.int64), [0.2, 0.5, 0.8, 1.0]))
    assert [set(point.codes) for point in path.points] == [{1}, {2}, {NEVER}]
    two = ExitPolicy.build("patience", [LOGITS] * 2, 3)
    assert threshold_path(two, ExitStatistics.of(two, logits[:2], np.zeros(300, np.int64), [0.2, 1.0])) is None


def test_a_path_comes_back_from_the_policys_file_and_is_no_part_of_what_decides() -> None:
    policy, statistics = drawn(2, 3)
    with_path = dataclasses.replace(policy, path=found(policy, statistics))
    again = ExitPolicy.from_json(json.loads(json.dumps(with_path.to_json(), allow_nan=False)))
    assert again == with_path
    assert "path" not in policy.to_json()
    assert again.with_thresholds([0.5, 0.5]).path == with_path.path
    codes = [[0] * CLASSES, [1] * CLASSES]
    margin, samples = drawn(0, 3)
    margin = dataclasses.replace(margin, path=found(margin, samples))
    assert margin.with_class_codes(codes).path is None, "offsets of classes change the scores that it was fitted on"


def test_a_fitted_policy_has_a_path_of_the_samples_that_its_thresholds_were_fitted_on(
    trained_network: Any, digits_data: Any
) -> None:
    from hwcodesign.fitting.network import fit_policy

    split = digits_data.fitting
    policy = fit_policy(trained_network, (split.images, split.labels), criterion="margin", budget=0.5)
    assert policy.path is not None
    assert policy.path.samples == len(split)
    costs = policy.path.costs(trained_network.costs().fractions)
    assert abs(costs - policy.fitted_on.cost_fraction).min() < 0.02
    by_class = fit_policy(
        trained_network, (split.images, split.labels), criterion="margin", budget=0.5, class_thresholds=True
    )
    logits = trained_network.logits(split.images)
    statistics = ExitStatistics.of(by_class, logits, split.labels, trained_network.costs().fractions)
    assert by_class.path is not None
    for point in by_class.path.points:
        assert point.exit_rate == evaluate(statistics, point.codes).exit_rate


def test_what_is_no_path_is_refused() -> None:
    first, second = PathPoint((1, 2), (5, 3, 2), 7), PathPoint((2, 2), (4, 3, 3), 8)
    with pytest.raises(PolicyError, match="a path of 1 points leads nowhere: give two at least"):
        ThresholdPath((first,))
    with pytest.raises(PolicyError, match=r"codes fall from point 0 to 1 of the path: \(2, 2\), \(1, 2\)"):
        ThresholdPath((second, first))
    with pytest.raises(PolicyError, match=r"points 0 and 1 of the path let \(5, 3, 2\) samples leave, both"):
        ThresholdPath((first, PathPoint((3, 3), (5, 3, 2), 7)))
    with pytest.raises(PolicyError, match=r"point 1 of the path has 1 codes and \(4, 6\) samples leaving: give one"):
        ThresholdPath((first, PathPoint((2,), (4, 6), 8)))
    with pytest.raises(PolicyError, match="point 0 of the path has code 2147483648, outside -2147483648 to 2147483647"):
        ThresholdPath((PathPoint((1, NEVER + 1), (5, 3, 2), 7), second))
    path = ThresholdPath((first, second))
    with pytest.raises(PolicyError, match=r"costs \(0\.1, 0\.1, 1\.0\) are not 3 rising ones, one per exit"):
        path.costs((0.1, 0.1, 1.0))
    assert path.first_as_accurate_as(0.8) == 1
    with pytest.raises(PolicyError, match=r"accuracy 0\.9 is above 0\.8, that of the path's dearest point; the most"):
        path.first_as_accurate_as(0.9)
    data = path.to_json()
    del data["right"]
    with pytest.raises(FieldError, match=r"path\.right is missing: 'right' must be there"):
        ThresholdPath.from_json(Field(data, "path"), 3)


@pytest.mark.parametrize("criterion", ["max_softmax", "patience"])
def test_a_network_of_one_exit_is_fitted_without_a_path_and_decides_nothing(criterion: str) -> None:
    _, statistics = drawn(0, 1)
    logits = [np.zeros((4, CLASSES), np.int64)]
    one = ExitPolicy.build(criterion, [LOGITS], CLASSES)
    assert threshold_path(one, ExitStatistics.of(one, logits, np.zeros(4, np.int64), statistics.costs)) is None
    assert float_disagreement(one, logits) == 0.0
