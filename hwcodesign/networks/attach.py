"""This module gives exits to a network that has none: `attach_exits`."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import fx, nn

from hwcodesign.choices import not_known
from hwcodesign.errors import NetworkError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.images import BYTES
from hwcodesign.networks.float_network import FloatNetwork
from hwcodesign.networks.softmax import SOFTMAX_FUNCTIONS, SOFTMAXES
from hwcodesign.networks.traced.cutting import Exit, ancestors, cut
from hwcodesign.networks.traced.tracing import (
    SHAPE,
    macs_of,
    module_of,
    pools_or_reshapes,
    scopes_of,
    shape_of,
    traced,
)

_POOLS: dict[int, type[nn.Module]] = {2: nn.AdaptiveAvgPool1d, 3: nn.AdaptiveAvgPool2d}


def attach_exits(
    module: nn.Module,
    at: Sequence[str] | int,
    heads: Sequence[nn.Module] | None = None,
    *,
    input_shape: Sequence[int],
    input_format: FixedPoint = BYTES,
) -> FloatNetwork:
    """Attaches early exits to a float network that torch.fx can trace.

    Weights stay as they are, and so do the answers of the last exit. Heads are new: train them, for example with the
    strategy "heads_only".

    Args:
        module: takes (N, *input_shape), gives logits (N, classes); it is copied.
        at: names of layers or modules behind which an exit stands, each once; or how many exits the network gets in
            all, its own end being the last: then the multiply-accumulates between exits are as equal as possible.
        heads: a head for each early exit, in the order of `at`, or of depth where that is a number: it takes what the
            layer gives, and gives logits (N, classes). By default average pooling over all pixels, and a linear layer.
        input_shape: (C, H, W) of images, (C, L) of sequences, or (F,) of vectors.
        input_format: format of the images' values, by default bytes that are 0 to 255/256.

    Raises:
        NetworkError: the module cannot be traced; an exit does not exist, or stands where another does; a head does
            not fit.
    """
    shape = tuple(int(size) for size in input_shape)
    _check_float32(module)
    graph = traced(module, shape)
    output = next(node for node in graph.graph.nodes if node.op == "output")
    logits = output.args[0]
    if not isinstance(logits, fx.Node) or len(shape_of(logits)) != 1:
        raise NetworkError(
            f"{type(module).__name__} must give logits (N, classes) for images of shape {shape}: one tensor, which has "
            "no other sizes"
        )
    _check_logits(graph, logits)
    last = _last_head(graph, logits)
    early = _equidistant(graph, last, at) if isinstance(at, int) else _named(graph, last, at)
    made = _heads(early, shape_of(logits)[0], heads)
    order = {node: place for place, node in enumerate(graph.graph.nodes)}
    by_depth = sorted(zip(early, made, strict=True), key=lambda pair: order[pair[0]])
    pieces = cut(graph, [*(Exit((node,)) for node, _ in by_depth), last])
    own = pieces.heads[-1]
    assert own is not None
    heads = [*(head for _, head in by_depth), own]
    return FloatNetwork(list(pieces.stages), heads, input_format, shape, head_reads=pieces.head_reads)


def _check_float32(module: nn.Module) -> None:
    other = next((part for part in module.parameters() if part.dtype != torch.float32), None)
    if other is not None:
        raise NetworkError(f"{type(module).__name__} has weights of {other.dtype}: give module.float()")


def _check_logits(graph: fx.GraphModule, logits: fx.Node) -> None:
    called = module_of(graph, logits)
    if isinstance(called, SOFTMAXES) or (called is None and logits.target in SOFTMAX_FUNCTIONS):
        raise NetworkError(
            f"the network ends in a softmax, {logits.name!r}: let it return its logits, whose order that keeps"
        )


def _last_head(graph: fx.GraphModule, logits: fx.Node) -> Exit:
    """Finds the head that the network has: its last layer with weights, and the pooling and reshaping around it."""
    nodes, node, weighted = [logits], logits, macs_of(graph, logits) > 0
    while len(node.all_input_nodes) == 1:
        before = node.all_input_nodes[0]
        if before.op == "placeholder" or SHAPE not in before.meta or len(before.users) > 1:
            break
        if weighted and not pools_or_reshapes(graph, before):
            break
        weighted = weighted or macs_of(graph, before) > 0
        nodes.insert(0, before)
        node = before
    if not weighted:
        raise NetworkError(
            f"{logits.name!r}, which gives the logits, has no layer with weights in front of it that it alone reads: "
            "end the network in a linear layer or a convolution"
        )
    return Exit(tuple(node.all_input_nodes), tuple(nodes))


def _named(graph: fx.GraphModule, last: Exit, names: Sequence[str]) -> list[fx.Node]:
    """Returns the nodes behind which exits stand, in the order of their names."""
    if isinstance(names, str) or not names:
        raise NetworkError(f"at={names!r}: give a list of layers' names, or a number of exits")
    behind_end = set(last.nodes)
    found: dict[fx.Node, str] = {}
    for name in names:
        node = _last_within(graph, name)
        if node in found:
            raise NetworkError(f"exits {found[node]!r} and {name!r} stand at the same place: name one of them")
        if node in behind_end or node in last.reads:
            raise NetworkError(f"exit {name!r} stands at the end of the network, which is the last exit in any case")
        found[node] = name
    return list(found)


def _last_within(graph: fx.GraphModule, name: str) -> fx.Node:
    """Returns the node that gives what a module gives, or the operation of this name."""
    within = [node for node in graph.graph.nodes if node.name == name or name in scopes_of(node)]
    tensors = [node for node in within if SHAPE in node.meta]
    if not tensors:
        known = sorted({scope for node in graph.graph.nodes for scope in scopes_of(node)})
        raise NetworkError(not_known(f"exit at {name!r}", name, known))
    last: fx.Node = tensors[-1]
    return last


def _equidistant(graph: fx.GraphModule, last: Exit, exits: int) -> list[fx.Node]:
    """Returns the nodes at which cuts make the most equal shares of the multiply-accumulates.

    Cuts stand where one tensor alone goes on, so that no residual edge is cut, if there are enough such places.
    """
    if exits < 2:
        raise NetworkError(f"at={exits}: a multi-exit network has two exits or more")
    places = _places(graph, last)
    total = sum(macs_of(graph, node) for node in graph.graph.nodes)
    if len(places) < exits - 1:
        raise NetworkError(
            f"at={exits}: there are {len(places)} places where one tensor alone goes on, too few for {exits} exits; "
            "name layers instead, at=['…']"
        )
    chosen: list[fx.Node] = []
    for k in range(1, exits):
        left = len(places) - (exits - 1 - k)
        start = 0 if not chosen else [node for node, _ in places].index(chosen[-1]) + 1
        chosen.append(min(places[start:left], key=lambda place: abs(place[1] - k * total / exits))[0])
    return chosen


def _places(graph: fx.GraphModule, last: Exit) -> list[tuple[fx.Node, int]]:
    """Returns the nodes behind which one tensor alone goes on, and the multiply-accumulates up to each.

    Of several in a row without layers with weights between them, the last one counts: behind the activation, and
    behind the pooling. Those behind which no layer with weights is left are none.
    """
    backbone = ancestors(last.reads)
    needed = [node for node in graph.graph.nodes if node in backbone and node.op != "get_attr"]
    order = {node: place for place, node in enumerate(needed)}
    found: list[tuple[fx.Node, int]] = []
    macs = furthest = 0  # the last node that reads one of those so far
    for place, node in enumerate(needed):
        macs += macs_of(graph, node)
        alone = furthest <= place
        furthest = max([furthest, *(order[user] for user in node.users if user in order)])
        if alone and macs and node not in last.reads and SHAPE in node.meta:
            if found and found[-1][1] == macs:
                found.pop()
            found.append((node, macs))
    return [(node, before) for node, before in found if before < macs]


def _heads(early: Sequence[fx.Node], classes: int, given: Sequence[nn.Module] | None) -> list[nn.Module]:
    if given is None:
        return [_pool_and_linear(shape_of(node), classes) for node in early]
    if len(given) != len(early):
        raise NetworkError(f"{len(given)} heads for {len(early)} early exits: give each one")
    for k, (node, head) in enumerate(zip(early, given, strict=True)):
        try:
            with torch.no_grad():
                logits = copy.deepcopy(head).eval()(torch.zeros((1, *shape_of(node))))
        except Exception as error:
            raise NetworkError(
                f"head {k} cannot take what {node.name!r} gives, {shape_of(node)} a sample: {error}"
            ) from error
        if tuple(logits.shape[1:]) != (classes,):
            raise NetworkError(f"head {k} gives {tuple(logits.shape[1:])} a sample, the last exit ({classes},)")
    return list(given)


def _pool_and_linear(shape: tuple[int, ...], classes: int) -> nn.Module:
    """The head of BranchyNet's successors: average over pixels, then one linear layer."""
    if len(shape) == 1:
        return nn.Linear(shape[0], classes)
    return nn.Sequential(_POOLS[len(shape)](1), nn.Flatten(), nn.Linear(shape[0], classes))
