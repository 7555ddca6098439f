"""This module opens ONNX files, and refuses before any long work what no network can be made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.inliner
from numpy.typing import NDArray
from onnx.external_data_helper import ExternalDataInfo, load_external_data_for_model, uses_external_data

from hwcodesign.errors import NetworkError, UnsupportedLayerError
from hwcodesign.networks.onnx_models.graph import EXACT, EXACT_SPLIT, QONNX_DOMAINS, Graph, Node

#: Oldest version of ONNX' operators: before it, tensors of different shapes were added by an attribute.
_OLDEST = 7
#: Of a file that was written here: temperatures of the exits, as JSON.
TEMPERATURES = "hwcodesign.temperatures"
#: Inputs of operators that functions stand for.
_INPUTS = {"Conv": 3, "Gemm": 3, "MatMul": 2, "ReduceMean": 2}
_BRANCHES = ("then_branch", "else_branch")
_GRAPH = onnx.AttributeProto.GRAPH
_REALS = {onnx.TensorProto.FLOAT: "float32", onnx.TensorProto.DOUBLE: "float64"}


def open_graph(path: Path | str, input_shape: Sequence[int] | None = None) -> Graph:
    """Opens an ONNX or QONNX file.

    Args:
        path: file.
        input_shape: shape of one sample, for a file that leaves it open.

    Raises:
        NetworkError: there is no such file, it is no ONNX, its operators are too new or too old, it has not one input
            of known shape, or its weights lie in another file that is not there.
        UnsupportedLayerError: a loop, or another operator with a graph in it that is no `If`.
    """
    model = _loaded(Path(path))
    opset = _opset(model)
    model = _inlined(model)
    given = {tensor.name for tensor in model.graph.initializer}
    inputs = [tensor for tensor in model.graph.input if tensor.name not in given]
    if len(inputs) != 1:
        names = ", ".join(repr(tensor.name) for tensor in inputs) or "none"
        raise NetworkError(f"{path} has {len(inputs)} inputs ({names}): a multi-exit network has one")
    shape = _shape_of(inputs[0], input_shape)
    taken = {inputs[0].name}
    graph = _graph_of(model.graph, {}, taken, (inputs[0].name, shape, opset))
    _check_names(graph, {inputs[0].name})
    return replace(graph, temperatures=_temperatures(model))


def _loaded(path: Path) -> Any:
    if not path.is_file():
        raise NetworkError(f"there is no file {path}")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # of protobuf, which has no types
        raise NetworkError(f"{path} is no ONNX file: {error}") from error
    if not model.graph.node:
        raise NetworkError(f"{path} is no ONNX file, or its graph is empty: it has no nodes")
    for tensor in model.graph.initializer:
        if uses_external_data(tensor):
            place = path.parent / ExternalDataInfo(tensor).location
            if not place.is_file():
                raise NetworkError(
                    f"values of {tensor.name!r} lie in {place}, which is not there: put that file beside {path.name}"
                )
    try:
        load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise NetworkError(f"values of {path} that lie in another file cannot be read: {error}") from error
    return model


def _opset(model: Any) -> int:
    versions = [item.version for item in model.opset_import if item.domain in ("", "ai.onnx")]
    newest, version = onnx.defs.onnx_opset_version(), max(versions, default=0)
    if not _OLDEST <= version <= newest:
        raise NetworkError(
            f"its operators are those of ONNX opset {version}, and {_OLDEST} to {newest} are known: export it with "
            f"opset_version=17, or convert it with onnx.version_converter"
        )
    return version


def _temperatures(model: Any) -> tuple[float, ...]:
    stored = {item.key: item.value for item in model.metadata_props}.get(TEMPERATURES)
    if stored is None:
        return ()
    try:
        return tuple(float(value) for value in json.loads(stored))
    except (ValueError, TypeError) as error:
        raise NetworkError(
            f"the file's {TEMPERATURES} is {stored!r}, and no list of numbers: write it again"
        ) from error


def _inlined(model: Any) -> Any:
    """Returns the model without functions of its own, but for those whose operators are known."""
    known = (*QONNX_DOMAINS, EXACT, EXACT_SPLIT)
    kept = [(item.domain, item.name) for item in model.functions if item.domain in known]
    if len(kept) == len(model.functions):
        return model
    return onnx.inliner.inline_selected_functions(model, kept, exclude=True)


def _shape_of(tensor: Any, input_shape: Sequence[int] | None) -> tuple[int, ...]:
    """Returns the shape of one sample."""
    kind = tensor.type.tensor_type
    if kind.elem_type not in _REALS:
        known = onnx.TensorProto.DataType.Name(kind.elem_type).lower()
        raise NetworkError(
            f"input {tensor.name!r} is {known}: networks take real values (float32); leave out the cast in front"
        )
    sizes = [size.dim_value if size.HasField("dim_value") else size.dim_param or "?" for size in kind.shape.dim]
    if input_shape is not None:
        if len(sizes) > 1 and len(sizes) != len(input_shape) + 1:
            raise NetworkError(f"input {tensor.name!r} has shape {_shown(sizes)}, and input_shape is {input_shape}")
        wrong = any(isinstance(size, int) and size != own for size, own in zip(sizes[1:], input_shape, strict=False))
        if wrong:
            raise NetworkError(f"input {tensor.name!r} has shape {_shown(sizes)}, and input_shape is {input_shape}")
        return tuple(int(size) for size in input_shape)
    found = [size for size in sizes[1:] if isinstance(size, int) and size > 0]
    if len(sizes) < 2 or len(found) != len(sizes) - 1:
        raise NetworkError(
            f"input {tensor.name!r} has the dynamic shape {_shown(sizes)}: give input_shape, without the batch, for "
            "example input_shape=(3, 32, 32)"
        )
    if isinstance(sizes[0], int) and sizes[0] > 1:
        raise NetworkError(f"input {tensor.name!r} takes {sizes[0]} samples at once: export it with a batch of 1")
    return tuple(found)


def _shown(sizes: Sequence[Any]) -> str:
    return f"({', '.join(map(str, sizes))})"


def _graph_of(proto: Any, names: dict[str, str], taken: set[str], about: tuple[str, tuple[int, ...], int]) -> Graph:
    """Makes a graph of a graph in ONNX.

    Args:
        names: of outer tensors, where they differ from those in the file.
        taken: names of all graphs so far; of two branches each may have a tensor of one name.
        about: name and shape of the input, and the opset.
    """
    names = dict(names)

    def own(name: str) -> str:
        if not name:
            return name
        made, i = name, 2
        while made in taken:
            made, i = f"{name} ({i})", i + 1
        taken.add(made)
        names[name] = made
        return made

    constants = {own(tensor.name): onnx.numpy_helper.to_array(tensor) for tensor in proto.initializer}
    nodes = []
    for inner in proto.node:
        node = _node_of(inner, names, own, taken, about)
        if node.operator == "Constant":
            constants[node.outputs[0]] = _value_of(node)
        else:
            nodes.append(node)
    outputs = tuple(names.get(tensor.name, tensor.name) for tensor in proto.output)
    return Graph(tuple(nodes), constants, outputs, *about)


def _value_of(node: Node) -> NDArray[Any]:
    """Returns the value of a `Constant` node."""
    for item in node.proto.attribute:
        if item.name == "value":
            return np.asarray(onnx.numpy_helper.to_array(item.t))
        if item.name in ("value_float", "value_floats"):
            return np.asarray(onnx.helper.get_attribute_value(item), np.float32)
        if item.name in ("value_int", "value_ints"):
            return np.asarray(onnx.helper.get_attribute_value(item), np.int64)
    raise UnsupportedLayerError(f"{node} is a text, or a sparse tensor: constants are numbers")


def _node_of(proto: Any, names: dict[str, str], own: Any, taken: set[str], about: Any) -> Node:
    made = onnx.NodeProto()
    made.CopyFrom(proto)
    del made.input[:], made.output[:]
    made.input.extend(names.get(name, name) for name in proto.input)
    if made.domain in (EXACT, EXACT_SPLIT):  # which has further inputs, for the function
        made.domain = ""
        del made.input[_INPUTS.get(made.op_type, 1) :]
        if made.op_type == "AveragePool":
            kept = [item for item in made.attribute if item.name != "group"]  # of the sum in its function
            del made.attribute[:]
            made.attribute.extend(kept)
    branches = {item.name: _graph_of(item.g, names, taken, about) for item in proto.attribute if item.type == _GRAPH}
    made.output.extend(own(name) for name in proto.output)
    node = Node(made, branches)
    if branches and (node.operator != "If" or set(branches) != set(_BRANCHES)):
        raise UnsupportedLayerError(f"{node} is not taken: a loop in a graph has no hardware")
    return node


def _check_names(graph: Graph, known: set[str]) -> None:
    """Refuses a node that reads what nothing in front of it writes."""
    known = known | set(graph.constants)
    for node in graph.nodes:
        missing = [name for name in node.inputs if name and name not in known]
        if missing:
            raise NetworkError(f"{node} reads {missing[0]!r}, which nothing in front of it writes: the file is damaged")
        for branch in node.branches.values():
            _check_names(branch, known)
        known |= set(node.outputs)
    missing = [name for name in graph.outputs if name not in known]
    if missing:
        raise NetworkError(f"nothing writes the output {missing[0]!r}: the file is damaged")
