"""From torch to QONNX to hls4ml's graph: what is taken, under which name, and what is refused before any long work."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import brevitas.nn as qnn
import onnx
import pytest
import torch
from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerTensorFloat
from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.compilation import check_compiles
from hwcodesign.errors import FormatError, NetworkError, SettingsError, UnsupportedLayerError
from hwcodesign.frontend.conversion import convert
from hwcodesign.frontend.lowering import implementations, lower
from hwcodesign.frontend.settings import CompileSettings, LayerSettings
from hwcodesign.kernels import Conv2D
from hwcodesign.networks.export import export_network
from hwcodesign.networks.layers import value_of

P = layers.Precision()


def network(first: nn.Module) -> hw.MultiExitNetwork:
    """Two exits; `first` takes (1, 8, 8) to (4, 6, 6)."""
    torch.manual_seed(5)
    heads = [
        nn.Sequential(nn.Flatten(), layers.linear(features, 3, precision=P), layers.logits(precision=P))
        for features in (4 * 6 * 6, 4 * 4 * 4)
    ]
    second = nn.Sequential(layers.conv2d(4, 4, 3, precision=P), layers.relu(precision=P))
    stages = [nn.Sequential(first, layers.relu(precision=P)), second]
    return hw.MultiExitNetwork(stages, heads, hw.FixedPoint(5, 1, signed=False), (1, 8, 8))


def conv() -> nn.Module:
    return layers.conv2d(1, 4, 3, precision=P)


def test_a_network_of_quantised_layers_compiles() -> None:
    check_compiles(network(conv()), CompileSettings())


def test_layers_within_modules_are_called_as_in_torch(tmp_path: Path) -> None:
    net = network(nn.Sequential(conv(), nn.Sequential(layers.relu(precision=P), layers.identity(precision=P))))
    net.heads[0] = layers.GatedHead(net.heads[0], 3, precision=P)
    net.heads[1] = layers.GatedHead(net.heads[1], 3, precision=P)
    gated = hw.MultiExitNetwork(list(net.stages), list(net.heads), net.input_format, net.input_shape, gates=True)
    torch_names = {name for name, _ in gated.named_modules()}
    found = {name for segment in export_network(gated, tmp_path) for name in segment.modules.values()}
    assert found <= torch_names
    assert {"stages.0.0.0", "stages.0.0.1.0", "heads.0.classifier.1", "heads.1.gate.0", "heads.1.gate.2"} <= found


def test_an_average_that_no_quantiser_reads_is_refused() -> None:
    average = nn.Sequential(conv(), nn.AvgPool2d(3, 1, 1), nn.Dropout(0.5), layers.conv2d(4, 4, 1, precision=P))
    message = r"stage0: average 'stages.0.0.1' of 9 values .*, and what reads it is no quantiser: put one behind it"
    with pytest.raises(UnsupportedLayerError, match=message):
        check_compiles(network(average), CompileSettings())


@pytest.mark.parametrize(
    ("layer", "way_out"),
    [
        (nn.Softmax(1), "use nn.Sigmoid before a quantiser, or stop at logits"),
        (nn.GroupNorm(2, 4), "use nn.BatchNorm1d or nn.BatchNorm2d, with a quantiser behind it"),
        (nn.LSTM(6, 6), "use nn.Conv1d over the sequence"),
        (nn.MultiheadAttention(6, 2), "use convolutions"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_layers_that_are_never_taken_are_refused_when_a_network_is_made(layer: nn.Module, way_out: str) -> None:
    message = rf"^layer 'stages.0.0.1' \({type(layer).__name__}\) is not taken: .*{way_out}"
    with pytest.raises(UnsupportedLayerError, match=message):
        network(nn.Sequential(conv(), layer))


def test_a_norm_that_no_quantiser_follows_is_refused() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.other, self.norm = conv(), conv(), nn.BatchNorm2d(4)

        def forward(self, x: Any) -> Any:
            return value_of(self.other(x)) + self.norm(value_of(self.conv(x)))

    message = r"stage0: the scale of layer \w+ is not on the grid .*: put a quantiser right behind it.*fold_batch_norms"
    with pytest.raises(FormatError, match=message):
        check_compiles(network(Residual()), CompileSettings())


def test_weights_that_are_not_quantised_are_refused() -> None:
    with pytest.raises(FormatError, match=r"stage0: the weight of layer \w+ is not on the grid .* quantise it"):
        check_compiles(network(nn.Conv2d(1, 4, 3)), CompileSettings())


def test_a_bias_that_is_not_quantised_is_refused() -> None:
    first = conv()
    first.bias_quant.disable_quant = True
    with pytest.raises(FormatError, match=r"stage0: the bias of layer \w+ is not on the grid"):
        check_compiles(network(first), CompileSettings())


def test_a_weight_scale_that_is_no_power_of_two_is_refused_with_the_layer_and_the_scale() -> None:
    pattern = r"^stages\.0\.0\.weight_quant has scale 0\.\d+, which is not a power of two"
    with pytest.raises(NetworkError, match=pattern):
        network(qnn.QuantConv2d(1, 4, 3, weight_quant=Int8WeightPerTensorFloat))


def test_an_activation_scale_that_training_took_off_the_powers_of_two_is_refused() -> None:
    net = network(nn.Sequential(conv(), qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat)))
    net.train()
    net(torch.rand(4, 1, 8, 8))
    with pytest.raises(
        NetworkError, match=r"^stages\.0\.0\.1\.act_quant has scale 0\.\d+, which is not a power of two"
    ):
        check_compiles(net, CompileSettings())


def test_layers_keep_the_names_of_their_modules(tmp_path: Path) -> None:
    net = network(conv())
    net.stages[0] = nn.Sequential()
    net.stages[0].add_module("look", conv())
    net.stages[0].add_module("Keep-It", layers.relu(precision=P))
    stage = export_network(net, tmp_path)[0]
    assert {"look": "stages.0.look", "keep_it": "stages.0.Keep-It"}.items() <= stage.modules.items()
    names = [node.name for node in onnx.load(tmp_path / "stage0.onnx").graph.node]
    assert "look" in names
    assert "keep_it" in names


def test_layers_whose_names_would_be_one_are_told_apart(tmp_path: Path) -> None:
    """In a graph "conv_1" and "conv.1" are both "conv_1"."""
    net = network(conv())
    net.stages[0] = nn.Sequential()
    net.stages[0].add_module("conv", nn.Sequential(layers.identity(precision=P), conv()))
    net.stages[0].add_module("conv_1", layers.conv2d(4, 4, 1, precision=P))
    net.stages[0].add_module("last", layers.relu(precision=P))
    stage = export_network(net, tmp_path)[0]
    names = [node.name for node in onnx.load(tmp_path / "stage0.onnx").graph.node]
    assert len(set(names)) == len(names)
    assert {"conv_1": "stages.0.conv.1", "conv_1_conv": "stages.0.conv_1"}.items() <= stage.modules.items()
    check_compiles(net, CompileSettings())


def test_a_setting_reaches_the_layer_that_it_names_though_another_name_ends_alike() -> None:
    net = network(conv())
    inner = nn.Sequential()
    inner.add_module("conv", layers.conv2d(4, 4, 3, padding=1, precision=P))
    net.stages[0] = nn.Sequential()
    net.stages[0].add_module("conv", conv())
    net.stages[0].add_module("act", layers.relu(precision=P))
    net.stages[0].add_module("block", inner)
    net.stages[0].add_module("last", layers.relu(precision=P))
    for named, expected in (("stages.0.conv", [3, 1]), ("stages.0.block.conv", [1, 3])):
        settings = CompileSettings(layers={named: LayerSettings(3)})
        with tempfile.TemporaryDirectory() as scratch:
            stage = export_network(net, Path(scratch))[0]
            graph = convert(stage, settings, "Vitis", Path(scratch) / "stage0")
            segment = lower("stage0", graph, stage.inputs)
        found = implementations(graph, segment)
        assert [found[kernel.name].reuse_factor for kernel in segment.kernels if isinstance(kernel, Conv2D)] == expected


def test_a_layer_that_two_stages_share_is_refused() -> None:
    head = nn.Sequential(nn.Flatten(), layers.linear(64, 3, precision=P), layers.logits(precision=P))
    stages = [nn.Sequential(layers.conv2d(1, 1, 1, precision=P), layers.relu(precision=P)) for _ in range(2)]
    with pytest.raises(NetworkError, match="a layer is used in two stages or heads"):
        hw.MultiExitNetwork(stages, [head, head], hw.FixedPoint(5, 1, signed=False), (1, 8, 8))


def test_settings_for_a_layer_that_does_not_exist_are_refused_with_those_that_do() -> None:
    settings = CompileSettings(layers={"stages.7.conv": LayerSettings(2)})
    with pytest.raises(
        SettingsError, match=r"layer 'stages\.7\.conv' is not known: did you mean .* Known: heads\.0\.0, "
    ):
        check_compiles(network(conv()), settings)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LayerSettings(0), "reuse 0 is not a positive"),
        (
            lambda: LayerSettings(1, "fast"),
            "strategy 'fast' is not known. Known: latency, resource, distributed_arithmetic",
        ),
        (lambda: layers.Precision(weights=9), "weights=9 bits is not in 2..8"),
    ],
)
def test_settings_out_of_range_are_refused_when_they_are_made(make: object, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        make()  # type: ignore[operator]


def test_an_unknown_board_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r"board 'de10' is not known. Known: pynq-z1, pynq-z2"):
        check_compiles(network(conv()), CompileSettings(board="de10"))


def test_export_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    net = network(conv()).train()
    before = net.digest()
    export_network(net, tmp_path)
    assert net.digest() == before
    assert all(module.training for module in net.modules() if isinstance(module, nn.Conv2d | nn.Linear))


class TwoBranches(nn.Module):
    """Two linear layers of different size on one vector, the larger one first."""

    def __init__(self) -> None:
        super().__init__()
        self.large, self.small = layers.linear(144, 6, precision=P), layers.linear(6, 3, precision=P)
        self.other = layers.linear(144, 3, precision=P)
        self.first, self.second, self.inner = (layers.relu(precision=P) for _ in range(3))
        self.logits = layers.logits(precision=P)

    def forward(self, x: torch.Tensor) -> Any:
        """Computes logits."""
        flat = x.flatten(1)
        inner = value_of(self.inner(self.large(flat)))
        return self.logits(value_of(self.first(self.small(inner))) + value_of(self.second(self.other(flat))))


def test_layers_of_two_branches_keep_their_names(tmp_path: Path) -> None:
    net = network(conv())
    net.heads[0] = TwoBranches()
    net.train()(torch.rand(8, *net.input_shape))
    head = export_network(net.eval(), tmp_path)[1]
    shapes = {
        head.modules[node.name]: tuple(head.graph.get_tensor_shape(node.input[1]))
        for node in head.graph.graph.node
        if node.op_type == "MatMul"
    }
    assert shapes == {"heads.0.large": (144, 6), "heads.0.small": (6, 3), "heads.0.other": (144, 3)}
