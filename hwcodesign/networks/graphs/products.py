"""This module writes linear layers as products and sums, which hls4ml reads, in the place of Gemm nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper

from hwcodesign.networks.graphs.cleaning import replace_nodes
from hwcodesign.networks.graphs.notes import attributes_of


def write_products(graph: ModelWrapper) -> None:
    """Replaces every Gemm by a MatMul, which keeps its text, and an Add of its bias.

    Args:
        graph: with all shapes; it is changed.
    """
    nodes: list[Any] = []
    for node in graph.graph.node:
        nodes += _product(graph, node) if node.op_type == "Gemm" else [node]
    replace_nodes(graph, nodes)


def _product(graph: ModelWrapper, node: Any) -> list[Any]:
    """Returns the nodes of `alpha A B + beta C`."""
    given, result = attributes_of(node), node.output[0]
    made: list[Any] = []

    def add(kind: str, inputs: list[str], part: str, shape: list[int], **attributes: Any) -> str:
        name = f"{result}_{part}"
        made.append(helper.make_node(kind, inputs, [name], **attributes))
        graph.set_tensor_shape(name, shape)
        return name

    def transposed(name: str, part: str) -> str:
        return add("Transpose", [name], part, graph.get_tensor_shape(name)[::-1], perm=[1, 0])

    def scaled(name: str, part: str) -> str:
        factor = float(given.get(part, 1.0))
        if factor == 1.0:
            return name
        graph.set_initializer(f"{result}_{part}_factor", np.array(factor, np.float32))
        return add("Mul", [name, f"{result}_{part}_factor"], part, graph.get_tensor_shape(name))

    left, right = node.input[0], node.input[1]
    if given.get("transA", 0):
        left = transposed(left, "left")
    if given.get("transB", 0) and not _transpose_weights(graph, right):
        right = transposed(right, "right")
    shape = graph.get_tensor_shape(result)
    product = scaled(add("MatMul", [left, right], "product", shape), "alpha")
    made[-1 if product.endswith("product") else -2].doc_string = node.doc_string
    if len(node.input) > 2 and node.input[2]:
        add("Add", [product, scaled(node.input[2], "beta")], "sum", shape)
    made[-1].output[0] = result
    return made


def _transpose_weights(graph: ModelWrapper, name: str) -> bool:
    """Transposes constant weights, also behind a quantiser; tells whether they are constant."""
    producer = graph.find_producer(name)
    constant = name if producer is None else producer.input[0]
    weights = graph.get_initializer(constant)
    if weights is None:
        return False
    graph.set_initializer(constant, np.ascontiguousarray(weights.T))
    if producer is not None:
        graph.set_tensor_shape(name, list(weights.T.shape))
    return True
