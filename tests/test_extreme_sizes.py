"""Whatever compiles simulates: the widest kernels through Verilator; what would be wider is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.backends.streamrtl.resources import DoesNotFitWarning
from hwcodesign.errors import SettingsError
from hwcodesign.hardware.implementation import Implementation
from hwcodesign.hardware.parallelism import MOST_PRODUCTS, check_products
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.units import unit_of
from tests.extreme_sizes import QUICK, QUICK_DECISIONS, Extreme, compare, compare_decisions, conv, dense, flattened
from tests.test_refusals import model_of


@pytest.mark.parametrize("make", QUICK, ids=[make().text for make in QUICK])
def test_a_wide_kernel_simulates_and_is_software(make: Callable[[], Extreme], tmp_path: Path) -> None:
    assert compare(make(), tmp_path).mismatches == 0


@pytest.mark.parametrize(("criterion", "classes"), QUICK_DECISIONS)
def test_a_decision_on_many_classes_simulates_and_is_software(criterion: str, classes: int) -> None:
    assert compare_decisions(criterion, classes).mismatches == 0


@pytest.mark.parametrize(
    ("make", "products", "reuse"),
    [
        (lambda reuse: dense(784, 64, 2, reuse), 50176, 14),
        (lambda reuse: conv((4, 4, 512), 512, 3, 4, reuse), 2359296, 576),
        (lambda reuse: conv((3, 3, 512), 512, 3, 4, reuse, depthwise=True), 4608, 2),
        (lambda reuse: flattened((8, 8, 64), 1000, 64 * reuse), 64000, 20),
    ],
)
def test_more_products_a_cycle_are_refused_with_a_reuse_factor_that_will_do(
    make: Callable[[int], Extreme], products: int, reuse: int
) -> None:
    with pytest.raises(SettingsError, match=rf"extreme: layer '\w+' makes {products:,} products .* ReuseFactor (\d+)"):
        check_products(make(1).segment, make(1).implementations)
    check_products(make(reuse).segment, make(reuse).implementations)


def test_the_most_products_are_taken() -> None:
    check_products(dense(64, 64, 2).segment)
    unit = unit_of(dense(64, 64, 2).kernels[0], Implementation(), (Stream(1, 64),))
    assert unit.folding is not None
    assert unit.folding.products == MOST_PRODUCTS


def test_compile_and_the_plugin_name_the_layer_and_the_factor(tmp_path: Path) -> None:
    precision = layers.Precision(weights=2, activations=2)
    stages = [
        nn.Sequential(nn.Flatten(), layers.linear(784, 64, precision=precision), layers.relu(precision=precision)),
        nn.Sequential(layers.linear(64, 8, precision=precision), layers.relu(precision=precision)),
    ]
    heads = [layers.linear_head(size, 10, precision=precision) for size in (64, 8)]
    network = hw.MultiExitNetwork(stages, heads, hw.FixedPoint(8, 0, signed=False), (784, 1, 1))
    network.train()
    network(torch.rand(4, 784, 1, 1))
    network.eval()
    policy = hw.fit_policy(network, None, criterion="margin", thresholds=[1.0])
    with pytest.raises(SettingsError, match=r"stage0: layer 'stages.0.1' makes 50,176 .* ReuseFactor 14 or more$"):
        hw.compile(network, policy, out=tmp_path / "design")
    assert not (tmp_path / "design").exists()
    folded = {"stages.0.1": hw.LayerSettings(reuse=14)}
    with pytest.warns(DoesNotFitWarning, match="most by stage0: Dense_linear1"):
        design = hw.compile(network, policy, out=tmp_path / "design", layers=folded, oversize=True)
    images = np.random.default_rng(0).integers(0, 256, (5, 784, 1, 1))
    assert len(design.run(images, on="software")) == 5

    model = model_of(nn.Sequential(nn.Linear(784, 64)), (784,), tmp_path / "project")
    with pytest.raises(SettingsError, match=r"layer '_0' makes 50,176 products .* ReuseFactor 14 or more$"):
        model.write()
    assert not (tmp_path / "project" / "manifest.json").exists()
