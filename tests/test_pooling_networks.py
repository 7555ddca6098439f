"""Networks that pool and pad compute in software, in hls4ml's C++ and in SystemVerilog what Brevitas computes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.simulation.measurement import measure_exits
from hwcodesign.verification.comparison import brevitas_outputs
from tests.marks import CAMPAIGN

P = layers.Precision(weights=4, activations=4)


def conv(inputs: int, outputs: int, kernel: int = 3, padding: int | str = 1) -> nn.Module:
    layer = layers.conv2d(inputs, outputs, kernel, padding=0, precision=P)
    if isinstance(padding, str):
        layer.padding, layer._reversed_padding_repeated_twice = padding, [0, 1, 0, 1]
    else:
        layer.padding = (padding, padding)
    return layer


def relu() -> nn.Module:
    return layers.relu(precision=P)


def signed() -> nn.Module:
    return layers.identity(precision=P)


def averages() -> tuple[list[nn.Module], list[int]]:
    """Of overlapping windows, of sums, of signed values with zeros around them, of an average, of the whole image."""
    stages = [
        nn.Sequential(conv(2, 3), relu(), nn.AvgPool2d(3, 2), relu()),
        nn.Sequential(conv(3, 2), signed(), nn.AvgPool2d(3, 1, padding=1), signed(), nn.AvgPool2d((1, 2)), signed()),
        nn.Sequential(conv(2, 3), nn.AdaptiveAvgPool2d(1), signed()),
    ]
    return stages, [3 * 5 * 6, 2 * 5 * 3, 3]


def paddings() -> tuple[list[nn.Module], list[int]]:
    """Of uneven sides, by a word, of maxima, and of windows that reach beyond the image."""
    stages = [
        nn.Sequential(nn.ZeroPad2d((1, 2, 0, 1)), conv(2, 3), relu(), nn.MaxPool2d(3, 2, padding=1), relu()),
        nn.Sequential(conv(3, 2, 2, "same"), relu(), nn.MaxPool2d(3, 2, ceil_mode=True), signed()),
        nn.Sequential(nn.ZeroPad2d(1), nn.MaxPool2d(2), signed()),
    ]
    return stages, [3 * 6 * 8, 2 * 3 * 4, 2 * 2 * 3]


def borders() -> tuple[list[nn.Module], list[int]]:
    """Padding that maxima of signed values ignore, that averages do not count, and windows beyond the image."""
    stages = [
        nn.Sequential(nn.MaxPool2d(3, 2, padding=1), conv(2, 3), relu()),
        nn.Sequential(nn.AvgPool2d((3, 2), 2, padding=1, count_include_pad=False), signed(), conv(3, 2), signed()),
        nn.Sequential(nn.AvgPool2d(3, 2, ceil_mode=True), signed()),
    ]
    return stages, [3 * 6 * 7, 2 * 3 * 4, 2 * 1 * 2]


@pytest.fixture(scope="module", params=[averages, paddings, borders], ids=lambda made: made.__name__)
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[hw.MultiExitNetwork, hw.Design]:
    made: Callable[[], tuple[list[nn.Module], list[int]]] = request.param
    torch.manual_seed(3)
    stages, features = made()
    heads = [layers.linear_head(size, 3, precision=P) for size in features]
    network = hw.MultiExitNetwork(stages, heads, hw.FixedPoint(5, 1), (2, 11, 13))
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(16, 2, 11, 13) / 2)
    policy = hw.fit_policy(network.eval(), None, criterion="margin", thresholds=[0.5, 0.5])
    return network, hw.compile(network, policy, out=tmp_path_factory.mktemp("pooling") / "design")


#: Simulations that stand for the others.
QUICK = ((averages, "rtl"), (borders, "csim"))


@pytest.mark.parametrize(
    ("built", "place"),
    [
        pytest.param(made, place, marks=[] if (made, place) in QUICK or place == "software" else CAMPAIGN)
        for made in (averages, paddings, borders)
        for place in ("software", "csim", "rtl")
    ],
    indirect=["built"],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_every_place_computes_what_the_network_computes(
    built: tuple[hw.MultiExitNetwork, hw.Design], place: str
) -> None:
    network, design = built
    images = np.random.default_rng(7).integers(-16, 16, (8, 2, 11, 13))
    expected, found = brevitas_outputs(network, images), design.segment_outputs(images, on=place)
    assert expected.keys() == found.keys()
    for name, codes in expected.items():
        assert np.array_equal(found[name], codes), name
        assert len(np.unique(codes)) > 3, name
    assert not any(kernel.kind == "transpose" for stage in design.accelerator.stages for kernel in stage.kernels)


def test_cycles_are_those_that_were_predicted(built: tuple[hw.MultiExitNetwork, hw.Design]) -> None:
    _, design = built
    codes = np.random.default_rng(8).integers(-16, 16, (1, 2, 11, 13))
    exits = measure_exits(design.rtl, design.manifest["cycles"], codes)
    assert len(exits) == 3
    for measured in exits:
        assert measured.latency[0] == measured.latency[1]
        assert measured.interval[0] == measured.interval[1]
