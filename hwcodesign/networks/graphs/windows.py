"""This module says pooling and padding of a graph in the few operators that hls4ml reads rightly.

They are windows without padding, with channels last, and zeros around images as a Pad of its own. An average of a whole
image is an operator of our own, since hls4ml takes the axes of GlobalAveragePool for others than they are. Padding
of a pooling becomes zeros in front of it where they change nothing: maxima that are never negative, and averages that
count them. Where windows reach beyond the image otherwise, the pooling is an operator of our own.

qonnx turns convolutions and maxima to channels last, but neither averages nor zeros; they get the transposes that it
gives the others here. Until shapes are no longer inferred, averages belong to a domain of their own, since qonnx's own
domain of channels last has none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.networks.graphs.notes import (
    CHANNELS_FIRST,
    CHANNELS_LAST,
    DOMAIN,
    attributes_of,
    replace_attributes,
)

#: Domain of operators whose channels are last: what qonnx and hls4ml call it, and what it is called until then.
_FINAL, _PENDING = "qonnx.custom_op.channels_last", "hwcodesign.channels_last"
#: The operator of a pooling whose padding is no zeros.
BORDER_POOL = "BorderPool"
#: The operator of an average of a whole image.
WHOLE_AVERAGE = "WholeAverage"
_OWN = (BORDER_POOL, WHOLE_AVERAGE)
_WHOLE = {"GlobalAveragePool": "AveragePool", "GlobalMaxPool": "MaxPool"}
#: Operators behind which nothing is negative that was not before.
_KEEP_SIGN = ("MaxPool", "AveragePool", *_OWN, "Transpose", "Pad", "Identity")


class Placement(NamedTuple):
    """A placement says where the windows of a pooling lie, along one axis of the image.

    Attributes:
        window, stride: their size, and how far they are apart.
        before, after: pixels beyond the image that they read, at its start and at its end.
        counted: pixels that each of them counts if padding is counted, from the first one on.
        inside: pixels of the image in each of them.
    """

    window: int
    stride: int
    before: int
    after: int
    counted: tuple[int, ...]
    inside: tuple[int, ...]


def with_plain_windows(graph: ModelWrapper, nonnegative: Collection[str], place: Callable[[Any], str]) -> ModelWrapper:
    """Returns a graph, channels first, whose pooling and padding hls4ml can read.

    Args:
        graph: graph with all shapes.
        nonnegative: its inputs whose values are never negative.
        place: segment and layer of a node, for errors.

    Raises:
        UnsupportedLayerError: a pooling or padding cannot be said in this way.
    """
    for node in list(graph.graph.node):
        if node.op_type in _WHOLE or _averages_image(graph, node):
            _make_window(graph, node)
    for node in list(graph.graph.node):
        if node.op_type == "Conv":
            _write_padding(node)
        elif node.op_type in ("AveragePool", "MaxPool") and _is_image(graph, node):
            _complete(graph, node, nonnegative)
    for node in list(graph.graph.node):
        if node.op_type == "Pad" and _is_image(graph, node):
            _turn_padding(graph, node, place)
        elif node.op_type in ("AveragePool", *_OWN) and _is_image(graph, node):
            node.domain = _PENDING
            _turn(graph, node)
    _import(graph, _PENDING)
    return graph


def with_final_domain(graph: ModelWrapper) -> ModelWrapper:
    """Returns the graph with the domain that hls4ml asks of operators whose channels are last."""
    for node in graph.graph.node:
        if node.domain == _PENDING:
            node.domain = DOMAIN if node.op_type in _OWN else _FINAL
    _import(graph, _FINAL)
    return graph


def _import(graph: ModelWrapper, domain: str) -> None:
    if domain not in graph.get_opset_imports():
        graph.model.opset_import.append(helper.make_opsetid(domain, 1))


def _is_image(graph: ModelWrapper, node: Any) -> bool:
    return len(graph.get_tensor_shape(node.input[0])) == 4


def _averages_image(graph: ModelWrapper, node: Any) -> bool:
    """Tells whether a node is the mean of a batch of images over their rows and columns."""
    if node.op_type != "ReduceMean" or not _is_image(graph, node):
        return False
    axes = attributes_of(node).get("axes")
    if axes is None and len(node.input) > 1:
        axes = graph.get_initializer(node.input[1])
    return axes is not None and sorted(int(axis) % 4 for axis in axes) == [2, 3]


def _make_window(graph: ModelWrapper, node: Any) -> None:
    """Makes a pooling of the whole image one of a window of its size."""
    sides = graph.get_tensor_shape(node.input[0])[2:]
    flat = node.op_type == "ReduceMean" and not attributes_of(node).get("keepdims", 1)
    node.op_type = _WHOLE.get(node.op_type, "AveragePool")
    del node.input[1:]
    replace_attributes(node, {"kernel_shape": sides, "strides": sides, "pads": [0] * 4})
    if flat:
        output, shape = node.output[0], graph.get_tensor_shape(node.output[0])
        node.output[0] = f"{output}_pixel"
        graph.set_tensor_shape(node.output[0], [*shape, 1, 1])
        _insert_behind(graph, node, helper.make_node("Flatten", [node.output[0]], [output], axis=1))


def _write_padding(node: Any) -> None:
    """Gives a convolution the padding in numbers that it has in words: of an odd number, one more at the end."""
    given = attributes_of(node)
    words = given.pop("auto_pad", b"NOTSET").decode()
    if words == "SAME_UPPER" and set(given["strides"]) == {1}:
        more = [(k - 1) * d for k, d in zip(given["kernel_shape"], given["dilations"], strict=True)]
        given["pads"] = [n // 2 for n in more] + [n - n // 2 for n in more]
    elif words == "VALID":
        given["pads"] = [0] * 2 * len(given["kernel_shape"])
    elif words != "NOTSET":
        return
    replace_attributes(node, given)


def placements(sides: Sequence[int], given: dict[str, Any]) -> list[Placement]:
    """Returns where PyTorch puts the windows of a pooling, down and across.

    Args:
        sides: rows and columns of the image.
        given: attributes of the node; those that have a default may be missing.
    """
    axes = len(sides)
    kernel, pads = given["kernel_shape"], given.get("pads", [0] * 2 * axes)
    found = []
    for i, side in enumerate(sides):
        window, stride, before, after = kernel[i], given.get("strides", [1] * axes)[i], pads[i], pads[i + axes]
        whole, rest = divmod(side + before + after - window, stride)
        number = whole + 1 + int(bool(given.get("ceil_mode", 0)) and rest > 0)
        if (number - 1) * stride >= side + before:
            number -= 1  # a window that began behind the image would see nothing of it
        starts = [k * stride - before for k in range(number)]
        counted = tuple(min(start + window, side + after) - start for start in starts)
        inside = tuple(min(start + window, side) - max(start, 0) for start in starts)
        found.append(Placement(window, stride, before, max(0, starts[-1] + window - side), counted, inside))
    return found


def border_counts(sides: Sequence[int], given: dict[str, Any]) -> set[int]:
    """Returns the numbers of pixels by which a `BORDER_POOL` divides.

    Args:
        sides: rows and columns of the image.
        given: attributes of the node.
    """
    numbers = []
    for i, side in enumerate(sides):
        window, stride, counted = given["kernel_shape"][i], given["strides"][i], given["counted"][i :: len(sides)]
        before, after = given["pads"][i :: len(sides)]
        starts = range(-before, side + after - window + 1, stride)
        numbers.append({min(start + window, side + counted[1]) - max(start, -counted[0]) for start in starts})
    return {rows * columns for rows in numbers[0] for columns in numbers[1]}


def _complete(graph: ModelWrapper, node: Any, nonnegative: Collection[str]) -> None:
    """Writes attributes that have a default, and zeros in front of a pooling in the place of its padding; or makes it
    our own.
    """
    given, source = attributes_of(node), graph.find_producer(node.input[0])
    if set(given.get("dilations", [1])) != {1}:
        return  # check_graph refuses it
    given.setdefault("strides", [1, 1])
    places = placements(graph.get_tensor_shape(node.input[0])[2:], given)
    average = node.op_type == "AveragePool"
    if not average:
        zeros = _never_negative(graph, node.input[0], nonnegative) or _rectified(graph, node.output[0])
    else:
        counted = bool(given.get("count_include_pad", 0))
        zeros = all(set(place.counted if counted else place.inside) == {place.window} for place in places)
    padding = [place.before for place in places] + [place.after for place in places]
    if any(padding) and not zeros:
        known = given.get("pads", [0] * 4) if given.get("count_include_pad", 0) else [0] * 4
        node.op_type = BORDER_POOL
        own = {
            "kernel_shape": given["kernel_shape"],
            "strides": given["strides"],
            "pads": padding,
            "average": int(average),
            "counted": [min(one, other) for one, other in zip(known, padding, strict=True)],
        }
        replace_attributes(node, own)
        return
    if any(padding):
        _insert_padding(graph, node, padding)
    given["pads"] = [0] * 4
    given.pop("ceil_mode", None)
    given.pop("count_include_pad", None)
    replace_attributes(node, given)
    padded = any(padding) or (source is not None and source.op_type == "Pad")
    if average and not padded and given["kernel_shape"] == graph.get_tensor_shape(node.input[0])[2:]:
        node.op_type = WHOLE_AVERAGE


def _never_negative(graph: ModelWrapper, tensor: str, nonnegative: Collection[str]) -> bool:
    producer = graph.find_producer(tensor)
    if producer is None:
        return tensor in nonnegative
    if producer.op_type in ("Quant", "IntQuant"):
        return not attributes_of(producer).get("signed", 1)
    if producer.op_type in _KEEP_SIGN:
        return _never_negative(graph, producer.input[0], nonnegative)
    return bool(producer.op_type == "Relu")


def _rectified(graph: ModelWrapper, tensor: str) -> bool:
    """Tells whether all that read a tensor take zero for what is negative."""
    readers = graph.find_consumers(tensor) or []
    outer = any(output.name == tensor for output in graph.graph.output)
    return bool(readers) and not outer and all(reader.op_type == "Relu" for reader in readers)


def _insert_padding(graph: ModelWrapper, node: Any, padding: Sequence[int]) -> None:
    source, padded = node.input[0], f"{node.output[0]}_padded"
    samples, channels, height, width = graph.get_tensor_shape(source)
    top, left, bottom, right = padding
    graph.set_tensor_shape(padded, [samples, channels, top + height + bottom, left + width + right])
    sizes = f"{padded}_sizes"
    graph.set_initializer(sizes, np.array([0, 0, top, left, 0, 0, bottom, right]))
    node.input[0] = padded
    place = list(graph.graph.node).index(node)
    zeros = helper.make_node("Pad", [source, sizes], [padded], mode="constant", doc_string=node.doc_string)
    graph.graph.node.insert(place, zeros)


def _turn_padding(graph: ModelWrapper, node: Any, place: Callable[[Any], str]) -> None:
    """Puts channels last in a padding of rows and columns with zeros."""
    constants = [graph.get_initializer(name) if name else None for name in node.input[1:]]
    sizes = constants[0] if constants else None
    filled = constants[1] if len(constants) > 1 and node.input[2] else np.zeros(1)
    mode = attributes_of(node).get("mode", b"constant").decode()
    what = None
    if mode != "constant":
        what = f"pads in mode {mode!r}, which has no kernel: pad with zeros"
    elif filled is None or np.any(filled):
        what = f"pads with {filled}, which has no kernel: pad with zeros"
    elif sizes is None or len(sizes) != 8 or sizes[[0, 1, 4, 5]].any() or sizes.min() < 0:
        what = f"pads by {None if sizes is None else sizes.tolist()}, which has no kernel: add rows and columns alone"
    if what is not None or sizes is None:
        raise UnsupportedLayerError(f"{place(node)} {what}")
    name = f"{node.output[0]}_sizes_last"
    graph.set_initializer(name, np.concatenate([sizes[:4][CHANNELS_LAST], sizes[4:][CHANNELS_LAST]]))
    node.input[1] = name
    del node.input[2:]
    _turn(graph, node)


def _turn(graph: ModelWrapper, node: Any) -> None:
    """Puts a transpose in front of a node and one behind it."""
    source, result = node.input[0], node.output[0]
    inner_source, inner_result = f"{result}_in_last", f"{result}_last"
    for inner, outer in ((inner_source, source), (inner_result, result)):
        shape = graph.get_tensor_shape(outer)
        graph.set_tensor_shape(inner, [shape[axis] for axis in CHANNELS_LAST])
    node.input[0], node.output[0] = inner_source, inner_result
    place = list(graph.graph.node).index(node)
    graph.graph.node.insert(place, helper.make_node("Transpose", [source], [inner_source], perm=CHANNELS_LAST))
    _insert_behind(graph, node, helper.make_node("Transpose", [inner_result], [result], perm=CHANNELS_FIRST))


def _insert_behind(graph: ModelWrapper, node: Any, new: Any) -> None:
    graph.graph.node.insert(list(graph.graph.node).index(node) + 1, new)
