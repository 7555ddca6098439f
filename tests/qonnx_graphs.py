"""QONNX graphs made at random, made channels last and cleaned as hls4ml's ONNX front end wants them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from hls4ml.converters import convert_from_onnx_model
from hls4ml.utils import config_from_onnx_model
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.channels_last import AbsorbChanFirstIntoMatMul, ConvertToChannelsLastAndClean
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.cleanup import cleanup_model

from tests.drawn_graphs import NAME, STRATEGIES, GeneratedGraph, draw_format, draw_samples, fold, quiet


@dataclass
class _Drawing:
    """An ONNX graph in the making, channels first.

    Attributes:
        tensor, size: the tensor so far and its shape without the batch.
        even: whether its last scale was a power of two.
    """

    rng: np.random.Generator
    size: tuple[int, ...]
    tensor: str = "global_in"
    even: bool = True
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def pick(self, *choices: int) -> int:
        return int(self.rng.choice(choices))

    def constant(self, value: Any) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node; returns its output."""
        output = f"t{len(self.nodes)}"
        name = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name=name, domain=domain, **attributes))
        return output

    def quantised(self, tensor: str, bits: int, scale: float, *, signed: bool, narrow: bool = False) -> str:
        rounding = str(self.rng.choice(["ROUND", "FLOOR"]))
        constants = [self.constant(np.float32(value)) for value in (scale, 0, bits)]
        return self.node(
            "Quant", tensor, *constants, domain="qonnx.custom_op.general", rounding_mode=rounding, signed=int(signed),
            narrow=int(narrow and signed),
        )  # fmt: skip

    def weights(self, *shape: int) -> str:
        """Quantised random constants."""
        values = self.constant(self.rng.normal(size=shape).astype(np.float32))
        return self.quantised(values, self.pick(2, 3, 4, 6), 2.0 ** -self.pick(0, 1, 2), signed=True, narrow=True)

    def quant(self) -> None:
        """A quantiser of the tensor, mostly with a power-of-two scale, sometimes behind a rectifier."""
        rectify = self.pick(0, 1)
        if rectify:
            self.tensor = self.node("Relu", self.tensor)
        self.even = self.pick(0, 1, 1, 1, 1) == 1
        scale = 2.0 ** -self.pick(0, 1, 2, 3) * (1 if self.even else 1.37)
        bits = self.pick(2, 3, 4, 5, 8)
        signed = not rectify or self.pick(0, 0, 1) == 1
        self.tensor = self.quantised(self.tensor, bits, scale, signed=signed, narrow=self.pick(0, 1) == 1)
        self.words.append(f"{'relu ' if rectify else ''}quant {bits}{'s' if signed else 'u'} {scale:g}")

    def convolution(self, *, same: bool = False) -> None:
        channels, *sides = self.size
        kernel = [self.pick(*(k for k in (1, 2, 3) if k <= n and not (same and k == 2))) for n in sides]
        pads = [k // 2 if same else self.pick(*range(k // 2 + 1)) for k in kernel]
        # hls4ml would merge a scale that is no power of two into a depthwise convolution's weights, in a wrong shape
        depthwise = channels > 1 and self.even and self.pick(0, 0, 1) == 1
        stride = [1 if same else self.pick(1, 1, 2) for _ in kernel]
        if len(kernel) == 2 and kernel[0] == 1 and (depthwise or kernel[1] > 1):
            stride[0] = 1  # hls4ml's streams then skip no rows
        filters = channels if same or depthwise else self.pick(1, 2, 3, 4)
        inputs = [self.weights(filters, 1 if depthwise else channels, *kernel)]
        if self.pick(0, 1):
            inputs.append(self.weights(filters))
        self.tensor = self.node(
            "Conv", self.tensor, *inputs, kernel_shape=kernel, strides=stride, pads=pads * 2,
            dilations=[1] * len(kernel), group=channels if depthwise else 1,
        )  # fmt: skip
        after = [(n + 2 * p - k) // s + 1 for n, p, k, s in zip(sides, pads, kernel, stride, strict=True)]
        self.size = (filters, *after)
        self.words.append(f"{'depthwise' if depthwise else 'conv'} {filters} {kernel}/{stride}+{pads}")

    def norm(self) -> None:
        channels = self.size[0]
        values = [self.rng.normal(size=channels) for _ in range(3)] + [self.rng.uniform(0.5, 2, channels)]
        self.tensor = self.node(
            "BatchNormalization", self.tensor, *(self.constant(value.astype(np.float32)) for value in values)
        )
        self.words.append("norm")

    def pool(self) -> None:
        channels, *sides = self.size
        window = [self.pick(*(k for k in (1, 2, 3) if k <= n)) for n in sides]
        self.tensor = self.node("MaxPool", self.tensor, kernel_shape=window, strides=window, pads=[0] * 2 * len(window))
        self.size = (channels, *(n // k for n, k in zip(sides, window, strict=True)))
        self.words.append(f"max {window}")

    def branch(self, join: str) -> None:
        kept, channels = self.tensor, self.size[0]
        self.convolution(same=True)
        self.quant()
        if join == "Add":
            self.tensor = self.node("Add", self.tensor, kept)
        else:
            self.tensor = self.node("Concat", self.tensor, kept, axis=1)
            self.size = (2 * channels, *self.size[1:])
        self.words.append(join.lower())

    def head(self) -> None:
        self.tensor = self.node("Flatten", self.tensor, axis=1)
        features = int(np.prod(self.size))
        for outputs in (self.pick(3, 5), self.pick(2, 4))[: self.pick(1, 2)]:
            self.tensor = self.node("MatMul", self.tensor, self.weights(features, outputs))
            if self.pick(0, 1):
                self.tensor = self.node("Add", self.tensor, self.weights(outputs))
            self.quant()
            features = outputs
            self.words.append(f"linear {outputs}")
        self.size = (features,)

    def model(self, shape: tuple[int, ...]) -> ModelWrapper:
        """The graph, channels last and ready for hls4ml."""
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, *size])
            for name, size in (("global_in", shape), (self.tensor, self.size))
        ]
        graph = helper.make_graph(self.nodes, NAME, ends[:1], ends[1:], self.constants)
        versions = [helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]
        model = cleanup_model(ModelWrapper(helper.make_model(graph, opset_imports=versions)))
        model = model.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True))
        return cleanup_model(model.transform(AbsorbChanFirstIntoMatMul()).transform(InferShapes()))


def qonnx_graph(rng: np.random.Generator, samples: int) -> GeneratedGraph:
    shape = (int(rng.integers(1, 4)), *(int(n) for n in rng.integers(5, 9, rng.choice([1, 2, 2]))))
    drawing = _Drawing(rng, shape)
    drawing.quant()
    for _ in range(int(rng.integers(1, 4))):
        # of sequences hls4ml reads the axes of pooling in the wrong order, and pads the wrong branch before a join, of
        # which qonnx may never find an end
        images = ["pool", "Add", "Concat"] if len(shape) == 3 else []
        match rng.choice(["conv", "conv", "norm", *images]):
            case "conv":
                drawing.convolution()
                if rng.integers(2):
                    drawing.norm()
            case "norm":
                drawing.norm()
            case "pool":
                drawing.pool()
            case join:
                drawing.branch(str(join))
        drawing.quant()
    if rng.integers(3):
        drawing.head()
    with quiet():
        onnx_model = drawing.model(shape)
    input_type = draw_format(rng)
    reuse, strategy = drawing.pick(1, 2, 3, 6), str(rng.choice(STRATEGIES))

    def convert(backend: str, folder: Path) -> Any:
        with quiet():
            config = config_from_onnx_model(
                onnx_model.model, granularity="name", backend=backend, default_precision="fixed<16,6>"
            )
            fold(config, backend, reuse, strategy)
            config["LayerName"]["global_in"]["Precision"]["result"] = input_type
            return convert_from_onnx_model(
                onnx_model.model,
                hls_config=config,
                backend=backend,
                io_type="io_stream",
                output_dir=str(folder),
                project_name=NAME,
            )

    values = np.ascontiguousarray(np.moveaxis(draw_samples(rng, samples, shape), 1, -1))
    text = f"QONNX, {'x'.join(map(str, shape))}, {' → '.join(drawing.words)}, {strategy} {reuse}"
    return GeneratedGraph(convert, values, text)
