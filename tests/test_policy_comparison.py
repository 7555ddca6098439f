"""Paired differences of policies: their intervals mean what they say."""

from __future__ import annotations

import numpy as np

from benchmarks.policy_comparison import Outcome, paired, spending


def answers(rng: np.random.Generator, gain: float, seeds: int = 5, images: int = 400) -> list[list[np.ndarray]]:
    """Right answers of two policies on S networks; the first is `gain` better, images and networks differ in effect."""
    hard = rng.normal(0, 0.15, images)
    ours, theirs = [], []
    for _ in range(seeds):
        luck = rng.normal(0, 0.02)
        chance = np.clip(0.8 + hard, 0, 1)
        ours.append(rng.random(images) < np.clip(chance + gain + luck, 0, 1))
        theirs.append(rng.random(images) < chance)
    return [ours, theirs]


def test_a_policy_does_not_differ_from_itself() -> None:
    ours, _ = answers(np.random.default_rng(1), 0.0)
    found = paired(ours, ours)
    assert (found.mean, found.half) == (0.0, 0.0)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """At least 95 % of them, less three standard errors of this experiment; and not nearly all."""
    rng = np.random.default_rng(2026)
    runs, gain, held, lucky = 400, 0.0, 0, 0
    for _ in range(runs):
        found = paired(*answers(rng, gain))
        held += abs(found.mean - gain) <= found.half
        lucky += abs(found.mean - gain) <= found.half / 10
    assert held / runs >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / runs)
    assert lucky / runs < 0.5


def test_a_difference_that_is_there_is_seen() -> None:
    found = paired(*answers(np.random.default_rng(3), 0.1, images=4000))
    assert found.mean - found.half > 0


def test_a_budget_is_kept_within_a_hundredth_or_what_sampling_explains() -> None:
    rng = np.random.default_rng(4)

    def outcome(mean: float) -> Outcome:
        costs = rng.choice([0.2, 1.0], 10_000, p=[(1 - mean) / 0.8, (mean - 0.2) / 0.8])
        return Outcome(0.4, 0.398, 5_000, costs, costs > 0, 0.0)

    good, bad = spending([outcome(0.4)] * 3), spending([outcome(0.45)] * 3)
    assert good.kept
    assert not bad.kept
    assert good.planned == (0.398 / 0.4, 0.398 / 0.4)
    each = np.array([0.2, 1.0])
    sigma = np.sqrt(0.75 * (each[0] - 0.4) ** 2 + 0.25 * (each[1] - 0.4) ** 2) * np.sqrt(1 / 10_000 + 1 / 5_000)
    assert abs(good.two_sigma - 2 * sigma / 0.4) < 0.05 * good.two_sigma
