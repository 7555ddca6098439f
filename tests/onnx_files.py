"""ONNX and QONNX files of small networks with exits, made node by node, with names that no programme would take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"


@dataclass
class Drawing:
    """A graph in the making; names start with a digit, and have slashes, colons, dots and spaces in them."""

    seed: int = 0
    prefix: str = "1st net/"
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def constant(self, value: Any, name: str | None = None) -> str:
        name = name or f"{self.prefix}c:{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, operator: str, *inputs: str, output: str | None = None, domain: str = "", **attributes: Any) -> str:
        output = output or f"{self.prefix}t.{len(self.nodes)}"
        name = f"{self.prefix}{operator} no. {len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name=name, domain=domain, **attributes))
        return output

    def real(self, *shape: int) -> str:
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 10
        return self.constant((self.rng.normal(size=shape) / np.sqrt(fan_in)).astype(np.float32))

    def conv(self, given: str, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> str:
        pads = [kernel // 2] * 4
        return self.node(
            "Conv", given, self.real(outputs, inputs, kernel, kernel), self.real(outputs), kernel_shape=[kernel] * 2,
            strides=[stride] * 2, pads=pads,
        )  # fmt: skip

    def head(self, given: str, channels: int, side: int, classes: int = 10) -> str:
        pooled = self.node(
            "Flatten", self.node("MaxPool", given, kernel_shape=[side // 2] * 2, strides=[side // 2] * 2)
        )
        return self.node("Gemm", pooled, self.real(classes, 4 * channels), self.real(classes), transB=1)

    def quant(
        self, given: str, bits: int, scale: Any, *, signed: bool = True, narrow: bool = False, rounding: str = "ROUND",
        zero: float = 0,
    ) -> str:  # fmt: skip
        constants = [self.constant(np.asarray(value, np.float32)) for value in (scale, zero, bits)]
        return self.node(
            "Quant", given, *constants, domain=QONNX, signed=int(signed), narrow=int(narrow), rounding_mode=rounding
        )

    def weights(self, *shape: int, bits: int = 4, exponent: int = -3) -> str:
        """Weights with a scale for each output."""
        scale = 2.0 ** self.rng.integers(exponent - 1, exponent + 1, (shape[0], *[1] * (len(shape) - 1)))
        return self.quant(self.constant(self.rng.normal(0, 0.4, shape).astype(np.float32)), bits, scale, narrow=True)

    def conv_of(self, given: str, inputs: int, outputs: int) -> str:
        """A convolution with quantised weights, and without bias."""
        weights = self.weights(outputs, inputs, 3, 3)
        return self.node("Conv", given, weights, kernel_shape=[3, 3], pads=[1] * 4)

    def graph(self, given: Sequence[Any], outputs: dict[str, Sequence[Any]], kind: int = TensorProto.FLOAT) -> Any:
        wanted = [helper.make_tensor_value_info(name, kind, list(shape)) for name, shape in outputs.items()]
        return helper.make_graph(self.nodes, "graph", list(given), wanted, self.constants)


def image_input(name: str, shape: Sequence[Any]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def saved(graph: Any, path: Path, opset: int = 13) -> Path:
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(QONNX, 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(path))
    return path


def renamed(drawing: Drawing, name: str, to: str) -> None:
    """Gives a tensor another name."""
    for node in drawing.nodes:
        node.input[:] = [to if each == name else each for each in node.input]
        node.output[:] = [to if each == name else each for each in node.output]


def two_outputs(path: Path, size: int = 12, channels: tuple[int, int] = (8, 16)) -> Path:
    """A float network with two outputs: a residual block, a batch normalisation, a ReLU6."""
    draw, (few, many) = Drawing(), channels
    x = draw.node("Relu", draw.conv("in put/0", 3, few))
    values = [draw.rng.normal(size=few) for _ in range(3)] + [draw.rng.uniform(0.5, 2, few)]
    y = draw.conv(x, few, few)
    y = draw.node("BatchNormalization", y, *(draw.constant(value.astype(np.float32)) for value in values))
    y = draw.node("Relu", draw.node("Add", y, x))
    first = draw.head(y, few, size)
    z = draw.node("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    z = draw.node("Clip", draw.conv(z, few, many), draw.constant(np.float32(0)), draw.constant(np.float32(6)))
    last = draw.head(z, many, size // 2)
    renamed(draw, first, "exit:1 (early)")
    renamed(draw, last, "2nd.exit")
    outputs = {"2nd.exit": [1, 10], "exit:1 (early)": [1, 10]}  # the deeper one first
    return saved(draw.graph([image_input("in put/0", [1, 3, size, size])], outputs), path)


def nested_ifs(
    path: Path, thresholds: Sequence[float] = (0.3, 0.25), comparison: str = "Greater", size: int = 8, width: int = 4
) -> Path:
    """A float network whose exits are `If` nodes on the largest softmax probability, one in the branch of the other.

    Args:
        comparison: "Greater" or "GreaterOrEqual" of the probability, whose then-branch leaves; "Less" of it, or
            "Turned" with the constant first, whose then-branches go on.
        width: channels of the first convolution; each further one has as many more.
    """
    graph = _if_exit(list(thresholds), ("image", 3, 0), comparison, size, width)
    graph.input.append(image_input("image", [1, 3, size, size]))
    return saved(graph, path)


def _if_exit(thresholds: list[float], given: tuple[str, int, int], comparison: str, size: int, width: int) -> Any:
    image, channels, depth = given
    draw, more = Drawing(seed=3 + depth, prefix=f"{depth}/"), width * (depth + 1)
    x = draw.node("Relu", draw.conv(image, channels, more))
    logits = draw.head(x, more, size)
    if not thresholds:
        return draw.graph([], {logits: [1, 10]})
    confidence = draw.node("ReduceMax", draw.node("Softmax", logits, axis=1), axes=[1], keepdims=depth)
    limit = draw.constant(np.float32(thresholds[0]))
    operator, inputs = ("Greater", (limit, confidence)) if comparison == "Turned" else (comparison, (confidence, limit))
    condition = draw.node("Cast", draw.node(operator, *inputs), to=TensorProto.BOOL)
    if depth:
        condition = draw.node("Squeeze", condition, draw.constant(np.array([0, 1])))
    answer = Drawing(prefix=f"{depth}/leave/")
    leave = answer.graph([], {answer.node("Identity", logits): [1, 10]})
    go = _if_exit(thresholds[1:], (x, more, depth + 1), comparison, size, width)
    then, other = (leave, go) if comparison.startswith("Greater") else (go, leave)
    output = draw.node("If", condition, then_branch=then, else_branch=other)
    return draw.graph([], {output: [1, 10]})


def qonnx_resnet(path: Path, size: int = 8, channels: tuple[int, int] = (8, 12)) -> Path:
    """A QONNX ResNet of three exits with residual adds of 8 and of 4 bits, at scales that differ."""
    few, many = channels
    draw = Drawing(prefix="res.net/0:")
    x = draw.quant("global in", 8, 2.0**-8, signed=False)
    x = draw.quant(draw.node("Relu", _quantised_conv(draw, x, 3, few)), 4, 0.125, signed=False)
    branch = draw.quant(draw.node("Relu", _quantised_conv(draw, x, few, few)), 4, 0.125, signed=False)
    branch = draw.quant(_quantised_conv(draw, branch, few, few), 8, 2.0**-6)
    x = draw.quant(draw.node("Relu", draw.node("Add", branch, x)), 8, 2.0**-6, signed=False)  # 8 bits
    exits = [_quantised_head(draw, x, few)]
    side = draw.quant(_quantised_conv(draw, x, few, many, 1, 2), 4, 0.5, rounding="FLOOR")
    branch = draw.quant(draw.node("Relu", _quantised_conv(draw, x, few, many, 3, 2)), 4, 0.25, signed=False)
    branch = draw.quant(_quantised_conv(draw, branch, many, many), 4, 0.25, narrow=True)
    x = draw.quant(draw.node("Relu", draw.node("Add", side, branch)), 4, 0.25, signed=False)  # 4 bits
    exits.append(_quantised_head(draw, x, many))
    branch = draw.quant(_quantised_conv(draw, x, many, many), 4, 0.25)
    x = draw.quant(draw.node("Relu", draw.node("Add", branch, x)), 4, 0.25, signed=False)
    exits.append(_quantised_head(draw, x, many))
    graph = draw.graph([image_input("global in", [1, 3, size, size])], {name: [1, 10] for name in exits})
    return saved(graph, path)


def _quantised_conv(draw: Drawing, given: str, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> str:
    bias = draw.quant(draw.constant(draw.rng.normal(size=outputs).astype(np.float32)), 8, 2.0**-6)
    return draw.node(
        "Conv", given, draw.weights(outputs, inputs, kernel, kernel), bias, kernel_shape=[kernel] * 2,
        strides=[stride] * 2, pads=[kernel // 2] * 4,
    )  # fmt: skip


def _quantised_head(draw: Drawing, given: str, channels: int, classes: int = 10) -> str:
    pooled = draw.quant(draw.node("GlobalAveragePool", given), 8, 2.0**-6, signed=False)
    weights = draw.node("Transpose", draw.weights(classes, channels), perm=[1, 0])
    summed = draw.node("Add", draw.node("MatMul", draw.node("Flatten", pooled), weights), draw.weights(classes, bits=8))
    return draw.quant(summed, 8, 2.0**-4)


def run(path: Path, images: NDArray[Any]) -> list[NDArray[np.float32]]:
    """What onnxruntime gives of images, one after the other."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    name = session.get_inputs()[0].name
    runs = [session.run(None, {name: x[None].astype(np.float32)}) for x in images]
    return [np.concatenate([np.atleast_1d(outputs[i]) for outputs in runs]) for i in range(len(runs[0]))]
