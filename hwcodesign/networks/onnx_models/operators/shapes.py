"""This module reads operators that change a tensor's shape or type, and no value."""

from __future__ import annotations

import numpy as np
import torch

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.networks.onnx_models.building import Build, Computed, Value, elements
from hwcodesign.networks.onnx_models.graph import Node
from hwcodesign.networks.onnx_models.operators.registry import operator


@operator("Identity", "Dropout", "Cast")
def identity(node: Node, build: Build) -> Value:
    """Reads what gives its input, once a network is trained; a cast of images is one between real types."""
    return build.values[node.inputs[0]]


@operator("Shape")
def shape(node: Node, build: Build) -> Value:
    """Reads the shape of a tensor, which is known."""
    sizes = np.array(build.computed(node).shape, np.int64)
    return sizes[node.attributes.get("start", 0) : node.attributes.get("end", len(sizes))]


@operator("Flatten")
def flatten(node: Node, build: Build) -> Computed:
    """Reads a flattening to (N, values)."""
    given = build.computed(node)
    if node.attributes.get("axis", 1) not in (1, 1 - len(given.shape)):
        raise UnsupportedLayerError(
            f"{node} has axis {node.attributes['axis']}: the batch stays, so flatten from axis 1"
        )
    return flattened(node, build, given)


@operator("Reshape")
def reshape(node: Node, build: Build) -> Computed:
    """Reads a reshaping that keeps the batch."""
    given = build.computed(node)
    wanted = build.constant(node, 1)
    listed = node.attributes.get("shape", []) if wanted is None else [int(size) for size in np.ravel(wanted)]
    sizes = [given.shape[i] if not size and i < len(given.shape) else size for i, size in enumerate(listed)]
    return _reshaped(node, build, given, sizes)


@operator("Squeeze", "Unsqueeze")
def squeeze(node: Node, build: Build) -> Computed:
    """Reads axes of one element that are left out or put in."""
    given = build.computed(node)
    sizes = list(given.shape)
    if node.operator == "Squeeze":
        axes = axes_of(node, build, given) or [axis for axis, size in enumerate(sizes) if axis and size == 1]
        if 0 in axes or any(sizes[axis] != 1 for axis in axes):
            raise UnsupportedLayerError(f"{node} leaves out the axes {axes} of a tensor of shape {given.shape}")
        sizes = [size for axis, size in enumerate(sizes) if axis not in axes]
    else:
        listed = build.constant(node, 1)
        added = [int(axis) for axis in (node.attributes.get("axes", []) if listed is None else np.ravel(listed))]
        rank = len(sizes) + len(added)
        for axis in sorted(axis % rank for axis in added):
            sizes.insert(axis, 1)
    return _reshaped(node, build, given, sizes)


@operator("Transpose")
def transpose(node: Node, build: Build) -> Computed:
    """Reads an order of axes."""
    given = build.computed(node)
    order = [int(axis) for axis in node.attributes.get("perm", range(len(given.shape))[::-1])]
    if order == list(range(len(order))):
        return given
    if order[0] != 0:
        raise UnsupportedLayerError(f"{node} has the order {order}: the batch stays first")
    return build.function(node, torch.permute, build.plain(given), order)


def flattened(node: Node, build: Build, given: Computed) -> Computed:
    """Returns a tensor as (N, values)."""
    return given if len(given.shape) == 2 else build.function(node, torch.flatten, given, 1)


def axes_of(node: Node, build: Build, given: Computed) -> list[int]:
    """Returns the axes that a node names, as numbers from 0 on; they are an attribute or an input."""
    listed = build.constant(node, 1)
    axes = node.attributes.get("axes", []) if listed is None else np.ravel(listed)
    return [int(axis) % len(given.shape) for axis in axes]


def _reshaped(node: Node, build: Build, given: Computed, sizes: list[int]) -> Computed:
    if sizes.count(-1) == 1:
        known = -int(np.prod(sizes))
        sizes = [elements((1, *given.shape)) // known if size == -1 else size for size in sizes]
    if not sizes or sizes[0] != 1 or int(np.prod(sizes)) != elements((1, *given.shape)):
        raise UnsupportedLayerError(
            f"{node} makes the shape {tuple(sizes)} of {given.shape}: the batch, which comes first, stays as it is"
        )
    if tuple(sizes) == given.shape:
        return given
    if len(sizes) == 2:
        return flattened(node, build, given)
    return build.function(node, torch.reshape, build.plain(given), [-1, *sizes[1:]])
