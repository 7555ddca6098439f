"""The law of the controller, on seeded random behaviours of exits: streams harder and easier than the fitting split."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest

from hwcodesign.errors import SettingsError
from hwcodesign.fitting.path import threshold_path
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import ExitPolicy, ExitStatistics, ThresholdPath
from hwcodesign.runtime.control import ControlSettings, ControlUpdate, PathControl

Floats = np.ndarray
WINDOWS = (100, 250, 1000)


@dataclass(frozen=True)
class Behaviour:
    """How samples of a stream leave at each point of a path that was fitted on others.

    Attributes:
        path: of the fitting split.
        at_exit: (K,) costs.
        rates: (P, K) of the stream's samples that leave at each exit at each point.
    """

    path: ThresholdPath
    at_exit: Floats
    rates: Floats

    @property
    def true(self) -> Floats:
        """(P,) average cost at each point, on the stream."""
        return self.rates @ self.at_exit


def statistics(rng: np.random.Generator, at_exit: Floats, samples: int, shift: float, spread: float) -> ExitStatistics:
    """Scores of each exit around what a sample's difficulty makes them; all right, but for a tenth."""
    difficulty = rng.normal(0, 1, samples)
    scores = [spread * (difficulty + rng.normal(0, 0.7, samples)) + shift + 0.2 * k for k in range(len(at_exit))]
    labels = np.zeros((len(at_exit), samples), np.int64)
    return ExitStatistics(
        np.rint(1000 * np.array(scores)).astype(np.int64), labels, (rng.random(samples) < 0.1).astype(np.int64), at_exit
    )


@lru_cache(maxsize=64)
def behaviour(seed: int, *, like_the_fit: bool = False) -> Behaviour:
    rng = np.random.default_rng(seed)
    exits = int(rng.integers(2, 6))
    at_exit = np.cumsum(rng.uniform(0.1, 1.0, exits))
    at_exit /= at_exit[-1]
    policy = ExitPolicy.build("margin", [FixedPoint(16, 8)] * exits, 2)
    path = threshold_path(policy, statistics(rng, at_exit, 1000, 0.0, 1.0), [])
    assert path is not None
    shift, spread = (0.0, 1.0) if like_the_fit else (rng.normal(0, 0.6), np.exp(rng.normal(0, 0.5)))
    stream = statistics(rng, at_exit, 4000, shift, spread)
    taken = [stream.exits_taken(point.codes) for point in path.points]
    return Behaviour(path, at_exit, np.array([np.bincount(t, minlength=exits) / len(t) for t in taken]))


def control_of(stream: Behaviour, target: float, settings: ControlSettings, first: int = 0) -> PathControl:
    return PathControl(stream.path.costs(stream.at_exit), stream.at_exit, target, settings, first)


def run(control: PathControl, stream: Behaviour, updates: int, rng: np.random.Generator) -> list[ControlUpdate]:
    window = control.settings.window
    return [control.update(rng.multinomial(window, stream.rates[control.point])) for _ in range(updates)]


def reached(stream: Behaviour, rng: np.random.Generator) -> float:
    """A target somewhere between what the cheapest and the dearest points give, planned and on the stream."""
    planned = stream.path.costs(stream.at_exit)
    return float(rng.uniform(planned[0] + 0.05, planned[-1] - 0.05))


def gap(stream: Behaviour, target: float) -> float:
    """What the points on both sides of the target differ by on the stream."""
    above = int(np.searchsorted(stream.true, target))
    return float(stream.true[above] - stream.true[above - 1])


@pytest.mark.parametrize("seed", range(30))
def test_on_a_stream_that_stays_as_it_is_the_average_comes_within_the_band(seed: int) -> None:
    stream, rng = behaviour(seed), np.random.default_rng(seed + 1000)
    settings = ControlSettings(window=WINDOWS[seed % 3])
    target = reached(stream, rng)
    control = control_of(stream, target, settings)
    updates = run(control, stream, 300, rng)
    settled = stream.true[[update.point for update in updates[60:]]]
    # tolerance, and the noise of all windows that are averaged over; or what a step of the path makes there
    noise = control.deadband(np.rint(settings.memory * settings.window * stream.rates[control.point]).astype(np.int64))
    band = max(settings.tolerance * target + noise, gap(stream, target))
    assert abs(settled.mean() - target) <= band
    assert (abs(settled - target) <= band + noise).mean() >= 0.9
    assert not any(update.unmet for update in updates[60:])


@pytest.mark.parametrize("seed", range(30))
def test_it_never_leaves_its_range_nor_moves_faster_than_it_may_nor_moves_without_a_reason(seed: int) -> None:
    rng = np.random.default_rng(seed)
    streams = [behaviour(seed), behaviour(seed)]
    streams[1] = Behaviour(streams[0].path, streams[0].at_exit, streams[0].rates[::-1].copy())  # another stream
    settings = ControlSettings(window=50, limit=int(rng.integers(1, 12)))
    first = int(rng.integers(0, len(streams[0].path) // 2))
    planned = streams[0].path.costs(streams[0].at_exit)
    target = float(rng.uniform(planned[first], planned[-1]))
    control = control_of(streams[0], target, settings, first)
    assert control.point >= first
    updates = [update for k in range(12) for update in run(control, streams[k % 2], 10, rng)]
    for before, update in pairwise(updates):
        assert update.point == before.moved_to
    for update in updates:
        assert first <= update.point < len(planned)
        assert first <= update.moved_to < len(planned)
        moved = update.moved_to - update.point
        assert abs(moved) <= settings.limit
        counts = np.array(update.leaving)
        away = update.cost - target
        if abs(away) > control.deadband(counts):  # what the latest window says comes first
            assert np.sign(moved) in (0, -np.sign(away))
            at_the_end = update.point == (first if away > 0 else len(planned) - 1)
            assert (moved == 0) == at_the_end
            assert update.unmet == (np.sign(away) if at_the_end else 0)


@pytest.mark.parametrize("seed", range(20))
def test_where_the_stream_is_like_the_fit_it_starts_right_and_hardly_moves(seed: int) -> None:
    stream, rng = behaviour(seed, like_the_fit=True), np.random.default_rng(seed)
    control = control_of(stream, reached(stream, rng), ControlSettings(window=500))
    updates = run(control, stream, 100, rng)
    assert sum(update.moved_to != update.point for update in updates) <= 25
    assert abs(np.mean([update.cost for update in updates]) - control.target) < 0.02


@pytest.mark.parametrize("seed", range(20))
def test_a_budget_that_the_stream_cannot_meet_is_told_and_does_not_wind_up(seed: int) -> None:
    stream, rng = behaviour(seed), np.random.default_rng(seed)
    first = len(stream.path) // 2
    hard = Behaviour(stream.path, stream.at_exit, np.tile(stream.rates[-1], (len(stream.path), 1)))  # all stay
    target = float(stream.path.costs(stream.at_exit)[first + 5])
    control = control_of(stream, target, ControlSettings(window=200), first)
    stuck = run(control, hard, 200, rng)
    assert control.point == first
    assert all(update.unmet == 1 for update in stuck[20:])
    easy = Behaviour(stream.path, stream.at_exit, np.tile(stream.rates[0], (len(stream.path), 1)))  # all leave
    assert run(control, easy, 1, rng)[0].moved_to > first, "200 updates at the end of its range hold nothing back"


def test_a_step_in_difficulty_is_answered_within_a_few_windows() -> None:
    easy = behaviour(4)
    later = np.minimum(np.arange(len(easy.path)) + 40, len(easy.path) - 1)
    hard = Behaviour(easy.path, easy.at_exit, easy.rates[later])  # as if 40 points further on
    target, rng = 0.45, np.random.default_rng(1)
    control = control_of(easy, target, ControlSettings(window=500))
    run(control, easy, 40, rng)
    costs = [update.cost for update in run(control, hard, 40, rng)]
    assert abs(costs[0] - target) > 0.1
    assert abs(np.mean(costs[8:]) - target) < 0.02


def test_the_deadband_is_the_noise_of_so_many_samples_but_not_less_than_the_tolerance() -> None:
    control = control_of(behaviour(4), 0.5, ControlSettings(confidence=0.95, tolerance=0.004))
    half = np.zeros(len(control._at_exit), np.int64)
    half[[0, -1]] = 5000
    spread = (control._at_exit[-1] - control._at_exit[0]) / 2
    assert control.deadband(half) == pytest.approx(1.96 * spread / 100, rel=1e-2)
    assert control.deadband(100 * half) == pytest.approx(0.004 * 0.5)
    one = np.zeros_like(half)
    one[0] = 10
    assert control.deadband(one) > 0.02, "ten samples at one exit are no certainty"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"window": 0}, "window=0 is not a positive number"),
        ({"limit": 0}, "limit=0 is not a positive number"),
        ({"memory": -1}, "memory=-1 is not a positive number"),
        ({"tolerance": 1.5}, r"tolerance=1\.5 is not a fraction from 0 to 1 of the target"),
        ({"confidence": 1.0}, r"confidence=1\.0 is not between 0\.5 and 1"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ControlSettings(**wrong)  # type: ignore[arg-type]
