"""This module writes convolutions with groups or dilation as ordinary ones with zeros among their weights.

hls4ml knows groups of one channel with one filter alone, and its streams ignore dilation. A convolution over all
channels that has zeros between the groups, and one with a larger kernel that has zeros between its taps, compute the
same. What was there before stays known, so that our own kernels have the weights alone that a network has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.kernels import Sparsity

#: In a node's text, before groups and dilation: the text stays with the node through transformations.
_NOTE = "\nsparsity "


def sparsity_of(node: Any) -> Sparsity | None:
    """Returns which weights of a convolution `write_zeros` found there; None if it left the node as it was."""
    _, found, text = node.doc_string.partition(_NOTE)
    if not found:
        return None
    groups, rows, columns = map(int, text.split())
    return Sparsity(groups, (rows, columns))


def without_note(text: str) -> str:
    """Returns a node's text without what `write_zeros` noted in it."""
    return text.partition(_NOTE)[0]


def write_zeros(graph: ModelWrapper) -> None:
    """Writes zeros into the weights of convolutions that have groups or dilation.

    Depthwise convolutions of one filter a channel keep their groups, which hls4ml knows.

    Args:
        graph: of images with channels first; it is changed, and nodes note what was changed: see `sparsity_of`.

    Raises:
        UnsupportedLayerError: weights are no constants.
    """
    for node in graph.graph.node:
        if node.op_type != "Conv":
            continue
        given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        groups, dilation = int(given.get("group", 1)), tuple(given.get("dilations", (1, 1)))
        producer = graph.find_producer(node.input[1])
        name = node.input[1] if producer is None else producer.input[0]
        weights = graph.get_initializer(name)
        if weights is None:
            raise UnsupportedLayerError(
                f"the weights of convolution {node.name} are computed: use a layer whose weights are constants"
            )
        filters, depth, *sides = weights.shape
        depthwise = depth == 1 and groups == filters
        if dilation == (1, 1) and (groups == 1 or depthwise):
            continue
        node.doc_string += f"{_NOTE}{groups} {dilation[0]} {dilation[1]}"
        spread = [(side - 1) * step + 1 for side, step in zip(sides, dilation, strict=True)]
        channels = depth if depthwise else depth * groups
        made = np.zeros((filters, channels, *spread), weights.dtype)
        for o in range(filters):
            first = 0 if depthwise else o // (filters // groups) * depth
            made[o, first : first + depth, :: dilation[0], :: dilation[1]] = weights[o]
        graph.set_initializer(name, made)
        if producer is not None:
            graph.set_tensor_shape(node.input[1], list(made.shape))
        _set(node, group=groups if depthwise else 1, dilations=[1, 1], kernel_shape=spread)


def _set(node: Any, **values: Any) -> None:
    """Sets attributes of a node."""
    kept = [attribute for attribute in node.attribute if attribute.name not in values]
    del node.attribute[:]
    node.attribute.extend([*kept, *(helper.make_attribute(name, value) for name, value in values.items())])
