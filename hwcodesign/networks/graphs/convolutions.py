"""This module writes convolutions with groups or dilation as ordinary ones with zeros among their weights.

hls4ml knows groups of one channel with one filter alone, and its streams ignore dilation. A convolution over all
channels that has zeros between the groups, and one with a larger kernel that has zeros between its taps, compute the
same. What was there before stays known, so that our own kernels have the weights alone that a network has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.kernels import Sparsity
from hwcodesign.networks.graphs.notes import attributes_of, described, noted, set_attributes, with_note

_NOTE = "sparsity"


def sparsity_of(node: Any) -> Sparsity | None:
    """Returns which weights of a convolution `write_zeros` found there; None if it left the node as it was."""
    text = noted(node, _NOTE)
    if text is None:
        return None
    groups, rows, columns = map(int, text.split())
    return Sparsity(groups, (rows, columns))


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
        given = attributes_of(node)
        groups, dilation = int(given.get("group", 1)), tuple(given.get("dilations", (1, 1)))
        producer = graph.find_producer(node.input[1])
        name = node.input[1] if producer is None else producer.input[0]
        weights = graph.get_initializer(name)
        if weights is None:
            raise UnsupportedLayerError(
                f"the weights of {described(node)} are computed: use a layer whose weights are constants"
            )
        filters, depth, *sides = weights.shape
        depthwise = depth == 1 and groups == filters
        if dilation == (1, 1) and (groups == 1 or depthwise):
            continue
        node.doc_string = with_note(node.doc_string, _NOTE, groups, *dilation)
        spread = [(side - 1) * step + 1 for side, step in zip(sides, dilation, strict=True)]
        channels = depth if depthwise else depth * groups
        made = np.zeros((filters, channels, *spread), weights.dtype)
        for o in range(filters):
            first = 0 if depthwise else o // (filters // groups) * depth
            made[o, first : first + depth, :: dilation[0], :: dilation[1]] = weights[o]
        graph.set_initializer(name, made)
        if producer is not None:
            graph.set_tensor_shape(node.input[1], list(made.shape))
        set_attributes(node, group=groups if depthwise else 1, dilations=[1, 1], kernel_shape=spread)
