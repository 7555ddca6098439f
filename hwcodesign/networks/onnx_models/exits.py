"""This module finds the heads of a torch graph with several outputs: what each exit computes for itself alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import fx, nn

from hwcodesign.choices import not_known
from hwcodesign.errors import NetworkError
from hwcodesign.networks.layers import value_of
from hwcodesign.networks.onnx_models.building import QUANTISED, Build, Computed
from hwcodesign.networks.onnx_models.graph import Graph
from hwcodesign.networks.traced.cutting import Exit, ancestors
from hwcodesign.networks.traced.tracing import SHAPE, module_of

#: What stands between the last features and the layer that classifies them.
_POOLING = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d)
_RESHAPING = (torch.flatten, torch.reshape, value_of)
_WEIGHTED = (nn.Linear, nn.modules.conv._ConvNd)


def exit_names(graph: Graph, exits: Sequence[str] | None) -> tuple[str, ...]:
    """Returns the names of the tensors of logits, one for each exit.

    Args:
        graph: graph without branches.
        exits: those that are asked for, first exit first; None: the graph's outputs, by the number of nodes that each
            depends on.

    Raises:
        NetworkError: there are fewer than two, one of them does not exist, or is named twice.
    """
    if exits is None:
        if len(graph.outputs) < 2:
            raise NetworkError(
                f"the file has one output, {graph.outputs[0]!r}: name the tensors of two exits' logits or more in "
                "exits, or read it with hwcodesign.module_from_onnx and give it exits with hwcodesign.attach_exits"
            )
        depths = {name: len(graph.before(name)) for name in graph.outputs}
        exits = sorted(graph.outputs, key=lambda name: depths[name])
    if isinstance(exits, str) or len(exits) < 2:
        raise NetworkError(f"exits={exits!r}: a multi-exit network has two exits or more; name the tensor of each")
    for name in exits:
        if name not in graph.writers:
            found = not_known(f"exit {name!r}", name, sorted(graph.writers))
            raise NetworkError(f"{found}; a name is that of a tensor that a node writes")
    twice = [name for name in exits if list(exits).count(name) > 1]
    if twice:
        raise NetworkError(f"exit {twice[0]!r} is named twice: exits are at different tensors")
    return tuple(exits)


def exits_of(build: Build, names: Sequence[str]) -> list[Exit]:
    """Finds the head of each exit.

    Args:
        build: torch graph, and what its nodes are in ONNX.
        names: ONNX tensors of the exits' logits, first exit first.

    Raises:
        NetworkError: two exits coincide or stand at one place, logits are no vector, something reads an exit's logits,
            or in a quantised network a tensor that a cut crosses is not quantised. The message names the exit.
    """
    outputs = [_logits(build, name) for name in names]
    for k, output in enumerate(outputs):
        if output in outputs[:k]:
            raise NetworkError(f"exits {names[outputs.index(output)]!r} and {names[k]!r} are the same tensor")
    depends = [ancestors([output]) for output in outputs]
    exits = []
    for k, (name, output) in enumerate(zip(names, outputs, strict=True)):
        others = set().union(*(depends[i] for i in range(len(names)) if i != k))
        own = depends[k] - others
        if output in others:
            raise NetworkError(f"the logits of exit {name!r} are read by layers of another exit: exits end in logits")
        head = own if k < len(names) - 1 else _last_head(name, build, own)
        exits.append(_exit(name, build, head))
    _check_places(names, exits)
    return exits


def _check_places(names: Sequence[str], exits: Sequence[Exit]) -> None:
    """Refuses exits between which nothing is computed."""
    known: set[fx.Node] = set()
    for k, exit_ in enumerate(exits):
        needed = {node for node in ancestors(exit_.reads) if node.op != "placeholder"}
        if needed <= known:
            where = f"stand at one place with exit {names[k - 1]!r}" if k else "read the image itself"
            raise NetworkError(
                f"the layers of exit {names[k]!r} {where}: in front of each head something is computed that the one "
                "before does not need"
            )
        known |= needed


def _logits(build: Build, name: str) -> fx.Node:
    value = build.values[name]
    if not isinstance(value, Computed):
        raise NetworkError(f"exit {name!r} does not depend on the image")
    writer = build.source.writers[name]
    if len(value.shape) != 2:
        raise NetworkError(
            f"exit {name!r} has shape {value.shape}, written by {writer}: logits are (N, classes); name a tensor "
            "behind the pooling and the linear layer"
        )
    if build.quantised and not value.node.meta[QUANTISED]:
        raise NetworkError(f"exit {name!r} is written by {writer} and is not quantised: put a Quant node behind it")
    return value.node


def _last_head(name: str, build: Build, own: set[fx.Node]) -> set[fx.Node]:
    """Returns the last layer with weights and what follows, with the pooling and flattening in front of it."""
    nodes = [node for node in build.graph.nodes if node in own]
    layers = [node for node in nodes if isinstance(module_of(build.modules, node), _WEIGHTED)]
    if not layers:
        raise NetworkError(f"exit {name!r} has no layer of its own with weights: a head has one at its end")
    start = layers[-1].all_input_nodes[0]
    while start in own and (_is_passing(build, start) or (build.quantised and not start.meta[QUANTISED])):
        start = start.all_input_nodes[0]
    return own - ancestors([start])


def _is_passing(build: Build, node: fx.Node) -> bool:
    """Tells whether it is a pooling of the whole image, a flattening, or a quantiser behind one."""
    if (
        node.op == "call_module"
        and node.meta[QUANTISED]
        and not isinstance(module_of(build.modules, node), nn.MaxPool1d | nn.MaxPool2d)
    ):
        node = node.all_input_nodes[0]
        while node.target is value_of:
            node = node.all_input_nodes[0]
    module = module_of(build.modules, node)
    whole = isinstance(module, nn.AvgPool1d | nn.AvgPool2d) and set(node.meta[SHAPE][1:]) == {1}
    return whole or node.target in _RESHAPING or isinstance(module, _POOLING)


def _exit(name: str, build: Build, head: set[fx.Node]) -> Exit:
    nodes = tuple(node for node in build.graph.nodes if node in head)
    reads = dict.fromkeys(source for node in nodes for source in node.all_input_nodes if source not in head)
    for source in reads:
        if build.quantised and not source.meta[QUANTISED] and source.op != "placeholder":
            raise NetworkError(
                f"exit {name!r} branches off behind {build.origins.get(source.name, source.name)}, where the tensor is "
                "not quantised: put one Quant node in front of the branch"
            )
    return Exit(tuple(reads), nodes)
