"""What becomes of a design if samples are other than those that it was fitted to."""

from __future__ import annotations

import numpy as np
import pytest

from hwcodesign.errors import SettingsError
from hwcodesign.exploration.cascades import GOES_ON, Member, cascades, fastest_as_accurate
from hwcodesign.exploration.queues import DEPTHS, StageCycles, cycles_per_sample
from hwcodesign.exploration.whatif import (
    Link,
    Stream,
    by_depth,
    by_order,
    by_rate,
    orders,
    splits,
    swapped,
    under_attack,
)

STAGES = (StageCycles(100, 120), StageCycles(700, 720))


@pytest.fixture
def stream() -> Stream:
    """A tenth goes on; all of these are of class 1."""
    rng = np.random.default_rng(5)
    taken = (rng.random(4000) < 0.1).astype(np.int64)
    return Stream(STAGES, taken, taken.copy(), 4)


def test_all_orders_have_the_same_samples(stream: Stream) -> None:
    found = orders(stream)
    assert {name: np.bincount(taken).tolist() for name, taken in found.items()} == dict.fromkeys(
        found, np.bincount(stream.taken).tolist()
    )
    changes = np.flatnonzero(np.diff(found["in bursts of 16"]))
    lengths = np.diff(changes)[::2]
    assert set(lengths.tolist()) <= {16, 17, 18}
    assert found["sorted by class"].tolist() == sorted(stream.taken.tolist())


def test_samples_that_come_together_wait(stream: Stream) -> None:
    found = by_order(stream)
    assert found["as they come"] == cycles_per_sample(STAGES, stream.taken.tolist(), 4)
    assert found["hardest last"] > found["in bursts of 16"] > found["as they come"] > 100
    hard = int(stream.taken.sum())
    assert found["hardest last"] == pytest.approx((100 * (4000 - hard) + 700 * hard) / 4000, rel=0.01)


def test_deeper_buffers_help_by_chance_and_not_if_samples_are_sorted(stream: Stream) -> None:
    found = by_depth(stream)
    assert all(list(cycles) == list(DEPTHS) for cycles in found.values())
    chance = list(found["by chance"].values())
    assert chance == sorted(chance, reverse=True)
    assert chance[0] > 1.1 * chance[-1]
    assert found["hardest last"][64] > 1.5 * chance[-1]


def test_other_exit_rates(stream: Stream) -> None:
    found = by_rate(stream)
    assert list(found) == [-20, -15, -10, -5, 0, 5, 10, 15, 20]
    assert found[20] == found[15] == pytest.approx(100, rel=0.01)  # all leave early
    goes_on = float(stream.taken.mean())
    assert 1.0 < found[-20] / ((goes_on + 0.2) * 700) < 1.2  # by chance, so that some wait
    assert sorted(found.values(), reverse=True) == list(found.values())


def test_an_attack_leads_to_the_pace_of_the_last_stage(stream: Stream) -> None:
    found = under_attack(stream)
    assert found[0.0] == stream.cycles(stream.taken)
    assert found[1.0] == pytest.approx(700, rel=0.01)
    goes_on = float(stream.taken.mean())
    assert found[0.5] == pytest.approx((1 + goes_on) / 2 * 700, rel=0.05)


def test_a_link_is_bound_by_what_is_slowest(stream: Stream) -> None:
    sent = float(stream.taken.mean())
    slow = splits(stream, [200, 1000], [8000, 4000], 1e6, Link(1e6, 0.01, 1e-4))
    assert [split.here for split in slow] == [0, 1, 2]
    assert [split.bound for split in slow] == ["link", "link", "device"]
    assert slow[0].per_second == 1e6 / 8000
    assert slow[1].per_second == pytest.approx(1e6 / (4000 * sent), rel=1e-12)
    assert slow[2].per_second == 1e6 / stream.cycles(stream.taken)
    assert slow[1].mean_s == pytest.approx((1 - sent) * 200e-6 + sent * (200e-6 + 4e-3 + 0.01 + 1e-4), rel=1e-12)
    fast = splits(stream, [200, 1000], [8000, 4000], 1e6, Link(1e12, 0.0, 1e-6))
    assert [split.bound for split in fast] == ["machine", "device", "device"]
    assert fast[1].per_second == pytest.approx(1e6 / 100, rel=0.01)
    with pytest.raises(SettingsError, match=r"a link of 0 bit/s, .*: bandwidth and time must be above 0"):
        Link(0, 0.1, 0.1)


def test_swapping_stages_wins_only_in_large_batches(stream: Stream) -> None:
    found = swapped(stream, [0.5, 0.5], 0.01, 1e6)
    side_by_side = 1e6 / stream.cycles(stream.taken)
    assert found[10] < 0.1 * side_by_side < side_by_side < found[10**7]
    sent = float(stream.taken.mean())
    assert found[10**7] == pytest.approx(1e6 / (0.5 * (100 + 700 * sent)), rel=1e-4)


def test_in_a_cascade_those_go_on_of_which_the_smaller_network_is_least_sure() -> None:
    """It is wrong about a tenth, and less sure of these; the larger one is wrong about a hundredth."""
    rng = np.random.default_rng(5)
    right = rng.random(4000) >= 0.1
    sure = np.where(right, rng.integers(50, 100, 4000), rng.integers(0, 50, 4000))
    larger = np.arange(4000) % 100 > 0
    found = cascades(Member(100, 120, right), Member(700, 720, larger), sure, 1e6)
    assert [one.goes_on for one in found] == list(GOES_ON)
    by_rate = {one.goes_on: one for one in found}
    assert (by_rate[0.0].accuracy, by_rate[1.0].accuracy) == (right.mean(), larger.mean())
    assert by_rate[0.05].accuracy == pytest.approx(right.mean() + 0.05, abs=0.002)
    assert by_rate[0.0].per_second == pytest.approx(1e4, rel=0.01)
    assert by_rate[1.0].per_second == pytest.approx(1e6 / 700, rel=0.01)
    assert by_rate[0.5].per_second == pytest.approx(1e6 / 350, rel=0.05)
    assert by_rate[0.5].mean_s == pytest.approx(480e-6)
    best = fastest_as_accurate(found, 0.98)
    assert best is not None
    assert 0.05 < best.goes_on <= 0.15
    assert fastest_as_accurate(found, 1.0) is None
