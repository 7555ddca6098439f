"""This module writes sizes of tensors into a graph as numbers: `x.shape[2:]` is known where images have one shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, fx


def write_sizes(graph: fx.GraphModule, input_shape: tuple[int, ...]) -> None:
    """Replaces what is computed from sizes alone by its value, in place, unless it depends on the size of the batch.

    Args:
        graph: can take any number of images of the shape.
        input_shape: shape of an image, without the batch.
    """
    one, other = (_numbers(graph, (batch, *input_shape)) for batch in (1, 3))
    known = {node: value for node, value in one.items() if other[node] == value}
    for node in graph.graph.nodes:
        node.args = fx.node.map_arg(node.args, lambda given: known.get(given, given))
        node.kwargs = fx.node.map_arg(node.kwargs, lambda given: known.get(given, given))
    graph.graph.eliminate_dead_code()
    graph.recompile()


def _numbers(graph: fx.GraphModule, shape: tuple[int, ...]) -> dict[fx.Node, Any]:
    """Returns the value of every node that is a whole number, or a tuple of such."""
    parameter = next(graph.parameters(), torch.zeros(()))
    values = _Values(graph)
    with torch.no_grad():
        values.run(torch.zeros(shape, dtype=parameter.dtype, device=parameter.device))
    return values.found


class _Values(fx.Interpreter):
    """It runs a graph, and keeps the whole numbers that are computed in it."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self.found: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if not isinstance(result, Tensor) and n.op.startswith("call") and all(_are_whole(result)):
            self.found[n] = tuple(result) if isinstance(result, tuple) else result
        return result


def _are_whole(result: Any) -> Iterator[bool]:
    for each in result if isinstance(result, tuple) else (result,):
        yield isinstance(each, int)
