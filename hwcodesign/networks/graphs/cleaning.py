"""This module brings an exported graph into the form that all passes start from, in time linear in its nodes.

Constants are computed, all tensors have a shape, each parameter belongs to one node, and names say which node writes or
reads a tensor. qonnx's `cleanup_model` gives the same graph, but looks through all tensors for each of them, and so
takes an hour for a few hundred layers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.general import SortCommutativeInputsInitializerLast
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.quant_constant_folding import FoldTransposeIntoQuantInit

from hwcodesign.networks.graphs.notes import QUANTISERS, remove_unread_constants

#: Domain of QONNX' quantisers.
_QONNX = "qonnx.custom_op.general"


def cleaned(graph: ModelWrapper) -> ModelWrapper:
    """Returns an exported graph with constants computed, with all shapes, and with names by `name_tensors`.

    Args:
        graph: as PyTorch exports it, nodes in order; it is changed.
    """
    for node in graph.graph.node:
        if node.op_type in (*QUANTISERS, "Trunc"):
            node.domain = _QONNX
    _separate_inputs(graph)
    graph, _ = InferShapes().apply(graph)
    _give_parameters(graph)
    while _compute_constants(graph):
        graph, _ = InferShapes().apply(graph)
    for step in (FoldTransposeIntoQuantInit(), SortCommutativeInputsInitializerLast()):
        step.apply(graph)
    name_tensors(graph)
    return graph


def name_tensors(graph: ModelWrapper) -> None:
    """Names nodes by their operator and number, and tensors by the node that writes them, or reads them as parameters;
    tensors that no node reads or writes are taken out.
    """
    remove_unread_constants(graph)
    constants = {tensor.name for tensor in graph.graph.initializer}
    numbers: Counter[str] = Counter()
    names: dict[str, str] = {}
    for node in graph.graph.node:
        node.name = f"{node.op_type}_{numbers[node.op_type]}"
        numbers[node.op_type] += 1
        names.update({name: f"{node.name}_out{i}" for i, name in enumerate(node.output)})
        read = [name for name in node.input if name in constants]
        names.update({name: f"{node.name}_param{i}" for i, name in enumerate(read)})
    for tensors, word in ((graph.graph.input, "global_in"), (graph.graph.output, "global_out")):
        names.update({tensor.name: f"{word}_{i}" if i else word for i, tensor in enumerate(tensors)})
    rename_tensors(graph, names)


def rename_tensors(graph: ModelWrapper, names: Mapping[str, str]) -> None:
    """Gives tensors other names, all at once; what is known of a tensor without a new name is forgotten if no node
    reads or writes it.
    """
    seen = {name for node in graph.graph.node for name in (*node.input, *node.output)}
    for node in graph.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    kept = [info for info in graph.graph.value_info if info.name in seen]
    del graph.graph.value_info[:]
    graph.graph.value_info.extend(kept)
    for tensors in (graph.graph.value_info, graph.graph.initializer, graph.graph.input, graph.graph.output):
        for tensor in tensors:
            tensor.name = names.get(tensor.name, tensor.name)


def _separate_inputs(graph: ModelWrapper) -> None:
    """Takes parameters, which PyTorch lists as inputs too, out of the list of inputs."""
    constants = {tensor.name for tensor in graph.graph.initializer}
    listed = list(graph.graph.input)
    del graph.graph.input[:]
    graph.graph.input.extend(info for info in listed if info.name not in constants)
    known = {info.name for info in graph.graph.value_info}
    graph.graph.value_info.extend(info for info in listed if info.name in constants - known)


def _give_parameters(graph: ModelWrapper) -> None:
    """Gives each node that shares a parameter with another one a copy of its own, since passes change parameters."""
    constants = {tensor.name: tensor for tensor in graph.graph.initializer}
    infos = {info.name: info for info in graph.graph.value_info}
    taken: Counter[str] = Counter()
    for node in graph.graph.node:
        for place, name in enumerate(node.input):
            if name not in constants:
                continue
            if taken[name]:
                copied = f"{name}_copy{taken[name]}"
                for tensor, known in (
                    (constants[name], graph.graph.initializer),
                    (infos[name], graph.graph.value_info),
                ):
                    made = known.add()
                    made.CopyFrom(tensor)
                    made.name = copied
                node.input[place] = copied
            taken[name] += 1


def _compute_constants(graph: ModelWrapper) -> bool:
    """Replaces operators on constants, and on shapes, by what they compute; tells whether there were any.

    Quantisers stay: what they make of weights is theirs to say.
    """
    constants = {tensor.name: tensor for tensor in graph.graph.initializer}
    values: dict[str, NDArray[Any]] = {}
    shapes = shapes_of(graph)
    versions = {domain: version for domain, version in graph.get_opset_imports().items() if domain in ("", "ai.onnx")}
    kept = []
    for node in graph.graph.node:
        known = all(not name or name in constants or name in values for name in node.input)
        if node.op_type == "Shape" and node.input[0] in shapes and not node.attribute:
            values[node.output[0]] = np.array(shapes[node.input[0]], np.int64)
        elif known and node.op_type not in QUANTISERS and not node.domain:
            for name in node.input:
                if name in constants and name not in values:
                    values[name] = numpy_helper.to_array(constants[name])
            given = {name: values[name] for name in node.input if name}
            made = ReferenceEvaluator(node, opsets=versions).run(None, given)
            values.update(zip(node.output, map(np.asarray, made), strict=True))
        else:
            kept.append(node)
    if len(kept) == len(graph.graph.node):
        return False
    read = {name for node in kept for name in node.input} - set(constants)
    computed = [numpy_helper.from_array(value, name) for name, value in values.items() if name in read]
    graph.graph.initializer.extend(computed)
    replace_nodes(graph, kept)
    return True


def shapes_of(graph: ModelWrapper) -> dict[str, list[int]]:
    """Returns the shapes of all tensors that have one, by their names."""
    shapes = {}
    for infos in (graph.graph.value_info, graph.graph.input, graph.graph.output):
        for info in infos:
            if info.type.tensor_type.HasField("shape"):
                shapes[info.name] = [axis.dim_value for axis in info.type.tensor_type.shape.dim]
    shapes.update({tensor.name: list(tensor.dims) for tensor in graph.graph.initializer})
    return shapes


def replace_nodes(graph: ModelWrapper, nodes: list[Any]) -> None:
    """Gives a graph these nodes, some of which may be its own, and no other."""
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
