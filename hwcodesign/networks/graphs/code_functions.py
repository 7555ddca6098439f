"""This module says what a function of one code is: real arithmetic between a tensor of codes and a quantiser.

It is a graph of pointwise operators with constants: a batch normalisation, a sigmoid, x * sigmoid(x). PyTorch evaluates
it in float64, and so it does for the network when that is the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, numpy_helper
from torch import Tensor
from torch.nn import functional

_Operator = Callable[[list[Tensor], Mapping[str, Any]], Tensor]


def _batch_norm(given: list[Tensor], attributes: Mapping[str, Any]) -> Tensor:
    x, scale, bias, mean, variance = given
    return functional.batch_norm(x, mean, variance, scale, bias, eps=attributes.get("epsilon", 1e-5))


def _clip(given: list[Tensor], attributes: Mapping[str, Any]) -> Tensor:  # noqa: ARG001  # all operators have one form
    low = given[1] if len(given) > 1 and given[1].numel() else None
    high = given[2] if len(given) > 2 and given[2].numel() else None
    return torch.clamp(given[0], low, high)


def _hard_sigmoid(given: list[Tensor], attributes: Mapping[str, Any]) -> Tensor:
    if abs(attributes.get("alpha", 0.2) - 1 / 6) < 1e-6 and attributes.get("beta", 0.5) == 0.5:
        return functional.hardsigmoid(given[0])  # PyTorch's, whose slope float32 cannot hold
    return torch.clamp(given[0] * attributes.get("alpha", 0.2) + attributes.get("beta", 0.5), 0, 1)


#: Operators that never reverse the order of two values, whatever else they read being constant; some reverse all.
_MONOTONE: dict[str, _Operator] = {
    "Add": lambda x, _: x[0] + x[1],
    "Sub": lambda x, _: x[0] - x[1],
    "Mul": lambda x, _: x[0] * x[1],
    "Div": lambda x, _: x[0] / x[1],
    "Neg": lambda x, _: -x[0],
    "Identity": lambda x, _: x[0],
    "Dropout": lambda x, _: x[0],
    "Relu": lambda x, _: functional.relu(x[0]),
    "Clip": _clip,
    "BatchNormalization": _batch_norm,
    "Sigmoid": lambda x, _: torch.sigmoid(x[0]),
    "Tanh": lambda x, _: torch.tanh(x[0]),
    "HardSigmoid": _hard_sigmoid,
    "Selu": lambda x, _: functional.selu(x[0]),
    "Softplus": lambda x, _: functional.softplus(x[0]),
    "Softsign": lambda x, _: functional.softsign(x[0]),
    "Erf": lambda x, _: torch.erf(x[0]),
    "Sign": lambda x, _: torch.sign(x[0]),
    "Exp": lambda x, _: torch.exp(x[0]),
    "Log": lambda x, _: torch.log(x[0]),
    "Sqrt": lambda x, _: torch.sqrt(x[0]),
    "Min": lambda x, _: torch.minimum(x[0], x[1]),
    "Max": lambda x, _: torch.maximum(x[0], x[1]),
}
#: Those that may go up and down, for some of their constants at least.
_ANY: dict[str, _Operator] = {
    "LeakyRelu": lambda x, a: functional.leaky_relu(x[0], a.get("alpha", 0.01)),
    "PRelu": lambda x, _: torch.where(x[0] > 0, x[0], x[0] * x[1]),
    "Elu": lambda x, a: functional.elu(x[0], a.get("alpha", 1.0)),
    "Celu": lambda x, a: functional.celu(x[0], a.get("alpha", 1.0)),
    "HardSwish": lambda x, _: functional.hardswish(x[0]),
    "Gelu": lambda x, a: functional.gelu(x[0], approximate=a.get("approximate", "none")),
    "Mish": lambda x, _: functional.mish(x[0]),
    "Abs": lambda x, _: x[0].abs(),
    "Pow": lambda x, _: x[0] ** x[1],
    "Reciprocal": lambda x, _: 1 / x[0],
    "Greater": lambda x, _: (x[0] > x[1]).double(),
    "Less": lambda x, _: (x[0] < x[1]).double(),
    "Where": lambda x, _: torch.where(x[0] != 0, x[1], x[2]),
}
OPERATORS: Mapping[str, _Operator] = {**_MONOTONE, **_ANY}
#: Name of a function's input in its graph.
GIVEN = "code"


class CodeFunction:
    """A code function computes real results from real values, channel by channel.

    Args:
        graph: nodes from `GIVEN` to its only output; constants are initialisers that broadcast with a tensor of the
            rank, and have no extent along other axes than that of the channels, axis 1.
        rank: axes of the tensors that it stands between, the batch included.
    """

    def __init__(self, graph: GraphProto, rank: int) -> None:
        self.graph, self.rank = graph, rank
        self._constants = {
            tensor.name: torch.from_numpy(np.array(numpy_helper.to_array(tensor), np.float64))
            for tensor in graph.initializer
        }

    @property
    def operators(self) -> tuple[str, ...]:
        """Returns its operators in order."""
        return tuple(node.op_type for node in self.graph.node)

    @property
    def is_uniform(self) -> bool:
        """Returns whether all channels have one function."""
        return all(constant.numel() <= 1 for constant in self._constants.values())

    @property
    def is_monotone(self) -> bool:
        """Returns whether its operators promise that each channel rises or falls everywhere, rounding included."""
        readers: dict[str, int] = {}
        for node in self.graph.node:
            for name in node.input:
                if name not in self._constants:
                    readers[name] = readers.get(name, 0) + 1
        return all(count == 1 for count in readers.values()) and all(map(self._keeps_order, self.graph.node))

    def _keeps_order(self, node: NodeProto) -> bool:
        if node.op_type == "PRelu":
            return bool((self._constants[node.input[1]] >= 0).all())
        if node.op_type in ("LeakyRelu", "Elu", "Celu"):
            return bool(_attributes(node).get("alpha", 1.0) >= 0)
        if node.op_type == "Div":
            return node.input[1] in self._constants
        return node.op_type in _MONOTONE

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Computes the results, (K, C), of values (K, C) in float64."""
        shape = (*values.shape, *(1 for _ in range(self.rank - 2)))
        known = {**self._constants, GIVEN: torch.from_numpy(np.ascontiguousarray(values).reshape(shape))}
        with torch.no_grad():
            for node in self.graph.node:
                given = [known[name] if name else torch.empty(0) for name in node.input]
                known[node.output[0]] = OPERATORS[node.op_type](given, _attributes(node))
        result = known[self.graph.output[0].name].expand(shape)
        return np.asarray(result.reshape(values.shape).numpy(), np.float64)


def with_numbers(node: NodeProto, numbers: Mapping[float, float]) -> None:
    """Gives a node its attributes in float64, in place.

    Args:
        numbers: by their float32, which ONNX keeps, numbers of the network.
    """
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.FLOAT:
            exact = numpy_helper.from_array(np.asarray(numbers.get(attribute.f, attribute.f), np.float64))
            attribute.CopyFrom(onnx.helper.make_attribute(attribute.name, exact))


def _attributes(node: NodeProto) -> dict[str, Any]:
    found = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    return {name: _plain(value) for name, value in found.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, onnx.TensorProto):
        return float(numpy_helper.to_array(value))
    return value.decode() if isinstance(value, bytes) else value
