"""How long compiling residual networks takes, by depth; and whether the simulator takes the cycles that are predicted.

python -m benchmarks.compile_times --write docs/compile_times.md
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import torch
from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.simulation.measurement import ExitMeasurement, measure_exits
from hwcodesign.storage.files import write_text

#: Channels of the three groups of blocks, and reuse of their convolutions: all take about as long for an image.
_GROUPS = ((16, 64), (32, 256), (64, 512))
_PRECISION = layers.Precision(weights=4, activations=4)
_INPUT = hw.FixedPoint(8, 0, signed=False)


class Block(nn.Module):
    """Two 3x3 convolutions, and their input added, which a 1x1 convolution brings into shape where sizes differ."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = layers.conv2d(inputs, outputs, 3, stride=stride, padding=1, precision=_PRECISION)
        self.inner = layers.relu(precision=_PRECISION)
        self.second = layers.conv2d(outputs, outputs, 3, padding=1, precision=_PRECISION)
        self.summand = layers.identity(precision=_PRECISION)
        self.shortcut = (
            nn.Sequential(
                layers.conv2d(inputs, outputs, 1, stride=stride, precision=_PRECISION),
                layers.identity(precision=_PRECISION),
            )
            if stride > 1 or inputs != outputs
            else nn.Identity()
        )
        self.outer = layers.relu(precision=_PRECISION)

    def forward(self, x: Tensor) -> Tensor:
        summand = self.summand(self.second(self.inner(self.first(x))))
        result: Tensor = self.outer(layers.value_of(summand) + layers.value_of(self.shortcut(x)))
        return result


def residual_network(depth: int, classes: int = 10) -> tuple[hw.MultiExitNetwork, dict[str, hw.LayerSettings]]:
    """A residual network for 32x32 colour images with an exit behind each of its three groups, and reuse by layer.

    Args:
        depth: convolutions on the longest path and the last linear layer: 6n + 2, as He et al. (2016) count.
    """
    blocks, rest = divmod(depth - 2, 6)
    assert blocks > 0, f"{depth} layers are too few: 8 is the least"
    assert rest == 0, f"{depth} is not 6n + 2"
    stages: list[nn.Module] = []
    settings: dict[str, hw.LayerSettings] = {}
    inputs = 3
    for k, (channels, reuse) in enumerate(_GROUPS):
        parts: list[nn.Module] = []
        if k == 0:
            parts += [layers.conv2d(3, channels, 3, padding=1, precision=_PRECISION), layers.relu(precision=_PRECISION)]
            settings["stages.0.0"] = hw.LayerSettings(reuse)
            inputs = channels
        for block in range(blocks):
            parts.append(Block(inputs, channels, 1 if k == 0 or block else 2))
            inputs = channels
        stages.append(nn.Sequential(*parts))
    for name, _ in nn.ModuleDict({"stages": nn.ModuleList(stages)}).named_modules():
        if name.endswith(("first", "second", "shortcut.0")):
            settings[name] = hw.LayerSettings(_GROUPS[int(name.split(".")[1])][1])
    heads = []
    for k, (channels, _) in enumerate(_GROUPS):
        side = 32 >> k
        heads.append(
            nn.Sequential(
                nn.MaxPool2d(side // 4),
                nn.Flatten(),
                layers.linear(16 * channels, classes, precision=_PRECISION),
                layers.logits(precision=_PRECISION),
            )
        )
        settings[f"heads.{k}.2"] = hw.LayerSettings(512)
    network = hw.MultiExitNetwork(stages, heads, _INPUT, (3, 32, 32))
    network.train()
    with torch.no_grad():
        network(torch.rand(8, 3, 32, 32))  # ranges of activations
    network.eval()
    return network, settings


#: Layers of the network whose predictions are held to the simulator, and its images.
_SIMULATED, _IMAGES = 8, 3


@dataclass(frozen=True)
class Times:
    """What compiling one network takes, in seconds of one processor.

    Attributes:
        depth: of the network.
        kernels: in all its segments.
        interval: predicted cycles between images that leave at the last exit.
        prediction: queues, segments and exits by the cycle model.
        whole: making the network, export, conversion, lowering, prediction, all sources.
    """

    depth: int
    kernels: int
    interval: float
    prediction: float
    whole: float


def compiled(depth: int, folder: Path) -> hw.Design:
    """Compile a network, below a folder."""
    torch.manual_seed(depth)
    network, settings = residual_network(depth)
    policy = hw.fit_policy(network, None, criterion="max_softmax", thresholds=[0.9, 0.9])
    return hw.compile(network, policy, out=folder / f"resnet{depth}", layers=settings, oversize=True)


def simulated(depth: int) -> tuple[ExitMeasurement, ...]:
    """Latency and interval of each exit, predicted and simulated."""
    with tempfile.TemporaryDirectory() as folder:
        design = compiled(depth, Path(folder))
        codes = np.random.default_rng(depth).integers(0, 256, (_IMAGES, 3, 32, 32))
        return measure_exits(design.rtl, design.manifest["cycles"], codes)


def measure(depth: int) -> Times:
    """Compile a network, and predict its cycles once more by themselves."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        design = compiled(depth, Path(folder))
        whole = time.process_time() - start
    start = time.process_time()
    hardware = Hardware.of(design.accelerator)
    predicted = hardware.to_json()
    prediction = time.process_time() - start
    assert predicted == design.manifest["cycles"]
    kernels = sum(len(segment.kernels) for segment in design.accelerator.segments)
    return Times(depth, kernels, hardware.exits[-1].interval, prediction, whole)


def document(found: Sequence[Times], exits: Sequence[ExitMeasurement], first: float) -> str:
    """The tables, with the command that repeats them."""
    by_exit = "".join(
        f"| {k} | {exit_.latency[0]:,} | {exit_.latency[1]:,} | {exit_.interval[0]:,} | {exit_.interval[1]:,} |\n"
        for k, exit_ in enumerate(exits)
    )
    rows = "".join(
        f"| {times.depth} | {times.kernels} | {times.interval:,} | {times.prediction:.1f} | {times.whole:.1f} |\n"
        for times in found
    )
    return f"""# How long compiling takes

The networks are the residual networks of He et al. (2016) for 32x32 colour images. They have three groups of blocks
with 16, 32 and 64 channels, 4-bit weights and activations, reuse factors of 64, 256 and 512, and an exit behind each
group. Maximum pooling replaces the average pooling of the original. Weights are random. Times are seconds of one
processor. `python -m benchmarks.compile_times --write docs/compile_times.md` repeats the measurement.

| layers | kernels | cycles an image | predicting cycles, s | compiling in total, s |
|---:|---:|---:|---:|---:|
{rows}
To predict cycles, the cycle model of every segment runs, the queues where paths meet get their sizes, and the model of
the accelerator runs once for each exit. In the first run after an installation numba also compiles the cycle model,
which took {first:.1f} s here.

## Predicted and simulated cycles

Verilator simulates the SystemVerilog of the network of {_SIMULATED} layers. All figures are cycles.

| all images leave at exit | latency, predicted | simulated | interval, predicted | simulated |
|---:|---:|---:|---:|---:|
{by_exit}
{platform.processor() or platform.machine()}, Python {platform.python_version()}, numba {numba.__version__}.
"""


def _seconds_of_compiling_the_model() -> float:
    """What the first run takes more than those after it, where nothing is kept from before."""
    code = "import time; from hwcodesign.hardware import stepping, timing; "
    code += "start = time.process_time(); "
    code += "stepping.run([timing.Node(timing.Queue(), (-1,))], 1, 1, 1); print(time.process_time() - start)"
    with tempfile.TemporaryDirectory() as empty:
        environment = os.environ | {"NUMBA_CACHE_DIR": empty}
        runs = [
            float(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout)
            for _ in range(2)
        ]
    return runs[0] - runs[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depths", type=int, nargs="+", default=[8, 14, 20, 32, 44, 56])
    parser.add_argument("--write", type=Path, help="document to write the table to")
    options = parser.parse_args()
    torch.set_num_threads(1)
    first = _seconds_of_compiling_the_model()
    found = []
    for depth in options.depths:
        found.append(measure(depth))
        print(found[-1], flush=True)
    exits = simulated(_SIMULATED)
    for k, exit_ in enumerate(exits):
        print(f"exit {k}, predicted and simulated: {exit_}", flush=True)
    if any(len({*exit_.latency}) + len({*exit_.interval}) > 2 for exit_ in exits):
        raise SystemExit("the simulator's cycles are not those predicted")
    if options.write:
        write_text(options.write, document(found, exits, first))


if __name__ == "__main__":
    main()
