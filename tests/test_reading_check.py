"""What compile writes computes what the network computes: no reading of a network without a check against it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign import compilation, layers
from hwcodesign.errors import MismatchError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.images import telling_codes
from hwcodesign.kernels import Conv2D, Dense, Segment
from hwcodesign.networks.graphs import channels_last

P = layers.Precision(weights=4, activations=4)


class Joined(nn.Module):
    """Its input, and behind it a convolution of it: one layer of a dense block."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = layers.conv2d(inputs, outputs, 3, padding=1, precision=P)
        self.rectified = layers.relu(precision=P)
        self.joined = layers.identity(precision=P)

    def forward(self, x: Tensor) -> Any:
        beside = layers.value_of(self.rectified(self.conv(x)))
        return self.joined(torch.cat([layers.value_of(x), beside], 1))


def network_of(stage: nn.Module, shape: tuple[int, int, int], features: int) -> hw.MultiExitNetwork:
    """A network that begins with a stage, and leaves behind it or behind one linear layer more."""
    torch.manual_seed(1)
    second = nn.Sequential(nn.Flatten(), layers.linear(features, 8, precision=P), layers.relu(precision=P))
    heads = [layers.linear_head(features, 3, precision=P), layers.linear_head(8, 3, precision=P)]
    network = hw.MultiExitNetwork([stage, second], heads, hw.FixedPoint(5, 1, signed=False), shape)
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(16, *shape))
    return network.eval()


def compiled(network: hw.MultiExitNetwork, folder: Path) -> hw.Design:
    policy = hw.fit_policy(network, None, criterion="margin", thresholds=[1.0])
    return hw.compile(network, policy, out=folder / "design")


CHANNELS_FIRST = {
    "a quantiser alone, as many channels as rows and columns": (lambda: layers.identity(precision=P), (6, 6, 6), 216),
    "a concatenation, as many channels as rows and columns": (lambda: Joined(3, 3), (3, 6, 6), 216),
    "a concatenation of other sizes": (lambda: Joined(5, 5), (5, 6, 4), 240),
    "a dense block": (lambda: nn.Sequential(Joined(2, 2), Joined(4, 2)), (2, 8, 8), 384),
}


@pytest.mark.parametrize("case", CHANNELS_FIRST)
def test_a_stage_that_ends_with_channels_first_is_read_as_what_it_is(case: str, tmp_path: Path) -> None:
    stage, shape, features = CHANNELS_FIRST[case]
    network = network_of(stage(), shape, features)
    design = compiled(network, tmp_path)
    images = np.random.default_rng(3).integers(0, 32, (40, *shape))
    expected, outputs = network.integers(images), design.segment_outputs(images)
    assert len(np.unique(expected[0][0][0])) > 4
    for k in range(network.exits):
        assert np.array_equal(outputs[f"stage{k}"], expected[0][k][0])
        assert np.array_equal(outputs[f"head{k}"], expected[1][k])


def test_no_transpose_is_left_in_a_dense_block(tmp_path: Path) -> None:
    """Each would store a whole image, and read it element by element: 512 cycles instead of a pass over 8x8 pixels."""
    design = compiled(network_of(nn.Sequential(Joined(2, 2), Joined(4, 2)), (2, 8, 8), 384), tmp_path)
    assert {kernel.kind for kernel in design.accelerator.stages[0].kernels} == {"conv2d", "concatenate", "activation"}
    assert design.manifest["cycles"]["segments"]["stage0"]["interval"] == 72


def plain_stage() -> nn.Module:
    return nn.Sequential(layers.conv2d(1, 3, 3, padding=1, precision=P), nn.MaxPool2d(2), layers.relu(precision=P))


def fault_in_export(monkeypatch: pytest.MonkeyPatch) -> None:
    def take_for_channels_first(turning: Any, graph: Any) -> list[str]:
        turning.first.update({tensor.name: tensor.name for tensor in graph.graph.input})
        return []

    monkeypatch.setattr(channels_last, "_take_inputs", take_for_channels_first)


def fault_in_the_front_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def convert(*arguments: Any) -> Any:
        graph = compilation_convert(*arguments)
        for layer in graph.get_layers():
            if layer.class_name == "Conv2D":
                weights = layer.weights["weight"]
                weights.data = np.ascontiguousarray(weights.data[::-1])
        return graph

    compilation_convert = compilation.convert
    monkeypatch.setattr(compilation, "convert", convert)


def fault_in_lowering(monkeypatch: pytest.MonkeyPatch) -> None:
    def lower(*arguments: Any, **more: Any) -> Segment:
        segment = compilation_lower(*arguments, **more)
        kernels = [
            dataclasses.replace(kernel, bias=kernel.bias + 1) if isinstance(kernel, Conv2D) else kernel
            for kernel in segment.kernels
        ]
        return dataclasses.replace(segment, kernels=tuple(kernels))

    compilation_lower = compilation.lower
    monkeypatch.setattr(compilation, "lower", lower)


@pytest.mark.parametrize("plant", [fault_in_export, fault_in_the_front_end, fault_in_lowering])
def test_a_planted_fault_is_caught_before_anything_is_written(
    plant: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plant(monkeypatch)
    if plant is fault_in_export:
        network = network_of(layers.identity(precision=P), (6, 6, 6), 216)
    else:
        network = network_of(plain_stage(), (1, 6, 6), 27)
    with pytest.raises(MismatchError, match="stage0: the hardware would not compute what the network computes"):
        compiled(network, tmp_path)
    assert not (tmp_path / "design").exists()


@pytest.mark.parametrize("name", ["head0", "stage1", "head1"])
def test_a_fault_in_any_stage_or_head_is_caught(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lowered = compilation.lower

    def lower(*arguments: Any, **more: Any) -> Segment:
        segment = lowered(*arguments, **more)
        if segment.name != name:
            return segment
        kernels = [dataclasses.replace(k, bias=k.bias + 8) if isinstance(k, Dense) else k for k in segment.kernels]
        return dataclasses.replace(segment, kernels=tuple(kernels))

    monkeypatch.setattr(compilation, "lower", lower)
    with pytest.raises(MismatchError, match=f"^{name}: the hardware would not compute what the network computes"):
        compiled(network_of(plain_stage(), (1, 6, 6), 27), tmp_path)


def test_the_check_names_the_layers_between_which_the_difference_comes_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fault_in_lowering(monkeypatch)
    stage = nn.Sequential(layers.identity(precision=P), layers.conv2d(1, 3, 3, precision=P), layers.relu(precision=P))
    with pytest.raises(MismatchError, match=r"They agree up to layer '.*0.*', and differ from layer '.*1.*' on"):
        compiled(network_of(stage, (1, 6, 6), 48), tmp_path)


def test_codes_that_are_tried_are_random_and_extreme_ones_and_single_ones_among_zeros() -> None:
    fmt, shape = FixedPoint(6, 3), (4, 5, 3)
    codes = telling_codes(fmt, shape, 1, 3)
    flat = codes.reshape(len(codes), -1)
    random, extreme, sparse = np.split(flat, 3)
    assert all(len(np.unique(row)) > 20 for row in random)
    assert all(set(row) <= {fmt.min_code, fmt.max_code} for row in extreme)
    assert set(extreme[0]) == {fmt.min_code}
    assert set(extreme[1]) == {fmt.max_code}
    assert all(len(set(row)) == 2 for row in extreme[2:])
    assert all(np.count_nonzero(row) <= 1 for row in sparse)
    places = {int(np.flatnonzero(row)[0]) for row in sparse if row.any()}
    assert len(places) > len(sparse) / 3, "each at a place of its own"
