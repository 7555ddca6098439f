"""Exits by class means: a linear head that answers with the nearest mean, exact in every backend."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hwcodesign as hw
from hwcodesign.errors import SettingsError
from hwcodesign.training.class_means import with_class_means
from hwcodesign.verification.comparison import brevitas_outputs, brevitas_records, compare_outputs, compare_records
from tests.marks import CAMPAIGN


@pytest.fixture(scope="module")
def by_means(trained_network: Any, digits_data: Any) -> hw.MultiExitNetwork:
    return with_class_means(trained_network, digits_data.training.images, digits_data.training.labels)


def features_of(network: hw.MultiExitNetwork, images: Any, k: int) -> np.ndarray:
    """(N, C, H, W) real outputs of a stage."""
    x = torch.from_numpy(network.input_format.decode(np.asarray(images, np.int64)).astype(np.float32))
    with torch.no_grad():
        return [feature.double().numpy() for (feature,) in network.eval().features(x)][k]


def pooled(features: np.ndarray, pool: int) -> np.ndarray:
    n, c, h, w = features.shape
    return features.reshape(n, c, h // pool, pool, w // pool, pool).mean(axis=(3, 5)).reshape(n, -1)


@pytest.mark.parametrize("pool", [1, 2])
def test_a_head_holds_the_means_and_answers_with_the_nearest(trained_network: Any, digits_data: Any, pool: int) -> None:
    """All numbers are multiples of powers of two, so that float64 holds every sum exactly."""
    training, test = digits_data.training, digits_data.test
    network = with_class_means(trained_network, training.images, training.labels, pool=pool)
    for k in range(2):
        linear: Any = network.heads[k][1]
        with torch.no_grad():
            weight, bias = linear.quant_weight(), linear.quant_bias()
            weights, biases = (quantised.value.double().numpy() for quantised in (weight, bias))
            step, bias_step = (float(quantised.scale.max()) for quantised in (weight, bias))
        seen = features_of(network, training.images, k)
        exact = np.stack([seen[training.labels == c].mean(axis=0) for c in range(10)])
        means = pooled(weights.reshape(exact.shape), pool) * pool**2
        assert np.abs(means - pooled(exact, pool)).max() <= step / 2 * pool**2
        half_squares = (means**2).sum(axis=1) / 2
        assert (biases == -np.rint(half_squares / bias_step) * bias_step).all()
        features = features_of(network, test.images, k)
        distances = ((pooled(features, pool)[:, None, :] - means[None]) ** 2).sum(axis=2)
        sums = features.reshape(len(features), -1) @ weights.T + biases
        # a bias is rounded, by which a mean may be a little nearer or farther
        assert np.array_equal(sums.argmax(axis=1), (distances - 2 * (biases + half_squares)).argmin(axis=1))
        assert (sums.argmax(axis=1) == distances.argmin(axis=1)).mean() > 0.99


def test_means_alone_answer_well_and_the_last_exit_is_untouched(
    by_means: hw.MultiExitNetwork, trained_network: Any, digits_data: Any
) -> None:
    test = digits_data.test
    logits, before = by_means.logits(test.images), trained_network.logits(test.images)
    assert np.array_equal(logits[-1], before[-1])
    accuracy = [float((z.argmax(axis=1) == test.labels).mean()) for z in logits]
    assert min(accuracy) > 0.8


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed: nothing generated is compiled")
@pytest.mark.parametrize("on", ["software", "rtl", pytest.param("csim", marks=CAMPAIGN)])
def test_a_design_with_class_means_agrees_in_every_backend(
    on: str, by_means: hw.MultiExitNetwork, digits_data: Any, tmp_path: Path
) -> None:
    fitting, images = digits_data.fitting, digits_data.test.images[:150]
    policy = hw.fit_policy(by_means, (fitting.images, fitting.labels), criterion="margin", budget=0.5)
    design = hw.compile(by_means, policy, out=tmp_path / "means", reuse=16)
    reference = brevitas_outputs(by_means, images)
    expected = brevitas_records(design, [reference[f"head{k}"] for k in range(3)])
    assert 0 < (expected["exit"] == 0).sum() < 150
    assert [a.mismatches for a in compare_outputs(on, design.segment_outputs(images, on), reference, "b")] == [0, 0]
    assert compare_records(on, design.run(images, on), expected, "brevitas", "records").mismatches == 0


def test_what_has_no_means_is_refused(trained_network: Any, digits_data: Any) -> None:
    images, labels = digits_data.training.images, digits_data.training.labels
    with pytest.raises(SettingsError, match=r"pool=3 does not divide the \(4, 4\) pixels of stage 0's output"):
        with_class_means(trained_network, images, labels, pool=3)
    with pytest.raises(SettingsError, match="class 7 has no image, and so no mean: give images of every class"):
        with_class_means(trained_network, images[labels != 7], labels[labels != 7])
