"""This module writes nearest upsampling and transposed convolutions as nodes that make images larger by whole factors.

A transposed convolution is an ordinary one with its weights turned by half a turn, on an image that has zeros between
its pixels. That image, and one with repeated pixels, come from a node of an operator of their own. While other passes
work on the graph such a node is a `Resize` between transposes to channels last and back, which they move as they move
those around convolutions; `name_upsampling` then gives it its operator.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.networks.graphs.notes import (
    CHANNELS_FIRST,
    CHANNELS_LAST,
    DOMAIN,
    attributes_of,
    described,
    noted,
    set_attributes,
    with_note,
)

#: The operator of an image that is made larger.
UPSAMPLING = "Upsample2D"
_NOTE = "upsampling"


def write_upsampling(graph: ModelWrapper) -> None:
    """Writes upsampling and transposed convolutions as `Resize` nodes with channels last, and as convolutions.

    Args:
        graph: of images with channels first, with all shapes; it is changed.

    Raises:
        UnsupportedLayerError: an upsampling that is not of nearest neighbours by whole factors, or a transposed
            convolution that is padded beyond its kernel; the message names the layer.
    """
    for node in list(graph.graph.node):
        if node.op_type in ("Resize", "Upsample"):
            factors = _factors(graph, node)
            source, result = graph.get_tensor_shape(node.input[0]), graph.get_tensor_shape(node.output[0])
            place = _remove(graph, node)
            given = node.input[0]
            made = _larger(graph, node.doc_string, given, factors, (result[2], result[3]), zeros=False, place=place)
            _rename(graph, made, node.output[0])
            graph.set_tensor_shape(node.output[0], [*source[:2], *result[2:]])
        elif node.op_type == "ConvTranspose":
            _convolve(graph, node)


def name_upsampling(graph: ModelWrapper) -> None:
    """Gives the nodes that `write_upsampling` made their operator, `UPSAMPLING`.

    Args:
        graph: with channels last.
    """
    for node in graph.graph.node:
        text = noted(node, _NOTE)
        if text is None:
            continue
        rows, columns, zeros, height, width = map(int, text.split())
        node.op_type, node.domain = UPSAMPLING, DOMAIN
        node.input[:] = node.input[:1]
        del node.attribute[:]
        set_attributes(node, factors=[rows, columns], zeros=zeros, sides=[height, width])


def _factors(graph: ModelWrapper, node: Any) -> tuple[int, int]:
    mode = attributes_of(node).get("mode", b"nearest").decode()
    source, result = graph.get_tensor_shape(node.input[0]), graph.get_tensor_shape(node.output[0])
    whole = source[1] == result[1] and result[2] % source[2] == 0 and result[3] % source[3] == 0
    if mode != "nearest" or not whole:
        raise UnsupportedLayerError(
            f"{described(node)} makes {source[2]}x{source[3]} pixels {result[2]}x{result[3]} by {mode!r}, and there is "
            "hardware for nearest neighbours and whole factors alone: use nn.Upsample(scale_factor=2, mode='nearest')"
        )
    return result[2] // source[2], result[3] // source[3]


def _convolve(graph: ModelWrapper, node: Any) -> None:
    """Makes a convolution on an image with zeros between its pixels of a transposed one."""
    given = attributes_of(node)
    groups, dilations = int(given.get("group", 1)), given.get("dilations", [1, 1])
    strides, pads = given.get("strides", [1, 1]), given.get("pads", [0, 0, 0, 0])
    more = given.get("output_padding", [0, 0])
    sides = _turn_weights(graph, node.input[1], groups)
    reach = [(side - 1) * step for side, step in zip(sides, dilations, strict=True)]
    around = [reach[0] - pads[0], reach[1] - pads[1], reach[0] - pads[2] + more[0], reach[1] - pads[3] + more[1]]
    if min(around) < 0:
        raise UnsupportedLayerError(
            f"{described(node)} takes {pads} pixels off an image that its windows reach {reach} beyond: give it a "
            "padding below the size of its kernel"
        )
    shape = graph.get_tensor_shape(node.input[0])
    height, width = ((side - 1) * step + 1 for side, step in zip(shape[2:], strides, strict=True))
    place = _remove(graph, node)
    source = node.input[0]
    if (height, width) != tuple(shape[2:]):
        text = node.doc_string
        source = _larger(graph, text, source, (strides[0], strides[1]), (height, width), zeros=True, place=place)
    made = helper.make_node(
        "Conv", [source, *node.input[1:]], list(node.output), node.name, node.doc_string, kernel_shape=sides,
        pads=around, strides=[1, 1], dilations=list(dilations), group=groups,
    )  # fmt: skip
    following = [i for i, other in enumerate(graph.graph.node) if set(other.output) & {source, *node.input[1:]}]
    graph.graph.node.insert(max([place, *(i + 1 for i in following)]), made)


def _turn_weights(graph: ModelWrapper, name: str, groups: int) -> list[int]:
    """Makes weights (I, O / groups, kh, kw) of a transposed convolution (O, I / groups, kh, kw), by half a turn.

    Returns:
        Rows and columns of the kernel.
    """
    producer = graph.find_producer(name)
    constant = name if producer is None else producer.input[0]
    weights = graph.get_initializer(constant)
    if weights is None:
        raise UnsupportedLayerError(
            f"the weights {name} of a transposed convolution are computed: use a layer whose weights are constants"
        )
    inputs, outputs, *sides = weights.shape
    parts = weights.reshape(groups, inputs // groups, outputs, *sides).swapaxes(1, 2)[..., ::-1, ::-1]
    turned = np.ascontiguousarray(parts).reshape(groups * outputs, inputs // groups, *sides)
    graph.set_initializer(constant, turned)
    if producer is not None:
        graph.set_tensor_shape(name, list(turned.shape))
    return list(sides)


def _larger(
    graph: ModelWrapper,
    text: str,
    source: str,
    factors: tuple[int, int],
    sides: tuple[int, int],
    *,
    zeros: bool,
    place: int,
) -> str:
    """Inserts nodes that make an image larger; returns its name.

    Args:
        text: of the node that they replace.
        factors: rows and columns for each.
        sides: rows and columns of the result.
        place: of the first node.
    """
    shape = graph.get_tensor_shape(source)
    name = graph.make_new_valueinfo_name()
    turned, larger, back = (f"{name}_{part}" for part in ("turned", "larger", "back"))
    sizes = f"{larger}_sizes"
    last = [shape[0], *sides, shape[1]]
    graph.graph.initializer.append(helper.make_tensor(sizes, TensorProto.INT64, [4], last))
    note = with_note(text, _NOTE, *factors, int(zeros), *sides)
    nodes = (
        helper.make_node("Transpose", [source], [turned], name=turned, perm=CHANNELS_LAST),
        helper.make_node(
            "Resize", [turned, "", "", sizes], [larger], larger, note, mode="nearest", nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        ),
        helper.make_node("Transpose", [larger], [back], name=back, perm=CHANNELS_FIRST),
    )  # fmt: skip
    for i, node in enumerate(nodes):
        graph.graph.node.insert(place + i, node)
    graph.set_tensor_shape(turned, [shape[axis] for axis in CHANNELS_LAST])
    graph.set_tensor_shape(larger, last)
    graph.set_tensor_shape(back, [*shape[:2], *sides])
    return back


def _remove(graph: ModelWrapper, node: Any) -> int:
    """Takes a node out of the graph; returns where it was."""
    place = list(graph.graph.node).index(node)
    graph.graph.node.remove(node)
    return place


def _rename(graph: ModelWrapper, tensor: str, name: str) -> None:
    """Gives a tensor that a node writes another name."""
    for node in graph.graph.node:
        node.output[:] = [name if written == tensor else written for written in node.output]
