"""This module makes the floating-point network that corresponds to a quantised one, to measure what quantisation
costs.

It has no hardware. Its logits become integers on a grid so fine that rounding decides nothing, so that policies are
fitted to both networks by the same functions.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, TypeVar

import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.nn.quant_layer import QuantWeightBiasInputOutputLayer
from numpy.typing import NDArray
from torch import Tensor, nn

from hwcodesign.errors import NetworkError
from hwcodesign.fixedpoint import FixedPoint, Overflow, Rounding
from hwcodesign.images import encode_images
from hwcodesign.networks.float_network import FloatNetwork
from hwcodesign.networks.network import MultiExitNetwork

_BATCH = 500
_M = TypeVar("_M", bound=nn.Module)
#: Brevitas' convolutions and PyTorch's, and what both have.
_CONVOLUTIONS: dict[type[nn.Module], type[nn.Module]] = {
    qnn.QuantConv1d: nn.Conv1d,
    qnn.QuantConv2d: nn.Conv2d,
    qnn.QuantConvTranspose1d: nn.ConvTranspose1d,
    qnn.QuantConvTranspose2d: nn.ConvTranspose2d,
}
_SETTINGS = (
    "in_channels", "out_channels", "kernel_size", "stride", "padding", "output_padding", "groups", "dilation",
    "padding_mode",
)  # fmt: skip


def floating(network: MultiExitNetwork) -> FloatNetwork:
    """Returns a copy with plain torch layers instead of quantised ones and the same parameter values.

    Raises:
        NetworkError: a Brevitas layer has no counterpart here.
    """
    made = with_float_layers(network)
    reads = [network.reads_of(k, len(tensors)) for k, tensors in enumerate(network.tensor_shapes())]
    return FloatNetwork(
        list(made.stages),
        list(made.heads),
        network.input_format,
        network.input_shape,
        gates=network.gates,
        head_reads=reads,
    )


def with_float_layers(module: _M) -> _M:
    """Returns a copy of any module with plain torch layers instead of Brevitas' and the same parameter values.

    Raises:
        NetworkError: a Brevitas layer has no counterpart here.
    """
    made = copy.deepcopy(module)
    for name, part in list(made.named_modules()):
        if type(part).__module__.startswith("brevitas.nn") and (twin := _twin(name, part)) is not None:
            owner, _, leaf = name.rpartition(".")
            setattr(made.get_submodule(owner), leaf, twin)
    return made


def _twin(name: str, module: nn.Module) -> nn.Module | None:
    """The plain layer; None for Brevitas' own parts of a layer."""
    if isinstance(module, qnn.QuantReLU):
        return nn.ReLU()
    if isinstance(module, qnn.QuantIdentity):
        return nn.Identity()
    if isinstance(module, qnn.QuantSigmoid):
        return nn.Sigmoid()
    if isinstance(module, qnn.QuantTanh):
        return nn.Tanh()
    if isinstance(module, qnn.QuantUpsample):
        return nn.Upsample(module.size, module.scale_factor, module.mode, module.align_corners)
    if isinstance(module, qnn.QuantUpsamplingNearest2d):
        return nn.UpsamplingNearest2d(module.size, module.scale_factor)
    convolution = next((plain for quantised, plain in _CONVOLUTIONS.items() if isinstance(module, quantised)), None)
    if convolution is not None:
        settings = {name: getattr(module, name) for name in _SETTINGS if hasattr(module, name)}
        if not issubclass(convolution, nn.modules.conv._ConvTransposeNd):
            del settings["output_padding"]  # which every convolution has, and only a transposed one takes
        plain: nn.Module = convolution(**settings, bias=module.bias is not None)
    elif isinstance(module, qnn.QuantLinear):
        plain = nn.Linear(module.in_features, module.out_features, bias=module.bias is not None)
    elif isinstance(module, QuantWeightBiasInputOutputLayer):
        raise NetworkError(f"{name} is a {type(module).__name__}, which has no floating-point counterpart here")
    else:
        return None
    with torch.no_grad():
        for own, value in plain.named_parameters():
            value.copy_(module.get_parameter(own))
    return plain


def float_logits(network: MultiExitNetwork, images: NDArray[Any]) -> list[NDArray[np.float32]]:
    """Returns the logits of every exit, (N, classes) each.

    Args:
        network: network in floating point, or a quantised one, whose logits are then on a grid.
        images: (N, *input_shape) values or codes.
    """
    codes = encode_images(images, network.input_format, network.input_shape)
    parts: list[list[Tensor]] = []
    network.eval()
    with torch.no_grad():
        for start in range(0, len(codes), _BATCH):
            parts.append(network(network.values(codes[start : start + _BATCH])))
    return [torch.cat([part[k] for part in parts]).numpy() for k in range(network.exits)]


def fine_format(logits: Sequence[NDArray[np.float32]], width: int = 16) -> FixedPoint:
    """Returns the finest signed format of `width` bits that holds the logits of all exits, and twice as much.

    Raises:
        NetworkError: a logit is not finite.
    """
    largest = max(float(np.abs(z).max()) for z in logits)
    if not math.isfinite(largest):
        raise NetworkError("a logit is not finite: training diverged, or weights are NaN")
    return FixedPoint(width, 2 + math.frexp(largest)[1], True, Rounding.RND_CONV, Overflow.SAT)


def on_grid(logits: NDArray[np.float32], fmt: FixedPoint) -> NDArray[np.int64]:
    """Returns codes of logits, rounded half to even; values beyond the format become its smallest or largest code."""
    codes = np.rint(logits.astype(np.float64) / fmt.scale)
    return np.asarray(np.clip(codes, fmt.min_code, fmt.max_code), np.int64)
