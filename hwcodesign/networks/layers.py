"""This module defines quantised layers that hardware computes exactly: Brevitas layers with fixed-point quantisers.

Every scale is a power of two, so that a multiplication by it is a shift. Any Brevitas layer with such
quantisers may be used in a network; these are the ones that need no further thought.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import brevitas.nn as qnn
import torch
from brevitas.quant import Int8ActPerTensorFixedPoint, Int8WeightPerTensorFixedPoint, Uint8ActPerTensorFixedPoint
from brevitas.quant.fixed_point import Int8BiasPerTensorFixedPointInternalScaling
from brevitas.quant_tensor import QuantTensor
from torch import nn

from hwcodesign.errors import SettingsError

#: Training steps over which an activation's range is observed before it is learned. Brevitas' own 300 are
#: more than some whole epochs here.
_OBSERVED_STEPS = 100
#: Least range of a quantiser. Brevitas' own, 1e-10, is no power of two, and a tensor that is all zero would get it.
LEAST_RANGE = 2.0**-16


@dataclass(frozen=True)
class Precision:
    """The precision gives the bits of a network's numbers.

    Attributes:
        weights, activations: bits of weights and activations, 2 to 8.
        bias, logits: bits of biases and logits, 2 to 16.

    Raises:
        SettingsError: a value is outside these ranges.
    """

    weights: int = 4
    activations: int = 5
    bias: int = 8
    logits: int = 8

    def __post_init__(self) -> None:
        for name, bits, most in (
            ("weights", self.weights, 8),
            ("activations", self.activations, 8),
            ("bias", self.bias, 16),
            ("logits", self.logits, 16),
        ):
            if not 2 <= bits <= most:
                raise SettingsError(f"{name}={bits} bits is not in 2..{most}")


def conv2d(
    inputs: int,
    outputs: int,
    kernel: int,
    *,
    precision: Precision,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
) -> nn.Module:
    """Returns a convolution from (N, inputs, H, W) to (N, outputs, H', W'), with a quantised bias.

    Args:
        inputs, outputs: number of channels.
        kernel: height and width of the window, in pixels.
        precision: bits of weights and bias.
        stride: pixels from a window to the next.
        padding: rows and columns of zeros at each side.
        groups: groups of channels; each output reads the inputs of its own group.
    """
    layer: nn.Module = qnn.QuantConv2d(
        inputs,
        outputs,
        kernel,
        stride=stride,
        padding=padding,
        groups=groups,
        bias=True,
        weight_quant=Int8WeightPerTensorFixedPoint,
        weight_bit_width=precision.weights,
        weight_scaling_min_val=LEAST_RANGE,
        bias_quant=Int8BiasPerTensorFixedPointInternalScaling,
        bias_bit_width=precision.bias,
        bias_scaling_min_val=LEAST_RANGE,
    )
    return layer


def linear(inputs: int, outputs: int, *, precision: Precision) -> nn.Module:
    """Returns a linear layer from (N, inputs) to (N, outputs), with a quantised bias.

    Args:
        inputs, outputs: number of features.
        precision: bits of weights and bias.
    """
    layer: nn.Module = qnn.QuantLinear(
        inputs,
        outputs,
        bias=True,
        weight_quant=Int8WeightPerTensorFixedPoint,
        weight_bit_width=precision.weights,
        weight_scaling_min_val=LEAST_RANGE,
        bias_quant=Int8BiasPerTensorFixedPointInternalScaling,
        bias_bit_width=precision.bias,
        bias_scaling_min_val=LEAST_RANGE,
    )
    return layer


def relu(*, precision: Precision) -> nn.Module:
    """Returns a rectifier with an unsigned quantiser.

    Args:
        precision: bits of activations.
    """
    layer: nn.Module = qnn.QuantReLU(
        act_quant=Uint8ActPerTensorFixedPoint,
        bit_width=precision.activations,
        collect_stats_steps=_OBSERVED_STEPS,
        scaling_min_val=LEAST_RANGE,
        return_quant_tensor=True,
    )
    return layer


def identity(*, precision: Precision) -> nn.Module:
    """Returns a signed quantiser alone, for example for the place behind a residual sum.

    Args:
        precision: bits of activations.
    """
    return _signed(precision.activations)


def logits(*, precision: Precision) -> nn.Module:
    """Returns a signed quantiser for the end of a head.

    Args:
        precision: bits of logits.
    """
    return _signed(precision.logits)


def _signed(bits: int) -> nn.Module:
    layer: nn.Module = qnn.QuantIdentity(
        act_quant=Int8ActPerTensorFixedPoint,
        bit_width=bits,
        collect_stats_steps=_OBSERVED_STEPS,
        scaling_min_val=LEAST_RANGE,
        return_quant_tensor=True,
    )
    return layer


def linear_head(features: int, classes: int, *, precision: Precision) -> nn.Module:
    """Returns a head of one linear layer on all features: (N, ...) to logits (N, classes).

    Args:
        features: number of elements of a sample, whatever its shape.
        classes: number of classes.
        precision: bits of weights, bias and logits.
    """
    return nn.Sequential(nn.Flatten(), linear(features, classes, precision=precision), logits(precision=precision))


class GatedHead(nn.Module):
    """A gated head also computes a gate: (N, ...) features to (N, classes + 1), with the gate last.

    The gate reads the head's logits through a hidden layer. How certain an answer is depends on the difference between
    the largest logits and the others, which is not a linear function of the features. Logits and gate end in one
    quantiser.

    Args:
        classifier: layers that end in `logits` (N, classes).
        classes: number of classes.
        hidden: units between the logits and the gate.
        precision: precision of the gate's layers and of all outputs.

    Attributes:
        gate: layers that only the gate uses, so that it can learn while the answers stay as they are.
    """

    def __init__(self, classifier: nn.Module, classes: int, *, precision: Precision, hidden: int = 32) -> None:
        super().__init__()
        self.classifier = classifier
        self.gate = nn.Sequential(
            linear(classes, hidden, precision=precision),
            relu(precision=precision),
            linear(hidden, 1, precision=precision),
        )
        self.outputs = logits(precision=precision)

    def forward(self, x: Any) -> Any:
        """Computes logits and gate, (N, classes + 1).

        Args:
            x: (N, ...) features.
        """
        answer = self.classifier(x)
        gate = self.gate(answer)
        return self.outputs(torch.cat([value_of(answer), value_of(gate)], dim=1))


def tensors_of(output: Any) -> tuple[Any, ...]:
    """Returns what a stage gives as a tuple: its tensors, or its only one. A quantised tensor is a tuple, but one.

    Args:
        output: a tensor, or a tuple or list of some.
    """
    return tuple(output) if isinstance(output, tuple | list) and not isinstance(output, QuantTensor) else (output,)


def values_of(output: Any) -> tuple[torch.Tensor, ...]:
    """Returns the plain values of what a stage gives.

    Args:
        output: a tensor (N, …), or a tuple or list of some.
    """
    return tuple(value_of(tensor) for tensor in tensors_of(output))


def value_of(tensor: Any) -> torch.Tensor:
    """Returns the real values of a quantised tensor, or of a plain one.

    Args:
        tensor: (N, …), of torch or of Brevitas.
    """
    value: torch.Tensor = tensor.value if isinstance(tensor, QuantTensor) else tensor
    return value
