"""Networks that have, each, many of the layers and quantisers that a network may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import brevitas.nn as qnn
import torch
from brevitas.inject.enum import FloatToIntImplType
from brevitas.quant.binary import SignedBinaryWeightPerTensorConst
from brevitas.quant.fixed_point import (
    Int8ActPerTensorFixedPoint,
    Int8BiasPerTensorFixedPointInternalScaling,
    Int8WeightPerChannelFixedPoint,
    Int8WeightPerTensorFixedPoint,
    Uint8ActPerTensorFixedPoint,
)
from brevitas.quant.ternary import SignedTernaryWeightPerTensorConst
from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.networks.layers import value_of

FORMAT = hw.FixedPoint(5, 1, signed=False)
P = layers.Precision(weights=4, activations=4, logits=7)
FLOOR = FloatToIntImplType.FLOOR

FIXED: dict[str, Any] = {"weight_quant": Int8WeightPerTensorFixedPoint, "weight_bit_width": 4}
PER_CHANNEL: dict[str, Any] = {"weight_quant": Int8WeightPerChannelFixedPoint, "weight_bit_width": 4}
WIDE: dict[str, Any] = {"weight_quant": Int8WeightPerTensorFixedPoint, "weight_bit_width": 12}
BINARY: dict[str, Any] = {
    "weight_quant": SignedBinaryWeightPerTensorConst, "weight_bit_width": 1, "weight_scaling_init": 0.25
}  # fmt: skip
TERNARY: dict[str, Any] = {
    "weight_quant": SignedTernaryWeightPerTensorConst, "weight_bit_width": 2, "weight_scaling_init": 0.125
}  # fmt: skip


def of(layer: type[nn.Module], *sizes: int, weights: dict[str, Any] = FIXED, **settings: Any) -> nn.Module:
    """One of Brevitas' layers, with a quantised bias."""
    bias = {"bias_quant": Int8BiasPerTensorFixedPointInternalScaling, "bias_bit_width": 8}
    fixed = issubclass(weights["weight_quant"], Int8WeightPerTensorFixedPoint | Int8WeightPerChannelFixedPoint)
    least = {"weight_scaling_min_val": 2.0**-16} if fixed else {}
    given = {"bias": True, **bias, "bias_scaling_min_val": 2.0**-16, **weights, **least, **settings}
    made: nn.Module = layer(*sizes, **given)
    return made


def signed(bits: int = 4, **settings: Any) -> nn.Module:
    """A quantiser alone."""
    made: nn.Module = qnn.QuantIdentity(
        act_quant=Int8ActPerTensorFixedPoint, bit_width=bits, collect_stats_steps=100, scaling_min_val=2.0**-16,
        return_quant_tensor=True, **settings,
    )  # fmt: skip
    return made


def relu(bits: int = 4, **settings: Any) -> nn.Module:
    """A rectifier with a quantiser."""
    made: nn.Module = qnn.QuantReLU(
        act_quant=Uint8ActPerTensorFixedPoint, bit_width=bits, collect_stats_steps=100, scaling_min_val=2.0**-16,
        return_quant_tensor=True, **settings,
    )  # fmt: skip
    return made


class OnOtherScales(nn.Module):
    """The sum of what two layers give, each on a scale of its own, and of the input."""

    def __init__(self, one: nn.Module, other: nn.Module, end: nn.Module) -> None:
        super().__init__()
        self.one, self.other, self.end = one, other, end

    def forward(self, x: Any) -> Any:
        """Computes the quantised sum."""
        return self.end(value_of(self.one(x)) + value_of(self.other(x)))


def head(features: int, *, weights: dict[str, Any] = FIXED, end: nn.Module | None = None) -> nn.Module:
    """A linear head of three classes."""
    return nn.Sequential(nn.Flatten(), of(qnn.QuantLinear, features, 3, weights=weights), end or signed(7))


def calibrated(stages: Sequence[nn.Module], heads: Sequence[nn.Module], shape: tuple[int, ...]) -> hw.MultiExitNetwork:
    """A network of random weights whose quantisers have seen images."""
    torch.manual_seed(5)
    for module in (*stages, *heads):
        for part in module.modules():
            if hasattr(part, "reset_parameters"):
                part.reset_parameters()
    network = hw.MultiExitNetwork(stages, heads, FORMAT, shape)
    network.train()
    with torch.no_grad():
        for _ in range(4):
            network(torch.rand(32, *shape) * 2)
    return network.eval()


def weights() -> hw.MultiExitNetwork:
    """Weights of all kinds, quantisers of narrow range and such that round down, on boundaries and logits, too."""
    conv = qnn.QuantConv2d
    stages = [
        nn.Sequential(of(conv, 2, 4, 3, padding=1, weights=PER_CHANNEL), signed(narrow_range=True)),
        nn.Sequential(
            of(conv, 4, 4, 3, padding=1, weights=BINARY), relu(float_to_int_impl_type=FLOOR),
            of(conv, 4, 4, 3, groups=4, weights=PER_CHANNEL), signed(float_to_int_impl_type=FLOOR),
        ),
        nn.Sequential(of(conv, 4, 3, 3, weights=TERNARY), relu(), of(conv, 3, 2, 1, weights=WIDE), relu(5)),
    ]  # fmt: skip
    heads = [
        head(144, weights=PER_CHANNEL, end=signed(7, narrow_range=True)),
        head(64, weights=BINARY, end=signed(7, float_to_int_impl_type=FLOOR)),
        head(8, weights=TERNARY),
    ]
    return calibrated(stages, heads, (2, 6, 6))


def convolutions() -> hw.MultiExitNetwork:
    """Groups of several channels, several filters a channel, dilation, and a sum of other scales."""
    conv = qnn.QuantConv2d
    stages = [
        nn.Sequential(
            of(conv, 2, 6, 3, padding=1, groups=2), relu(),
            of(conv, 6, 4, (2, 3), groups=2, padding=(1, 2), dilation=(1, 2), weights=PER_CHANNEL), relu(),
        ),
        OnOtherScales(
            nn.Sequential(of(conv, 4, 4, 3, padding=2, dilation=2, groups=4), signed(3)),
            nn.Sequential(of(conv, 4, 4, 1), signed(6)),
            relu(),
        ),
    ]  # fmt: skip
    return calibrated(stages, [head(168), head(168)], (2, 6, 6))


def sequence() -> hw.MultiExitNetwork:
    """Convolutions and poolings in one dimension, as of a keyword spotter."""
    conv = qnn.QuantConv1d
    stages = [
        nn.Sequential(of(conv, 3, 4, 5, padding=2), nn.MaxPool1d(2), relu()),
        OnOtherScales(
            nn.Sequential(of(conv, 4, 6, 3, padding=2, dilation=2, groups=2, stride=2), relu()),
            nn.Sequential(of(conv, 4, 6, 1, stride=2, weights=PER_CHANNEL), relu(3)),
            relu(float_to_int_impl_type=FLOOR),
        ),
        nn.Sequential(of(conv, 6, 4, 2, stride=2), relu()),
    ]
    return calibrated(stages, [head(32), head(24), head(8)], (3, 16))


def vectors() -> hw.MultiExitNetwork:
    """Linear layers alone."""
    stages = [
        nn.Sequential(of(qnn.QuantLinear, 11, 8, weights=PER_CHANNEL), relu()),
        nn.Sequential(of(qnn.QuantLinear, 8, 6), signed(narrow_range=True)),
    ]
    return calibrated(stages, [head(8), head(6)], (11,))


def larger() -> hw.MultiExitNetwork:
    """Upsampling and transposed convolutions, with strides, groups and paddings of all kinds."""
    conv, transposed = qnn.QuantConv2d, qnn.QuantConvTranspose2d
    stages = [
        nn.Sequential(
            of(conv, 2, 4, 3, stride=2, padding=1), relu(), nn.Upsample(scale_factor=2, mode="nearest"),
            of(conv, 4, 3, 3), relu(),
        ),
        nn.Sequential(
            of(transposed, 3, 4, 4, stride=2, padding=1, weights=PER_CHANNEL), signed(),
            of(transposed, 4, 2, (3, 2), stride=(1, 3), padding=(1, 0), output_padding=(0, 1), groups=2), signed(),
        ),
        nn.Sequential(nn.MaxPool2d((2, 6)), signed(narrow_range=True), qnn.QuantUpsamplingNearest2d(scale_factor=2)),
    ]  # fmt: skip
    return calibrated(stages, [head(48), head(2 * 8 * 24), head(2 * 8 * 8)], (2, 6, 6))


def larger_sequence() -> hw.MultiExitNetwork:
    """Upsampling and a transposed convolution in one dimension."""
    stages = [
        nn.Sequential(
            of(qnn.QuantConv1d, 2, 3, 3, stride=2), relu(), nn.Upsample(scale_factor=3, mode="nearest"), relu()
        ),
        nn.Sequential(of(qnn.QuantConvTranspose1d, 3, 2, 3, stride=2, padding=1, output_padding=1), relu()),
    ]
    return calibrated(stages, [head(36), head(48)], (2, 9))


NETWORKS = {
    "weights": weights,
    "convolutions": convolutions,
    "sequence": sequence,
    "vectors": vectors,
    "larger": larger,
    "larger_sequence": larger_sequence,
}


def images_of(network: hw.MultiExitNetwork, samples: int) -> Any:
    """Random codes of a network's input."""
    drawn = torch.Generator().manual_seed(9)
    codes: Tensor = torch.randint(0, FORMAT.max_code + 1, (samples, *network.input_shape), generator=drawn)
    return codes.numpy()
