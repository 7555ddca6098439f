"""This module brings a QONNX graph to channels last, its inputs and outputs included.

qonnx has the steps, but its own sequence of them fails in three cases. It moves a transpose behind one of several nodes
that read it, so that the others read something else. It turns only the first input of the graph. And it takes an output
of the graph that other nodes read for a fork with one reader. So transposes are split at every fork before one is
moved, and every input and output gets a node of its own, which qonnx leaves alone: transposes gather behind the inputs
and in front of the outputs, and are taken out with those nodes.
"""

from __future__ import annotations

from typing import Any

from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.channels_last import (
    AbsorbChanFirstIntoMatMul,
    InsertChannelsLastDomainsAndTrafos,
    MoveChanFirstDownstream,
    MoveChanLastUpstream,
    MoveTransposePastFork,
    RemoveConsecutiveChanFirstAndChanLastTrafos,
)
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.quant_constant_folding import FoldTransposeIntoQuantInit

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.networks.graphs.notes import CHANNELS_FIRST, CHANNELS_LAST

_FENCE = "Identity"
#: What makes transposes fewer, before one of them is moved on.
_SIMPLIFYING = (
    RemoveConsecutiveChanFirstAndChanLastTrafos,
    MoveChanLastUpstream,
    FoldTransposeIntoQuantInit,
    RemoveConsecutiveChanFirstAndChanLastTrafos,
    MoveTransposePastFork,
    RemoveConsecutiveChanFirstAndChanLastTrafos,
)


def with_channels_last(graph: ModelWrapper) -> ModelWrapper:
    """Returns the graph with feature maps channels last, also where they come and leave.

    Raises:
        UnsupportedLayerError: a boundary could not be turned.
    """
    for tensor in graph.graph.input:
        _fence_input(graph, tensor)
    for tensor in graph.graph.output:
        _fence_output(graph, tensor)
    graph = graph.transform(InsertChannelsLastDomainsAndTrafos())
    moved = True
    while moved:
        for step in _SIMPLIFYING:
            graph = graph.transform(step())
        graph, moved = MoveChanFirstDownstream().apply(graph)
    graph = graph.transform(AbsorbChanFirstIntoMatMul()).transform(InferShapes())
    _flatten_pixels(graph)
    _open_inputs(graph)
    for tensor in graph.graph.output:
        if len(graph.get_tensor_shape(tensor.name)) == 4:
            _open_output(graph, tensor.name)
    return graph


def _fence_input(graph: ModelWrapper, tensor: Any) -> None:
    name, shape = tensor.name, graph.get_tensor_shape(tensor.name)
    if len(shape) != 4:
        return
    inner, fenced = f"{name}_channels_first", f"{name}_fenced"
    last = [shape[axis] for axis in CHANNELS_LAST]
    for node in graph.graph.node:
        node.input[:] = [inner if read == name else read for read in node.input]
    graph.set_tensor_shape(name, last)
    graph.graph.node.insert(0, helper.make_node(_FENCE, [name], [fenced], name=fenced))
    graph.graph.node.insert(1, helper.make_node("Transpose", [fenced], [inner], name=inner, perm=CHANNELS_FIRST))
    graph.set_tensor_shape(fenced, last)
    graph.set_tensor_shape(inner, shape)


def _fence_output(graph: ModelWrapper, tensor: Any) -> None:
    """Renames the graph's output, so that the tensor is an inner one, with one reader more."""
    inner, shape = tensor.name, graph.get_tensor_shape(tensor.name)
    if len(shape) != 4:
        return
    tensor.name = f"{inner}_fenced"
    graph.graph.node.append(helper.make_node(_FENCE, [inner], [tensor.name], name=tensor.name))
    graph.set_tensor_shape(tensor.name, shape)
    graph.set_tensor_shape(inner, shape)


def _flatten_pixels(graph: ModelWrapper) -> None:
    """Takes out transposes in front of a flattening of one pixel, whose channels are in order either way."""
    for node in graph.graph.node:
        turned = graph.find_producer(node.input[0]) if node.op_type == "Flatten" else None
        if turned is None or turned.op_type != "Transpose" or max(graph.get_tensor_shape(node.input[0])[2:]) > 1:
            continue
        node.input[0] = turned.input[0]
        if not graph.find_consumers(turned.output[0]):
            graph.graph.node.remove(turned)


def _open_inputs(graph: ModelWrapper) -> None:
    inputs = {tensor.name for tensor in graph.graph.input}
    for node in [node for node in graph.graph.node if node.op_type == _FENCE and node.input[0] in inputs]:
        _replace_input(graph, node.output[0], node.input[0])
        graph.graph.node.remove(node)


def _open_output(graph: ModelWrapper, output: str) -> None:
    """Makes what the fence and its transpose read the output, under the output's name."""
    shape, source, turned = graph.get_tensor_shape(output), output, False
    while (node := graph.find_producer(source)) is not None and node.op_type in (_FENCE, "Transpose"):
        if node.op_type == "Transpose":
            if turned or list(node.attribute[0].ints) != CHANNELS_FIRST:
                break
            turned = True
        source = node.input[0]
        graph.graph.node.remove(node)
    producer = graph.find_producer(source)
    if not turned:  # it was computed channels first
        inner = f"{output}_channels_first"
        _rename(graph, source, inner)
        graph.graph.node.append(helper.make_node("Transpose", [inner], [output], name=inner, perm=CHANNELS_LAST))
        graph.set_tensor_shape(inner, shape)
    elif producer is None:
        raise UnsupportedLayerError(f"output {output} of the graph is an input of it: hand the tensor on as it came")
    else:
        _rename(graph, source, output)
    graph.set_tensor_shape(output, [shape[axis] for axis in CHANNELS_LAST])


def _rename(graph: ModelWrapper, tensor: str, name: str) -> None:
    for node in graph.graph.node:
        node.output[:] = [name if written == tensor else written for written in node.output]
    _replace_input(graph, tensor, name)


def _replace_input(graph: ModelWrapper, tensor: str, name: str) -> None:
    for node in graph.graph.node:
        node.input[:] = [name if read == tensor else read for read in node.input]
