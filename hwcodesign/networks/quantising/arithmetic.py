"""This module says arithmetic in a traced network as Brevitas' tensors compute it."""

from __future__ import annotations

import math
import operator
from typing import Any

import torch
from torch import fx, nn

SUMS, DIFFERENCES = (operator.add, torch.add), (operator.sub, torch.sub)
PRODUCTS, QUOTIENTS = (operator.mul, torch.mul), (operator.truediv, torch.div)
_NEGATIONS = (operator.neg, torch.neg)
_CLAMPS = (torch.clamp, torch.clip, "clamp", "clip")
_METHODS: dict[Any, Any] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
}


def plain_arithmetic(graph: fx.GraphModule) -> None:
    """Writes sums, differences, products and quotients as functions that have the tensor first, in place.

    Brevitas' tensors are tuples without the methods of a tensor, and read `2 * x` in their own way. `c - x` becomes
    `x * -1 + c`, and `-x` becomes `x * -1`, which are the same values.

    Args:
        graph: traced.
    """
    for node in list(graph.graph.nodes):
        if node.target in _CLAMPS:
            _as_hardtanh(graph, node)
        if node.op == "call_method" and node.target in _METHODS and not node.kwargs:
            node.op, node.target = "call_function", _METHODS[node.target]
        if node.op != "call_function":
            continue
        if node.target in _NEGATIONS:
            node.target, node.args = operator.mul, (node.args[0], -1.0)
        elif node.target is operator.sub and all(isinstance(given, fx.Node) for given in node.args):
            node.target = torch.sub  # Brevitas' tensors would round what `-` subtracts
        elif len(node.args) == 2 and not node.kwargs and isinstance(node.args[0], int | float):
            _with_number_last(graph, node)
    graph.recompile()


def _as_hardtanh(graph: fx.GraphModule, node: fx.Node) -> None:
    """Writes `x.clamp(low, high)`, of numbers or None, as a module."""
    given = dict(zip(("input", "min", "max"), node.args, strict=False)) | dict(node.kwargs)
    low, high = given.get("min"), given.get("max")
    low, high = (-math.inf if low is None else low), (math.inf if high is None else high)
    if isinstance(low, int | float) and isinstance(high, int | float) and low < high:
        name = f"{node.name}_hardtanh"
        graph.add_module(name, nn.Hardtanh(low, high))
        node.op, node.target, node.args, node.kwargs = "call_module", name, (given["input"],), {}


def _with_number_last(graph: fx.GraphModule, node: fx.Node) -> None:
    number, tensor = node.args
    if node.target in (*SUMS, *PRODUCTS):
        node.args = (tensor, number)
    elif node.target in DIFFERENCES:
        with graph.graph.inserting_before(node):
            negative = graph.graph.call_function(operator.mul, (tensor, -1.0))
        node.target, node.args = operator.add, (negative, number)
