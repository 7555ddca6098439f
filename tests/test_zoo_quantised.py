"""The zoo's networks, quantised: software, the generated C++ and RTL compute what Brevitas does, on every logit.

Those of images have few channels here; `python -m benchmarks.zoo` compares them as they are.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

import torch
from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign.data import Dataset
from hwcodesign.data.random_inputs import random_inputs
from hwcodesign.networks.blocks import average_head, rectified
from hwcodesign.verification.comparison import (
    brevitas_outputs,
    brevitas_records,
    compare_outputs,
    compare_records,
    require_equal,
)
from tests.marks import CAMPAIGN

#: Sizes at the top of a recipe, and images that are compared.
SMALL: dict[str, tuple[dict[str, Any], int]] = {
    "jet_mlp": ({}, 200),
    "sequence_conv1d": ({}, 200),
    "dscnn_kws": ({"CHANNELS": 8}, 200),
    "resnet8_cifar": ({"CHANNELS": (2, 4, 4)}, 16),
    "resnet_cifar": ({"CHANNELS": (2, 4, 4), "DEPTH": 8}, 16),
    "vgg_cifar": ({"CHANNELS": (2, 4, 4), "HIDDEN": 8}, 16),
    "alexnet_cifar": ({"CHANNELS": (2, 4, 4), "HIDDEN": (8, 8)}, 16),
    "mobilenet_cifar": (
        {"BLOCKS": (((1, 2, 1, 1), (2, 4, 1, 2)), ((2, 4, 2, 2),), ((2, 4, 1, 1),)), "FIRST": 2, "LAST": 8},
        16,
    ),
    "densenet_cifar": ({"LAYERS": (1, 2), "GROWTH": 2}, 16),
    "msdnet_cifar": ({"EXITS": 3, "FIRST": (2, 4, 4), "GROWTH": (2, 2, 2)}, 16),
}

#: Those that others stand for while there is little time.
LONG = tuple(f"{name}_cifar" for name in ("resnet", "resnet8", "msdnet", "vgg", "alexnet", "mobilenet", "densenet"))


def quantised(name: str, sizes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> tuple[hw.MultiExitNetwork, Dataset]:
    """A recipe's network whose norms have seen data, quantised; and random inputs of its shape."""
    recipe = hw.load_recipe(name)
    module = sys.modules[f"hwcodesign_recipe_{name}"]
    for size, value in sizes.items():
        monkeypatch.setattr(module, size, value)
    network = recipe.build()
    data = random_inputs(name, network.input_format, network.input_shape, network.classes)
    network.train()
    with torch.no_grad():
        network(torch.from_numpy(data.training.images[:100].astype(np.float32)) * network.input_format.scale)
    network.eval()
    assert isinstance(network, hw.FloatNetwork)
    return hw.quantise(network, calibration=data.training.images[:100]), data


def compare(network: hw.MultiExitNetwork, data: Dataset, count: int, places: tuple[str, ...], out: Path) -> None:
    """Compiles a network, and compares what it computes at some places with Brevitas."""
    budget = float(np.mean(network.costs().fractions))
    policy = hw.fit_policy(network, (data.fitting.images, data.fitting.labels), criterion="max_softmax", budget=budget)
    design = hw.compile(network, policy, out=out, backend="streamrtl" if "rtl" in places else "vitis")
    images = data.test.images[:count]
    reference = brevitas_outputs(network, images)
    expected = brevitas_records(design, [reference[head.name] for head in design.accelerator.heads])
    assert len({row.tobytes() for row in reference["head0"]}) > count // 2  # or one answer would do for all
    for on in places:
        require_equal(compare_outputs(on, design.segment_outputs(images, on), reference, "brevitas"))
        require_equal([compare_records(on, design.run(images, on), expected, "brevitas", "records")])


@pytest.mark.parametrize("name", [pytest.param(name, marks=CAMPAIGN if name in LONG else ()) for name in SMALL])
def test_backends_compute_what_brevitas_does(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, count = SMALL[name]
    network, data = quantised(name, sizes, monkeypatch)
    compare(network, data, count, ("software",), tmp_path / name)


@CAMPAIGN
@pytest.mark.parametrize("name", ["sequence_conv1d", "jet_mlp", "dscnn_kws"])
def test_the_generated_c_plus_plus_computes_it_too(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, count = SMALL[name]
    network, data = quantised(name, sizes, monkeypatch)
    compare(network, data, count, ("csim",), tmp_path / name)


@CAMPAIGN
@pytest.mark.parametrize("name", ["jet_mlp", "sequence_conv1d", "dscnn_kws"])
def test_rtl_computes_it_too(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, count = SMALL[name]
    network, data = quantised(name, sizes, monkeypatch)
    compare(network, data, count, ("rtl",), tmp_path / name)


class Joined(nn.Module):
    """A stage that adds channels to those that it is given."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.new = rectified(inputs, 2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.new(x)], dim=1)


def test_channels_that_are_joined_to_those_of_an_earlier_stage_are_quantised_alike(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = hw.FloatNetwork(
        [rectified(1, 2), Joined(2), Joined(4)],
        [average_head(channels, 3) for channels in (2, 4, 6)],
        hw.FixedPoint(8, 0, signed=False),
        (1, 6, 6),
    ).eval()
    data = random_inputs("joined", network.input_format, network.input_shape, network.classes)
    made = hw.quantise(network, calibration=data.training.images[:100])
    formats = {boundary.format for tensors in made.boundaries()[0] for boundary in tensors}
    assert len(formats) == 1  # what is joined has one scale
    compare(made, data, 100, ("software",), tmp_path / "joined")
