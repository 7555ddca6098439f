"""This module proves that an ONNX graph computes exact integers in float32, or refuses it by the node that may not.

Every tensor between quantisers is a whole multiple of a power of two. Sums are exact in float32, in whatever order they
are taken, while their largest value is below 2^24 of these steps. An average over a number of values that is no power
of two is rounded; the graph that is returned divides the sum by their number, and the next quantiser rounds it rightly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.networks.onnx_models.building import Build, Computed
from hwcodesign.networks.onnx_models.fixed_layers import exponent_of
from hwcodesign.networks.onnx_models.graph import Graph, Node
from hwcodesign.networks.onnx_models.operators.windows import window_of

#: Bits of a sum that is exact in float32; and of one that is divided, so that no quotient is rounded onto a tie.
_SUM_BITS, _DIVIDED_BITS = 24, 22
#: Operators that hand values on.
_PASSING = (
    "Relu", "MaxPool", "GlobalMaxPool", "Flatten", "Reshape", "Identity", "Transpose", "Squeeze", "Unsqueeze", "Concat",
    "Pad", "Resize", "Upsample", "Cast", "Dropout",
)  # fmt: skip
_AVERAGES = ("AveragePool", "GlobalAveragePool", "ReduceMean")


@dataclass(frozen=True)
class _Span:
    """The values of a tensor: the largest size, and the exponent of the step; None for quotients, which have none."""

    largest: float
    exponent: int | None


def with_exact_sums(graph: Graph, build: Build) -> Graph:
    """Returns the graph with averages that are exact.

    Args:
        graph: graph of a quantised network, whose input is quantised.
        build: values of its constants, and shapes of its tensors.

    Raises:
        UnsupportedLayerError: a node might round; the message names it.
    """
    spans: dict[str, _Span] = {graph.input_name: _Span(math.inf, None)}
    nodes: list[Node] = []
    constants = dict(graph.constants)
    for node in graph.nodes:
        if isinstance(build.values[node.outputs[0]], Computed):
            spans[node.outputs[0]] = _span(node, build, spans)
        if node.operator in _AVERAGES and not _is_power(_count(node, build)):
            nodes += _divided_sum(node, build, constants)
        else:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes), constants=constants)


def _span(node: Node, build: Build, spans: dict[str, _Span]) -> _Span:
    given = [spans[name] for name in node.inputs if isinstance(build.values.get(name), Computed)]
    constants = [
        np.asarray(build.values[name], np.float64)
        for name in node.inputs
        if name and not isinstance(build.values[name], Computed)
    ]
    match node.operator:
        case "Quant" | "IntQuant":
            scale, bits = float(np.ravel(constants[0])[0]), int(np.ravel(constants[2])[0])
            return _Span(scale * 2.0 ** (bits - int(node.attributes.get("signed", 1))), int(math.log2(scale)))
        case "BipolarQuant":
            scale = float(np.ravel(constants[0])[0])
            return _Span(scale, int(math.log2(scale)))
        case operator if operator in _PASSING:
            return _Span(max(span.largest for span in given), _least(given))
        case "Clip" if len(constants) == 2:
            ends = [_Span(float(np.abs(value).max()), exponent_of(value)) for value in constants]
            return _Span(max(end.largest for end in ends), _least([*given, *ends]))
        case "Add" | "Sub":
            added = [_Span(float(np.abs(value).max()), exponent_of(value)) for value in constants]
            return _checked(node, sum(span.largest for span in [*given, *added]), _least([*given, *added]), _SUM_BITS)
        case "Conv" | "ConvTranspose" | "Gemm" | "MatMul":
            return _product(node, given[0], constants)
        case operator if operator in _AVERAGES:
            count = _count(node, build)
            exact = _is_power(count)
            span = _checked(node, given[0].largest * count, given[0].exponent, _SUM_BITS if exact else _DIVIDED_BITS)
            steps = None if span.exponent is None or not exact else span.exponent - int(math.log2(count))
            return _Span(given[0].largest, steps)
    raise UnsupportedLayerError(
        f"{node} is not exact in float32, in which ONNX is computed: put it into tables or weights first "
        "(hwcodesign.fold_batch_norms for a normalisation), or run the design that hwcodesign.compile writes"
    )


def _product(node: Node, given: _Span, constants: list[NDArray[np.float64]]) -> _Span:
    weight = constants[0]
    outputs = 0 if node.operator == "Conv" or node.attributes.get("transB", 0) else 1
    rows = np.moveaxis(weight, outputs, 0).reshape(weight.shape[outputs], -1)
    largest = np.abs(rows).sum(axis=1) * given.largest
    if node.operator == "ConvTranspose":  # outputs of a group only see its inputs: more is no harm
        largest = np.full(1, largest.max())
    exponents = [None if given.exponent is None else given.exponent + exponent_of(weight)]
    if len(constants) > 1:
        largest = largest + np.abs(np.ravel(constants[1]))
        exponents.append(exponent_of(constants[1]))
    known = [exponent for exponent in exponents if exponent is not None]
    return _checked(node, float(largest.max()), min(known) if len(known) == len(exponents) else None, _SUM_BITS)


def _checked(node: Node, largest: float, exponent: int | None, bits: int) -> _Span:
    if exponent is None:
        raise UnsupportedLayerError(f"{node} reads values that no Quant node rounds: put one in front of it")
    if largest >= math.ldexp(1.0, exponent + bits):
        needed = math.ceil(math.log2(largest)) - exponent
        raise UnsupportedLayerError(
            f"{node} has sums of {needed} bits, and {bits} are exact in float32, in which ONNX is computed: use "
            "fewer bits for weights or activations, or fewer channels"
        )
    return _Span(largest, exponent)


def _least(spans: list[_Span]) -> int | None:
    exponents = [span.exponent for span in spans]
    known = [exponent for exponent in exponents if exponent is not None]
    return min(known) if len(known) == len(exponents) else None


def _count(node: Node, build: Build) -> int:
    """Returns the number of values in an average."""
    given = build.computed(node)
    if node.operator != "AveragePool":
        return math.prod(given.shape[2:])
    window = window_of(node, given, ())
    if any((*window.before, *window.after)) and not node.attributes.get("count_include_pad", 0):
        raise UnsupportedLayerError(f"{node} divides by other numbers at the border: let it count padding")
    if node.attributes.get("ceil_mode", 0):
        raise UnsupportedLayerError(f"{node} divides by other numbers at the border: leave ceil_mode at 0")
    return math.prod(window.kernel)


def _is_power(count: int) -> bool:
    return count & (count - 1) == 0


def _divided_sum(node: Node, build: Build, constants: dict[str, Any]) -> list[Node]:
    """Returns the sum of an average's values, and its division by their number."""
    given, count = build.computed(node), _count(node, build)
    total, number, ones = (f"{node.outputs[0]} {part}" for part in ("sum", "number", "ones"))
    constants[number] = np.array(count, np.float32)
    if node.operator == "AveragePool":
        channels, kernel = given.shape[1], [int(size) for size in node.attributes["kernel_shape"]]
        constants[ones] = np.ones((channels, 1, *kernel), np.float32)
        kept = {name: node.attributes[name] for name in ("strides", "pads", "auto_pad") if name in node.attributes}
        summed = onnx.helper.make_node(
            "Conv", [node.inputs[0], ones], [total], name=f"{node.proto.name}/sum", group=channels, kernel_shape=kernel,
            **kept,
        )  # fmt: skip
    else:
        constants[ones] = np.arange(2, len(given.shape))
        keep = int(node.attributes.get("keepdims", 1)) if node.operator == "ReduceMean" else 1
        summed = onnx.helper.make_node(
            "ReduceSum", [node.inputs[0], ones], [total], name=f"{node.proto.name}/sum", keepdims=keep
        )
    divided = onnx.helper.make_node("Div", [total, number], list(node.outputs), name=node.proto.name)
    return [Node(summed, {}), Node(divided, {})]
