"""This module holds the registry of ONNX operators, each with a function that says it in torch."""

from __future__ import annotations

from collections.abc import Callable

from hwcodesign.networks.onnx_models.building import Build, Value
from hwcodesign.networks.onnx_models.graph import Node

#: What a node computes, said in torch.
Operator = Callable[[Node, Build], Value]

OPERATORS: dict[str, Operator] = {}


def operator(*names: str) -> Callable[[Operator], Operator]:
    """Registers the function of some operators."""

    def register(function: Operator) -> Operator:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return register
