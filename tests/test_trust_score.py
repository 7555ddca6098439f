"""The trust score against distances measured one by one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hwcodesign.errors import PolicyError
from hwcodesign.fitting.search import evaluate, fit
from hwcodesign.policies import ExitPolicy

trust_score = pytest.importorskip("hwcodesign.fitting.trust_score", reason="torch is not installed (extra 'design')")


def distance(a: list[int], b: list[int]) -> float:
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_a_score_is_the_ratio_of_two_distances(seed: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    labels = np.arange(90) % 3
    features = rng.integers(0, 50, (90, 4)) + 20 * labels[:, None]
    new, chosen = rng.integers(0, 90, (40, 4)), rng.integers(0, 3, 40)
    kept: list[list[list[int]]] = []
    for c in range(3):
        own = features[labels == c].tolist()
        radius = [sorted(distance(a, b) for b in own)[4] for a in own]  # itself, then four neighbours
        order = sorted(range(30), key=lambda i, radius=radius: radius[i])[: 30 - int(alpha * 30)]
        kept.append([own[i] for i in order])
    trust = trust_score.TrustScore.fit(features, labels, 3, neighbours=4, alpha=alpha)
    got = trust.score(new, chosen)
    for n in range(40):
        nearest = [min(distance(new[n].tolist(), other) for other in own) for own in kept]
        others = [d for c, d in enumerate(nearest) if c != chosen[n]]
        assert f"{got[n]:.9f}" == f"{min(others) / nearest[chosen[n]]:.9f}", f"seed {seed}, sample {n}"


def test_a_training_sample_of_the_chosen_class_is_beyond_doubt_unless_others_lie_there_too() -> None:
    features = np.array([[0], [1], [2], [2], [9], [10]])
    labels = np.array([0, 0, 0, 1, 1, 1])
    trust = trust_score.TrustScore.fit(features, labels, 2, neighbours=1)
    assert trust.score(np.array([[0], [2], [9], [6]]), np.array([0, 1, 0, 1])).tolist() == [math.inf, 1.0, 0.0, 4 / 3]


def test_what_is_too_few_is_refused() -> None:
    features, labels = np.zeros((12, 2)), np.array([0] * 11 + [1])
    with pytest.raises(PolicyError, match="class 1 has 1 samples: a trust score with 10 neighbours needs more"):
        trust_score.TrustScore.fit(features, labels, 2)
    with pytest.raises(
        PolicyError, match=r"alpha 1\.0 is not in 0\.\.1: it is the fraction of samples that is left out"
    ):
        trust_score.TrustScore.fit(features, labels, 2, alpha=1.0)


def test_trust_tells_right_answers_of_a_network_from_wrong_ones(trained_network: Any, digits_data: Any) -> None:
    training, test = digits_data.training, digits_data.test
    costs = trained_network.costs().fractions
    statistics = trust_score.trust_statistics(
        trained_network, (training.images, training.labels), (test.images, test.labels), costs
    )
    right = statistics.correct[0]
    assert 0 < right.sum() < len(right)
    assert np.median(statistics.scores[0][right]) > np.median(statistics.scores[0][~right])
    formats = [boundary.format for boundary in trained_network.boundaries()[1]]
    carrier = ExitPolicy.build("margin", formats, 10)  # fitting looks at scores alone
    point = fit(carrier, statistics, budget=0.6)
    assert point == evaluate(statistics, point.codes)
    assert point.cost <= 0.6
