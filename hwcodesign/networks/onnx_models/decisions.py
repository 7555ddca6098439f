"""This module reads what the condition of an `If` compares: the confidence of an exit, and a constant.

Confidence is the largest softmax probability of logits; or, as `hwcodesign.to_onnx` writes it, an integer: the
difference of the two largest codes of logits, or the sum of exponentials from a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.networks.onnx_models.graph import Node
from hwcodesign.policies import NEVER, Threshold

#: Operators between a comparison and an `If` or a confidence that change a tensor's type or shape alone.
PASSING = ("Cast", "Identity", "Squeeze", "Unsqueeze", "Reshape", "Flatten")
#: By comparisons: whether the first input is the greater one where they are true.
_COMPARISONS = {"Greater": True, "GreaterOrEqual": True, "Less": False, "LessOrEqual": False}
_TURNED = {"Greater": "Less", "GreaterOrEqual": "LessOrEqual", "Less": "Greater", "LessOrEqual": "GreaterOrEqual"}


class NoDecisionError(Exception):
    """A condition is not that of an exit, for the reason in its message."""


@dataclass(frozen=True)
class Decision:
    """A decision is one exit's part of a rule.

    Attributes:
        logits: name of the tensor of logits that it reads.
        leaves_if_true: whether a sample leaves where the condition is true.
        criterion, threshold, temperature: as an `ExitRule` has them.
    """

    logits: str
    leaves_if_true: bool
    criterion: str
    threshold: Threshold
    temperature: float


@dataclass(frozen=True)
class Scope:
    """A scope is what a condition may read: nodes by the tensors that they write, and constants."""

    writers: dict[str, Node]
    constants: dict[str, NDArray[Any]]

    def constant(self, name: str) -> NDArray[Any] | None:
        """Returns the value of a tensor that is given, or of one that a cast of it writes."""
        if name in self.constants:
            return self.constants[name]
        node = self.writers.get(name)
        return self.constant(node.inputs[0]) if node is not None and node.operator in PASSING else None

    def number(self, name: str) -> float | None:
        """Returns a constant of one element."""
        value = self.constant(name)
        return float(np.ravel(value)[0]) if value is not None and np.size(value) == 1 else None

    def behind(self, name: str, *operators: str) -> Node:
        """Returns the node of one of these operators that a tensor comes from, through passing ones.

        Raises:
            NoDecisionError: it comes from another one.
        """
        node = self.writers.get(name)
        while node is not None and node.operator in PASSING:
            node = self.writers.get(node.inputs[0])
        if node is None or node.operator not in operators:
            found = "the input" if node is None else str(node)
            raise NoDecisionError(f"{name!r} comes from {found}, not from {' or '.join(operators)}")
        return node


def read_decision(condition: str, scope: Scope) -> Decision:
    """Reads the condition of an `If`.

    Raises:
        NoDecisionError: it does not compare a confidence with a constant.
    """
    node, holds = scope.behind(condition, *_COMPARISONS, "Not"), True
    while node.operator == "Not":
        node, holds = scope.behind(node.inputs[0], *_COMPARISONS, "Not"), not holds
    score, limit, operator = node.inputs[0], scope.number(node.inputs[1]), node.operator
    if limit is None:
        score, limit, operator = node.inputs[1], scope.number(node.inputs[0]), _TURNED[operator]
    if limit is None:
        raise NoDecisionError(f"{node} compares two tensors that are computed, none with a constant")
    greater = _COMPARISONS[operator]
    found = scope.behind(score, "ReduceMax", "TopK", "Sub", "ReduceSum")
    match found.operator:
        case "Sub":
            logits, threshold = _margin(found, limit, scope)
            return Decision(logits, holds == greater, "margin", threshold, 1.0)
        case "ReduceSum":  # the larger this sum, the less sure
            logits, threshold = _softmax_sum(found, limit, scope)
            return Decision(logits, holds != greater, "max_softmax", threshold, 1.0)
    logits, temperature = _softmax(found, scope)
    return Decision(logits, holds == greater, "max_softmax", limit, temperature)


def _softmax(largest: Node, scope: Scope) -> tuple[str, float]:
    """Returns the logits of a largest probability, and their temperature."""
    softmax = scope.behind(largest.inputs[0], "Softmax")
    logits, divided = softmax.inputs[0], scope.writers.get(softmax.inputs[0])
    if divided is not None and divided.operator in ("Div", "Mul"):
        number = scope.number(divided.inputs[1])
        if number is not None and number > 0:
            return divided.inputs[0], number if divided.operator == "Div" else 1 / number
    return logits, 1.0


def _codes(name: str, scope: Scope) -> tuple[str, float]:
    """Returns the logits of which a tensor has the codes, and the value of one step."""
    divided = scope.behind(name, "Div")
    step = scope.number(divided.inputs[1])
    if step is None:
        raise NoDecisionError(f"{divided} does not divide logits by the value of a step")
    return divided.inputs[0], step


def _margin(difference: Node, limit: float, scope: Scope) -> tuple[str, Threshold]:
    """Returns the logits whose two largest codes are subtracted, and the threshold as a difference of logits."""
    tops = [scope.behind(name, "Gather") for name in difference.inputs]
    places = [scope.number(top.inputs[1]) for top in tops]
    sources = [scope.behind(top.inputs[0], "TopK") for top in tops]
    if places != [0, 1] or sources[0] is not sources[1]:
        raise NoDecisionError(f"{difference} does not subtract the second largest logit from the largest")
    logits, step = _codes(sources[0].inputs[0], scope)
    return logits, None if limit >= NEVER else limit * step


def _softmax_sum(total: Node, limit: float, scope: Scope) -> tuple[str, Threshold]:
    """Returns the logits whose exponentials are summed, and the threshold as a probability."""
    looked_up = scope.behind(total.inputs[0], "Gather")
    table = scope.constant(looked_up.inputs[0])
    if table is None or table.ndim != 1:
        raise NoDecisionError(f"{looked_up} does not look up a table of exponentials")
    index = scope.behind(looked_up.inputs[1], "Min", "Div", "Sub")
    while index.operator != "Sub":
        index = scope.behind(index.inputs[0], "Div", "Sub")
    logits, _ = _codes(index.inputs[1], scope)
    # half a step inside, as the criterion gives thresholds
    return logits, None if limit <= -NEVER else min(1.0, float(table[0]) / (limit + 0.5))
