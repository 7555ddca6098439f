"""PyTorch modules made at random, as hls4ml's PyTorch front end takes them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hls4ml.converters import convert_from_pytorch_model
from hls4ml.utils import config_from_pytorch_model
from torch import Tensor, nn

from tests.drawn_graphs import NAME, STRATEGIES, GeneratedGraph, draw_format, draw_samples, fold, quiet


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


def torch_graph(rng: np.random.Generator, samples: int) -> GeneratedGraph:
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
    reuse, strategy = plan.pick(1, 2, 3, 6), str(rng.choice(STRATEGIES))
    seed = int(rng.integers(1 << 31))

    def convert(backend: str, folder: Path) -> Any:
        with quiet():
            config = config_from_pytorch_model(
                module, size, granularity="name", backend=backend, default_precision="fixed<16,6>",
                channels_last_conversion=conversion,
            )  # fmt: skip
            fold(config, backend, reuse, strategy)
            for name, layer in config["LayerName"].items():
                _draw_types(np.random.default_rng([seed, zlib.crc32(name.encode())]), name, layer["Precision"])
            return convert_from_pytorch_model(
                module, hls_config=config, backend=backend, io_type="io_stream", output_dir=str(folder),
                project_name=NAME,
            )  # fmt: skip

    values = draw_samples(rng, samples, size)
    if conversion == "internal":
        values = np.moveaxis(values, 1, -1)
    text = f"PyTorch, {'x'.join(map(str, size))}, {' → '.join(plan.words)}, {strategy} {reuse}, {conversion}"
    return GeneratedGraph(convert, np.ascontiguousarray(values), text)


def _draw_types(rng: np.random.Generator, name: str, types: dict[str, str]) -> None:
    """Types of a layer's constants, and sometimes of its result; hls4ml infers the others."""
    for constant in ("weight", "bias", "scale"):
        if constant in types:
            types[constant] = draw_format(rng, signed=True)
    if name.startswith(("input", "x", "relu")) or (
        name.startswith(("conv", "norm", "pool", "linear", "add", "cat")) and rng.integers(3) == 0
    ):
        types["result"] = draw_format(rng)
