"""This module holds an ONNX graph as plain values: nodes whose tensors have names of their own, and constants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from hwcodesign.networks.graphs import notes

#: Domains under which quantisers of QONNX are found.
QONNX_DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
#: Quantisers of QONNX, those of files among them that Brevitas does not write.
QUANTISERS = (*notes.QUANTISERS, "Trunc")
#: Domains of functions that stand for an operator of the same name, and are exact where it might round.
EXACT, EXACT_SPLIT = "hwcodesign.exact", "hwcodesign.exact.split"
_STANDARD = ("", "ai.onnx")


@dataclass(frozen=True, eq=False)
class Node:
    """A node computes tensors from tensors.

    Attributes:
        proto: the node in ONNX, with the names that its tensors have in the graph.
        branches: of an `If`, its graphs by the names "then_branch" and "else_branch".
    """

    proto: Any
    branches: dict[str, Graph]

    @property
    def operator(self) -> str:
        """Returns the operator's name; one of neither ONNX nor QONNX has its domain before it."""
        known = self.proto.domain in (*_STANDARD, *QONNX_DOMAINS)
        return str(self.proto.op_type) if known else f"{self.proto.domain}.{self.proto.op_type}"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Returns the names of the tensors that it reads; an empty one is left out."""
        return tuple(self.proto.input)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Returns the names of the tensors that it writes."""
        return tuple(self.proto.output)

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Returns the attributes that are given, texts as str."""
        found = {item.name: onnx.helper.get_attribute_value(item) for item in self.proto.attribute}
        return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}

    def __str__(self) -> str:
        if self.proto.name:
            return f"{self.operator} node {self.proto.name!r}"
        return f"the {self.operator} node that writes {self.outputs[0]!r}"


@dataclass(frozen=True, eq=False)
class Graph:
    """A graph is a list of nodes in the order in which they can be computed.

    Attributes:
        nodes: nodes.
        constants: values of the tensors that are given.
        outputs: names of the tensors that it gives.
        input_name, input_shape: its input, and the shape of one sample; those of the outer graph in a branch.
        opset: version of ONNX' operators.
        temperatures: temperature of each exit, in a file that `hwcodesign.to_onnx` wrote.
    """

    nodes: tuple[Node, ...]
    constants: dict[str, NDArray[Any]]
    outputs: tuple[str, ...]
    input_name: str
    input_shape: tuple[int, ...]
    opset: int
    temperatures: tuple[float, ...] = ()

    @cached_property
    def writers(self) -> dict[str, Node]:
        """Returns the node that writes each tensor."""
        return {name: node for node in self.nodes for name in node.outputs if name}

    def before(self, *names: str) -> tuple[Node, ...]:
        """Returns the nodes that tensors depend on, in order."""
        needed, found = set(names), []
        for node in reversed(self.nodes):
            if needed & set(node.outputs):
                needed |= set(node.inputs)
                found.append(node)
        return tuple(reversed(found))

    def giving(self, *outputs: str) -> Graph:
        """Returns the graph that computes these tensors and nothing else."""
        nodes = self.before(*outputs)
        read = {name for node in nodes for name in node.inputs} | set(outputs)
        constants = {name: value for name, value in self.constants.items() if name in read}
        return replace(self, nodes=nodes, constants=constants, outputs=outputs)

    def to_model(self, dtype: type[np.floating[Any]]) -> Any:
        """Returns an ONNX model whose real numbers are of a type, for samples of any number.

        Args:
            dtype: np.float32 or np.float64.
        """
        kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        constants = [
            onnx.numpy_helper.from_array(value.astype(dtype) if value.dtype.kind == "f" else value, name)
            for name, value in self.constants.items()
        ]
        given = onnx.helper.make_tensor_value_info(self.input_name, kind, ["batch", *self.input_shape])
        wanted = [onnx.helper.make_tensor_value_info(name, kind, None) for name in self.outputs]
        nodes = [_of_type(node.proto, kind) for node in self.nodes]
        made = onnx.helper.make_graph(nodes, "graph", [given], wanted, constants)
        domains = sorted({node.proto.domain for node in self.nodes} - set(_STANDARD))
        opsets = [onnx.helper.make_opsetid("", self.opset)] + [onnx.helper.make_opsetid(name, 1) for name in domains]
        return onnx.helper.make_model(made, opset_imports=opsets)


def _of_type(proto: Any, kind: int) -> Any:
    """Returns a node; a cast to real numbers is to those of a type."""
    reals = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)
    if proto.op_type != "Cast" or not any(item.i in reals for item in proto.attribute if item.name == "to"):
        return proto
    made = onnx.NodeProto()
    made.CopyFrom(proto)
    del made.attribute[:]
    made.attribute.append(onnx.helper.make_attribute("to", kind))
    return made
