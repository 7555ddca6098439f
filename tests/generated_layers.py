"""Stages made at random: groups, dilation, transposed convolutions and upsampling, batch normalisations and activation
functions, weights and quantisers of all kinds, in one and two dimensions.
"""

from __future__ import annotations

import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.inject.enum import FloatToIntImplType
from torch import nn

from hwcodesign import layers
from tests.layer_networks import BINARY, FIXED, PER_CHANNEL, TERNARY, of, relu, signed

_WEIGHTS = {"": FIXED, " per channel": PER_CHANNEL, " binary": BINARY, " ternary": TERNARY}
_KINDS = ("conv", "conv", "grouped", "dilated", "transposed", "upsampled")
#: Rows or columns up to which an image is made larger.
_SMALL = 8


def drawn_stage(
    rng: np.random.Generator, size: tuple[int, ...], precision: layers.Precision
) -> tuple[nn.Module, tuple[int, ...], str]:
    """A stage of one convolution for an image (C, H, W) or a sequence (C, L), the size of what it gives, and words."""
    channels, *sides = size
    kind = str(rng.choice(_KINDS)) if max(sides) <= _SMALL else str(rng.choice(_KINDS[:4]))
    kernel = int(rng.choice([k for k in (1, 2, 3) if k <= min(sides)]))
    dilation = 2 if kind == "dilated" and 2 * kernel - 1 <= min(sides) else 1
    padding = int(rng.integers(0, kernel))
    stride = int(rng.integers(1, 4)) if kind == "transposed" else int(rng.choice([1, 1, 2])) if kernel > 1 else 1
    dividing = [count for count in range(1, channels + 1) if channels % count == 0]
    groups = int(rng.choice(dividing)) if kind in ("grouped", "transposed") else 1
    filters = groups * int(rng.integers(1, 3)) if groups > 1 else int(rng.integers(2, 6))
    word = str(rng.choice(list(_WEIGHTS)))
    if kind == "transposed" and groups > 1 and _WEIGHTS[word] is PER_CHANNEL:
        word = ""  # Brevitas has no scales per channel there
    weights = _WEIGHTS[word]
    if weights in (FIXED, PER_CHANNEL):
        weights = {**weights, "weight_bit_width": precision.weights}
    made = of(
        _layer(len(sides), transposed=kind == "transposed"), channels, filters, kernel, stride=stride, padding=padding,
        groups=groups, dilation=dilation, weights=weights,
    )  # fmt: skip
    between, function = _function(rng, filters, len(sides), precision)
    parts, end = [made, *between], _quantiser(rng, precision)
    if kind == "upsampled":
        larger = nn.Upsample(scale_factor=2, mode="nearest")
        parts += [larger, end] if rng.integers(0, 2) else [end, larger, _quantiser(rng, precision)]
    else:
        parts.append(end)
    stage = nn.Sequential(*parts)
    with torch.no_grad():
        given = torch.zeros(1, *size)
        for part in parts:
            given = layers.value_of(part.eval()(given))
    stage.train()
    counted = f" of {groups} groups" if groups > 1 else ""
    return stage, tuple(given.shape[1:]), f"{kind} {filters} {kernel}/{stride}{counted}{word}{function}"


def _function(
    rng: np.random.Generator, channels: int, sides: int, precision: layers.Precision
) -> tuple[list[nn.Module], str]:
    """A function in front of a quantiser, or none; one that rises and falls has a quantiser in front, too."""
    bent = [layers.identity(precision=precision)]
    made: dict[str, list[nn.Module]] = {
        "": [],
        " norm": [_norm(rng, channels, sides)],
        " norm, relu": [_norm(rng, channels, sides), nn.ReLU()],
        " leaky": [nn.LeakyReLU(float(rng.choice([0.01, 0.1, 0.25])))],
        " prelu": [nn.PReLU(channels)],
        " relu6": [nn.ReLU6()],
        " tanh": [nn.Tanh()],
        " sigmoid": [nn.Sigmoid()],
        " gelu": [*bent, nn.GELU()],
        " silu": [*bent, nn.SiLU()],
    }
    word = str(rng.choice(list(made)))
    return made[word], word


def _norm(rng: np.random.Generator, channels: int, sides: int) -> nn.Module:
    """Some of whose channels fall."""
    norm = nn.BatchNorm1d(channels) if sides == 1 else nn.BatchNorm2d(channels)
    with torch.no_grad():
        norm.weight.copy_(torch.from_numpy(rng.normal(0, 1, channels)))
        norm.bias.copy_(torch.from_numpy(rng.normal(0, 0.5, channels)))
    return norm


def _layer(sides: int, *, transposed: bool) -> type[nn.Module]:
    found: dict[tuple[int, bool], type[nn.Module]] = {
        (1, False): qnn.QuantConv1d,
        (2, False): qnn.QuantConv2d,
        (1, True): qnn.QuantConvTranspose1d,
        (2, True): qnn.QuantConvTranspose2d,
    }
    return found[sides, transposed]


def _quantiser(rng: np.random.Generator, precision: layers.Precision) -> nn.Module:
    rounding = rng.choice([FloatToIntImplType.ROUND, FloatToIntImplType.FLOOR, FloatToIntImplType.ROUND_TO_ZERO])
    if rng.integers(0, 2):
        return relu(precision.activations, float_to_int_impl_type=rounding)
    return signed(precision.activations, float_to_int_impl_type=rounding, narrow_range=bool(rng.integers(0, 2)))
