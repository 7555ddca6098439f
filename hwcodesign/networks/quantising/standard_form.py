"""This module says a traced network in the modules that Brevitas' graph mode knows."""

from __future__ import annotations

import operator
from dataclasses import dataclass
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

    A mean of rows and one of columns behind it are one over all pixels.

    Args:
        graph: traced, with shapes.
    """
    for node in list(graph.graph.nodes):
        found = _averaged(node)
        if found is None or len(found.source) not in _POOLS:
            continue
        if sorted(found.dims) != list(range(2, len(found.source) + 1)):
            continue
        name = f"{node.name}_pool"
        graph.add_module(name, _POOLS[len(found.source)](1))
        with graph.graph.inserting_before(node):
            pooled = graph.graph.call_module(name, (found.node,))
            result = pooled if found.kept else graph.graph.call_function(torch.flatten, (pooled, 1))
        node.replace_all_uses_with(result)
    for node in reversed(graph.graph.nodes):
        if _averaged(node) is not None and not node.users:
            graph.graph.erase_node(node)
    graph.recompile()


@dataclass(frozen=True)
class _Averaged:
    """This is what a mean, or a mean of means, is taken of.

    Attributes:
        node: gives the tensor.
        source: shape of it, for one image.
        dims: dimensions that the mean is over, the batch counted as one.
        kept: whether they stay, with one element.
    """

    node: fx.Node
    source: tuple[int, ...]
    dims: list[int]
    kept: bool


def _averaged(node: fx.Node) -> _Averaged | None:
    """Returns what a node averages; None if it does not, or over dimensions that are no numbers."""
    if node.op not in ("call_method", "call_function") or node.target not in ("mean", torch.mean):
        return None
    source = node.args[0] if node.args else node.kwargs.get("input")
    if not isinstance(source, fx.Node) or SHAPE not in source.meta:
        return None
    given: Any = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    kept = bool(node.kwargs.get("keepdim", node.args[2] if len(node.args) > 2 else False))
    try:
        dims = [operator.index(dim) for dim in (given if isinstance(given, list | tuple) else [given])]
    except TypeError:
        return None
    rank = len(shape_of(source)) + 1
    dims = [dim % rank for dim in dims]
    behind = _averaged(source)
    if behind is None or behind.kept != kept:
        return _Averaged(source, shape_of(source), dims, kept)
    left = [dim for dim in range(len(behind.source) + 1) if kept or dim not in behind.dims]
    return _Averaged(behind.node, behind.source, [*behind.dims, *(left[dim] for dim in dims)], kept)
