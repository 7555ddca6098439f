"""This module says a traced network in the modules that Brevitas' graph mode knows."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from hwcodesign.networks.quantising.graph_mode import (
    CollapseConsecutiveConcats,
    DuplicateSharedStatelessModule,
    MergeBatchNorm,
    MethodToModule,
    RemoveStochasticModules,
    TorchFunctionalToModule,
)
from hwcodesign.networks.traced.tracing import SHAPE, shape_of

#: Functions that Brevitas' own list leaves out.
_FUNCTIONS = (
    (torch.relu, nn.ReLU),
    (torch.sigmoid, nn.Sigmoid),
    (torch.tanh, nn.Tanh),
    (functional.sigmoid, nn.Sigmoid),
    (functional.tanh, nn.Tanh),
    (functional.elu, nn.ELU),
    (functional.selu, nn.SELU),
    (functional.celu, nn.CELU),
    (functional.gelu, nn.GELU),
    (functional.silu, nn.SiLU),
    (functional.mish, nn.Mish),
    (functional.softplus, nn.Softplus),
    (functional.softsign, nn.Softsign),
    (functional.hardswish, nn.Hardswish),
    (functional.hardsigmoid, nn.Hardsigmoid),
)
_METHODS = (("relu", nn.ReLU), ("sigmoid", nn.Sigmoid), ("tanh", nn.Tanh))
_POOLS: dict[int, type[nn.Module]] = {2: nn.AdaptiveAvgPool1d, 3: nn.AdaptiveAvgPool2d}


def standardised(graph: Any) -> Any:
    """Returns a network with one module for each function, norms merged into the layers in front of them, and without
    dropout.

    Args:
        graph: a graph of Brevitas' tracer, in evaluation mode.
    """
    for step in (
        TorchFunctionalToModule(),
        TorchFunctionalToModule(_FUNCTIONS),
        *(MethodToModule(name, kind) for name, kind in _METHODS),
        DuplicateSharedStatelessModule(),
        CollapseConsecutiveConcats(),
        MergeBatchNorm(),
        RemoveStochasticModules(),
    ):
        graph = step.apply(graph)
        _without_out(graph)
    return graph


def _without_out(graph: Any) -> None:
    """Takes `out=None` from calls of modules, in place: functions have it, which Brevitas' passes hand on."""
    for node in graph.graph.nodes:
        if node.op == "call_module" and node.kwargs.get("out", graph) is None:
            node.kwargs = {name: value for name, value in node.kwargs.items() if name != "out"}
    graph.recompile()


def means_as_pools(graph: fx.GraphModule) -> None:
    """Writes means over all pixels as average pooling, in place; their sums round otherwise.

    Args:
        graph: traced, with shapes.
    """
    for node in list(graph.graph.nodes):
        if node.target not in ("mean", torch.mean) or not isinstance(node.args[0], fx.Node):
            continue
        source = node.args[0]
        dims = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
        if SHAPE not in source.meta or not _all_pixels(dims, len(shape_of(source))):
            continue
        name = f"{node.name}_pool"
        graph.add_module(name, _POOLS[len(shape_of(source))](1))
        with graph.graph.inserting_before(node):
            pooled = graph.graph.call_module(name, (source,))
            kept = node.kwargs.get("keepdim", node.args[2] if len(node.args) > 2 else False)
            result = pooled if kept else graph.graph.call_function(torch.flatten, (pooled, 1))
        node.replace_all_uses_with(result)
        graph.graph.erase_node(node)
    graph.recompile()


def _all_pixels(dims: Any, rank: int) -> bool:
    """Tells whether dimensions, of a batch whose samples have a rank, are all behind the channels."""
    try:
        given = [operator.index(dims)] if not isinstance(dims, list | tuple) else [operator.index(d) for d in dims]
    except TypeError:
        return False
    return rank in _POOLS and sorted(d % (rank + 1) for d in given) == list(range(2, rank + 1))
