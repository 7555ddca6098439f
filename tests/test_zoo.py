"""The recipes of the zoo: each builds in floating point, has the shape that it names, and learns."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

import torch
from torch import nn

import hwcodesign as hw
from hwcodesign.data import Dataset
from hwcodesign.data.random_inputs import random_inputs
from hwcodesign.errors import NetworkError
from hwcodesign.recipe_files import recipe_names
from hwcodesign.storage.installed import shared_folder

#: Exits, classes and multiply-accumulates of the stages alone.
ZOO = {
    "alexnet_cifar": (3, 10, 7_602_176),
    "densenet_cifar": (4, 10, 13_436_928),
    "dscnn_kws": (3, 12, 816_000),
    "jet_mlp": (3, 5, 4_096),
    "mobilenet_cifar": (3, 10, 2_308_608),
    "msdnet_cifar": (5, 10, 5_898_240),
    "resnet8_cifar": (3, 10, 12_500_992),
    "resnet8_cifar_w4a4": (3, 10, 12_500_992),
    "resnet_cifar": (3, 10, 40_812_544),
    "sequence_conv1d": (3, 9, 67_584),
    "vgg_cifar": (3, 10, 3_983_040),
}
every_recipe = pytest.mark.parametrize("name", ZOO)


def stand_in(recipe: hw.Recipe) -> Dataset:
    """Random inputs of the recipe's shape, whatever data it learns from."""
    network = recipe.build()
    return random_inputs("stand-in", network.input_format, network.input_shape, network.classes)


def test_every_recipe_in_floating_point_is_here() -> None:
    floats = {name for name in recipe_names() if isinstance(hw.load_recipe(name).build(), hw.FloatNetwork)}
    assert floats == set(ZOO)


@every_recipe
def test_a_recipe_has_the_shape_and_the_costs_that_are_told(name: str) -> None:
    network = hw.load_recipe(name).build().eval()
    exits, classes, stages = ZOO[name]
    costs = network.costs()
    assert (network.exits, network.classes, sum(costs.stages)) == (exits, classes, stages)
    logits = network(torch.rand(2, *network.input_shape))
    assert [tuple(z.shape) for z in logits] == [(2, classes)] * exits
    assert all(before < after for before, after in itertools.pairwise(costs.fractions))
    assert hw.load_recipe(name).policy.budget is not None
    assert costs.fractions[0] < hw.load_recipe(name).policy.budget < costs.fractions[-1]


@every_recipe
def test_a_recipe_is_built_the_same_every_time(name: str) -> None:
    first, second = (hw.load_recipe(name).build().state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)


@every_recipe
def test_a_recipe_learns(name: str) -> None:
    recipe = hw.load_recipe(name)
    data = stand_in(recipe)
    data = dataclasses.replace(data, training=data.training.take(32))
    settings = dataclasses.replace(recipe.training[0], epochs=8, batch_size=16, threads=1)
    history = hw.train(recipe.build(), data, settings)
    assert history[-1]["loss"] < history[0]["loss"]


@every_recipe
def test_what_needs_integers_refuses_a_network_in_floating_point(name: str) -> None:
    with pytest.raises(NetworkError, match=r"hwcodesign.quantise\(network, calibration=images\)"):
        hw.load_recipe(name).build().boundaries()


@pytest.mark.parametrize("name", ["dscnn_kws", "jet_mlp"])
def test_random_data_say_so_in_their_name(name: str) -> None:
    recipe = hw.load_recipe(name)
    data, network = recipe.data(), recipe.build()
    assert data.name.endswith(" (random inputs)")
    assert data.test.images.shape[1:] == network.input_shape
    assert data.input_format == network.input_format


@every_recipe
def test_a_recipe_is_read_in_one_sitting(name: str) -> None:
    assert len((shared_folder("models") / f"{name}.py").read_text().splitlines()) <= 150


# --- sizes at the top of a recipe ---


def with_sizes(name: str, monkeypatch: pytest.MonkeyPatch, **sizes: Any) -> hw.MultiExitNetwork:
    """A recipe's network with other sizes than those that it comes with."""
    recipe = hw.load_recipe(name)
    module = sys.modules[f"hwcodesign_recipe_{name}"]
    for size, value in sizes.items():
        monkeypatch.setattr(module, size, value)
    return recipe.network()


@pytest.mark.parametrize(("depth", "layers"), [(20, 19), (32, 31), (56, 55)])
def test_a_resnet_of_depth_d_has_d_layers_with_its_last_linear_one(
    depth: int, layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = with_sizes("resnet_cifar", monkeypatch, DEPTH=depth).stages
    kernels = [part.kernel_size for part in stages.modules() if isinstance(part, nn.Conv2d)]
    assert kernels.count((3, 3)) == layers


def test_the_vgg_in_full_has_the_multiply_accumulates_of_cnv(monkeypatch: pytest.MonkeyPatch) -> None:
    network = with_sizes("vgg_cifar", monkeypatch, CHANNELS=(64, 128, 256), HIDDEN=512)
    costs = network.costs()
    convolutions = 30**2 * 64 * 27 + 28**2 * 64 * 576 + 12**2 * 128 * 576 + 10**2 * 128 * 1152
    convolutions += 3**2 * 256 * 1152 + 256 * 2304
    assert sum(costs.stages) == convolutions
    assert costs.heads[-1] == 256 * 512 + 512 * 512 + 512 * 10


def test_dscnn_in_full_has_the_parameters_of_mlperf_tinys(monkeypatch: pytest.MonkeyPatch) -> None:
    network = with_sizes("dscnn_kws", monkeypatch, CHANNELS=64)
    weights = 10 * 4 * 64 + 4 * (9 * 64 + 64 * 64) + 64 * 12
    found = [*network.stages.parameters(), *network.heads[-1].parameters()]
    assert sum(parameter.numel() for parameter in found if parameter.ndim > 1) == weights


@pytest.mark.parametrize(
    "sizes",
    [
        {"EXITS": 10, "LAYERS": 2, "FIRST": (16, 32, 64), "GROWTH": (6, 12, 24)},
        {"EXITS": 3, "LAYERS": 1, "FIRST": (8, 16), "GROWTH": (4, 8)},
        {"EXITS": 2, "LAYERS": 3, "FIRST": (4, 8, 16, 32), "GROWTH": (2, 4, 8, 16)},
    ],
)
def test_an_msdnet_may_have_any_exits_and_scales(sizes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    network = with_sizes("msdnet_cifar", monkeypatch, **sizes).eval()
    assert [tuple(z.shape) for z in network(torch.rand(1, 3, 32, 32))] == [(1, 10)] * sizes["EXITS"]
    assert _unused(network) == []


def _unused(network: nn.Module) -> list[str]:
    """Parameters on which no exit depends."""
    names, parameters = zip(*network.named_parameters(), strict=True)
    total = sum(z.sum() for z in network(torch.rand(1, 3, 32, 32)))
    gradients = torch.autograd.grad(total, parameters, allow_unused=True)
    return [name for name, gradient in zip(names, gradients, strict=True) if gradient is None]


def test_recipes_are_shipped_where_the_package_looks_for_them() -> None:
    assert all((shared_folder("models") / f"{name}.py").is_file() for name in ZOO)
    assert Path(shared_folder("models")).name == "models"


def test_conv1d_reads_what_japanese_vowels_are() -> None:
    recipe = hw.load_recipe("sequence_conv1d")
    network = recipe.build()
    assert network.input_shape == (12, 32)
    assert np.ldexp(1.0, -network.input_format.fraction) == 1 / 64
