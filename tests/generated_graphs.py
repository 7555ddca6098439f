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
import onnx
import torch
from hls4ml.converters import convert_from_onnx_model, convert_from_pytorch_model
from hls4ml.utils import config_from_onnx_model, config_from_pytorch_model
from numpy.typing import NDArray
from onnx import TensorProto, helper
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
    return (_torch_graph if seed % 2 == 0 else _torch_graph)(rng, samples)


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
        agreement = Agreement(
            ("hls4ml C++", f"StreamRTL {on}"), "outputs", len(drawn.samples), reference.size, wrong
        )
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

    def layer(self, kind: str, one: Callable[..., nn.Module], two: Callable[..., nn.Module], *args: Any, **kw: Any) -> None:
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
        depthwise = channels > 1 and self.pick(0, 0, 1) == 1
        filters = channels if same or depthwise else self.pick(1, 2, 3, 4)
        self.layer(
            "conv", nn.Conv1d, nn.Conv2d, channels, filters, kernel, stride=stride, padding=padding,
            groups=channels if depthwise else 1,
        )  # fmt: skip
        self.size = (filters, *((n + 2 * padding - kernel) // stride + 1 for n in sides))
        self.words.append(f"{'depthwise' if depthwise else 'conv'} {filters} {kernel}/{stride}+{padding}")

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
                default_reuse_factor=reuse, channels_last_conversion=conversion,
            )  # fmt: skip
            config["Model"]["Strategy"] = strategy
            for name, layer in config["LayerName"].items():
                _draw_types(np.random.default_rng([seed, zlib.crc32(name.encode())]), name, layer["Precision"])
            return convert_from_pytorch_model(
                module, hls_config=config, backend=backend, io_type="io_stream", output_dir=str(folder), project_name=NAME
            )

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
