"""The monitor: silent on samples like those of the fit, loud on others; its false-alarm rate is the one it states."""

from __future__ import annotations

import dataclasses
import warnings
from itertools import product
from math import comb
from typing import Any

import numpy as np
import pytest

import hwcodesign as hw
from hwcodesign.errors import PolicyError, SettingsError
from hwcodesign.runtime.monitor import count_bounds, out_of_bounds

Images = np.ndarray[Any, Any]


# --- the test itself ---


def test_its_chances_are_those_of_counting_every_way_to_draw_the_window() -> None:
    """Against Fisher's exact test in whole numbers."""
    for samples, fitted_samples in ((6, 9), (12, 5)):
        for x, y in product(range(samples + 1), range(fitted_samples + 1)):
            left, total = x + y, comb(samples + fitted_samples, samples)
            ways = [
                comb(left, k) * comb(samples + fitted_samples - left, samples - k)
                for k in range(max(0, left - fitted_samples), min(samples, left) + 1)
            ]
            at = x - max(0, left - fitted_samples)
            least = min(sum(ways[: at + 1]), sum(ways[at:])) / total
            alarm = out_of_bounds((x, samples - x), (y, fitted_samples - y), 0.9)
            assert (alarm is not None) == (least < 0.1 / 4), (x, y)


@pytest.mark.parametrize(("fitted_samples", "window"), [(400, 250), (100, 1000), (5000, 500)])
def test_false_alarms_are_not_more_than_stated_also_where_the_fitting_split_is_small(
    fitted_samples: int, window: int
) -> None:
    rng, rates, runs = np.random.default_rng(fitted_samples), (0.85, 0.1, 0.05), 4000
    alarms = sum(
        out_of_bounds(rng.multinomial(window, rates).tolist(), rng.multinomial(fitted_samples, rates).tolist(), 0.95)
        is not None
        for _ in range(runs)
    )
    assert alarms / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    assert alarms > 0


def test_bounds_are_the_last_counts_that_raise_no_alarm_and_the_exit_that_speaks_most_against_is_named() -> None:
    fitted = (360, 30, 7)
    low, high = count_bounds(30, 397, 250, 0.001 / 6)
    for count in (low, high):
        rest = 250 - count
        assert out_of_bounds((rest - round(rest * 7 / 367), count, round(rest * 7 / 367)), fitted, 0.999) is None
    alarm = out_of_bounds((205, 20, 25), fitted, 0.999)
    assert alarm is not None
    assert (alarm.exit, alarm.count, alarm.samples, alarm.fitted, alarm.fitted_samples) == (2, 25, 250, 7, 397)
    assert str(alarm) == (
        "25 of 250 samples left at exit 2 (10.0%). On the 397 samples of the fitting split the exit rate was 1.8%; "
        f"at 99.9% confidence, 0.0% to {alarm.bounds[1] / 250:.1%} is within chance. These samples differ from the "
        "fitting split: do not rely on the fitted accuracy and cost"
    )


# --- on an accelerator ---


@pytest.fixture
def accelerator(request: pytest.FixtureRequest) -> Any:
    pytest.importorskip("torch", reason="torch is not installed (extra 'design')")
    design = request.getfixturevalue("compiled_design")
    with hw.ProgressiveAccelerator(design, "software") as opened:
        opened.threshold_codes = design.policy.path.points[20].codes
        yield opened


def noisy(images: Images, noise: int, seed: int = 1) -> Images:
    changed = images.astype(np.int64) + np.random.default_rng(seed).integers(-noise, noise, images.shape, endpoint=True)
    return np.clip(changed, 0, 16).astype(np.uint8)


def test_the_whole_test_set_in_its_own_order_raises_no_alarm_at_any_point_of_the_path(
    accelerator: hw.ProgressiveAccelerator, digits_data: Any
) -> None:
    images, path = digits_data.test.images, accelerator.policy.path
    assert path is not None
    windows = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for point in path.points[::8]:
            accelerator.threshold_codes = point.codes
            monitor = hw.ExitMonitor(accelerator, window=100)
            for start in range(0, len(images), 50):
                accelerator.run(images[start : start + 50])
                assert monitor.check() is None
            windows += monitor.windows
    assert windows == 4 * len(path.points[::8])


def test_shifted_images_raise_one_alarm_an_episode_with_its_figures(
    accelerator: hw.ProgressiveAccelerator, digits_data: Any
) -> None:
    images = digits_data.test.images
    monitor = hw.ExitMonitor(accelerator, window=200)
    for _ in range(2):
        accelerator.run(noisy(images, 6))
        with pytest.warns(
            UserWarning, match=r"\d+ of 400 samples left at exit \d \(\d+\.\d%\)\. On the 397 samples"
        ) as told:
            assert monitor.check() is not None
        assert len(told) == 1
        assert monitor.alarming
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            accelerator.run(noisy(images, 6, seed=2))
            assert monitor.check() is not None, "the same episode is not told again"
            accelerator.run(images)
            assert monitor.check() is None
        assert not monitor.alarming
    assert len(monitor.alarms) == 4


def test_thresholds_that_the_controller_moves_raise_no_alarm_and_images_that_change_do(
    accelerator: hw.ProgressiveAccelerator, digits_data: Any
) -> None:
    rng = np.random.default_rng(3)
    natural = digits_data.test.images[rng.permutation(400)]
    settings = hw.ControlSettings(window=100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monitor = hw.ExitMonitor(accelerator, window=100)
        for budget in (0.25, 0.7, 0.4):
            controller = hw.StreamController(accelerator, budget=budget, settings=settings, monitor=monitor)
            controller.run(natural)
    assert monitor.windows == 12
    with pytest.warns(UserWarning, match="These samples differ from the fitting split"):
        controller.run(noisy(natural, 6))
    assert monitor.alarms[0].samples == 100


def test_a_check_after_thresholds_were_changed_begins_anew(
    accelerator: hw.ProgressiveAccelerator, digits_data: Any
) -> None:
    monitor, path = hw.ExitMonitor(accelerator, window=100), accelerator.policy.path
    assert path is not None
    accelerator.run(digits_data.test.images)
    accelerator.threshold_codes = path.points[-1].codes
    assert monitor.check() is None, "it cannot know how many left by which thresholds"
    assert monitor.windows == 0
    accelerator.run(digits_data.test.images)
    assert monitor.check() is None
    assert monitor.windows == 1


def test_what_nothing_was_fitted_for_is_refused(accelerator: hw.ProgressiveAccelerator) -> None:
    monitor = hw.ExitMonitor(accelerator)
    with pytest.raises(PolicyError, match=r"threshold codes \(5, 6\) are neither the policy's own nor a point"):
        monitor.observe((1, 2, 3), (5, 6))
    accelerator.leave_at = 0
    with pytest.raises(SettingsError, match="which subnet mode does not use"):
        monitor.check()
    with pytest.raises(SettingsError, match="window=0 is not a positive number of samples"):
        hw.ExitMonitor(accelerator, window=0)
    with pytest.raises(SettingsError, match=r"confidence=1\.5 is not between 0\.5 and 1"):
        hw.ExitMonitor(accelerator, confidence=1.5)
    plain = dataclasses.replace(accelerator.policy, path=None)
    accelerator.accelerator = dataclasses.replace(accelerator.accelerator, policy=plain)
    with pytest.raises(PolicyError, match="the policy's thresholds were 'given', not fitted to data"):
        hw.ExitMonitor(accelerator)


def test_a_policys_own_thresholds_are_held_to_their_own_exit_rates(
    accelerator: hw.ProgressiveAccelerator, digits_data: Any, trained_network: Any
) -> None:
    from hwcodesign.fitting.network import fit_policy

    split = digits_data.fitting
    fitted = fit_policy(trained_network, (split.images, split.labels), criterion="entropy", budget=0.5)
    accelerator.accelerator = dataclasses.replace(
        accelerator.accelerator, policy=dataclasses.replace(fitted, path=None)
    )
    accelerator.threshold_codes = fitted.threshold_codes[:-1]
    monitor = hw.ExitMonitor(accelerator, window=400)
    accelerator.run(digits_data.test.images)
    assert monitor.check() is None
    assert monitor.windows == 1
    with pytest.warns(UserWarning, match="differ from the fitting split"):
        monitor.observe((0, 0, 400), fitted.threshold_codes[:-1])
