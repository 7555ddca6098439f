"""A network in floating point: it trains, tells its costs, and is refused where integers are needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import hwcodesign as hw
from hwcodesign.errors import NetworkError

FORMAT = hw.FixedPoint(8, 0, signed=False)


def float_network() -> hw.FloatNetwork:
    torch.manual_seed(4)
    return hw.FloatNetwork(
        stages=[nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU()), nn.Conv2d(4, 4, 3, groups=2)],
        heads=[nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), nn.Sequential(nn.Flatten(), nn.Linear(16, 3))],
        input_format=FORMAT,
        input_shape=(1, 6, 6),
    )


def test_its_values_are_those_of_its_layers_without_any_rounding() -> None:
    network = float_network().eval()
    x = torch.randn(5, 1, 6, 6)
    first, second = network(x)
    y = network.stages[0](x)
    assert torch.equal(first, network.heads[0](y))
    assert torch.equal(second, network.heads[1](network.stages[1](y)))


def test_it_knows_exits_classes_and_costs() -> None:
    network = float_network()
    assert (network.exits, network.classes) == (2, 3)
    assert network.costs() == hw.ExitCosts((16 * 36, 4 * 4 * 2 * 9), (64 * 3, 16 * 3))


@pytest.mark.parametrize(
    "use",
    [
        lambda network: network.boundaries(),
        lambda network: hw.fit_policy(network, (np.zeros((4, 1, 6, 6)), np.zeros(4, int)), budget=0.5),
        lambda network: hw.compile(network, None, out="never"),
        lambda network: network.integers(np.zeros((1, 1, 6, 6))),
    ],
    ids=["boundaries", "fit_policy", "compile", "integers"],
)
def test_what_needs_integers_refuses_it_and_says_what_to_do(use: Any, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NetworkError, match=r"computes in floating point: hwcodesign\.quantise\(network, calibration"):
        use(float_network())
    assert not list(tmp_path.iterdir())


def test_heads_that_differ_are_refused() -> None:
    with pytest.raises(NetworkError, match=r"heads give \(3,\), \(2,\) a sample"):
        hw.FloatNetwork([nn.Flatten(), nn.Linear(4, 4)], [nn.Linear(4, 3), nn.Linear(4, 2)], FORMAT, (4,))
