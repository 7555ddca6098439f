"""Temperature scaling: against a search over temperatures, and its error against plain Python."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwcodesign.errors import PolicyError
from hwcodesign.fitting.calibration import HIGHEST, LOWEST, expected_calibration_error, fit_temperature
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import ExitPolicy
from hwcodesign.policies.tables import FRACTION_BITS, ExponentialTable

LOGITS = FixedPoint(8, 5)


def drawn(seed: int, samples: int = 400, classes: int = 5) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Logits, and labels drawn from their softmax at a temperature that the seed chooses."""
    rng = np.random.default_rng(seed)
    logits = rng.integers(-60, 60, (samples, classes))
    values = logits * LOGITS.scale / rng.uniform(0.5, 5)
    p = np.exp(values - values.max(axis=1, keepdims=True))
    cumulative = np.cumsum(p / p.sum(axis=1, keepdims=True), axis=1)
    return logits, (rng.random((samples, 1)) > cumulative[:, :-1]).sum(axis=1)


def likelihood(logits: NDArray[np.int64], truth: NDArray[np.int64], temperature: float) -> float:
    """Mean negative log-likelihood, in plain Python."""
    total = 0.0
    for z, label in zip(logits.tolist(), truth.tolist(), strict=True):
        values = [v * LOGITS.scale / temperature for v in z]
        top = max(values)
        total += top + math.log(sum(math.exp(v - top) for v in values)) - values[label]
    return total / len(truth)


@pytest.mark.parametrize("seed", range(6))
def test_no_other_temperature_is_likelier(seed: int) -> None:
    logits, truth = drawn(seed)
    best = fit_temperature(logits, truth, LOGITS.scale)
    assert LOWEST < best < HIGHEST
    least = likelihood(logits, truth, best)
    others = [*np.geomspace(LOWEST, HIGHEST, 60).tolist(), best * 0.999, best * 1.001]
    assert all(least < likelihood(logits, truth, other) for other in others), f"seed {seed}"


def test_what_no_temperature_fits_is_said_and_defined() -> None:
    logits, truth = drawn(0)
    with pytest.warns(UserWarning, match=r"the best temperature lies beyond 0\.0625, which is kept: all their labels"):
        assert fit_temperature(logits, logits.argmax(axis=1), LOGITS.scale) == LOWEST
    with pytest.warns(UserWarning, match=r"lies beyond 16, which is kept: their labels are no more often right than"):
        assert fit_temperature(logits, logits.argmin(axis=1), LOGITS.scale) == HIGHEST
    with pytest.warns(UserWarning, match=r"every sample's logits are equal: any temperature fits them, 1 is kept"):
        assert fit_temperature(np.full((9, 3), -7), np.zeros(9, np.int64), LOGITS.scale) == 1.0
    with pytest.warns(UserWarning, match="all their labels are right"):
        assert fit_temperature(logits[:1], logits[:1].argmax(axis=1), LOGITS.scale) == LOWEST
    assert fit_temperature(logits, truth, LOGITS.scale) not in {1.0, LOWEST, HIGHEST}


def slow_error(logits: NDArray[np.int64], truth: NDArray[np.int64], temperature: float, bins: int) -> float:
    members: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for z, label in zip(logits.tolist(), truth.tolist(), strict=True):
        sure = 1 / sum(math.exp((v - max(z)) * LOGITS.scale / temperature) for v in z)
        members[min(int(sure * bins), bins - 1)].append((sure, z.index(max(z)) == label))
    error = 0.0
    for bin_ in members:
        if bin_:
            gap = sum(p for p, _ in bin_) / len(bin_) - sum(right for _, right in bin_) / len(bin_)
            error += len(bin_) / len(truth) * abs(gap)
    return error


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("bins", [1, 4, 15])
def test_the_calibration_error_is_that_of_the_definition(bins: int, temperature: float) -> None:
    logits, truth = drawn(3)
    got = expected_calibration_error(logits, truth, LOGITS.scale, temperature, bins=bins)
    # the same sums in another order: equal to all the digits that ten places show
    assert f"{got:.10f}" == f"{slow_error(logits, truth, temperature, bins):.10f}"
    assert got > 0


def test_the_calibration_error_of_one_sure_and_right_sample_is_what_it_lacks_to_certainty() -> None:
    logits, truth = np.array([[8, 0]]), np.array([0])
    p = 1 / (1 + math.exp(-1))
    assert expected_calibration_error(logits, truth, 1 / 8, 1.0) == 1 - p
    assert expected_calibration_error(logits, 1 - truth, 1 / 8, 1.0) == p


@pytest.mark.parametrize("criterion", ["max_softmax", "entropy"])
def test_each_exits_temperature_is_absorbed_into_its_own_table(criterion: str) -> None:
    policy = ExitPolicy.build(criterion, [LOGITS] * 3, 10, temperature=[0.5, 1.0, 2.5])
    assert policy.temperatures == (0.5, 1.0, 2.5)
    fraction = {"max_softmax": 20, "entropy": FRACTION_BITS}[criterion]
    for exit_, temperature in zip(policy.exits, policy.temperatures, strict=True):
        wanted = ExponentialTable.build(LOGITS.scale / temperature, 255, fraction=fraction)
        assert exit_.parameters.exponential == wanted


def test_a_policy_file_says_one_temperature_or_one_an_exit() -> None:
    one = ExitPolicy.build("entropy", [LOGITS] * 3, 10, temperature=1.25)
    own = ExitPolicy.build("entropy", [LOGITS] * 3, 10, temperature=[0.5, 1.0, 2.5])
    assert one.to_json()["temperature"] == 1.25  # as files had it before exits could differ
    assert own.to_json()["temperature"] == [0.5, 1.0, 2.5]
    for policy in (one, own):
        assert ExitPolicy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


@pytest.mark.parametrize(
    ("temperature", "message"),
    [
        ([1.0, 2.0], "2 temperatures for 3 exits: give one number, or one per exit"),
        ([1.0, 0.0, 1.0], r"temperature 0\.0 is not a positive number"),
        (math.nan, "temperature nan is not a positive number"),
    ],
)
def test_temperatures_that_make_no_softmax_are_refused(temperature: Any, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        ExitPolicy.build("entropy", [LOGITS] * 3, 10, temperature=temperature)


def test_without_calibration_a_file_is_as_it_was_before_there_was_any() -> None:
    """Designs are sealed by the digest of their policy's file: those made before must still load."""
    policy = ExitPolicy.build("max_softmax", [LOGITS] * 2, 4, [0.5])
    data = policy.to_json()
    assert list(data["fitted_on"]) == [
        "method", "samples", "data_sha256", "accuracy", "last_exit_accuracy", "cost_fraction", "exit_rate",
        "float_disagreement", "network_sha256", "note",
    ]  # fmt: skip
    assert list(data["exits"][0]) == ["logits", "threshold", "threshold_code"]
    assert ExitPolicy.from_json(data) == policy


def test_a_network_is_calibrated_on_its_fitting_split(trained_network: Any, digits_data: Any) -> None:
    from hwcodesign.fitting.network import fit_policy

    split = digits_data.fitting
    policy = fit_policy(trained_network, (split.images, split.labels), budget=0.6, calibrate=True)
    logits = trained_network.logits(split.images)
    scales = [exit_.logits.scale for exit_ in policy.exits]
    wanted = tuple(fit_temperature(z, split.labels, scale) for z, scale in zip(logits, scales, strict=True))
    assert policy.temperatures == wanted
    assert len(set(wanted)) == 3
    for errors, temperatures in (
        (policy.fitted_on.calibration_error, wanted),
        (policy.fitted_on.calibration_error_before, (1.0, 1.0, 1.0)),
    ):
        pairs = zip(logits, scales, temperatures, strict=True)
        assert errors == tuple(expected_calibration_error(z, split.labels, s, t) for z, s, t in pairs)
    assert policy.fitted_on.method == "budget=0.6"
    assert ExitPolicy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


def test_given_thresholds_may_mean_calibrated_probabilities(trained_network: Any, digits_data: Any) -> None:
    from hwcodesign.fitting.network import fit_policy

    data = (digits_data.fitting.images, digits_data.fitting.labels)
    policy = fit_policy(trained_network, data, thresholds=[0.9, 0.8], calibrate=True)
    assert policy.thresholds == (0.9, 0.8)
    assert policy.temperatures == fit_policy(trained_network, data, budget=0.6, calibrate=True).temperatures
    assert policy.fitted_on.method == "given"
    for nothing in (None, digits_data.fitting.images):
        with pytest.raises(PolicyError, match=r"fitting needs \(images, labels\), apart from training and test"):
            fit_policy(trained_network, nothing, thresholds=[0.9, 0.8], calibrate=True)  # type: ignore[arg-type]


def test_what_looks_at_no_softmax_is_not_calibrated(trained_network: Any, digits_data: Any) -> None:
    from hwcodesign.fitting.network import fit_policy

    with pytest.raises(PolicyError, match="calibrate fits the temperature of a softmax, and margin looks at none"):
        fit_policy(trained_network, (digits_data.fitting.images, []), criterion="margin", budget=0.6, calibrate=True)
