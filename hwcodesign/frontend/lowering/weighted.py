"""This module translates convolutions and linear layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hwcodesign.frontend.lowering.reading import Padding, Reading, is_binary, lowers
from hwcodesign.kernels import Conv2D, Dense
from hwcodesign.kernels.conv2d import compact_weights


def _weighted(layer: Any, reading: Reading) -> dict[str, Any]:
    """Returns the fields of both kernels except their weights."""
    bias, bias_format = reading.constants(layer, "bias")
    accumulator = reading.accumulator(layer)
    return {
        "bias": np.ravel(bias) * 2.0 ** (accumulator.fraction - bias_format.fraction),
        "accumulator": accumulator,
    }


@lowers("Conv1D", "Conv2D", "PointwiseConv1D", "PointwiseConv2D", "DepthwiseConv1D", "DepthwiseConv2D")
def _convolution(layer: Any, reading: Reading) -> None:
    if layer.get_attr("data_format") == "channels_first":
        raise reading.unsupported(
            layer, "has its channels first", "convert with channels_last_conversion='full' or 'internal'"
        )
    for name in ("dilation", "dilation_height", "dilation_width"):
        if int(layer.get_attr(name, 1)) != 1:
            raise reading.unsupported(layer, "is dilated, which hls4ml's streams ignore", "use a larger kernel")
    weights, weight_format = reading.constants(layer, "weight")
    source = reading.sources[layer.inputs[0]]
    padding = all_padding(layer, reading)
    kernel = (int(layer.get_attr("filt_height", 1)), int(layer.get_attr("filt_width")))
    stride = (int(layer.get_attr("stride_height", 1)), int(layer.get_attr("stride_width")))
    filters = int(layer.get_attr("n_filt"))
    depthwise = layer.class_name.startswith("Depthwise")
    depth = 1 if depthwise else reading.shapes[source][2]
    check_windows(layer, reading, kernel, stride, filters, padding)
    if reading.cpp:
        _check_cpp(layer, reading, kernel, stride)
    if weights.size != kernel[0] * kernel[1] * depth * filters:
        raise reading.unsupported(
            layer,
            f"has groups, or weights {weights.shape} for {depth} channels",
            "use one group, or a depthwise layer; flatten before a linear layer",
        )
    weights, sparsity = weights.reshape(*kernel, depth, filters), reading.sparsities.get(layer.name)
    if sparsity is not None:
        weights = compact_weights(layer.name, weights, sparsity, reading.shapes[source][2])
    made = Conv2D(
        **reading.common(layer, [source]),
        **_weighted(layer, reading),
        weights=weights,
        weight_format=weight_format,
        stride=stride,
        padding=padding,
        dilation=sparsity.dilation if sparsity else (1, 1),
    )
    reading.bind(layer, reading.add(made))


@lowers("Dense")
def _dense(layer: Any, reading: Reading) -> None:
    weights, weight_format = reading.constants(layer, "weight")
    inputs = math.prod(reading.shapes[reading.source(layer)])
    outputs = math.prod(reading.shape(layer, layer.get_output_variable()))
    if weights.shape != (inputs, outputs):
        raise reading.unsupported(
            layer,
            f"has weights {weights.shape} for {inputs} inputs and {outputs} outputs",
            "flatten before it, and convert a PyTorch model with channels_last_conversion='internal' or 'full', "
            "without which hls4ml leaves its weights transposed",
        )
    kernel = Dense(**reading.common(layer), **_weighted(layer, reading), weights=weights, weight_format=weight_format)
    reading.bind(layer, reading.add(kernel))


def _check_cpp(layer: Any, reading: Reading, kernel: tuple[int, int], stride: tuple[int, int]) -> None:
    """Raises an error for a convolution that hls4ml's own streams compute wrongly.

    Raises:
        UnsupportedLayerError: naming what goes wrong.
    """
    if kernel[0] == 1 and stride[0] > 1 and not layer.class_name.startswith("Pointwise"):
        raise reading.unsupported(
            layer,
            "skips rows with a kernel of one row, which hls4ml's streams do not",
            "give its kernel as many rows as it skips",
        )
    if layer.class_name.startswith("Depthwise") and int(layer.get_attr("n_filt")) != int(layer.get_attr("n_chan")):
        raise reading.unsupported(
            layer,
            "has several filters a channel, which hls4ml's streams mix up",
            "give it one filter a channel, or groups=1",
        )


def own_padding(layer: Any) -> Padding:
    """Returns the zeros that the layer itself adds around the image."""
    top, bottom, left, right = (int(layer.get_attr(f"pad_{side}", 0)) for side in ("top", "bottom", "left", "right"))
    return top, bottom, left, right


def all_padding(layer: Any, reading: Reading) -> Padding:
    """Returns the zeros around the input of the layer's kernel: its own, and those of padding layers before it."""
    own, before = own_padding(layer), reading.padded(layer)
    if any((*own, *before)) and is_binary(layer.get_input_variable().type.precision):
        raise reading.unsupported(
            layer, "pads bits that mean -1 or 1 with a bit that means -1", "pad in front of the quantiser"
        )
    return own[0] + before[0], own[1] + before[1], own[2] + before[2], own[3] + before[3]


def check_windows(
    layer: Any,
    reading: Reading,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    filters: int,
    padding: Padding,
) -> None:
    """Raises an error if hls4ml's sizes of a layer do not follow from its input.

    Raises:
        UnsupportedLayerError: hls4ml has confused two axes, and its own results would be wrong.
    """
    shape = reading.shapes[reading.sources[layer.inputs[0]]]
    wanted = reading.shape(layer, layer.get_output_variable())
    if len(shape) == 3:
        rows, columns = (
            (shape[axis] + padding[2 * axis] + padding[2 * axis + 1] - kernel[axis]) // stride[axis] + 1
            for axis in (0, 1)
        )
        channels = int(layer.get_attr("n_chan") or filters) if "Conv" in layer.class_name else filters
        if wanted == (rows, columns, filters) and channels == shape[2]:
            return
    raise reading.unsupported(
        layer,
        f"gives {wanted}, which does not follow from its input {shape}: hls4ml has taken one axis for another",
        "flatten before a linear layer, and feed it channels last (for QONNX, convert the graph first)",
    )
