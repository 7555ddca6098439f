"""This module sees that an ONNX graph computes exact integers, or refuses it by the node that may not.

Every tensor between quantisers is a whole multiple of a power of two. Sums are exact in float32, in whatever order they
are taken, while their largest value is below 2^24 of these steps. Where it is not, products are summed in parts that
are, and added up in float64, up to the next quantiser. An average over a number of values that is no power of two is
their sum divided by their number, which the next quantiser rounds rightly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.networks.onnx_models.building import Build, Computed
from hwcodesign.networks.onnx_models.fixed_layers import exponent_of
from hwcodesign.networks.onnx_models.graph import EXACT, EXACT_SPLIT, Graph, Node
from hwcodesign.networks.onnx_models.operators.windows import window_of

#: Bits of a sum that is exact, in float32 and in float64; a sum that is divided has two fewer, so that no quotient is
#: rounded onto a tie.
_SINGLE, _DOUBLE, _DIVIDED = 24, 53, 2
#: Operators that hand values on.
_PASSING = (
    "Relu", "MaxPool", "GlobalMaxPool", "Flatten", "Reshape", "Identity", "Transpose", "Squeeze", "Unsqueeze", "Pad",
    "Resize", "Upsample", "Cast", "Dropout",
)  # fmt: skip
_AVERAGES = ("AveragePool", "GlobalAveragePool", "ReduceMean")


@dataclass(frozen=True)
class _Span:
    """What is known of a tensor's values.

    Attributes:
        largest: their largest size.
        exponent: of the step of which they are multiples; None for quotients, which have none.
        wide: whether they are float64.
    """

    largest: float
    exponent: int | None
    wide: bool = False

    @property
    def bits(self) -> int:
        """Returns the bits that they need, without sign."""
        assert self.exponent is not None
        return math.floor(self.largest / math.ldexp(1.0, self.exponent)).bit_length()


def with_exact_sums(graph: Graph, build: Build) -> Graph:
    """Returns the graph with sums that are exact.

    Args:
        graph: graph of a quantised network, whose input is quantised.
        build: values of its constants, and shapes of its tensors.

    Raises:
        UnsupportedLayerError: a node might round; the message names it.
    """
    made = _Made(build, dict(graph.constants), {graph.input_name: _Span(math.inf, None)})
    for node in graph.nodes:
        if isinstance(build.values[node.outputs[0]], Computed):
            made.add(node)
        else:
            made.nodes.append(node)
    return replace(graph, nodes=tuple(made.nodes), constants=made.constants)


@dataclass
class _Made:
    """The graph so far, and what is known of its tensors."""

    build: Build
    constants: dict[str, NDArray[Any]]
    spans: dict[str, _Span]
    nodes: list[Node] = field(default_factory=list)

    def add(self, node: Node) -> None:
        """Adds a node, or what computes exactly what it does."""
        given = [self.spans[name] for name in node.inputs if isinstance(self.build.values.get(name), Computed)]
        constants = [
            np.asarray(self.build.values[name], np.float64)
            for name in node.inputs
            if name and not isinstance(self.build.values[name], Computed)
        ]
        match node.operator:
            case "Quant" | "IntQuant" | "BipolarQuant":
                span = _quantised(node, constants)
                self.nodes.append(node)
            case operator if operator in _PASSING:
                span = given[0]
                self.nodes.append(node)
            case "Add" | "Sub" | "Concat" | "Clip":
                span = _joined(node, given, constants)
                self.nodes.append(self._of_one_type(node) if span.wide else node)
            case "Conv" | "ConvTranspose" | "Gemm" | "MatMul":
                span = self._products(node, given[0], constants)
            case operator if operator in _AVERAGES:
                span = self._average(node, given[0])
            case _:
                raise UnsupportedLayerError(
                    f"{node} is not exact in the real numbers that ONNX is computed in: take it out "
                    "(hwcodesign.fold_batch_norms merges normalisations), or run the design of hwcodesign.compile"
                )
        self.spans[node.outputs[0]] = span

    def constant(self, node: Node, what: str, value: NDArray[Any]) -> str:
        """Adds a constant, and returns its name."""
        name = f"{node.outputs[0]} {what}"
        self.constants[name] = value
        return name

    def _of_one_type(self, node: Node) -> Node:
        """Returns a node that reads float64 alone."""
        names = []
        for name in node.inputs:
            if name in self.spans and self.spans[name].wide:
                names.append(name)
                continue
            cast = f"{node.outputs[0]} from {name}"
            made = onnx.helper.make_node("Cast", [name], [cast], name=cast, to=onnx.TensorProto.DOUBLE)
            self.nodes.append(Node(made, {}))
            names.append(cast)
        return _changed(node, names)

    def _products(self, node: Node, given: _Span, constants: Sequence[NDArray[np.float64]]) -> _Span:
        """Adds a layer with weights."""
        weight = constants[0]
        rows = _rows(node, weight)
        bias = np.ravel(constants[1]) if len(constants) > 1 else np.zeros(len(rows))
        products = _row_spans(node, given, rows, np.zeros(len(rows)))
        sums = _row_spans(node, given, rows, np.broadcast_to(bias, len(rows)))
        if given.wide and node.operator in ("Conv", "ConvTranspose"):
            raise UnsupportedLayerError(
                f"{node} reads sums of more than {_SINGLE} bits: put a Quant node in front of it"
            )
        span = _Span(max(own.largest for own in sums), _least(sums), wide=True)
        if not given.wide and all(own.bits <= _SINGLE for own in sums):
            self.nodes.append(node)
            return replace(span, wide=False)
        if any(own.bits > _DOUBLE for own in sums) or node.operator == "ConvTranspose":
            raise _too_wide(node, max(own.bits for own in sums))
        if node.operator == "Conv":
            self.nodes.append(self._convolution(node, given, rows, bias, max(own.bits for own in products)))
        else:
            names = list(node.inputs)
            if node.operator == "Gemm" and len(names) < 3:
                names.append(self.constant(node, "no bias", np.zeros(len(rows), np.float32)))
            self.nodes.append(_changed(node, names, EXACT))
        return span

    def _convolution(
        self, node: Node, given: _Span, rows: NDArray[np.float64], bias: NDArray[np.float64], bits: int
    ) -> Node:
        """Returns a convolution whose bias is added in float64; and where the products need it, in two parts."""
        rank = len(self.build.computed(node).shape)
        exponents = np.array([exponent_of(row) for row in rows])
        half = (max(int(np.abs(rows / np.exp2(exponents)[:, None]).max()).bit_length(), 1) + 1) // 2
        steps = np.exp2(exponents + half)
        if bits > _SINGLE:
            high = np.floor(rows / steps[:, None]) * steps[:, None]
            for part in (high, rows - high):
                widest = max(own.bits for own in _row_spans(node, given, part, np.zeros(len(rows))))
                if widest > _SINGLE:
                    raise _too_wide(node, bits)
        names = [*node.inputs[:2]]
        names.append(
            node.inputs[2] if len(node.inputs) > 2 else self.constant(node, "no bias", bias.astype(np.float32))
        )
        shaped = bias.astype(np.float32).reshape(1, -1, *[1] * (rank - 2))
        names.append(self.constant(node, "bias", shaped))
        names.append(self.constant(node, "step", steps.astype(np.float32).reshape(-1, *[1] * (rank - 1))))
        return _changed(node, names, EXACT_SPLIT if bits > _SINGLE else EXACT)

    def _average(self, node: Node, given: _Span) -> _Span:
        """Adds an average."""
        count, shape = _count(node, self.build), self.build.computed(node).shape
        whole = count & (count - 1) == 0
        total = _checked(node, given.largest * count, given.exponent, given.wide)
        most = (_DOUBLE if given.wide else _SINGLE) - (0 if whole else _DIVIDED)
        if total.bits > most or (given.wide and node.operator == "AveragePool"):
            raise _too_wide(node, total.bits)
        assert given.exponent is not None
        span = replace(given, exponent=given.exponent - int(math.log2(count)) if whole else None)
        if whole and not given.wide:
            self.nodes.append(node)
            return span
        number = self.constant(node, "number", np.array(count, np.float32))
        if node.operator == "AveragePool":
            ones = np.ones((shape[1], 1, *node.attributes["kernel_shape"]), np.float32)
            self.nodes.append(
                _changed(node, [node.inputs[0], self.constant(node, "ones", ones), number], EXACT, group=shape[1])
            )
            return span
        listed = (
            node.inputs[1] if node.operator == "ReduceMean" else self.constant(node, "axes", np.arange(2, len(shape)))
        )
        self.nodes.append(_changed(node, [node.inputs[0], listed, number], EXACT))
        return span


def _quantised(node: Node, constants: Sequence[NDArray[np.float64]]) -> _Span:
    scale = float(np.ravel(constants[0])[0])
    exponent = int(math.log2(scale))
    if node.operator == "BipolarQuant":
        return _Span(scale, exponent)
    bits = int(np.ravel(constants[2])[0])
    if bits > _SINGLE:
        raise _too_wide(node, bits)
    return _Span(math.ldexp(1.0, exponent + bits - int(node.attributes.get("signed", 1))), exponent)


def _joined(node: Node, given: Sequence[_Span], constants: Sequence[NDArray[np.float64]]) -> _Span:
    """Returns the span of a sum, a clipping, or a concatenation."""
    spans = [*given, *(_Span(float(np.abs(value).max()), exponent_of(value)) for value in constants)]
    wide = any(span.wide for span in given)
    if node.operator in ("Concat", "Clip"):
        return _Span(max(span.largest for span in spans), _least(spans), wide)
    found = _checked(node, sum(span.largest for span in spans), _least(spans), wide)
    if found.bits > (_DOUBLE if wide else _SINGLE):
        raise _too_wide(node, found.bits)
    return found


def _rows(node: Node, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the weights of each output; of a transposed convolution those of all, since groups lie side by side."""
    if node.operator == "ConvTranspose":
        return weight.reshape(1, -1)
    outputs = 0 if node.operator == "Conv" or node.attributes.get("transB", 0) else 1
    return np.moveaxis(weight, outputs, 0).reshape(weight.shape[outputs], -1)


def _row_spans(node: Node, given: _Span, rows: NDArray[np.float64], bias: NDArray[np.float64]) -> list[_Span]:
    """Returns the span of each output's sums, which have a step of their own."""
    spans = []
    for row, own in zip(rows, bias, strict=True):
        step = exponent_of(row)
        steps = None if given.exponent is None else given.exponent + step
        if steps is not None and own:
            steps = min(steps, exponent_of(np.array([own])))
        spans.append(_checked(node, float(np.abs(row).sum()) * given.largest + abs(float(own)), steps, wide=False))
    return spans


def _checked(node: Node, largest: float, exponent: int | None, wide: bool) -> _Span:
    if exponent is None:
        raise UnsupportedLayerError(f"{node} reads values that no Quant node rounds: put one in front of it")
    return _Span(largest, exponent, wide)


def _too_wide(node: Node, bits: int) -> UnsupportedLayerError:
    return UnsupportedLayerError(
        f"{node} has sums of {bits} bits, which are not exact in the real numbers that ONNX is computed in: use fewer "
        "bits for weights or activations, or fewer channels"
    )


def _least(spans: Sequence[_Span]) -> int | None:
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


def _changed(node: Node, inputs: Sequence[str], domain: str = "", **attributes: Any) -> Node:
    """Returns a node with other inputs, of another domain, or with further attributes."""
    made: Any = onnx.NodeProto()
    made.CopyFrom(node.proto)
    made.input[:] = inputs
    made.domain = domain or made.domain
    made.attribute.extend(onnx.helper.make_attribute(name, value) for name, value in attributes.items())
    return Node(made, {})
