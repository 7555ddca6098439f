"""This module writes a graph of sequences (C, L) as one of images of one row, which every tool here knows."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.networks.graphs.cleaning import shapes_of
from hwcodesign.networks.graphs.code_functions import OPERATORS
from hwcodesign.networks.graphs.notes import QUANTISERS, attributes_of, described, set_attributes

#: Axes of a batch of sequences, and of one of images.
_SEQUENCE, _IMAGE = 3, 4
#: Attributes with a number for each axis along which windows lie, and what the row gets.
_BY_AXIS = {"kernel_shape": 1, "strides": 1, "dilations": 1, "output_padding": 0}
_WINDOWED = ("Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool")
_MOVING = ("ReduceMean", "Concat", "Flatten", "Reshape", "Pad", "Resize", "Upsample")


def as_images(graph: ModelWrapper) -> None:
    """Gives every sequence a row, and windows their place in it.

    Args:
        graph: with all shapes, channels first; it is changed.

    Raises:
        UnsupportedLayerError: an operator that would mean something else on images; the message names it.
    """
    sequences = {name for name, shape in shapes_of(graph).items() if len(shape) == _SEQUENCE}
    for node in list(graph.graph.node):
        if not sequences & {*node.input, *node.output}:
            continue
        if node.op_type in ("Conv", "ConvTranspose"):
            _weights(graph, node.input[1])
        if node.op_type in _WINDOWED:
            _windows(node)
        elif node.op_type in _MOVING:
            _moved(graph, node)
        elif node.op_type in (*QUANTISERS, *OPERATORS):
            _constants(graph, node)
        else:
            raise _unsupported(node)
    for name in sequences:
        _give_row(graph, name)


def _weights(graph: ModelWrapper, name: str) -> None:
    """Makes (O, I, K) weights (O, I, 1, K), behind their quantiser and in front of it."""
    producer = graph.find_producer(name)
    for tensor in (name, *(producer.input[:1] if producer is not None else ())):
        _give_row(graph, tensor)


def _give_row(graph: ModelWrapper, name: str) -> None:
    value, shape = graph.get_initializer(name), graph.get_tensor_shape(name)
    if len(shape) != _SEQUENCE:
        return  # it has one since another node that reads it was met
    rowed = [*shape[:-1], 1, shape[-1]]
    if value is None:
        graph.set_tensor_shape(name, rowed)
    else:
        graph.set_initializer(name, value.reshape(rowed))


def _constants(graph: ModelWrapper, node: Any) -> None:
    """Makes constants (C, L) or (C, 1), which an operator repeats along the batch, have a row as well."""
    for tensor in node.input:
        value = graph.get_initializer(tensor) if tensor else None
        if value is not None and value.ndim == _SEQUENCE - 1:
            graph.set_initializer(tensor, value.reshape(value.shape[0], 1, value.shape[1]))


def _windows(node: Any) -> None:
    for attribute in node.attribute:
        if attribute.name in _BY_AXIS:
            attribute.ints[:] = [_BY_AXIS[attribute.name], *attribute.ints]
        elif attribute.name == "pads":
            attribute.ints[:] = [0, attribute.ints[0], 0, attribute.ints[1]]


def _moved(graph: ModelWrapper, node: Any) -> None:
    """Makes what an operator that moves values says of axes true of images."""
    if node.op_type == "Concat":
        axis = node.attribute[0].i
        node.attribute[0].i = axis + 1 if axis == _SEQUENCE - 1 else axis
    elif node.op_type == "ReduceMean":
        _mean(graph, node)
    elif node.op_type in ("Flatten", "Reshape"):
        if len(graph.get_tensor_shape(node.output[0])) == _SEQUENCE:
            raise _unsupported(node)
    elif node.op_type == "Pad":
        before, after = np.split(graph.get_initializer(node.input[1]), 2)
        made = np.concatenate([before[:2], [0], before[2:], after[:2], [0], after[2:]]).astype(np.int64)
        node.input[1] = _constant(graph, f"{node.output[0]}_pads", made)
    else:
        for place, tensor in enumerate(node.input):
            value = graph.get_initializer(tensor) if place and tensor else None
            if value is not None and value.size == _SEQUENCE:
                made = np.array([*value[:2], 1, value[2]], value.dtype)
                node.input[place] = _constant(graph, f"{node.output[0]}_{place}", made)


def _mean(graph: ModelWrapper, node: Any) -> None:
    """Makes a mean along a sequence one of an image."""
    axes = attributes_of(node).get("axes")
    if axes is None and len(node.input) > 1:
        axes = graph.get_initializer(node.input[1])
    if axes is None or [int(axis) % _SEQUENCE for axis in axes] != [2]:
        raise _unsupported(node)
    if len(node.input) > 1:
        node.input[1] = _constant(graph, f"{node.output[0]}_axes", np.array([2, 3], np.int64))
    else:
        set_attributes(node, axes=[2, 3])


def _constant(graph: ModelWrapper, name: str, value: Any) -> str:
    kind = TensorProto.INT64 if value.dtype.kind == "i" else TensorProto.FLOAT
    graph.graph.initializer.append(helper.make_tensor(name, kind, value.shape, value.ravel().tolist()))
    return name


def _unsupported(node: Any) -> UnsupportedLayerError:
    return UnsupportedLayerError(
        f"{described(node)} works on sequences (C, L), for which this flow has convolutions, pooling, sums, "
        "concatenations and flattening: flatten before a linear layer, or write the network for images of one row, "
        "(C, 1, L)"
    )
