"""The layers that docs/layers.md speaks of: how each is written for the main flow, and for the hls4ml plugin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import brevitas.nn as qnn
import torch
from brevitas.quant import SignedBinaryActPerTensorConst
from torch import Tensor, nn

from hwcodesign.networks.layers import value_of
from tests.layer_networks import BINARY, FLOOR, PER_CHANNEL, TERNARY, of, relu, signed

Build = Callable[[], nn.Module]
IMAGE, SEQUENCE, VECTOR = (2, 8, 8), (2, 12), (10,)


@dataclass(frozen=True)
class Row:
    """A layer in a network.

    Attributes:
        layer: what the document calls it.
        condition: what it needs to be taken.
        stage: a stage of the main flow that has it, and ends in a quantiser; None where there is none.
        plugin: a plain PyTorch module that has it, for the plugin; None where hls4ml has no such layer.
        shape: shape of a sample, channels first.
    """

    layer: str
    condition: str = ""
    stage: Build | None = None
    plugin: Build | None = None
    shape: tuple[int, ...] = IMAGE


class Of(nn.Module):
    """A function of the values of two layers, or of one."""

    def __init__(self, function: Callable[..., Tensor], *parts: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)

    def forward(self, x: Any) -> Tensor:
        """Computes it."""
        return self.function(*(value_of(part(x)) for part in self.parts))


class Two(nn.Module):
    """A function of what two plain layers make of one tensor."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function, self.stem = function, nn.Conv2d(2, 4, 3)
        self.one, self.other = nn.Conv2d(4, 4, 1), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Computes it."""
        y = self.stem(x)
        return self.function(self.one(y), self.other(y))


class Attention(nn.Module):
    """Of a sequence to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(12, 2, batch_first=True)

    def forward(self, x: Any) -> Any:
        """Computes it."""
        return self.attention(x, x, x)


class First(nn.Module):
    """The first of what a layer gives."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Any) -> Tensor:
        """Computes it."""
        first: Tensor = self.layer(x)[0]
        return first


def conv(*settings: Any, **more: Any) -> nn.Module:
    """A quantised convolution from two channels to four."""
    return of(qnn.QuantConv2d, *(settings or (2, 4, 3)), **more)


def before(function: nn.Module, end: nn.Module | None = None) -> Build:
    """A function between a convolution and a quantiser."""
    return lambda: nn.Sequential(conv(), function, end or signed(5))


def behind_quantiser(function: nn.Module) -> Build:
    """A function between two quantisers."""
    return lambda: nn.Sequential(conv(), signed(6), function, signed(6))


def plain(*layers: nn.Module) -> Build:
    """Layers behind a plain convolution."""
    return lambda: nn.Sequential(nn.Conv2d(2, 4, 3), *layers)


def alone(layer: nn.Module) -> Build:
    """One plain layer, in a module."""
    return lambda: nn.Sequential(layer)


def sign() -> nn.Module:
    """A bipolar quantiser."""
    made: nn.Module = qnn.QuantIdentity(
        act_quant=SignedBinaryActPerTensorConst, min_val=-1.0, max_val=1.0, return_quant_tensor=True
    )
    return made


_WEIGHTS = "quantised, scales are powers of two"
_ACTIVATION = "a quantiser behind it"
_TABLE = "a quantiser behind it; where it rises and falls, one of at most 12 bits in front"
ROWS: tuple[Row, ...] = (
    Row("Conv2d", _WEIGHTS, lambda: nn.Sequential(conv(), relu()), alone(nn.Conv2d(2, 4, 3))),
    Row("Conv2d, padding, stride", "zeros", lambda: nn.Sequential(conv(2, 4, 3, padding=(1, 0), stride=2), relu()),
        alone(nn.Conv2d(2, 4, 3, padding=1, stride=2))),
    Row('Conv2d, padding="same"', "", lambda: nn.Sequential(conv(2, 4, 4, padding="same"), relu()),
        alone(nn.Conv2d(2, 4, 3, padding="same"))),
    Row("Conv2d, padding wider than the kernel", "", lambda: nn.Sequential(conv(2, 4, 2, padding=3), relu()),
        alone(nn.Conv2d(2, 4, 2, padding=3))),
    Row("Conv2d, other padding_mode", "",
        lambda: nn.Sequential(conv(2, 4, 3, padding=1, padding_mode="reflect"), relu()),
        alone(nn.Conv2d(2, 4, 3, padding=1, padding_mode="reflect"))),
    Row("Conv2d, dilation", "", lambda: nn.Sequential(conv(2, 4, 3, dilation=2), relu()),
        alone(nn.Conv2d(2, 4, 3, dilation=2))),
    Row("Conv2d, groups", "", lambda: nn.Sequential(conv(2, 4, 3, groups=2), relu()),
        alone(nn.Conv2d(2, 4, 3, groups=2))),
    Row("Conv2d, depthwise", "", lambda: nn.Sequential(conv(2, 2, 3, groups=2), relu()),
        alone(nn.Conv2d(2, 2, 3, groups=2))),
    Row("Conv1d", _WEIGHTS, lambda: nn.Sequential(of(qnn.QuantConv1d, 2, 4, 3), relu()), alone(nn.Conv1d(2, 4, 3)),
        SEQUENCE),
    Row("ConvTranspose2d", _WEIGHTS, lambda: nn.Sequential(of(qnn.QuantConvTranspose2d, 2, 3, 3, stride=2), relu()),
        alone(nn.ConvTranspose2d(2, 3, 3))),
    Row("Linear", _WEIGHTS, lambda: nn.Sequential(of(qnn.QuantLinear, 10, 6), relu()), alone(nn.Linear(10, 6)), VECTOR),
    Row("Flatten", "in front of linear layers",
        lambda: nn.Sequential(nn.Flatten(), of(qnn.QuantLinear, 128, 6), relu()),
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(128, 6))),
    Row("weights with a scale per channel", "", lambda: nn.Sequential(conv(weights=PER_CHANNEL), relu())),
    Row("binary and ternary weights", "", lambda: nn.Sequential(
        conv(weights=BINARY), relu(), conv(4, 2, 1, weights=TERNARY), relu())),
    Row("quantisers of narrow range", "", lambda: nn.Sequential(conv(), signed(5, narrow_range=True))),
    Row("quantisers that round down", "", lambda: nn.Sequential(conv(), relu(5, float_to_int_impl_type=FLOOR))),
    Row("1-bit activations", "", lambda: nn.Sequential(conv(), sign())),
    Row("MaxPool2d", "any window, stride, padding, ceil_mode",
        lambda: nn.Sequential(conv(), nn.MaxPool2d(3, 2, padding=1, ceil_mode=True), relu()), plain(nn.MaxPool2d(2))),
    Row("MaxPool1d", "", lambda: nn.Sequential(of(qnn.QuantConv1d, 2, 4, 3), nn.MaxPool1d(2), relu()),
        lambda: nn.Sequential(nn.Conv1d(2, 4, 3), nn.MaxPool1d(2)), SEQUENCE),
    Row("AvgPool2d", "a quantiser behind it", lambda: nn.Sequential(conv(), relu(), nn.AvgPool2d(3, 2), relu(5)),
        plain(nn.AvgPool2d(2))),
    Row("AvgPool2d, padding not counted", "a quantiser behind it", lambda: nn.Sequential(
        conv(), relu(), nn.AvgPool2d(3, 2, padding=1, count_include_pad=False), relu(5)),
        plain(nn.AvgPool2d(3, 2, padding=1, count_include_pad=False))),
    Row("AvgPool1d", "a quantiser behind it",
        lambda: nn.Sequential(of(qnn.QuantConv1d, 2, 4, 3), relu(), nn.AvgPool1d(2), relu()),
        lambda: nn.Sequential(nn.Conv1d(2, 4, 3), nn.AvgPool1d(2)), SEQUENCE),
    Row("AdaptiveAvgPool2d", "an output size that divides the image's; a quantiser behind it",
        lambda: nn.Sequential(conv(), relu(), nn.AdaptiveAvgPool2d(2), relu(5)), plain(nn.AdaptiveAvgPool2d(1))),
    Row("mean over the image", "a quantiser behind it",
        lambda: nn.Sequential(conv(), relu(), Of(lambda x: x.mean((2, 3)), nn.Identity()), relu(5)),
        lambda: Of(lambda x: x.mean((2, 3)), nn.Conv2d(2, 4, 3))),
    Row("ZeroPad2d", "in front of a convolution or a pooling",
        lambda: nn.Sequential(signed(), nn.ZeroPad2d((1, 0, 2, 1)), conv(), relu()),
        lambda: nn.Sequential(nn.ConstantPad2d(1, 0.0), nn.Conv2d(2, 4, 3))),
    Row("Upsample, nearest", "whole factors",
        lambda: nn.Sequential(conv(), relu(), nn.Upsample(scale_factor=2, mode="nearest")),
        plain(nn.Upsample(None, 2))),
    Row("Upsample, bilinear", "", lambda: nn.Sequential(conv(), nn.Upsample(scale_factor=2, mode="bilinear"), relu()),
        plain(nn.Upsample(None, 2, "bilinear"))),
    Row("BatchNorm2d", _ACTIVATION, before(nn.BatchNorm2d(4), relu(5)), plain(nn.BatchNorm2d(4))),
    Row("ReLU", "", before(nn.ReLU(), relu(5)), plain(nn.ReLU())),
    *(
        Row(type(function).__name__, _ACTIVATION, before(function), plain(function))
        for function in (
            nn.ReLU6(), nn.Hardtanh(), nn.LeakyReLU(), nn.PReLU(4), nn.ELU(), nn.SELU(), nn.CELU(), nn.Sigmoid(),
            nn.Tanh(), nn.Hardsigmoid(), nn.Softplus(), nn.Softsign(),
        )
    ),
    *(
        Row(type(function).__name__, _TABLE, behind_quantiser(function), plain(function))
        for function in (nn.SiLU(), nn.Hardswish(), nn.GELU(), nn.Mish())
    ),
    Row("abs, exp, log, sqrt, square, clamp, minimum, maximum, where: of one tensor and numbers", _TABLE,
        behind_quantiser(Of(lambda x: torch.where(x.abs() > 1, x**2, torch.exp(x)).clamp(0.1, 2), nn.Identity()))),
    Row("sum, product and quotient of a tensor and numbers", _ACTIVATION,
        before(Of(lambda x: 1 - 0.3 * x / 3, nn.Identity())),
        lambda: Of(lambda x: 1 - 0.3 * x / 3, nn.Conv2d(2, 4, 3))),
    Row("sum of two tensors", "their scales may differ", lambda: nn.Sequential(
        Of(torch.add, nn.Sequential(conv(), signed(3)), nn.Sequential(conv(), signed(6))), relu(5)),
        lambda: Two(torch.add)),
    Row("product of two tensors", "", lambda: nn.Sequential(
        Of(torch.mul, nn.Sequential(conv(), signed()), nn.Sequential(conv(), signed())), relu(5)),
        lambda: Two(torch.mul)),
    Row("concatenation of two tensors", "", lambda: nn.Sequential(
        Of(lambda x, y: torch.cat([x, y], 1), nn.Sequential(conv(), signed(3)), nn.Sequential(conv(), signed(6))),
        relu(5)), lambda: Two(lambda x, y: torch.cat([x, y], dim=1))),
    Row("Dropout, Identity", "", lambda: nn.Sequential(conv(), nn.Dropout(0.5), nn.Identity(), relu()),
        plain(nn.Dropout(0.5))),
    Row("slices, chunks", "", lambda: nn.Sequential(conv(), relu(), Of(lambda x: x[:, :2], nn.Identity()), relu()),
        lambda: Of(lambda x: x[:, :2], nn.Conv2d(2, 4, 3))),
    Row("Softmax", "left out at a model's end: `leave_off_softmax=True`; in the plugin `Skip`",
        lambda: nn.Sequential(of(qnn.QuantLinear, 10, 6), nn.Softmax(1), relu()),
        lambda: nn.Sequential(nn.Linear(10, 4), nn.Softmax(-1)), VECTOR),
    Row("LayerNorm, GroupNorm, InstanceNorm", "", before(nn.GroupNorm(2, 4)), plain(nn.GroupNorm(2, 4))),
    Row("LSTM, GRU, RNN", "", lambda: nn.Sequential(First(nn.LSTM(12, 4)), signed()), alone(nn.LSTM(12, 4)), SEQUENCE),
    Row("MultiheadAttention", "",
        lambda: nn.Sequential(First(Attention()), signed()), lambda: First(Attention()), SEQUENCE),
)  # fmt: skip
