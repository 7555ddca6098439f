"""This module writes concatenations of many tensors as ones of two, which are all that hls4ml knows.

Each joins what the one before it gives with one tensor more. In a densely connected block every layer joins all tensors
that the layer before it joined, and one more: it takes what is joined already. So such a block has as many
concatenations as layers, and no tensor has more than a few readers.
"""

from __future__ import annotations

from typing import Any

from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper

from hwcodesign.networks.graphs.cleaning import replace_nodes, shapes_of
from hwcodesign.networks.graphs.notes import attributes_of


def join_in_pairs(graph: ModelWrapper) -> None:
    """Replaces concatenations of three tensors or more by ones of two, and takes out those of one.

    Args:
        graph: with all shapes, nodes in order; it is changed.
    """
    shapes = shapes_of(graph)
    joined: dict[tuple[int, tuple[str, ...]], str] = {}
    outputs, alone = {tensor.name for tensor in graph.graph.output}, dict[str, str]()
    nodes: list[Any] = []
    for node in graph.graph.node:
        node.input[:] = [alone.get(name, name) for name in node.input]
        if node.op_type != "Concat" or (len(node.input) == 1 and node.output[0] in outputs):
            nodes.append(node)
            continue
        if len(node.input) == 1:
            alone[node.output[0]] = node.input[0]
            continue
        rank = len(shapes[node.output[0]])
        axis, parts = int(attributes_of(node)["axis"]) % rank, tuple(node.input)
        done = next(n for n in range(len(parts) - 1, 0, -1) if n == 1 or (axis, parts[:n]) in joined)
        name = joined.get((axis, parts[:done]), parts[0])
        for n in range(done + 1, len(parts) + 1):
            last = n == len(parts)
            result = node.output[0] if last else f"{node.output[0]}_first_{n}"
            if not last:
                size = sum(shapes[part][axis] for part in parts[:n])
                graph.set_tensor_shape(result, [*shapes[parts[0]][:axis], size, *shapes[parts[0]][axis + 1 :]])
            nodes.append(
                helper.make_node("Concat", [name, parts[n - 1]], [result], doc_string=node.doc_string, axis=axis)
            )
            joined[axis, parts[:n]] = name = result
    replace_nodes(graph, nodes)
