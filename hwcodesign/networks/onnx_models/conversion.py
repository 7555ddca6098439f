"""This module makes a torch graph of an ONNX graph, node by node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from torch import fx

from hwcodesign.errors import HwcodesignError, NetworkError, UnsupportedLayerError
from hwcodesign.networks.onnx_models.building import Build, Computed
from hwcodesign.networks.onnx_models.graph import QUANTISERS, Graph, Node
from hwcodesign.networks.onnx_models.operators import OPERATORS


@dataclass(frozen=True, eq=False)
class Converted:
    """It is a torch graph that computes what an ONNX graph computes.

    Attributes:
        whole: takes (N, *input_shape), and gives a tuple of the ONNX graph's outputs.
        build: values of all ONNX tensors, and the ONNX node of each torch node.
    """

    whole: fx.GraphModule
    build: Build


#: What to do without an operator that exporters write.
_INSTEAD = {"Erf": "export GELU to opset 20, which has Gelu; "}


def converted(graph: Graph) -> Converted:
    """Converts a graph without branches.

    Raises:
        UnsupportedLayerError: an operator that is not known, or one that hardware does not compute so.
        NetworkError: scales, zero points or shapes that do not fit; each message names the node.
    """
    for node in graph.nodes:  # before any work
        if node.operator not in OPERATORS and not _may_be_constant(node):
            known = ", ".join(sorted(OPERATORS))
            instead = _INSTEAD.get(node.operator, "")
            raise UnsupportedLayerError(f"{node} is not taken: {instead}the operators that are taken are {known}")
    build = Build(graph)
    for node in graph.nodes:
        _convert(node, build)
    outputs = [build.values[name] for name in graph.outputs]
    for name, value in zip(graph.outputs, outputs, strict=True):
        if not isinstance(value, Computed):
            raise NetworkError(f"output {name!r} does not depend on the image")
    build.graph.output(tuple(value.node for value in outputs if isinstance(value, Computed)))
    whole = fx.GraphModule(build.modules, build.graph)
    whole.graph.eliminate_dead_code()
    whole.recompile()
    return Converted(whole, build)


def _convert(node: Node, build: Build) -> None:
    given = [build.values[name] for name in node.inputs if name]
    if given and not isinstance(given[0], Computed):
        source = build.roots.get(node.inputs[0], node.inputs[0])
        build.roots.update(dict.fromkeys(node.outputs, source))
    if node.operator not in QUANTISERS and not any(isinstance(value, Computed) for value in given):
        build.values.update(zip(node.outputs, _folded(node, build), strict=True))
    elif node.operator not in OPERATORS:
        raise UnsupportedLayerError(f"{node} is taken of constants alone, and {node.inputs[0]!r} depends on the image")
    else:
        value = OPERATORS[node.operator](node, build)
        for name in node.outputs:
            build.values[name] = value


def _may_be_constant(node: Node) -> bool:
    """Tells whether it may be arithmetic on shapes, which is done once."""
    return node.proto.domain in ("", "ai.onnx") and node.operator in (
        "ConstantOfShape", "Gather", "Slice", "Range", "Expand", "Equal", "Where", "Not", "Floor", "Ceil",
        "ReduceProd", "Split", "Neg", "Size", "Tile", "Min", "Max", "Sqrt", "Reciprocal", "Pow",
    )  # fmt: skip


def _folded(node: Node, build: Build) -> list[NDArray[Any]]:
    """Computes a node that reads constants alone."""
    values = {name: np.asarray(build.values[name]) for name in node.inputs if name}
    given = [
        onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in values.items()
    ]
    wanted = [onnx.helper.make_empty_tensor_value_info(name) for name in node.outputs]
    graph = onnx.helper.make_graph([node.proto], "constant", given, wanted)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", build.source.opset)])
    try:
        found: list[NDArray[Any]] = [np.asarray(value) for value in ReferenceEvaluator(model).run(None, values)]
    except HwcodesignError:
        raise
    except Exception as error:  # of the evaluator, which has no class of its own
        raise UnsupportedLayerError(f"{node} cannot be computed of its constants: {error}") from error
    return found
