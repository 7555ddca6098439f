"""This module reads convolutions, linear layers and batch normalisation."""

from __future__ import annotations

import math
from typing import Any

import brevitas.nn as qnn
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.networks.onnx_models.building import Build, Computed, channels
from hwcodesign.networks.onnx_models.fixed_layers import NoGridError, fill, weighted
from hwcodesign.networks.onnx_models.graph import Node
from hwcodesign.networks.onnx_models.operators.registry import operator
from hwcodesign.networks.onnx_models.operators.windows import padded, window_of

Values = NDArray[np.float64]
#: By operator and axes, the layers of torch and of Brevitas.
_CONVOLUTIONS: dict[tuple[str, int], tuple[type[nn.Module], type[nn.Module]]] = {
    ("Conv", 1): (nn.Conv1d, qnn.QuantConv1d),
    ("Conv", 2): (nn.Conv2d, qnn.QuantConv2d),
    ("ConvTranspose", 1): (nn.ConvTranspose1d, qnn.QuantConvTranspose1d),
    ("ConvTranspose", 2): (nn.ConvTranspose2d, qnn.QuantConvTranspose2d),
}
_NORMS: dict[int, type[nn.Module]] = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}


def layer(
    node: Node, build: Build, given: Computed, kinds: tuple[type[nn.Module], type[nn.Module]], weight: Values,
    bias: Values | None, **sizes: Any,
) -> Computed:  # fmt: skip
    """Adds a convolution or linear layer, of torch or of Brevitas.

    Args:
        kinds: class of torch, and that of Brevitas.
        sizes: further arguments of both.
    """

    def made(bias: Values | None) -> nn.Module:
        if build.quantised:
            try:
                return weighted(kinds[1], weight, bias, **sizes)
            except NoGridError as error:
                raise UnsupportedLayerError(f"{node}: {error}: put a Quant node of a coarser scale in front") from error
        plain = kinds[0](**sizes, bias=bias is not None)
        fill(plain, weight, bias)
        return plain

    def with_bias(bias: Values) -> Computed:
        return build.replaced(found, made(bias), given)

    found = build.module(node, made(bias), given)
    return found if bias is not None else Computed(found.node, found.example, with_bias)


@operator("Conv", "ConvTranspose")
def convolution(node: Node, build: Build) -> Computed:
    """Reads a convolution, or a transposed one."""
    given, weight, bias = build.computed(node), build.weight(node), build.constant(node, 2)
    window, groups = window_of(node, given, weight.shape[2:]), int(node.attributes.get("group", 1))
    transposed = node.operator == "ConvTranspose"
    sizes: dict[str, Any] = {}
    if transposed:
        words = node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID")
        if "output_shape" in node.attributes or not window.is_even or words:
            raise UnsupportedLayerError(
                f"{node} has padding that differs between both ends: give it pads of equal ends"
            )
        sizes["output_padding"] = tuple(node.attributes.get("output_padding", [0] * len(window.kernel)))
        padding = window.before
    else:
        given, padding = padded(node, build, given, window)
    inputs, outputs = (
        (weight.shape[0], weight.shape[1] * groups) if transposed else (weight.shape[1] * groups, weight.shape[0])
    )
    return layer(
        node, build, given, _CONVOLUTIONS[node.operator, len(window.kernel)], weight,
        None if bias is None else np.asarray(bias, np.float64), in_channels=inputs, out_channels=outputs,
        kernel_size=window.kernel, stride=window.strides, padding=padding, dilation=window.dilations, groups=groups,
        **sizes,
    )  # fmt: skip


@operator("Gemm")
def gemm(node: Node, build: Build) -> Computed:
    """Reads a linear layer with a bias."""
    attributes = node.attributes
    weight, bias = build.weight(node), build.constant(node, 2)
    if attributes.get("transA", 0):
        raise UnsupportedLayerError(f"{node} transposes its input: put the batch first")
    weight = (weight if attributes.get("transB", 0) else weight.T) * attributes.get("alpha", 1.0)
    if bias is not None:
        bias = np.asarray(bias, np.float64) * attributes.get("beta", 1.0)
        if bias.size == 1:
            bias = np.full(len(weight), bias.reshape(()))
        if bias.size != len(weight):
            raise UnsupportedLayerError(f"{node} has a bias of shape {bias.shape}: it is one number for each output")
    return _linear(node, build, weight, None if bias is None else bias.reshape(-1))


@operator("MatMul")
def matmul(node: Node, build: Build) -> Computed:
    """Reads a linear layer without bias."""
    weight = build.weight(node)
    if weight.ndim != 2:
        raise UnsupportedLayerError(f"{node} has weights of shape {weight.shape}: a linear layer's have two axes")
    return _linear(node, build, weight.T, None)


def _linear(node: Node, build: Build, weight: Values, bias: Values | None) -> Computed:
    given = build.computed(node)
    outputs, inputs = weight.shape
    if given.shape[-1] != inputs:
        raise UnsupportedLayerError(
            f"{node} has {inputs} weights for each output, and reads a tensor of shape {given.shape}"
        )
    return layer(
        node, build, given, (nn.Linear, qnn.QuantLinear), np.ascontiguousarray(weight), bias,
        in_features=inputs, out_features=outputs,
    )  # fmt: skip


@operator("BatchNormalization")
def batch_norm(node: Node, build: Build) -> Computed:
    """Reads a batch normalisation with its statistics."""
    given, values = build.computed(node), [build.constant(node, place) for place in range(1, 5)]
    if node.attributes.get("training_mode", 0) or len([name for name in node.outputs if name]) > 1:
        raise UnsupportedLayerError(f"{node} is in training mode: export the network in evaluation mode")
    if len(given.shape) not in _NORMS:
        raise UnsupportedLayerError(
            f"{node} reads a tensor of shape {given.shape}: it takes images, sequences or vectors"
        )
    made = _NORMS[len(given.shape)](channels(given), eps=node.attributes.get("epsilon", 1e-5))
    with torch.no_grad():
        for name, value in zip(("weight", "bias", "running_mean", "running_var"), values, strict=True):
            getattr(made, name).copy_(torch.from_numpy(np.array(value, np.float32)))
    return build.module(node, made, given)


def scaled(node: Node, build: Build, given: Computed, factor: Values, shift: Values) -> Computed:
    """Adds a product by one constant a channel, and a sum: a normalisation, or in floating point a convolution.

    Raises:
        UnsupportedLayerError: constants differ within a channel.
    """
    count, rank = channels(given), len(given.shape)
    each = [_per_channel(value, count, rank) for value in (factor, shift)]
    if rank not in _NORMS or any(value is None for value in each):
        raise UnsupportedLayerError(
            f"{node} has constants of shape {max((factor, shift), key=np.size).shape} for a tensor of shape "
            f"{given.shape}: they may differ by channel, and no further"
        )
    weight, bias = (np.asarray(value, np.float64) for value in each)
    if build.quantised or rank == 2:
        made = _NORMS[rank](count, eps=0.0)
        fill(made, weight, bias)
        return build.module(node, made, given)
    kind = nn.Conv2d if rank == 4 else nn.Conv1d
    plain = kind(count, count, 1, groups=count)  # a normalisation would learn its statistics anew in training
    fill(plain, weight.reshape(count, *[1] * (rank - 1)), bias)
    return build.module(node, plain, given)


def _per_channel(value: Values, count: int, rank: int) -> Values | None:
    if value.size == 1:
        return np.full(count, float(value.reshape(())))
    shape = (1,) * (rank - value.ndim) + value.shape
    return value.reshape(-1) if shape == (1, count, *[1] * (rank - 2)) and math.prod(shape) == count else None
