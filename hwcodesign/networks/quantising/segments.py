"""This module cuts a whole network whose heads are named `heads.0.…`, `heads.1.…` into stages and heads again."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

import brevitas.nn as qnn
from torch import fx

from hwcodesign.networks.float_network import FloatNetwork
from hwcodesign.networks.traced.cutting import Exit, Pieces, ancestors, cut
from hwcodesign.networks.traced.tracing import find_shapes, module_of, pools_or_reshapes, traced
from hwcodesign.networks.whole import Whole

#: What `whole_of` puts in front of a layer's name.
_PLACE = re.compile(r"^(stages|heads)\.\d+\.")


def whole_of(network: FloatNetwork) -> fx.GraphModule:
    """Returns the uncut graph of a network, whose outputs are those of all heads; its modules are copies."""
    return traced(Whole(network), network.input_shape)


def cut_again(graph: fx.GraphModule, input_shape: tuple[int, ...]) -> Pieces:
    """Cuts a network whose layers were quantised.

    Args:
        graph: what was made of `whole_of` a network: layers of head k are still named `heads.k.…`.
        input_shape: shape of an image, without the batch.

    Returns:
        Stages and heads that share no parameters. Scales that several of them used stay as they are: in training,
        each would learn another.
    """
    find_shapes(graph, input_shape)
    output = next(node for node in graph.graph.nodes if node.op == "output")
    pieces = cut(graph, [_exit(graph, k, logits) for k, logits in enumerate(output.args[0])])
    parts = [part for pair in zip(pieces.stages, pieces.heads, strict=True) for part in pair if part is not None]
    users: dict[int, int] = {}
    for part in parts:
        for parameter in part.parameters():
            users[id(parameter)] = users.get(id(parameter), 0) + 1
    copies = iter([_own(part, {parameter for parameter, count in users.items() if count > 1}) for part in parts])
    pairs = [(next(copies), next(copies)) for _ in pieces.stages]
    return Pieces(tuple(stage for stage, _ in pairs), tuple(head for _, head in pairs), pieces.head_reads)


def _own(part: fx.GraphModule, shared: set[int]) -> fx.GraphModule:
    """Returns a copy whose layers are named as they were in their stage or head."""
    for parameter in part.parameters():
        if id(parameter) in shared:
            parameter.requires_grad_(False)
    made = copy.deepcopy(part)
    called = [node for node in made.graph.nodes if node.op in ("call_module", "get_attr")]
    names = {str(node.target): _PLACE.sub("", str(node.target)) for node in called}
    if len(set(names.values())) < len(names):
        return made  # two layers of one name came together from two stages
    parts: dict[str, Any] = {}
    for node in called:
        parts[names[node.target]] = attrgetter(node.target)(made)
        node.target = names[node.target]
    return fx.GraphModule(parts, made.graph)


def _exit(graph: fx.GraphModule, k: int, logits: fx.Node) -> Exit:
    """Finds a head in the graph: its layers, what stands between them, and pooling and reshaping in front of it."""
    prefix = f"heads.{k}."
    needed = ancestors([logits])
    own: set[fx.Node] = set()
    for node in graph.graph.nodes:
        if node in needed and (f"{node.target}.".startswith(prefix) or not own.isdisjoint(node.all_input_nodes)):
            own.add(node)
    for node in reversed(list(graph.graph.nodes)):
        if node not in own and node.users and own.issuperset(node.users) and _in_front(graph, node):
            own.add(node)
    ordered = [node for node in graph.graph.nodes if node in own]
    return Exit(tuple(dict.fromkeys(_read(ordered))), tuple(ordered))


def _read(nodes: Sequence[fx.Node]) -> Iterator[fx.Node]:
    own = set(nodes)
    for node in nodes:
        yield from (source for source in node.all_input_nodes if source not in own and source.op != "get_attr")


def _in_front(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Tells whether a node goes with the head behind it, where nothing else reads it."""
    if isinstance(module_of(graph, node), qnn.QuantIdentity):
        return isinstance(node.args[0], fx.Node) and _in_front(graph, node.args[0])
    return pools_or_reshapes(graph, node)
