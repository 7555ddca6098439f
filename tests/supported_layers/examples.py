"""A line of code for each layer of docs/layers.md: how it is written in a stage of a network."""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
from torch import nn

from tests.supported_layers.rows import Build, Of, conv, signed

#: What the lines need, as the page has it.
NAMES = """\
import brevitas.nn as qnn
import torch
from brevitas.inject.enum import FloatToIntImplType
from brevitas.quant import SignedBinaryActPerTensorConst
from brevitas.quant.binary import SignedBinaryWeightPerTensorConst
from brevitas.quant.fixed_point import (
    Int8ActPerTensorFixedPoint,
    Int8BiasPerTensorFixedPointInternalScaling,
    Int8WeightPerChannelFixedPoint,
    Int8WeightPerTensorFixedPoint,
    Uint8ActPerTensorFixedPoint,
)
from torch import nn

from hwcodesign import layers

P = layers.Precision(weights=4, activations=5)
#: Of Brevitas' layers: weights of 4 bits, a bias of 8 bits.
W = {
    "weight_quant": Int8WeightPerTensorFixedPoint,
    "weight_bit_width": 4,
    "bias": True,
    "bias_quant": Int8BiasPerTensorFixedPointInternalScaling,
    "bias_bit_width": 8,
}
#: Of Brevitas' quantisers.
SIGNED = {"act_quant": Int8ActPerTensorFixedPoint, "bit_width": 5, "return_quant_tensor": True}
UNSIGNED = {"act_quant": Uint8ActPerTensorFixedPoint, "bit_width": 5, "return_quant_tensor": True}
"""
#: Functions of `a` and `b`, which are values of layers.
FUNCTIONS = {
    "mean over the image": "a.mean((2, 3))",
    "abs, exp, log, sqrt, square, clamp, minimum, maximum, where: of one tensor and numbers": (
        "torch.where(a.abs() > 1, a**2, torch.exp(a)).clamp(0.1, 2)"
    ),
    "sum, product and quotient of a tensor and numbers": "1 - 0.3 * a / 3",
    "sum of two tensors": "a + b",
    "concatenation of two tensors": "torch.cat([a, b], 1)",
}
_QUANTISED = ", layers.identity(precision=P)"
#: Modules of a stage.
MODULES = {
    "Conv2d": "layers.conv2d(2, 4, 3, precision=P)",
    "Conv2d, padding, stride": "layers.conv2d(2, 4, 3, padding=1, stride=2, precision=P)",
    'Conv2d, padding="same"': 'qnn.QuantConv2d(2, 4, 4, padding="same", **W)',
    "Conv2d, padding wider than the kernel": "layers.conv2d(2, 4, 2, padding=3, precision=P)",
    "Conv2d, dilation": "qnn.QuantConv2d(2, 4, 3, dilation=2, **W)",
    "Conv2d, groups": "layers.conv2d(2, 4, 3, groups=2, precision=P)",
    "Conv2d, depthwise": "layers.conv2d(2, 2, 3, groups=2, precision=P)",
    "Conv1d": "qnn.QuantConv1d(2, 4, 3, **W)",
    "ConvTranspose2d": "qnn.QuantConvTranspose2d(2, 3, 3, stride=2, **W)",
    "Linear": "layers.linear(10, 6, precision=P)",
    "Flatten": "nn.Flatten(), layers.linear(128, 6, precision=P)",
    "weights with a scale per channel": (
        'qnn.QuantConv2d(2, 4, 3, **{**W, "weight_quant": Int8WeightPerChannelFixedPoint})'
    ),
    "binary and ternary weights": (
        'qnn.QuantConv2d(2, 4, 3, **{**W, "weight_quant": SignedBinaryWeightPerTensorConst, '
        '"weight_bit_width": 1, "weight_scaling_init": 0.25})'
    ),
    "quantisers of narrow range": "qnn.QuantIdentity(narrow_range=True, **SIGNED)",
    "quantisers that round down": "qnn.QuantReLU(float_to_int_impl_type=FloatToIntImplType.FLOOR, **UNSIGNED)",
    "1-bit activations": (
        "qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst, min_val=-1.0, max_val=1.0, "
        "return_quant_tensor=True)"
    ),
    "MaxPool2d": "nn.MaxPool2d(3, 2, padding=1, ceil_mode=True)",
    "MaxPool1d": "qnn.QuantConv1d(2, 4, 3, **W), nn.MaxPool1d(2)",
    "AvgPool2d": "layers.relu(precision=P), nn.AvgPool2d(2), layers.relu(precision=P)",
    "AvgPool2d, padding not counted": (
        "layers.relu(precision=P), nn.AvgPool2d(3, 2, padding=1, count_include_pad=False), layers.relu(precision=P)"
    ),
    "AvgPool1d": ("qnn.QuantConv1d(2, 4, 3, **W), layers.relu(precision=P), nn.AvgPool1d(2), layers.relu(precision=P)"),
    "AdaptiveAvgPool2d": "layers.relu(precision=P), nn.AdaptiveAvgPool2d(2), layers.relu(precision=P)",
    "ZeroPad2d": "layers.identity(precision=P), nn.ZeroPad2d((1, 0, 2, 1)), layers.conv2d(2, 4, 3, precision=P)",
    "Upsample, nearest": 'layers.relu(precision=P), nn.Upsample(scale_factor=2, mode="nearest")',
    "BatchNorm2d": "nn.BatchNorm2d(4), layers.relu(precision=P)",
    "ReLU": "layers.relu(precision=P)",
    **{
        name: f"nn.{name}(){_QUANTISED}"
        for name in ("Hardtanh", "LeakyReLU", "ELU", "SELU", "CELU", "Tanh", "Softsign")
    },
    **{name: f"nn.{name}(), layers.relu(precision=P)" for name in ("ReLU6", "Sigmoid", "Hardsigmoid", "Softplus")},
    "PReLU": f"nn.PReLU(4){_QUANTISED}",
    **{
        name: f"layers.identity(precision=P), nn.{name}(){_QUANTISED}" for name in ("SiLU", "Hardswish", "GELU", "Mish")
    },
    "Dropout, Identity": "nn.Dropout(0.5)",
}


def example(layer: str) -> str:
    """The line of a layer; nothing where it is refused."""
    return MODULES.get(layer) or FUNCTIONS.get(layer) or ""


def stage_of(layer: str) -> Build:
    """A stage with a layer's line: behind a convolution where it has no weights, and a quantiser at its end.

    Args:
        layer: as rows call it.
    """
    line, names = example(layer), _names()
    if layer in FUNCTIONS:
        count = 2 if "b" in compile(line, layer, "eval").co_names else 1
        function = eval(  # noqa: S307  # our own lines
            f"lambda {', '.join('ab'[:count])}: {line}", names
        )
        return lambda: nn.Sequential(Of(function, *(nn.Sequential(conv(), signed(6)) for _ in range(count))), signed(6))
    return lambda: nn.Sequential(*_whole(eval(f"[{line}]", names)))  # noqa: S307  # our own lines


def _names() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(NAMES, names)  # noqa: S102  # our own lines
    return names


def _whole(modules: list[nn.Module]) -> list[nn.Module]:
    quantisers, weights = (qnn.QuantIdentity, qnn.QuantReLU), (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    begins = any(isinstance(module, weights) for module in modules)
    ends = isinstance(modules[-1], (*quantisers, nn.Upsample))
    return [*([] if begins else [conv()]), *modules, *([] if ends else [signed()])]
