"""This module takes steps that change nothing out of a graph: `x + 0`, `x - 0`, `x * 1` and `x / 1`.

hls4ml takes them out too, and with them the quantiser behind them. qonnx's `RemoveIdentityOps` also takes out factors
that are nearly one, and sums that give a tensor another shape.
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from hwcodesign.networks.graphs.cleaning import replace_nodes, shapes_of

#: The second term that changes nothing.
_NEUTRAL = {"Add": 0.0, "Sub": 0.0, "Mul": 1.0, "Div": 1.0}


def leave_out_identities(graph: ModelWrapper) -> None:
    """Takes out sums with zeros and products with ones, if they keep the shape and their result is no output.

    Args:
        graph: with all shapes, and constants last among the terms; it is changed.
    """
    shapes, outputs = shapes_of(graph), {tensor.name for tensor in graph.graph.output}
    same: dict[str, str] = {}
    kept = []
    for node in graph.graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
        keeps = _is_neutral(graph, node) and shapes.get(node.input[0]) == shapes.get(node.output[0])
        if keeps and node.output[0] not in outputs:
            same[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    if same:
        replace_nodes(graph, kept)


def _is_neutral(graph: ModelWrapper, node: NodeProto) -> bool:
    if node.op_type not in _NEUTRAL:
        return False
    value = graph.get_initializer(node.input[1])
    return value is not None and bool(np.all(value == _NEUTRAL[node.op_type]))
