"""This module finds functions of one code in an exported graph, and makes one node of each with the quantiser behind.

hls4ml would merge a batch normalisation into the layer before it, which changes weights, and compute a sigmoid by a
table of its own, which changes values. Between a tensor of codes and a quantiser, both are a function of one code:
nothing needs to be approximated.

While other passes work on the graph, such a node looks like a quantiser and has its function as an attribute, because
what they know of a quantiser (it treats all values alike, it may be moved past a transpose) is true of it.
`name_functions` then gives it its own operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.networks.graphs.code_functions import GIVEN, OPERATORS, with_numbers
from hwcodesign.networks.graphs.constants import fewest_bits, quantised
from hwcodesign.networks.graphs.notes import DEFAULT_TYPE, DOMAIN, QUANTISERS, attributes_of

#: The operator of a function and the quantiser behind it.
FUNCTION = "CodeFunction"
#: Attributes: the function's graph, the axes of the tensors around it, and whether the quantiser gives signs alone.
_GRAPH, _RANK, _BIPOLAR = "function", "rank", "bipolar"
#: What hls4ml computes exactly without help, arithmetic if `_is_short` is true of its constants.
_ARITHMETIC = ("Add", "Sub", "Mul", "Div")
_PLAIN = ("Relu", "Identity", "Dropout", *_ARITHMETIC)
#: What may change places with a quantiser: of an upsampling, later passes refuse all kinds but nearest neighbours.
_PASSED = ("MaxPool", "Resize", "Upsample")
#: Functions that rise, and so give the largest result for the largest value.
_RISING = ("Relu", "Clip", "Identity", "Dropout")


def fuse_functions(graph: ModelWrapper, numbers: Mapping[float, float]) -> None:
    """Writes the function before each quantiser of activations into it, where there is more than a rectifier.

    Args:
        graph: with channels first and all shapes.
        numbers: that the network computes with, by their float32.
    """
    for node in _quantisers(graph):
        _pool_behind(graph, node)
    for node in _quantisers(graph):
        bipolar = node.op_type == "BipolarQuant"
        source, nodes = _function_before(graph, node.input[0]) or (node.input[0], [])
        if all(_is_plain(graph, part) for part in nodes) and not bipolar and not _rounds_to_zero(node):
            continue
        rank = len(graph.get_tensor_shape(source))
        function = _graph_of(graph, source, nodes, node.input[0], numbers)
        node.input[0] = source
        if bipolar:
            _look_like_quant(graph, node)
        for name, value in ((_GRAPH, function.SerializeToString()), (_RANK, rank), (_BIPOLAR, int(bipolar))):
            node.attribute.append(helper.make_attribute(name, value))
    _remove_unread(graph)


def _quantisers(graph: ModelWrapper) -> list[NodeProto]:
    """Returns the quantisers of activations."""
    nodes = graph.graph.node
    return [node for node in nodes if node.op_type in QUANTISERS and not _is_constant(graph, node.input[0])]


def _pool_behind(graph: ModelWrapper, node: NodeProto) -> None:
    """Moves a maximum pooling or an upsampling behind the quantiser that reads it, if a function is in front of it.

    A quantiser never reverses the order of two values, so the largest of the quantised values is the largest value,
    quantised. An upsampling repeats values as they are.
    """
    behind = [node]
    pool = graph.find_producer(node.input[0])
    while pool is not None and pool.op_type in _RISING and not graph.is_fork_node(pool):
        behind.insert(0, pool)
        pool = graph.find_producer(pool.input[0])
    if pool is None or pool.op_type not in _PASSED or graph.is_fork_node(pool):
        return
    given = pool.input[0]
    found = _function_before(graph, given)
    if found is None or all(_is_plain(graph, part) for part in found[1]):
        return
    pooled, result = pool.output[0], node.output[0]
    behind[0].input[0], node.output[0] = given, pooled
    pool.input[0], pool.output[0] = pooled, result
    for part in behind:
        graph.set_tensor_shape(part.output[0], graph.get_tensor_shape(given))
    graph.graph.node.remove(pool)
    graph.graph.node.insert(next(i for i, one in enumerate(graph.graph.node) if one == node) + 1, pool)


def _is_plain(graph: ModelWrapper, node: NodeProto) -> bool:
    """Tells whether hls4ml computes an operator exactly."""
    if node.op_type not in _ARITHMETIC:
        return node.op_type in _PLAIN
    constants = [value for name in node.input if (value := graph.get_initializer(name)) is not None]
    return all(_is_short(1 / value if node.op_type == "Div" else value) for value in constants)


def _is_short(value: np.ndarray) -> bool:  # type: ignore[type-arg]
    """Tells whether the type that hls4ml gives constants holds one exactly."""
    values = np.asarray(value, np.float64)
    _, exponent = fewest_bits(values)
    codes = np.ldexp(values, -exponent)
    return FixedPoint.parse(DEFAULT_TYPE).holds(float(codes.min()), float(codes.max()), -exponent)


def _rounds_to_zero(node: NodeProto) -> bool:
    """Tells whether a quantiser rounds toward zero, as hls4ml's cannot."""
    return bool(attributes_of(node).get("rounding_mode") == b"ROUND_TO_ZERO")


def name_functions(graph: ModelWrapper, modules: Mapping[str, str]) -> None:
    """Gives quantisers that hold a function an operator of its own, `FUNCTION`, whose quantiser is in attributes.

    Args:
        graph: with channels last.
        modules: torch name of each node, which errors then have.

    Raises:
        UnsupportedLayerError: a quantiser behind a function has several scales, or a zero point.
    """
    for node in graph.graph.node:
        held = [attribute for attribute in node.attribute if attribute.name == _GRAPH]
        if not held:
            continue
        scale, zero, bits = (np.asarray(graph.get_initializer(name)) for name in node.input[1:4])
        module = modules.get(node.name, node.name)
        if scale.size != 1 or zero.any():
            raise UnsupportedLayerError(
                f"{module}: the quantiser behind its function has {scale.size} scales, or a zero point that is not "
                "zero: use one fixed-point scale for all channels"
            )
        node.op_type, node.domain = FUNCTION, DOMAIN
        node.input[:] = node.input[:1]
        node.attribute.remove(held[0])
        described = {
            _GRAPH: GraphProto.FromString(held[0].s),
            "scale": float(scale.reshape(())),
            "bits": int(bits.reshape(())),
            "module": module,
        }
        node.attribute.extend(helper.make_attribute(name, value) for name, value in described.items())


def _look_like_quant(graph: ModelWrapper, node: NodeProto) -> None:
    """Gives a bipolar quantiser, which has a scale alone, the other inputs of a quantiser."""
    node.op_type = "Quant"
    for name, value in (("zero", 0.0), ("bits", 2.0)):
        tensor = f"{node.output[0]}_{name}"
        graph.set_initializer(tensor, np.array(value, np.float32))
        node.input.append(tensor)


def _function_before(graph: ModelWrapper, result: str) -> tuple[str, list[NodeProto]] | None:
    """Finds the longest function of one tensor that ends in `result`.

    Returns:
        The tensor, and the operators behind it in order; None if there is none.
    """
    nodes: list[NodeProto] = []
    frontier = [result]
    best = None
    while True:
        crossed = next((name for name in frontier if _crossable(graph, name, frontier)), None)
        if crossed is None:
            return best
        node = graph.find_producer(crossed)
        if not any(node is one for one in nodes):
            nodes.insert(0, node)
        frontier.remove(crossed)
        frontier += [name for name in _varying(graph, node) if name not in frontier]
        if len(frontier) == 1:
            best = frontier[0], list(nodes)


def _crossable(graph: ModelWrapper, name: str, frontier: list[str]) -> bool:
    """Tells whether a tensor is computed by a pointwise operator, and from nothing else of the frontier computed."""
    node = graph.find_producer(name)
    if node is None or node.op_type not in OPERATORS:
        return False
    if any(other != name and _depends(graph, other, name) for other in frontier):
        return False  # it is needed later in the order: that which reads it is crossed first
    shape = graph.get_tensor_shape(name)
    varying = _varying(graph, node)
    if not varying or any(graph.get_tensor_shape(one) != shape for one in varying):
        return False
    constants = [one for one in node.input if one and one not in varying]
    return all(_is_of_channels(node, value, shape) for one in constants if (value := _value(graph, one)) is not None)


def _depends(graph: ModelWrapper, name: str, other: str) -> bool:
    """Tells whether a tensor is computed from another one, through pointwise operators."""
    node = graph.find_producer(name)
    if node is None or node.op_type not in OPERATORS:
        return False
    varying = _varying(graph, node)
    return other in varying or any(_depends(graph, one, other) for one in varying)


def _is_of_channels(node: NodeProto, value: np.ndarray, shape: list[int]) -> bool:  # type: ignore[type-arg]
    """Tells whether a constant has one value, or one a channel."""
    if node.op_type == "BatchNormalization":
        return True
    aligned = (1,) * (len(shape) - value.ndim) + value.shape
    return all(size == 1 or (axis == 1 and size == shape[1]) for axis, size in enumerate(aligned))


def _varying(graph: ModelWrapper, node: NodeProto) -> list[str]:
    """Returns the inputs of a node that are not constant, each once."""
    return list(dict.fromkeys(name for name in node.input if name and not _is_constant(graph, name)))


def _is_constant(graph: ModelWrapper, name: str) -> bool:
    return _value(graph, name) is not None


def _value(graph: ModelWrapper, name: str) -> np.ndarray | None:  # type: ignore[type-arg]
    """Returns a constant: an initialiser, or one behind a quantiser."""
    value = graph.get_initializer(name)
    if value is not None:
        return np.asarray(value)
    node = graph.find_producer(name)
    constant = graph.get_initializer(node.input[0]) if node is not None and node.op_type == "Quant" else None
    return None if constant is None else quantised(graph, node, constant)


def _graph_of(
    graph: ModelWrapper, source: str, nodes: Iterable[NodeProto], result: str, numbers: Mapping[float, float]
) -> GraphProto:
    """Returns a graph of its own for nodes of another one."""
    parts, constants = [], {}
    for node in nodes:
        part = NodeProto()
        part.CopyFrom(node)
        part.doc_string = ""
        with_numbers(part, numbers)
        part.input[:] = [GIVEN if name == source else name for name in node.input]
        parts.append(part)
        for name in node.input:
            value = _value(graph, name) if name else None
            if value is not None:
                exact = np.asarray(numbers.get(float(value), value) if value.size == 1 else value, np.float64)
                constants[name] = numpy_helper.from_array(exact.reshape(value.shape), name)
    if not parts:
        parts.append(helper.make_node("Identity", [GIVEN], [result]))
    given = helper.make_tensor_value_info(GIVEN, TensorProto.DOUBLE, None)
    written = helper.make_tensor_value_info(result, TensorProto.DOUBLE, None)
    return helper.make_graph(parts, "function", [given], [written], initializer=list(constants.values()))


def _remove_unread(graph: ModelWrapper) -> None:
    """Removes nodes whose outputs nothing reads any more."""
    outputs = {tensor.name for tensor in graph.graph.output}
    removed = True
    while removed:
        read = {name for node in graph.graph.node for name in node.input} | outputs
        unread = [node for node in graph.graph.node if not set(node.output) & read]
        removed = bool(unread)
        for node in unread:
            graph.graph.node.remove(node)
