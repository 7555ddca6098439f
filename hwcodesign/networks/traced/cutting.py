"""This module cuts a traced network into stages and heads.

A stage computes what its head needs and earlier stages have not computed, and nothing else: of two branches behind an
exit, neither is computed before it. Tensors that a cut crosses, such as residual edges, are tensors of the boundary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import fx, nn

from hwcodesign.errors import NetworkError
from hwcodesign.networks.traced.tracing import SHAPE


@dataclass(frozen=True)
class Exit:
    """An exit is what one head reads and computes in a traced network.

    Attributes:
        reads: nodes of the backbone that the head reads.
        nodes: nodes of the head in the graph's order; empty where the head is a module of its own outside the graph.
    """

    reads: tuple[fx.Node, ...]
    nodes: tuple[fx.Node, ...] = ()


@dataclass(frozen=True)
class Pieces:
    """They are the stages and heads of a network that was cut, as `MultiExitNetwork` takes them.

    Attributes:
        stages: one graph for each exit. It takes the tensors of the stage before, and gives one tensor, or several.
        heads: one graph for each exit, or None where the head lies outside the graph.
        head_reads: for each head, the positions of the tensors of its stage that it takes.
    """

    stages: tuple[fx.GraphModule, ...]
    heads: tuple[fx.GraphModule | None, ...]
    head_reads: tuple[tuple[int, ...], ...]


def cut(graph: fx.GraphModule, exits: Sequence[Exit]) -> Pieces:
    """Cuts a network at its exits.

    Args:
        graph: the network, of one input.
        exits: in order of depth; nodes that none of them needs are left out.

    Raises:
        NetworkError: two exits stand at the same place, or an exit's head is read by something else than its output.
    """
    stage_of = _stages(exits)
    stages, heads, head_reads = [], [], []
    given: list[fx.Node] = [node for node in graph.graph.nodes if node.op == "placeholder"]
    for k, exit_ in enumerate(exits):
        own = [node for node in graph.graph.nodes if stage_of.get(node) == k]
        if not [node for node in own if node.op != "get_attr"]:
            raise NetworkError(f"exit {k} stands where exit {k - 1} does: nothing is computed between them")
        behind = {node for node in stage_of if stage_of[node] > k}
        crossing = [
            node
            for node in [*given, *own]
            if node.op != "get_attr" and (node in exit_.reads or not behind.isdisjoint(node.users))
        ]
        _check_tensors(k, crossing)
        stages.append(_piece(graph, given, own, crossing))
        heads.append(_piece(graph, exit_.reads, exit_.nodes, exit_.nodes[-1:]) if exit_.nodes else None)
        head_reads.append(tuple(crossing.index(node) for node in exit_.reads))
        given = crossing
    return Pieces(tuple(stages), tuple(heads), tuple(head_reads))


def ancestors(nodes: Iterable[fx.Node]) -> set[fx.Node]:
    """Returns the nodes that some nodes are computed from, and these themselves."""
    found: set[fx.Node] = set()
    left = list(nodes)
    while left:
        node = left.pop()
        if node not in found:
            found.add(node)
            left += node.all_input_nodes
    return found


def _stages(exits: Sequence[Exit]) -> Mapping[fx.Node, int]:
    """Returns the stage of each node of the backbone that an exit needs; inputs are in none."""
    heads = {node for exit_ in exits for node in exit_.nodes}
    stage_of: dict[fx.Node, int] = {}
    for k, exit_ in enumerate(exits):
        for node in ancestors(exit_.reads):
            if node in heads:
                raise NetworkError(
                    f"operation {node.name!r} is part of a head, and exit {k} reads what it gives: nothing else reads "
                    "what a head computes"
                )
            if node.op != "placeholder":
                stage_of.setdefault(node, k)
    return stage_of


def _check_tensors(k: int, crossing: Sequence[fx.Node]) -> None:
    for node in crossing:
        if SHAPE not in node.meta:
            raise NetworkError(
                f"operation {node.name!r} ({node.target}) in front of exit {k} gives no tensor, and is needed behind "
                "it: write the number that it gives into the network"
            )


def _piece(
    graph: fx.GraphModule, inputs: Sequence[fx.Node], nodes: Sequence[fx.Node], outputs: Sequence[fx.Node]
) -> fx.GraphModule:
    """Returns a module of some nodes, which shares their parameters with the graph."""
    made = fx.Graph()
    copied: dict[fx.Node, fx.Node] = {}
    for node in inputs:
        copied[node] = made.placeholder(node.name)
        copied[node].meta = dict(node.meta)
    needed = {source for node in nodes for source in node.all_input_nodes if source.op == "get_attr"}
    chosen = {*nodes, *needed}
    for node in graph.graph.nodes:
        if node in chosen and node not in copied:
            copied[node] = made.node_copy(node, lambda source: copied[source])
    results = tuple(copied[node] for node in outputs)
    made.output(results[0] if len(results) == 1 else results)
    piece = fx.GraphModule(nn.Module() if not nodes else graph, made)
    piece.train(graph.training)
    return piece
