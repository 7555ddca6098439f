"""Training on another device: one that is not there is refused by name, and no strategy mixes devices."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

import torch
from torch import Tensor, nn
from typer.testing import CliRunner

import hwcodesign as hw
from hwcodesign.cli.app import app
from hwcodesign.data import Dataset
from hwcodesign.errors import SettingsError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.training import STRATEGIES, Batch, GateTraining, Hierarchical, Strategy, train
from hwcodesign.training.device import device_named, placed
from hwcodesign.training.strategies.strategy import strategy_named
from tests.test_training import SHORT, Build, state_bytes


class Gated(nn.Module):
    """A head for three classes, whose gate reads the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier, self.gate = nn.Sequential(nn.Flatten(), nn.Linear(256, 3)), nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        logits = self.classifier(x)
        return torch.cat([logits, self.gate(logits)], dim=1)


def float_network(*, gates: bool = False) -> hw.FloatNetwork:
    """Two stages of 4 channels on 8x8 pixels, for three classes."""
    return hw.FloatNetwork(
        [nn.Sequential(nn.Conv2d(channels, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()) for channels in (1, 4)],
        [Gated() if gates else nn.Sequential(nn.Flatten(), nn.Linear(256, 3)) for _ in range(2)],
        FixedPoint(5, 1, signed=False),
        (1, 8, 8),
        gates=gates,
    )


def each_strategy() -> list[Strategy]:
    given = {"hierarchical": Hierarchical((0, 1, 1))}
    return [given.get(name) or strategy_named(name) for name in STRATEGIES]


@pytest.mark.parametrize("strategy", each_strategy(), ids=lambda strategy: strategy.name)
def test_a_strategy_computes_where_the_network_is(strategy: Strategy) -> None:
    """torch's meta device has no numbers, and like every other it refuses tensors of the CPU."""
    network = float_network(gates=isinstance(strategy, GateTraining))
    weights = (1.0, 1.0)
    strategy.check(network, weights)
    costs, learned = strategy.costs(network), strategy.learned(network, weights).to("meta")
    network.to("meta").train()
    images, labels = torch.zeros(5, 1, 8, 8, device="meta"), torch.zeros(5, dtype=torch.int64, device="meta")
    loss, logits = strategy.loss(Batch(network, images, labels, weights, learned, costs))
    loss.backward()
    assert {tensor.device.type for tensor in (loss, *logits)} == {"meta"}


def test_the_meta_device_refuses_tensors_of_the_cpu() -> None:
    with pytest.raises(RuntimeError, match="device"):
        torch.zeros(3, device="meta") + torch.zeros(3)


def test_a_network_is_back_in_the_cpus_memory_whatever_happened() -> None:
    network = float_network()
    with pytest.raises(KeyError), placed(network, torch.device("cpu")):
        raise KeyError
    assert {parameter.device.type for parameter in network.parameters()} == {"cpu"}


def test_the_cpu_by_name_is_the_default(small_network: Build, digits_data: Dataset, tmp_path: Path) -> None:
    networks = [small_network(1), small_network(1)]
    train(networks[0], digits_data, SHORT)
    train(networks[1], digits_data, SHORT, device="cpu", checkpoint=tmp_path)
    assert state_bytes(networks[0]) == state_bytes(networks[1])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpu", "device='gpu' is none of torch's: give cpu, cuda, or cuda:1 for a second one"),
        ("meta", "device='meta' has no numbers to train: give cpu or cuda"),
        ("cuda:77", "device='cuda:77' is not there for torch"),
    ],
)
def test_a_device_that_is_not_there_is_refused_before_training(
    name: str, message: str, small_network: Build, digits_data: Dataset, tmp_path: Path
) -> None:
    network = small_network(1)
    before = state_bytes(network)
    with pytest.raises(SettingsError, match=re.escape(message)):
        train(network, digits_data, SHORT, device=name, checkpoint=tmp_path)
    assert state_bytes(network) == before
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match="install a torch that was built for it, or leave out the device"):
        device_named("cuda:77")


def test_the_command_refuses_a_device_that_is_not_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", "digits", "--out", str(tmp_path / "out"), "--device", "cuda:77"])
    assert isinstance(result.exception, SettingsError)
    assert "device='cuda:77' is not there" in str(result.exception)
