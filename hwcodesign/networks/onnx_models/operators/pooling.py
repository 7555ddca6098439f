"""This module reads poolings, padding and upsampling."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.networks.onnx_models.building import Build, Computed
from hwcodesign.networks.onnx_models.graph import Node
from hwcodesign.networks.onnx_models.operators.registry import operator
from hwcodesign.networks.onnx_models.operators.shapes import axes_of, flattened
from hwcodesign.networks.onnx_models.operators.windows import padded, window_of, zeros_around

#: By where pixels lie and how places are rounded: those by which pixel i of the result is pixel i // factor.
_REPEATING = {
    ("asymmetric", "floor"),
    ("half_pixel", "round_prefer_floor"),
    ("half_pixel", "round_prefer_ceil"),
    ("pytorch_half_pixel", "round_prefer_floor"),
    ("pytorch_half_pixel", "round_prefer_ceil"),
}


@operator("MaxPool")
def max_pool(node: Node, build: Build) -> Computed:
    """Reads a maximum over windows."""
    given = build.computed(node)
    window = window_of(node, given, ())
    if not window.is_even or len([name for name in node.outputs if name]) > 1:
        raise UnsupportedLayerError(
            f"{node} has padding that differs between both ends, or gives places: give it pads of "
            "equal ends, and one output"
        )
    kind = nn.MaxPool2d if len(window.kernel) == 2 else nn.MaxPool1d
    ceil = bool(node.attributes.get("ceil_mode", 0))
    made = kind(
        _sizes(window.kernel), _sizes(window.strides), _sizes(window.before), _sizes(window.dilations), ceil_mode=ceil
    )
    return build.module(node, made, given, keeps_grid=True)


@operator("AveragePool")
def average_pool(node: Node, build: Build) -> Computed:
    """Reads an average over windows."""
    given = build.computed(node)
    window, counted = window_of(node, given, ()), bool(node.attributes.get("count_include_pad", 0))
    if set(window.dilations) != {1} or not (window.is_even or counted):
        raise UnsupportedLayerError(f"{node} has dilation, or does not count padding that differs between both ends")
    given, padding = padded(node, build, given, window)
    kind = nn.AvgPool2d if len(window.kernel) == 2 else nn.AvgPool1d
    ceil = bool(node.attributes.get("ceil_mode", 0))
    made = kind(_sizes(window.kernel), _sizes(window.strides), _sizes(padding), ceil, counted)
    return build.module(node, made, given)


@operator("GlobalAveragePool", "GlobalMaxPool")
def global_pool(node: Node, build: Build) -> Computed:
    """Reads an average or a maximum over the whole image."""
    return _global(node, build, build.computed(node))


@operator("ReduceMean")
def reduce_mean(node: Node, build: Build) -> Computed:
    """Reads a mean over the whole image."""
    given = build.computed(node)
    axes = axes_of(node, build, given)
    if sorted(axes) != list(range(2, len(given.shape))):
        raise UnsupportedLayerError(f"{node} takes the mean over the axes {axes}: the mean over all pixels is taken")
    pooled = _global(node, build, given)
    return pooled if node.attributes.get("keepdims", 1) else flattened(node, build, pooled)


def _global(node: Node, build: Build, given: Computed) -> Computed:
    sides = len(given.shape) - 2
    if sides not in (1, 2):
        raise UnsupportedLayerError(f"{node} reads a tensor of shape {given.shape}: it takes images or sequences")
    if node.operator == "GlobalMaxPool":
        return build.module(node, (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d)[sides - 1](1), given, keeps_grid=True)
    return build.module(node, (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)[sides - 1](1), given)


@operator("Pad")
def pad(node: Node, build: Build) -> Computed:
    """Reads padding with zeros."""
    given = build.computed(node)
    pads = build.constant(node, 1)
    ends = np.asarray(node.attributes.get("pads", []) if pads is None else pads, np.int64).reshape(2, -1)
    value = build.constant(node, 2)
    fill = (
        float(node.attributes.get("value", 0.0)) if value is None or not np.size(value) else float(np.ravel(value)[0])
    )
    if len(node.inputs) > 3 and node.inputs[3]:
        chosen = [int(axis) % len(given.shape) for axis in np.ravel(np.asarray(build.constant(node, 3)))]
        every = np.zeros((2, len(given.shape)), np.int64)
        every[:, chosen] = ends
        ends = every
    sides = len(given.shape) - 2
    if (
        node.attributes.get("mode", "constant") != "constant"
        or fill
        or ends[:, :2].any()
        or (ends < 0).any()
        or sides < 1
    ):
        raise UnsupportedLayerError(
            f"{node} does more than to put zeros around an image, which is all that hardware does"
        )
    if not ends.any():
        return given
    listed = [int(end) for axis in reversed(range(2, sides + 2)) for end in ends[:, axis]]
    return build.module(node, zeros_around(listed), given)


@operator("Resize", "Upsample")
def resize(node: Node, build: Build) -> Computed:
    """Reads an upsampling by whole factors that repeats pixels."""
    given = build.computed(node)
    place = 1 if node.operator == "Upsample" or len(node.inputs) == 2 else 2
    scales, sizes = build.constant(node, place), build.constant(node, 3)
    attributes = node.attributes
    given_scales = attributes.get("scales", scales)
    has_scales = given_scales is not None and np.size(given_scales) > 0
    factors = np.asarray(given_scales if has_scales else np.asarray(sizes) / np.array(given.shape), np.float64)
    places = attributes.get("coordinate_transformation_mode", "half_pixel")
    nearest = attributes.get("nearest_mode", "round_prefer_floor")
    even = node.operator == "Upsample" or (places, nearest) in _REPEATING
    whole = factors.size == len(given.shape) and np.array_equal(factors, np.rint(factors)) and (factors[:2] == 1).all()
    if attributes.get("mode", "nearest") != "nearest" or not even or not whole:
        raise UnsupportedLayerError(
            f"{node} is no upsampling by whole factors that repeats pixels: use mode 'nearest', "
            "coordinate_transformation_mode 'asymmetric' and nearest_mode 'floor'"
        )
    return build.module(
        node, nn.Upsample(scale_factor=tuple(float(f) for f in factors[2:]), mode="nearest"), given, keeps_grid=True
    )


def _sizes(sizes: tuple[int, ...]) -> Any:
    """Returns one number where all are alike, as people write them."""
    return sizes[0] if len(set(sizes)) == 1 else sizes
