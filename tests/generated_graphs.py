"""hls4ml graphs made at random from a seed, from PyTorch and from QONNX: lowered kernels against hls4ml's own C++.

The reference is `predict` of the Vitis backend, which compiles hls4ml's C++ with g++. Two things are changed in its
build script: no optimisation, which takes longer than it saves, and no `assert`, because hls4ml's streaming pooling
asserts that windows do not overlap although it computes those that do.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hls4ml.converters import convert_from_onnx_model, convert_from_pytorch_model
from hls4ml.utils import config_from_onnx_model, config_from_pytorch_model
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.channels_last import AbsorbChanFirstIntoMatMul, ConvertToChannelsLastAndClean
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.cleanup import cleanup_model
from torch import Tensor, nn

from hwcodesign.verification import Agreement

ROUNDINGS = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
OVERFLOWS = ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM")
NAME = "drawn"


@dataclass(frozen=True)
class GeneratedGraph:
    """A model and what to run it on.

    Attributes:
        convert: hls4ml's ModelGraph for a backend, to be written to a folder.
        samples: (N, *shape) values, some off the input's grid and out of its range.
        text: what was drawn, for tables.
    """

    convert: Callable[[str, Path], Any]
    samples: NDArray[np.float64]
    text: str


def generate_graph(seed: int, samples: int = 12) -> GeneratedGraph:
    """Draw a graph; even seeds are PyTorch modules, odd ones QONNX graphs."""
    rng = np.random.default_rng([seed, 20])
    return (_torch_graph if seed % 2 == 0 else _qonnx_graph)(rng, samples)


def vitis_predict(model: Any, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """hls4ml's C++ of a model converted for Vitis, compiled and run."""
    with _quiet():
        model.write()
        script = Path(model.config.get_output_dir()) / "build_lib.sh"
        script.write_text(script.read_text().replace("-O3", "-O0 -DNDEBUG -fno-exceptions -w"))
        model._compile()
        return np.asarray(model.predict(x), np.float64)


def graph_lines(count: int, on: str = "software", first: int = 0) -> Iterator[tuple[str, str, Agreement]]:
    """Compare graphs of seeds `first`, `first` + 1, … with hls4ml's C++.

    Args:
        on: where StreamRTL runs: "software" (the kernels in NumPy) or "rtl".

    Yields:
        (subject, detail, agreement) of a graph.
    """
    for seed in range(first, first + count):
        drawn = generate_graph(seed)
        with tempfile.TemporaryDirectory() as folder:
            reference = vitis_predict(drawn.convert("Vitis", Path(folder) / "vitis"), drawn.samples)
            model = drawn.convert("StreamRTL", Path(folder) / "rtl")
            if on == "rtl":
                model.compile()
            outputs = model.predict(drawn.samples, on=on)
        wrong = int((reference != outputs).sum()) if reference.shape == outputs.shape else reference.size
        agreement = Agreement(("hls4ml C++", f"StreamRTL {on}"), "outputs", len(drawn.samples), reference.size, wrong)
        yield f"graph, seed {seed}", drawn.text, agreement


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without hls4ml's and qonnx's talk."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _draw_format(rng: np.random.Generator, least: int = 3, most: int = 9, *, signed: bool | None = None) -> str:
    width = int(rng.integers(least, most + 1))
    sign = bool(rng.integers(2)) if signed is None else signed
    rounding, overflow = rng.choice(ROUNDINGS), rng.choice(OVERFLOWS)
    return f"{'' if sign else 'u'}fixed<{width},{int(rng.integers(1, width + 1))},{rounding},{overflow}>"


def _fold(config: dict[str, Any], backend: str, reuse: int, strategy: str) -> None:
    """Fold StreamRTL's layers; hls4ml's C++ computes the same, but does not compile for every reuse factor."""
    if backend != "Vitis":
        config["Model"]["Strategy"] = strategy
        for layer in config["LayerName"].values():
            if "ReuseFactor" in layer:
                layer["ReuseFactor"] = reuse


def _draw_samples(rng: np.random.Generator, count: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Values of several sizes: on coarse grids, off every grid, and large."""
    values = rng.normal(size=(count, *shape)) * rng.choice([0.5, 3, 40], (count, *(1 for _ in shape)))
    coarse = np.round(values * 4) / 4
    return np.where(rng.random(values.shape) < 0.5, coarse, values)


# --- PyTorch ---


@dataclass
class _Plan:
    """A module in the making.

    Attributes:
        size: of the tensor so far: (C, L), (C, H, W) or (F,).
        layers: by name, which starts with what it is.
        steps: operations of forward: a layer's name, or "keep", and "add" or "cat" with what was kept.
        words: what was drawn.
    """

    rng: np.random.Generator
    size: tuple[int, ...]
    layers: dict[str, nn.Module] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def pick(self, *choices: int) -> int:
        return int(self.rng.choice(choices))

    def layer(
        self, kind: str, one: Callable[..., nn.Module], two: Callable[..., nn.Module], *args: Any, **kw: Any
    ) -> None:
        """Add a layer of the right rank."""
        name = f"{kind}{len(self.layers)}"
        self.layers[name] = (one if len(self.size) == 2 else two)(*args, **kw)
        self.steps.append(name)

    def relu(self) -> None:
        self.layer("relu", nn.ReLU, nn.ReLU)

    def convolution(self, *, same: bool = False) -> None:
        channels, *sides = self.size
        kernel = self.pick(*(k for k in (1, 2, 3) if k <= min(sides) and not (same and k == 2)))
        padding = kernel // 2 if same else self.pick(*range(kernel // 2 + 1))
        stride = 1 if same else self.pick(1, 1, 2)
        filters = channels if same else self.pick(1, 2, 3, 4)
        self.layer("conv", nn.Conv1d, nn.Conv2d, channels, filters, kernel, stride=stride, padding=padding)
        self.size = (filters, *((n + 2 * padding - kernel) // stride + 1 for n in sides))
        self.words.append(f"conv {filters} {kernel}/{stride}+{padding}")

    def norm(self) -> None:
        self.layer("norm", nn.BatchNorm1d, nn.BatchNorm2d, self.size[0])
        self.words.append("norm")

    def pool(self) -> None:
        channels, *sides = self.size
        window = self.pick(*(k for k in (1, 2, 3) if k <= min(sides)))
        stride = self.pick(window, window, *range(1, window + 1))
        average = self.pick(0, 1) == 1
        one, two = (nn.AvgPool1d, nn.AvgPool2d) if average else (nn.MaxPool1d, nn.MaxPool2d)
        self.layer("pool", one, two, window, stride)
        self.size = (channels, *((n - window) // stride + 1 for n in sides))
        self.words.append(f"{'average' if average else 'max'} {window}/{stride}")

    def pad(self) -> None:
        sides = [int(n) for n in self.rng.integers(0, 3, 2 * len(self.size) - 2)]
        self.layer("pad", nn.ConstantPad1d, nn.ConstantPad2d, tuple(sides), 0.0)
        channels, *old = self.size
        self.size = (channels, *(n + sum(sides[2 * i : 2 * i + 2]) for i, n in enumerate(reversed(old))))
        if len(self.size) == 3:
            self.size = (channels, self.size[2], self.size[1])
        self.words.append(f"pad {','.join(map(str, sides))}")

    def branch(self, join: str) -> None:
        if not self.steps:
            self.relu()  # hls4ml transposes an input that two layers read for one of them only
        self.steps.append("keep")
        channels = self.size[0]
        self.convolution(same=True)
        self.steps.append(join)
        self.size = (channels * (2 if join == "cat" else 1), *self.size[1:])
        self.words.append(join)

    def head(self) -> None:
        self.layer("flat", nn.Flatten, nn.Flatten)
        features = int(np.prod(self.size))
        for outputs in (self.pick(3, 5), self.pick(2, 4))[: self.pick(1, 2)]:
            self.layer("linear", nn.Linear, nn.Linear, features, outputs)
            features = outputs
            if self.pick(0, 1):
                self.relu()
            self.words.append(f"linear {outputs}")


def _draw_block(plan: _Plan) -> None:
    match plan.rng.choice(["conv", "conv", "norm", "pool", "pad", "add", "cat"]):
        case "conv":
            plan.convolution()
            if plan.pick(0, 1):
                plan.norm()
        case "norm":
            plan.norm()
        case "pool":
            plan.pool()
        case "pad":
            plan.pad()
            (plan.convolution, plan.pool)[plan.pick(0, 1)]()
        case join:
            plan.branch(str(join))
    plan.relu()


class _Drawn(nn.Module):
    """Runs a plan."""

    def __init__(self, plan: _Plan) -> None:
        super().__init__()
        self.steps = plan.steps
        for name, module in plan.layers.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Tensor:
        kept = x
        for step in self.steps:
            match step:
                case "keep":
                    kept = x
                case "add":
                    x = torch.add(x, kept)
                case "cat":
                    x = torch.cat([x, kept], dim=1)
                case name:
                    x = getattr(self, name)(x)
        return x


def _torch_graph(rng: np.random.Generator, samples: int) -> GeneratedGraph:
    torch.manual_seed(int(rng.integers(1 << 31)))
    size = (int(rng.integers(1, 4)), *(int(n) for n in rng.integers(5, 9, rng.integers(1, 3))))
    plan = _Plan(rng, size)
    for _ in range(int(rng.integers(1, 4))):
        _draw_block(plan)
    if rng.integers(3):
        plan.head()
    module = _Drawn(plan).eval()
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (layer.weight.data, layer.bias.data, layer.running_mean):
                tensor.normal_()  # type: ignore[union-attr]
    conversion = str(rng.choice(["full", "internal"]))
    reuse, strategy = plan.pick(1, 2, 3, 6), str(rng.choice(["Latency", "Resource"]))
    seed = int(rng.integers(1 << 31))

    def convert(backend: str, folder: Path) -> Any:
        with _quiet():
            config = config_from_pytorch_model(
                module, size, granularity="name", backend=backend, default_precision="fixed<16,6>",
                channels_last_conversion=conversion,
            )  # fmt: skip
            _fold(config, backend, reuse, strategy)
            for name, layer in config["LayerName"].items():
                _draw_types(np.random.default_rng([seed, zlib.crc32(name.encode())]), name, layer["Precision"])
            return convert_from_pytorch_model(
                module, hls_config=config, backend=backend, io_type="io_stream", output_dir=str(folder),
                project_name=NAME,
            )  # fmt: skip

    values = _draw_samples(rng, samples, size)
    if conversion == "internal":
        values = np.moveaxis(values, 1, -1)
    text = f"PyTorch, {'x'.join(map(str, size))}, {' → '.join(plan.words)}, {strategy} {reuse}, {conversion}"
    return GeneratedGraph(convert, np.ascontiguousarray(values), text)


def _draw_types(rng: np.random.Generator, name: str, types: dict[str, str]) -> None:
    """Types of a layer's constants, and sometimes of its result; hls4ml infers the others."""
    for constant in ("weight", "bias", "scale"):
        if constant in types:
            types[constant] = _draw_format(rng, signed=True)
    if name.startswith(("input", "x", "relu")) or (
        name.startswith(("conv", "norm", "pool", "linear", "add", "cat")) and rng.integers(3) == 0
    ):
        types["result"] = _draw_format(rng)


# --- QONNX ---


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
        if kernel[0] == 1 and (depthwise or kernel[1] > 1):
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


def _qonnx_graph(rng: np.random.Generator, samples: int) -> GeneratedGraph:
    shape = (int(rng.integers(1, 4)), *(int(n) for n in rng.integers(5, 9, 2)))
    drawing = _Drawing(rng, shape)
    drawing.quant()
    for _ in range(int(rng.integers(1, 4))):
        match rng.choice(["conv", "conv", "norm", "pool", "Add", "Concat"]):
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
    with _quiet():
        onnx_model = drawing.model(shape)
    input_type = _draw_format(rng)
    reuse, strategy = drawing.pick(1, 2, 3, 6), str(rng.choice(["Latency", "Resource"]))

    def convert(backend: str, folder: Path) -> Any:
        with _quiet():
            config = config_from_onnx_model(
                onnx_model.model, granularity="name", backend=backend, default_precision="fixed<16,6>"
            )
            _fold(config, backend, reuse, strategy)
            config["LayerName"]["global_in"]["Precision"]["result"] = input_type
            return convert_from_onnx_model(
                onnx_model.model,
                hls_config=config,
                backend=backend,
                io_type="io_stream",
                output_dir=str(folder),
                project_name=NAME,
            )

    values = np.ascontiguousarray(np.moveaxis(_draw_samples(rng, samples, shape), 1, -1))
    text = f"QONNX, {'x'.join(map(str, shape))}, {' → '.join(drawing.words)}, {strategy} {reuse}"
    return GeneratedGraph(convert, values, text)
