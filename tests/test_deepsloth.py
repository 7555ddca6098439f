"""The slowdown attack on the trained digits: images in the ball and on the grid, which stay longer than noisy ones."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

import hwcodesign as hw
from hwcodesign.data import Dataset
from hwcodesign.design import Design
from hwcodesign.errors import ImagesError, SettingsError
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.robustness.deepsloth import (
    AttackSettings,
    perturbed,
    random_perturbation,
    slowed,
    universal_perturbation,
)
from hwcodesign.robustness.slowdown import outcome_of, slowdown, table

SETTINGS = AttackSettings(epsilon=0.2, steps=20, seed=3)
RADIUS = 3  # 0.2 is 3.2 steps of a sixteenth
SAMPLES = 150


@pytest.fixture(scope="module")
def attacked(trained_network: MultiExitNetwork, digits_data: Dataset) -> np.ndarray[Any, Any]:
    return slowed(trained_network, digits_data.test.images[:SAMPLES], SETTINGS)


@pytest.fixture(scope="module")
def universal(trained_network: MultiExitNetwork, digits_data: Dataset) -> np.ndarray[Any, Any]:
    return universal_perturbation(trained_network, digits_data.fitting.images[:SAMPLES], SETTINGS)


def test_attacked_images_are_codes_of_the_format_no_further_away_than_epsilon(
    attacked: np.ndarray[Any, Any], universal: np.ndarray[Any, Any], digits_data: Dataset
) -> None:
    images, fmt = digits_data.test.images[:SAMPLES].astype(np.int64), digits_data.input_format
    assert attacked.dtype == universal.dtype == np.int64
    assert attacked.shape == images.shape
    assert universal.shape == images.shape[1:]
    assert abs(attacked - images).max() == RADIUS
    assert abs(universal).max() == RADIUS
    for found in (attacked, perturbed(images, universal, fmt)):
        assert found.min() >= fmt.min_code
        assert found.max() <= fmt.max_code
        assert abs(found - images).max() <= RADIUS
    noise = random_perturbation(images.shape, fmt, SETTINGS)
    assert set(np.unique(noise)) == {-RADIUS, RADIUS}


def test_attacked_images_stay_within_the_format_at_both_of_its_ends(
    trained_network: MultiExitNetwork, digits_data: Dataset
) -> None:
    """Digits are dark: their pixels end at 16 of the format's 31."""
    fmt = digits_data.input_format
    for code, other in ((fmt.min_code, RADIUS), (fmt.max_code, fmt.max_code - RADIUS)):
        found = slowed(trained_network, np.full((4, 1, 8, 8), code), SETTINGS)
        assert set(np.unique(found)) <= set(range(min(code, other), max(code, other) + 1))


def test_fewer_leave_early_than_under_noise_of_the_same_size(
    attacked: np.ndarray[Any, Any],
    universal: np.ndarray[Any, Any],
    compiled_design: Design,
    digits_data: Dataset,
) -> None:
    images, fmt = digits_data.test.images[:SAMPLES], digits_data.input_format
    noise = random_perturbation(images.shape, fmt, SETTINGS)

    def early(codes: np.ndarray[Any, Any]) -> int:
        return int((compiled_design.run(codes)["exit"] < 2).sum())

    noisy = early(perturbed(images, noise, fmt))
    assert early(attacked) < noisy / 2
    assert early(perturbed(images, universal, fmt)) < noisy < early(images)


def test_the_same_seed_gives_the_same_images_and_another_gives_others(
    attacked: np.ndarray[Any, Any],
    universal: np.ndarray[Any, Any],
    trained_network: MultiExitNetwork,
    digits_data: Dataset,
) -> None:
    digest = trained_network.digest()
    images, learned_from = digits_data.test.images[:SAMPLES], digits_data.fitting.images[:SAMPLES]
    assert np.array_equal(slowed(trained_network, images, SETTINGS), attacked)
    assert np.array_equal(universal_perturbation(trained_network, learned_from, SETTINGS), universal)
    other = AttackSettings(SETTINGS.epsilon, SETTINGS.steps, seed=4)
    assert not np.array_equal(slowed(trained_network, images, other), attacked)
    assert trained_network.digest() == digest, "the network is only looked at"
    assert all(parameter.requires_grad for parameter in trained_network.parameters())


def test_the_monitor_notices_it(attacked: np.ndarray[Any, Any], compiled_design: Design, digits_data: Dataset) -> None:
    assert compiled_design.policy.path is not None
    with hw.ProgressiveAccelerator(compiled_design, "software") as accelerator:
        accelerator.threshold_codes = compiled_design.policy.path.points[30].codes
        monitor = hw.ExitMonitor(accelerator, window=SAMPLES)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            accelerator.run(digits_data.test.images[:SAMPLES])
            assert monitor.check() is None
        accelerator.run(attacked)
        with pytest.warns(UserWarning, match="150 samples left at exit 2"):
            monitor.check()


def test_the_report_has_the_figures_of_the_records_and_the_cycles_of_rtl_or_their_prediction(
    trained_network: MultiExitNetwork, compiled_design: Design, digits_data: Dataset
) -> None:
    compiled_design.rtl.library()
    report = slowdown(trained_network, compiled_design, digits_data, AttackSettings(0.2, 5, 3), 60)
    assert (report["radius"], report["samples"], report["cycles_from"]) == (RADIUS, 60, "rtl")
    clean, attack = report["clean"], report["per_sample"]
    test = digits_data.test.take(60)
    records = compiled_design.run(test.images)
    assert clean["accuracy"] == (records["label"] == test.labels).mean()
    assert clean["exit_rate"] == [(records["exit"] == k).mean() for k in range(3)]
    assert attack["exit_rate"][2] > report["random"]["exit_rate"][2] > clean["exit_rate"][2]
    assert attack["macs_fraction"] > clean["macs_fraction"]
    assert attack["cycles_per_image"] > clean["cycles_per_image"]  # type: ignore[operator]
    predicted = outcome_of(compiled_design, test, simulated=False)
    bound = max(
        interval * (1 - sum(predicted["exit_rate"][:k]))
        for k, interval in enumerate(compiled_design.manifest["cycles"]["stages"])
    )
    assert predicted["cycles_per_image"] == pytest.approx(bound)
    assert predicted["cycles_per_image"] < clean["cycles_per_image"]  # type: ignore[operator]
    text = table(report)
    assert f"{attack['accuracy']:.2%}" in text
    assert "60 test images, changed by at most 0.2 (3 codes), 5 steps; simulated cycles per image" in text


def test_settings_out_of_range_are_refused_before_anything_is_computed(
    trained_network: MultiExitNetwork, compiled_design: Design, digits_data: Dataset
) -> None:
    images = digits_data.test.images
    with pytest.raises(SettingsError, match=r"epsilon=0\.05 is less than 0\.0625, a step of the input ufixed<5,1"):
        slowed(trained_network, images, AttackSettings(epsilon=0.05))
    with pytest.raises(SettingsError, match="epsilon=-1 is not a positive number"):
        AttackSettings(epsilon=-1)
    with pytest.raises(SettingsError, match="steps=0 is not a positive number"):
        AttackSettings(steps=0)
    with pytest.raises(SettingsError, match="samples=401 is not 1 to 400, the images of the test split"):
        slowdown(trained_network, compiled_design, digits_data, SETTINGS, 401)
    with pytest.raises(SettingsError, match="learned from images: give at least one"):
        universal_perturbation(trained_network, images[:0], SETTINGS)
    with pytest.raises(ImagesError, match="images have shape"):
        slowed(trained_network, images[:, :, 1:], SETTINGS)
    assert slowed(trained_network, images[:0], SETTINGS).shape == (0, 1, 8, 8)
