"""A network without quantisers: what it is, and how its answers become integers."""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.errors import NetworkError
from hwcodesign.networks.floating import fine_format, float_logits, floating, on_grid, with_float_layers

PRECISION = layers.Precision(weights=4, activations=4)
IMAGES = np.random.default_rng(7).integers(0, 16, (30, 1, 6, 6))


@pytest.fixture
def network() -> hw.MultiExitNetwork:
    torch.manual_seed(7)
    return hw.MultiExitNetwork(
        stages=[
            nn.Sequential(
                layers.conv2d(1, 4, 3, padding=1, stride=2, precision=PRECISION), layers.relu(precision=PRECISION)
            ),
            nn.Sequential(
                layers.conv2d(4, 4, 3, padding=1, groups=4, precision=PRECISION), layers.relu(precision=PRECISION)
            ),
        ],
        heads=[
            nn.Sequential(nn.Flatten(), layers.linear(36, 3, precision=PRECISION), layers.logits(precision=PRECISION))
            for _ in range(2)
        ],
        input_format=hw.FixedPoint(4, 0, signed=False),
        input_shape=(1, 6, 6),
    )


def test_it_computes_what_the_parameters_say_without_any_rounding(network: Any) -> None:
    logits = float_logits(floating(network), IMAGES)
    x = torch.from_numpy(IMAGES.astype(np.float32) / 16)
    first, second = (stage[0] for stage in network.stages)
    with torch.no_grad():
        y = functional.relu(functional.conv2d(x, first.weight, first.bias, stride=2, padding=1))
        for k, conv in enumerate((None, second)):
            if conv is not None:
                y = functional.relu(functional.conv2d(y, conv.weight, conv.bias, padding=1, groups=4))
            linear = network.heads[k][1]
            assert np.array_equal(logits[k], functional.linear(y.flatten(1), linear.weight, linear.bias).numpy())


def test_the_network_that_it_is_made_of_stays_as_it_was(network: hw.MultiExitNetwork) -> None:
    before = network.digest()
    made = floating(network)
    assert network.digest() == before
    assert not [m for m in made.modules() if type(m).__module__.startswith("brevitas")]


def test_it_trains_like_any_other(small_network: Any, digits_data: Any) -> None:
    network = floating(small_network(3))
    history = hw.train(network, digits_data, epochs=2, batch_size=64, learning_rate=0.01, seed=3, threads=1)
    assert history[-1]["loss"] < history[0]["loss"]


def test_a_layer_without_a_counterpart_is_named(network: hw.MultiExitNetwork) -> None:
    network.stages[0][0] = qnn.QuantConv3d(1, 4, 3)
    with pytest.raises(NetworkError, match=r"stages.0.0 is a QuantConv3d, which has no floating-point counterpart"):
        floating(network)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (qnn.QuantConv1d(2, 4, 3, stride=2, dilation=2, groups=2), (2, 9)),
        (qnn.QuantConvTranspose1d(2, 4, 3, stride=2, output_padding=1), (2, 9)),
        (qnn.QuantConvTranspose2d(2, 4, 3, stride=2, padding=1), (2, 5, 4)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_layers_have_counterparts_of_the_same_settings(layer: nn.Module, shape: tuple[int, ...]) -> None:
    outer = nn.Module()
    outer.inner = layer
    (made,) = with_float_layers(outer).children()
    x = torch.rand(2, *shape)
    assert not type(made).__module__.startswith("brevitas")
    assert made(x).shape == layer(x).shape
    for name, value in made.named_parameters():
        assert torch.equal(value, layer.get_parameter(name))


@pytest.mark.parametrize(
    "layer", [qnn.QuantUpsample(scale_factor=3, mode="nearest"), qnn.QuantUpsamplingNearest2d(scale_factor=3)]
)
def test_upsampling_stays_upsampling(layer: nn.Module) -> None:
    outer = nn.Module()
    outer.inner = layer
    (made,) = with_float_layers(outer).children()
    x = torch.rand(2, 2, 5, 4)
    assert torch.equal(made(x), functional.interpolate(x, scale_factor=3, mode="nearest"))


def test_the_grid_holds_twice_the_largest_logit_and_rounds_half_to_even() -> None:
    logits = [np.array([[3.5, -7.9], [0.0, 1.0]], np.float32)]
    fmt = fine_format(logits, 8)
    assert (fmt.width, fmt.integer, fmt.signed) == (8, 5, True)
    values = np.array([0.1875, 0.0625, -0.0625, 99.0, -99.0], np.float32)
    assert on_grid(values, fmt).tolist() == [2, 0, 0, 127, -128]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(NetworkError, match="a logit is not finite"):
        fine_format([np.array([[0.0, value]], np.float32)])
