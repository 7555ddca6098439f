"""This module brings a QONNX graph to channels last, its inputs and outputs included.

It goes through the nodes once, in order. Operators that have a form with channels last get it, those that treat every
value alike take it, and a concatenation counts its axis anew. All others keep channels first: transposes stand between
the two, one for each tensor that is needed in both layouts. qonnx has passes for this, which insert transposes
everywhere and then move them one by one; they take time that grows with the square of the nodes, and move a transpose
behind one of several nodes that read it, so that the others read something else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.onnx import is_eltwise_optype

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.networks.graphs.cleaning import rename_tensors, replace_nodes, shapes_of
from hwcodesign.networks.graphs.code_functions import OPERATORS
from hwcodesign.networks.graphs.notes import (
    CHANNELS_FIRST,
    CHANNELS_LAST,
    QUANTISERS,
    attributes_of,
    set_attributes,
)

#: Operators that have a form with channels last, by the inputs that are turned; and the domain of that form.
_TURNED_INPUTS = {"Conv": 2, "MaxPool": 1, "BatchNormalization": 1}
_DOMAIN = "qonnx.custom_op.channels_last"
#: Axes of a batch of images.
_IMAGE = 4


@dataclass
class _Turning:
    """A turning is what is known while a graph is turned.

    Attributes:
        shapes: of all tensors; of one that has channels last, with channels last.
        constants: initialisers by name.
        quantised: quantisers of constants, by their output.
        readers: number of nodes that read a tensor.
        reader: one of them.
        first, last: name of each image's tensor with channels first, and with channels last, as far as it is there.
        nodes: those of the turned graph so far.
    """

    shapes: dict[str, list[int]]
    constants: dict[str, Any]
    quantised: dict[str, Any]
    readers: Counter[str]
    reader: dict[str, Any]
    first: dict[str, str] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    nodes: list[Any] = field(default_factory=list)

    @classmethod
    def of(cls, graph: ModelWrapper) -> _Turning:
        constants = {tensor.name: tensor for tensor in graph.graph.initializer}
        quantised = {
            node.output[0]: node
            for node in graph.graph.node
            if node.op_type in QUANTISERS and all(name in constants for name in node.input)
        }
        read = [(name, node) for node in graph.graph.node for name in node.input]
        readers = Counter(name for name, _ in read)
        readers.update(tensor.name for tensor in graph.graph.output)
        return cls(shapes_of(graph), constants, quantised, readers, dict(read))

    def is_image(self, name: str) -> bool:
        return len(self.shapes.get(name, ())) == _IMAGE

    def is_constant(self, name: str) -> bool:
        return name in self.constants or name in self.quantised

    def with_channels_first(self, name: str) -> str:
        """Returns the tensor with channels first, behind a transpose if need be."""
        if self.is_constant(name) or not self.is_image(name):
            return name
        if name not in self.first:
            self.first[name] = self._transposed(self.last[name], f"{name}_first", CHANNELS_FIRST)
        return self.first[name]

    def with_channels_last(self, name: str) -> str:
        """Returns the tensor with channels last, behind a transpose if need be; of a constant, a turned copy."""
        if name not in self.last:
            if name in self.constants:
                self.last[name] = self._turned_constant(name, numpy_helper.to_array(self.constants[name]))
            elif name in self.quantised:
                self.last[name] = self._turned_quantiser(self.quantised[name])
            else:
                self.last[name] = self._transposed(self.first[name], f"{name}_last", CHANNELS_LAST)
        return self.last[name]

    def _transposed(self, source: str, result: str, perm: list[int]) -> str:
        self.shapes[result] = [self.shapes[source][axis] for axis in perm]
        self.nodes.append(helper.make_node("Transpose", [source], [result], perm=perm))
        return result

    def _turned_constant(self, name: str, value: NDArray[Any]) -> str:
        """Returns a constant with as many axes as an image, turned; one without an axis of channels is as it was."""
        if value.size == 1 or value.ndim > _IMAGE:
            return name
        turned = np.ascontiguousarray(
            value.reshape((1,) * (_IMAGE - value.ndim) + value.shape).transpose(CHANNELS_LAST)
        )
        made = f"{name}_last"
        self.constants[made] = numpy_helper.from_array(turned, made)
        self.shapes[made] = list(turned.shape)
        return made

    def _turned_quantiser(self, node: Any) -> str:
        made = type(node).FromString(node.SerializeToString())
        made.output[0] = f"{node.output[0]}_last"
        made.input[:] = [self.with_channels_last(name) for name in node.input]
        self.shapes[made.output[0]] = self.shapes[made.input[0]]
        self.nodes.append(made)
        return str(made.output[0])


def with_channels_last(graph: ModelWrapper) -> ModelWrapper:
    """Returns the graph with feature maps channels last, also where they come and leave.

    Args:
        graph: of images with channels first, nodes in order, with all shapes; it is changed.

    Raises:
        UnsupportedLayerError: a boundary could not be turned.
    """
    turning = _Turning.of(graph)
    inputs = _take_inputs(turning, graph)
    for node in graph.graph.node:
        _turn(turning, node)
    names = _turn_outputs(turning, graph, inputs)
    _write(turning, graph)
    rename_tensors(graph, names)
    return graph


def _take_inputs(turning: _Turning, graph: ModelWrapper) -> list[str]:
    """Takes images that are inputs as ones that come with channels last; returns their names."""
    inputs = [tensor.name for tensor in graph.graph.input if turning.is_image(tensor.name)]
    for name in inputs:
        turning.last[name] = name
        _turn_shape(turning, name)
    return inputs


def _turn(turning: _Turning, node: Any) -> None:
    """Adds a node in the layout that it can have."""
    if node.output[0] in turning.quantised:
        turning.nodes.append(node)  # if nothing reads it in this layout, it is left out at the end
        return
    if _is_turning(turning, node):
        return
    kind, images = node.op_type, all(map(turning.is_image, node.output))
    if kind in _TURNED_INPUTS and images and node.domain == "":
        node.domain = _DOMAIN
        _take_last(turning, node, _TURNED_INPUTS[kind])
    elif images and _is_elementwise(turning, node):
        _take_last(turning, node, len(node.input))
    elif kind == "Concat" and images:
        axis = int(attributes_of(node)["axis"]) % _IMAGE
        set_attributes(node, axis=CHANNELS_LAST.index(axis))
        _take_last(turning, node, len(node.input))
    elif kind in ("Flatten", "Reshape") and _flattens(turning, node):
        _flatten(turning, node)
    else:
        node.input[:] = [turning.with_channels_first(name) for name in node.input]
        turning.first.update({name: name for name in node.output if turning.is_image(name)})
        turning.nodes.append(node)


def _is_elementwise(turning: _Turning, node: Any) -> bool:
    """Tells whether each value that a node writes is made of those at the same place in images, and of constants."""
    known = is_eltwise_optype(node.op_type) or node.op_type in (*OPERATORS, *QUANTISERS)
    return known and all(turning.is_constant(name) or turning.is_image(name) for name in node.input if name)


def _take_last(turning: _Turning, node: Any, inputs: int) -> None:
    """Adds a node that reads its first inputs with channels last, and writes so."""
    node.input[:inputs] = [turning.with_channels_last(name) if name else name for name in node.input[:inputs]]
    for name in node.output:
        turning.last[name] = name
        _turn_shape(turning, name)
    turning.nodes.append(node)


def _turn_shape(turning: _Turning, name: str) -> None:
    turning.shapes[name] = [turning.shapes[name][axis] for axis in CHANNELS_LAST]


def _is_turning(turning: _Turning, node: Any) -> bool:
    """Tells whether a node is a transpose to channels last, or back: its result is then its input in another layout."""
    perm = attributes_of(node).get("perm") if node.op_type == "Transpose" else None
    if perm == CHANNELS_LAST:
        turning.first[node.output[0]] = turning.with_channels_last(node.input[0])
    elif perm == CHANNELS_FIRST:
        turning.last[node.output[0]] = turning.with_channels_first(node.input[0])
    return perm in (CHANNELS_LAST, CHANNELS_FIRST)


def _flattens(turning: _Turning, node: Any) -> bool:
    source, result = turning.shapes[node.input[0]], turning.shapes[node.output[0]]
    return turning.is_image(node.input[0]) and len(result) == 2 and result[0] == source[0]


def _flatten(turning: _Turning, node: Any) -> None:
    """Adds the flattening of an image: of channels last, if it has one pixel, or a linear layer alone reads it, whose
    weights are then put in that order.
    """
    name = node.input[0]
    if name in turning.last:
        _, *sides, channels = turning.shapes[turning.last[name]]
        if max(sides) == 1 or _reorder_weights(turning, node.output[0], (channels, *sides)):
            name = turning.last[name]
        else:
            name = turning.with_channels_first(name)
    else:
        name = turning.first[name]
    made = helper.make_node("Flatten", [name], list(node.output), node.name, node.doc_string, axis=1)
    turning.nodes.append(made)


def _reorder_weights(turning: _Turning, flat: str, shape: tuple[int, ...]) -> bool:
    """Puts the weights of the linear layer that reads a flattened image in the order of channels last; tells whether
    there is one, and nothing else reads the image.

    Args:
        shape: of the image, (C, H, W).
    """
    layer = turning.reader.get(flat)
    if layer is None or turning.readers[flat] > 1 or layer.op_type not in ("MatMul", "Gemm") or layer.input[0] != flat:
        return False
    name = layer.input[1]
    quantiser = turning.quantised.get(name)
    constant = name if quantiser is None else quantiser.input[0]
    if constant not in turning.constants or turning.readers[name] > 1:
        return False
    weights = numpy_helper.to_array(turning.constants[constant])
    turned = bool(attributes_of(layer).get("transB", 0))
    columns = weights.T if turned else weights
    made = columns.reshape(*shape, -1).transpose(1, 2, 0, 3).reshape(columns.shape)
    made = np.ascontiguousarray(made.T if turned else made)
    turning.constants[constant] = numpy_helper.from_array(made, constant)
    return True


def _turn_outputs(turning: _Turning, graph: ModelWrapper, inputs: list[str]) -> Mapping[str, str]:
    """Makes every output the tensor with channels last, under a name of its own; returns the names that follow."""
    names: dict[str, str] = {}
    for tensor in graph.graph.output:
        name = tensor.name
        if not turning.is_image(name):
            continue
        tensor.name = turning.with_channels_last(name)
        if tensor.name in inputs or tensor.name in names:
            raise UnsupportedLayerError(f"output {name} of the graph is an input of it: hand the tensor on as it came")
        names[name] = f"{name}_first"  # where it was computed so
        names[tensor.name] = name
    return names


def _write(turning: _Turning, graph: ModelWrapper) -> None:
    """Writes what was turned into the graph."""
    outer = (*graph.graph.input, *graph.graph.output)
    read = {name for node in turning.nodes for name in node.input} | {tensor.name for tensor in outer}
    unread = {name for name in turning.quantised if name not in read}
    nodes = [node for node in turning.nodes if node.output[0] not in unread]
    # quantisers of constants first: hls4ml starts from the first node again after each that it takes out
    replace_nodes(graph, sorted(nodes, key=lambda node: any(name not in turning.constants for name in node.input)))
    known = {info.name: info.type.tensor_type.elem_type for info in graph.graph.value_info}
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(tensor for name, tensor in turning.constants.items() if name in read)
    known |= {tensor.name: tensor.data_type for tensor in graph.graph.initializer}
    for tensor in outer:
        for axis, size in zip(tensor.type.tensor_type.shape.dim, turning.shapes[tensor.name], strict=True):
            axis.dim_value = size
    seen = dict.fromkeys(name for node in graph.graph.node for name in (*node.input, *node.output) if name)
    known_outside = {tensor.name for tensor in outer}
    inner = [name for name in seen if name not in known_outside]
    del graph.graph.value_info[:]
    graph.graph.value_info.extend(
        helper.make_tensor_value_info(name, known.get(name, TensorProto.FLOAT), turning.shapes[name]) for name in inner
    )
    versions = graph.get_opset_imports()
    if _DOMAIN not in versions:
        graph.model.opset_import.append(helper.make_opsetid(_DOMAIN, versions.get("", 1)))
