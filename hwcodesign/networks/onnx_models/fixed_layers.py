"""This module makes Brevitas layers whose scales are given, from values that lie on a grid already."""

from __future__ import annotations

import math
from typing import Any

import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.inject.enum import ScalingImplType
from brevitas.quant import Int8ActPerTensorFixedPoint, SignedBinaryActPerTensorConst, Uint8ActPerTensorFixedPoint
from brevitas.quant.fixed_point import Int8BiasPerTensorFixedPointInternalScaling, Int8WeightPerChannelFixedPoint
from numpy.typing import NDArray
from torch import nn

#: Most bits of a weight and of a bias.
_WEIGHT_BITS, _BIAS_BITS = 16, 32


class NoGridError(Exception):
    """Values are on no grid that is narrow enough; the message says what they need."""


def quantiser(bits: int, scale: float, *, signed: bool, narrow: bool, rounding: str) -> nn.Module:
    """Returns a quantiser of activations.

    Args:
        scale: value of one step, a power of two.
        rounding: as Brevitas names it, for example "FLOOR".
    """
    made: nn.Module = qnn.QuantIdentity(
        act_quant=Int8ActPerTensorFixedPoint if signed else Uint8ActPerTensorFixedPoint,
        bit_width=bits,
        scaling_impl_type=ScalingImplType.CONST,
        scaling_init=math.ldexp(scale, bits - int(signed)),
        narrow_range=narrow,
        float_to_int_impl_type=rounding,
        return_quant_tensor=True,
    )
    return made


def bipolar_quantiser(scale: float) -> nn.Module:
    """Returns a quantiser that gives `scale` for values that are not negative, and `-scale` for others."""
    made: nn.Module = qnn.QuantIdentity(
        act_quant=SignedBinaryActPerTensorConst, scaling_init=scale, return_quant_tensor=True
    )
    return made


def weighted(
    layer: type[nn.Module], weight: NDArray[np.float64], bias: NDArray[np.float64] | None, **sizes: Any
) -> nn.Module:
    """Returns a quantised convolution or linear layer with these weights, exactly.

    Args:
        layer: class of Brevitas.
        weight: (outputs, ...) values; (inputs, outputs, ...) of a transposed convolution.
        sizes: further arguments of the class.

    Raises:
        NoGridError: weights or bias need more bits than a layer may have.
    """
    outputs = 1 if issubclass(layer, nn.modules.conv._ConvTransposeNd) else 0
    exponents, bits = grid(weight, _WEIGHT_BITS, "weights", axis=outputs)
    scale = torch.from_numpy(np.exp2(exponents.astype(np.float64))).float()
    shape = [1] * weight.ndim
    shape[outputs] = -1
    settings: dict[str, Any] = {
        "weight_quant": Int8WeightPerChannelFixedPoint,
        "weight_bit_width": bits,
        "weight_scaling_impl_type": ScalingImplType.CONST,
        "weight_scaling_init": scale.reshape(shape) * 2.0 ** (bits - 1),
    }
    if bias is not None:
        step, width = grid(bias, _BIAS_BITS, "the bias")
        settings |= {
            "bias_quant": Int8BiasPerTensorFixedPointInternalScaling,
            "bias_bit_width": width,
            "bias_scaling_impl_type": ScalingImplType.CONST,
            "bias_scaling_init": math.ldexp(1.0, int(step) + width - 1),
        }
    made = layer(**sizes, bias=bias is not None, **settings)
    fill(made, weight, bias)
    return made


def fill(layer: nn.Module, weight: NDArray[np.float64], bias: NDArray[np.float64] | None) -> None:
    """Gives a layer its weights."""
    with torch.no_grad():
        layer.get_parameter("weight").copy_(torch.from_numpy(weight))
        if bias is not None:
            layer.get_parameter("bias").copy_(torch.from_numpy(bias))


def grid(values: NDArray[np.float64], most: int, what: str, axis: int | None = None) -> tuple[NDArray[np.int64], int]:
    """Finds the coarsest power of two of which values are whole multiples.

    Args:
        most: most bits that codes may have.
        what: for the error.
        axis: along which each slice has a grid of its own; by default all values have one.

    Returns:
        Its exponent, of each slice or (), and the bits that codes of both signs need.

    Raises:
        NoGridError: codes would have more bits.
    """
    flat = values.reshape(1, -1) if axis is None else np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    exponents = np.array([exponent_of(row) for row in flat])
    largest = np.abs(flat / np.exp2(exponents)[:, None]).max(initial=1)
    bits = int(largest).bit_length() + 1 if np.isfinite(largest) else most + 1
    if bits > most:
        raise NoGridError(f"{what} would need {bits} bits, and may have {most}")
    return (exponents if axis is not None else exponents[0]), bits


def exponent_of(values: NDArray[np.float64]) -> int:
    """Returns the exponent of the largest power of two of which all values are multiples; 0 of zeros."""
    some = values[values != 0]
    if not some.size:
        return 0
    mantissa, exponent = np.frexp(some)
    whole = np.abs(mantissa * 2.0**53).astype(np.int64)
    trailing = np.log2((whole & -whole).astype(np.float64)).astype(np.int64)
    return int((exponent - 53 + trailing).min())
