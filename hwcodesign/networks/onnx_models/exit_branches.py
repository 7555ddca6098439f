"""This module makes one graph with an output for each exit of a graph whose exits are `If` nodes.

Such an `If` compares the confidence of an exit with a constant. One of its branches gives what the exit answered; the
other is the rest of the network, with an `If` of its own for each further exit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.networks.onnx_models.decisions import PASSING, Decision, NoDecisionError, Scope, read_decision
from hwcodesign.networks.onnx_models.exit_rule import ExitRule, one_rule
from hwcodesign.networks.onnx_models.graph import Graph, Node

#: Operators that may stand between logits and an answer.
_ANSWERING = (*PASSING, "Softmax", "ArgMax")


def without_branches(graph: Graph) -> tuple[Graph, ExitRule | None]:
    """Returns a graph that gives the logits of every exit, and the rule of its `If` nodes.

    A graph without `If` is returned as it is, and None.

    Raises:
        UnsupportedLayerError: an `If` is no exit; the message names it, and says why.
    """
    nodes: list[Node] = []
    constants: dict[str, NDArray[Any]] = {}
    decisions: list[Decision] = []
    body = graph
    while True:
        ifs = [node for node in body.nodes if node.operator == "If"]
        nodes += [node for node in body.nodes if node.operator != "If"]
        constants |= body.constants
        scope = Scope({name: node for node in nodes for name in node.outputs}, constants)
        if not ifs:
            break
        if len(ifs) > 1:
            raise _no_exit(ifs[1], f"beside it is {ifs[0]}, and an exit is in the branch of the one before")
        decision = _decision(ifs[0], scope)
        _check_answers(ifs[0], body, scope)
        decisions.append(decision)
        body = ifs[0].branches["else_branch" if decision.leaves_if_true else "then_branch"]
    if not decisions:
        return graph, None
    last = _answered(body.outputs, scope)
    if len(last) != 1:
        raise UnsupportedLayerError(
            f"the branch behind the last exit gives {len(last)} tensors ({', '.join(map(repr, last))}): it gives the "
            "logits of the last one"
        )
    outputs = (*(decision.logits for decision in decisions), last[0])
    heat = [own.temperature for own in decisions]
    if len(graph.temperatures) > len(heat):
        heat = list(graph.temperatures)
    rule = one_rule([(own.criterion, own.threshold, each) for own, each in zip(decisions, heat, strict=False)])
    flat = replace(graph, nodes=tuple(nodes), constants=constants, outputs=outputs).giving(*outputs)
    return flat, rule


def _no_exit(node: Node, why: str) -> UnsupportedLayerError:
    return UnsupportedLayerError(
        f"{node} is no exit: {why}. An exit compares ReduceMax(Softmax(logits)) with a constant, gives its logits in "
        "one branch, and has the rest of the network in the other"
    )


def _decision(node: Node, scope: Scope) -> Decision:
    """Reads an exit's decision, and sees that the branch where samples leave gives its logits."""
    try:
        found = read_decision(node.inputs[0], scope)
    except NoDecisionError as error:
        raise _no_exit(node, str(error)) from error
    leaving = node.branches["then_branch" if found.leaves_if_true else "else_branch"]
    computing = [inner for inner in leaving.nodes if inner.operator not in _ANSWERING]
    if computing:
        raise _no_exit(node, f"{computing[0]} is in the branch where samples leave")
    inside = Scope(scope.writers | leaving.writers, scope.constants | leaving.constants)
    given = _answered(leaving.outputs, inside)
    if given != [found.logits]:
        names = ", ".join(map(repr, given)) or "nothing"
        raise _no_exit(
            node, f"its condition reads the logits {found.logits!r}, and where samples leave it gives {names}"
        )
    return found


def _answered(outputs: Sequence[str], scope: Scope) -> list[str]:
    """Returns the tensors that answers are made of; constants are not among them, such as the number of an exit."""
    found: list[str] = []
    for output in outputs:
        name = output
        while scope.constant(name) is None:
            node = scope.writers.get(name)
            if node is None or node.operator not in _ANSWERING:
                if name not in found:
                    found.append(name)
                break
            name = node.inputs[0]
    return found


def _check_answers(node: Node, body: Graph, scope: Scope) -> None:
    """Refuses an `If` whose outputs are not what its graph gives."""
    inner = Scope({**scope.writers, **body.writers}, scope.constants)
    for name in _answered(body.outputs, inner):
        if name not in node.outputs:
            raise _no_exit(node, f"the graph also gives {name!r}, which does not come from it")
