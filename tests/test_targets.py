"""Subnet and anytime inference: an exit for a target, and what is right by a deadline."""

from __future__ import annotations

import re

import numpy as np
import pytest

from hwcodesign.errors import PolicyError
from hwcodesign.exploration.deadlines import Deadline, accuracy_by_deadline
from hwcodesign.exploration.subnets import choose_exit

ACCURACY, CYCLES = (0.90, 0.97, 0.96, 0.97), (100, 300, 500, 900)


@pytest.mark.parametrize(
    ("least_accuracy", "most_cost", "exit_"),
    [
        (0.90, None, 0),
        (0.91, None, 1),
        (0.97, None, 1),
        (None, 100, 0),
        (None, 299.5, 0),
        (None, 500, 1),  # the third costs more and is worse
        (None, 10_000, 1),  # as right as the last, and earlier
        (0.90, 700, 1),
        (0.95, 300, 1),
    ],
)
def test_the_exit_for_a_target(least_accuracy: float | None, most_cost: float | None, exit_: int) -> None:
    assert choose_exit(ACCURACY, CYCLES, least_accuracy=least_accuracy, most_cost=most_cost) == exit_


@pytest.mark.parametrize(
    ("least_accuracy", "most_cost", "message"),
    [
        (0.98, None, "accuracy 98.00% (the most accurate is exit 1: 97.00% at 300 cycles)"),
        (None, 99, "99 cycles (the cheapest is exit 0: 90.00% at 100 cycles)"),
        (
            0.95, 200,
            "accuracy 95.00% (the cheapest that is so accurate is exit 1: 97.00% at 300 cycles) and 200 cycles (the "
            "most accurate that is so cheap is exit 0: 90.00% at 100 cycles)",
        ),
    ],
)  # fmt: skip
def test_a_target_that_no_exit_meets_names_the_nearest(
    least_accuracy: float | None, most_cost: float | None, message: str
) -> None:
    with pytest.raises(PolicyError, match=re.escape(f"no exit alone meets the target of {message}")):
        choose_exit(ACCURACY, CYCLES, least_accuracy=least_accuracy, most_cost=most_cost)


def test_no_target_is_no_question() -> None:
    with pytest.raises(PolicyError, match="give a target: the lowest accuracy, or the most cycles"):
        choose_exit(ACCURACY, CYCLES)


def test_by_a_deadline_the_newest_answer_counts_and_a_sample_that_left_keeps_its_own() -> None:
    correct = np.array([[1, 0, 1, 0], [0, 1, 1, 0], [0, 1, 0, 1]], dtype=bool)
    taken = np.array([0, 1, 2, 2])
    assert accuracy_by_deadline(correct, taken, [10, 25, 60]) == (
        Deadline(10.0, 2 / 4, 1 / 4),
        Deadline(25.0, 3 / 4, 2 / 4),
        Deadline(60.0, 3 / 4, 1.0),
    )


@pytest.mark.parametrize("seed", range(10))
def test_with_time_enough_it_is_the_policys_accuracy_and_without_early_exits_that_of_each_exit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    exits, samples = int(rng.integers(2, 6)), 200
    correct = rng.random((exits, samples)) < 0.7
    taken = rng.integers(0, exits, samples)
    latency = np.cumsum(rng.integers(1, 100, exits)).tolist()
    by_policy = accuracy_by_deadline(correct, taken, latency)
    assert by_policy[-1].accuracy == correct[taken, np.arange(samples)].mean()
    assert [d.final for d in by_policy] == [(taken <= k).mean() for k in range(exits)]
    all_stay = accuracy_by_deadline(correct, np.full(samples, exits - 1), latency)
    assert [d.accuracy for d in all_stay] == correct.mean(axis=1).tolist()


def test_what_has_no_deadline_is_refused() -> None:
    correct, taken = np.ones((2, 3), dtype=bool), np.zeros(3, np.int64)
    with pytest.raises(PolicyError, match=r"latencies \(10, 10\) must be 2 rising numbers, one per exit"):
        accuracy_by_deadline(correct, taken, (10, 10))
    with pytest.raises(PolicyError, match=r"latencies \(10,\) must be 2 rising numbers"):
        accuracy_by_deadline(correct, taken, (10,))
    with pytest.raises(PolicyError, match="there are no samples: give at least one"):
        accuracy_by_deadline(correct[:, :0], taken[:0], (10, 20))
