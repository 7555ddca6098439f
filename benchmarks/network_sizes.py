"""What compiling networks of real size takes, step by step: torchvision's, with three exits attached, and ResNets.

python -m benchmarks.network_sizes --write docs/network_sizes.md

torchvision's networks need its Python code: pip install --no-deps torchvision==0.28.0
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.progress import shown_by
from hwcodesign.storage.files import write_text

_EXITS, _CLASSES, _IMAGES = 3, 10, 32
_PRECISION = layers.Precision(weights=8, activations=8)
#: Columns of the table, by what the work of a step is called, as far as words tell it.
_STEPS = {
    "exporting to QONNX": "export",
    "converting": "hls4ml",
    "lowering to kernels": "kernels",
    "writing its Vitis project": "C++",
    "comparing the kernels": "check",
    "predicting cycles": "cycles",
    "writing sources": "sources",
}


def _torchvision(name: str) -> nn.Module:
    """A network of torchvision, whose norms have seen random images; without its compiled operators, which it asks for
    when it is imported.
    """
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(operator + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    models = importlib.import_module("torchvision.models")
    module: nn.Module = getattr(models, name)(num_classes=_CLASSES)
    if name.startswith("vgg"):
        module.avgpool, module.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(512, _CLASSES)
    return module


def _attached(name: str, side: int) -> hw.FloatNetwork:
    torch.manual_seed(0)
    module = _torchvision(name).train()
    with torch.no_grad():
        for _ in range(4):
            module(torch.rand(32, 3, side, side))
    return hw.attach_exits(module.eval(), at=_EXITS, input_shape=(3, side, side))


def _residual(depth: int) -> hw.FloatNetwork:
    """The recipe's network, of 6n + 2 layers."""
    torch.manual_seed(0)
    recipe: Any = importlib.import_module("models.resnet_cifar")
    recipe.DEPTH = depth
    network: hw.FloatNetwork = recipe.network()
    return network


@dataclass(frozen=True)
class Case:
    """A network, and the settings that it is compiled with."""

    network: str
    side: int
    make: Callable[[], hw.FloatNetwork]
    settings: hw.CompileSettings


def _case(network: str, side: int, make: Callable[[], hw.FloatNetwork], reuse: int = 0) -> tuple[str, Case]:
    """A case by its name; without a reuse factor, it has no RTL."""
    settings = hw.CompileSettings(reuse=reuse) if reuse else hw.CompileSettings(backend="vitis")
    return f"{network}_{settings.backend}", Case(network, side, make, settings)


CASES = dict(
    [
        _case("ResNet-8", 32, lambda: _residual(8), reuse=64),
        _case("ResNet-20", 32, lambda: _residual(20), reuse=64),
        _case("ResNet-56", 32, lambda: _residual(56), reuse=64),
        _case("SqueezeNet 1.1", 64, lambda: _attached("squeezenet1_1", 64)),
        _case("MobileNetV2", 96, lambda: _attached("mobilenet_v2", 96)),
        _case("VGG-11", 32, lambda: _attached("vgg11", 32)),
        _case("ResNet-18", 32, lambda: _attached("resnet18", 32)),
        _case("ResNet-18", 32, lambda: _attached("resnet18", 32), reuse=1024),
        _case("DenseNet-121", 32, lambda: _attached("densenet121", 32)),
        _case("DenseNet-121", 32, lambda: _attached("densenet121", 32), reuse=128),
    ]
)


@dataclass(frozen=True)
class Found:
    """What one network takes.

    Attributes:
        layers, weights: convolutions and linear layers, and their weights.
        kernels: in all segments.
        steps: seconds by step of the compilation.
        whole: seconds of the compilation.
        memory: peak of the process that quantised and compiled it, in GiB.
        quantisation, software, brevitas: seconds of quantising it, and of the logits of 32 images.
    """

    layers: int
    weights: int
    kernels: int
    steps: dict[str, float]
    whole: float
    memory: float
    quantisation: float
    software: float
    brevitas: float


@dataclass
class _Clock:
    """It listens to the progress of a compilation, and adds up the seconds of its steps."""

    steps: dict[str, float] = field(default_factory=dict)
    _running: list[str | None] = field(default_factory=list)
    _since: float = 0.0

    def begin(self, text: str, total: float | None, unit: str) -> int:  # noqa: ARG002  # a listener's
        self._turn()
        self._running.append(_step(text))
        return len(self._running) - 1

    def advance(self, task: int, amount: float, note: str | None) -> None:  # noqa: ARG002
        if note is not None and _step(note) is not None:
            self._turn()
            self._running[task] = _step(note)

    def end(self, task: int) -> None:
        self._turn()
        del self._running[task:]

    def _turn(self) -> None:
        now = time.process_time()
        running = next((step for step in reversed(self._running) if step is not None), None)
        if running is not None:
            self.steps[running] = self.steps.get(running, 0.0) + now - self._since
        self._since = now


def _step(text: str) -> str | None:
    said = text.rpartition(": ")[2]
    return next((step for words, step in _STEPS.items() if said.startswith(words)), None)


def measure(case: Case) -> Found:
    """Quantises and compiles a network, and holds its software to Brevitas."""
    network = case.make()
    shape = (3, case.side, case.side)
    rng = np.random.default_rng(0)
    start = time.process_time()
    quantised = hw.quantise(network, _PRECISION, calibration=rng.integers(0, 256, (_IMAGES, *shape)))
    quantisation = time.process_time() - start
    policy = hw.fit_policy(quantised, None, criterion="max_softmax", thresholds=[0.9] * (quantised.exits - 1))
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        with shown_by(clock):
            settings = dataclasses.replace(case.settings, oversize=True)
            design = hw.compile(quantised, policy, settings, out=Path(folder) / "design")
        whole = time.process_time() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        images = rng.integers(0, 256, (_IMAGES, *shape))
        start = time.process_time()
        found = design.logits(images)
        software = time.process_time() - start
    start = time.process_time()
    wanted = quantised.logits(images)
    brevitas = time.process_time() - start
    for k, (ours, theirs) in enumerate(zip(found, wanted, strict=True)):
        if not np.array_equal(ours, theirs) or len(np.unique(ours)) < _CLASSES:
            raise SystemExit(f"{case.network}, exit {k}: software is not Brevitas, or the logits say nothing")
    weighted = [part for part in quantised.modules() if isinstance(part, nn.Linear | nn.modules.conv._ConvNd)]
    weights = sum(int(part.weight.numel()) for part in weighted)
    kernels = sum(len(segment.kernels) for segment in design.accelerator.segments)
    return Found(len(weighted), weights, kernels, clock.steps, whole, memory, quantisation, software, brevitas)


def document(found: dict[str, Found]) -> str:
    """The tables, with the command that repeats them."""
    columns = list(dict.fromkeys(_STEPS.values()))
    rows, runs = "", ""
    for name, one in found.items():
        case = CASES[name]
        rtl = f"reuse {case.settings.reuse}" if case.settings.has_rtl else "-"
        steps = " | ".join(f"{one.steps[step]:.1f}" if step in one.steps else "-" for step in columns)
        rows += (
            f"| {case.network} | {one.layers} | {one.weights / 1e6:.2f} | {one.kernels} | {rtl} | {steps} "
            f"| {one.whole:.1f} | {one.memory:.2f} |\n"
        )
        if not case.settings.has_rtl or case.network not in runs:
            runs += (
                f"| {case.network} | {case.side}x{case.side} | {one.quantisation:.1f} | {one.software:.1f} "
                f"| {one.brevitas:.1f} |\n"
            )
    return f"""# Networks of real size

    python -m benchmarks.network_sizes --write docs/network_sizes.md

The networks are torchvision's, with {_EXITS} exits attached, and residual networks for 32x32 images. Weights are
random; they have 8 bits, as activations have. Each network is quantised and compiled in a process of its own. Times
are seconds of one processor. All logits of {_IMAGES} images are those of Brevitas in float64, in `==`.

| network | layers | million weights | kernels | RTL | {" | ".join(columns)} | in total | peak memory, GiB |
|---|---:|---:|---:|---|{"---:|" * len(columns)}---:|---:|
{rows}
*export* is the network as QONNX; *hls4ml* its conversion to hls4ml's graph; *kernels* what our software and hardware
compute; *C++* the Vitis projects; *check* the comparison of all kernels with the network; *cycles* the cycle model;
*sources* the blocks around the segments, and the SystemVerilog. Where no RTL is written (`backend="vitis"`), the design
has the C++, and runs in software. The total also has hashes, weights, and checks of the network.

| network | images | quantising it | {_IMAGES} images in software | {_IMAGES} images in Brevitas, float64 |
|---|---|---:|---:|---:|
{runs}
## RTL and C simulation of such networks

StreamRTL keeps whole windows in registers, or reads them from memory ([folding.md](folding.md)). `compile` refuses
convolutions that make more products in a cycle than can be simulated, before anything is exported, and names a reuse
factor that is enough for all of them. Networks with hundreds of channels do not fit the boards here, which is an error;
with `oversize=True` their SystemVerilog is written all the same, and its cycles are predicted. `backend="vitis"` writes
no RTL.

g++ compiles the C++ of ResNet-18 in about a minute of one processor.

{platform.processor() or platform.machine()}, Python {platform.python_version()}, PyTorch {torch.__version__}.
"""


def _in_own_process(name: str) -> Found:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.network_sizes", "--one", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-4000:]}")
    return Found(**json.loads(done.stdout.splitlines()[-1]))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=[*CASES], metavar="NAME")
    parser.add_argument("--one", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help="document to write the tables to")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.one:
        print(json.dumps(dataclasses.asdict(measure(CASES[options.one]))))
        return
    found = {}
    for name in options.cases:
        found[name] = _in_own_process(name)
        print(name, found[name], flush=True)
    if options.write:
        write_text(options.write, document(found))


if __name__ == "__main__":
    main()
