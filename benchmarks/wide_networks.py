"""What networks of many channels take and give when their layers choose how they are built; cycles are simulated.

HWCODESIGN_DATA=… python -m benchmarks.wide_networks --write docs/wide_networks.md

What was measured is kept below build/wide_networks, a file for each design, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np

import hwcodesign as hw
from benchmarks.eenet_networks import Network, build
from benchmarks.zoo_networks import KEPT as ZOO
from benchmarks.zoo_networks import network_of, on_one_thread
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate
from hwcodesign.data import Dataset
from hwcodesign.designs.boards import board_named
from hwcodesign.exploration.queues import cycles_per_sample
from hwcodesign.hardware.budget import shares
from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.images import encode_images
from hwcodesign.interface.records import Records
from hwcodesign.simulation.measurement import measure_exits
from hwcodesign.storage.fields import read_json
from hwcodesign.storage.files import sha256_json, write_json, write_text

KEPT = Path("build/wide_networks")
_CRITERION, _DROP = "margin", 0.005


@dataclass(frozen=True)
class Asked:
    """One design.

    Attributes:
        recipe, depth: the recipe, and its DEPTH where that is another than its own; such a network has random weights.
        board, wish: what `--board` and `--fit` are given.
        early: whether images may leave early.
        images: number of images that are simulated.
    """

    recipe: str
    board: str
    wish: str
    early: bool = True
    images: int = 64
    depth: int | None = None

    @property
    def name(self) -> str:
        return f"`{self.recipe}`" if self.depth is None else f"`{self.recipe}`, DEPTH = {self.depth}"


DESIGNS = (
    *(Asked("resnet8_cifar_w4a4", "pynq-z2", f"images_per_second={n}") for n in (2500, 5000, 8000)),
    Asked("resnet8_cifar_w4a4", "pynq-z2", "board"),
    Asked("resnet8_cifar_w4a4", "pynq-z2", "board", early=False),
    Asked("resnet8_cifar_w4a4", "pynq-z2", "images_per_second=4862,latency_us=205"),
    Asked("resnet8_cifar", "pynq-z2", "images_per_second=2431"),
    Asked("resnet8_cifar_w4a4", "kv260", "images_per_second=40000"),
    Asked("resnet8_cifar", "kv260", "images_per_second=30153"),
    *(Asked("dscnn_kws", "pynq-z2", f"images_per_second={n}") for n in (465, 3088)),
    Asked("jet_mlp", "kv260", "images_per_second=93750000"),
    *(
        Asked(recipe, "kv260", "images_per_second=1000", early=False, images=4)
        for recipe in (
            "mobilenet_cifar",
            "vgg_cifar",
            "msdnet_cifar",
            "alexnet_cifar",
            "densenet_cifar",
            "resnet_cifar",
        )
    ),
    Asked("resnet_cifar", "kv260", "images_per_second=300", early=False, images=4, depth=56),
)


@dataclass(frozen=True)
class Row:
    """One design, as it was compiled and simulated.

    Attributes:
        asked: the design.
        weights: which weights it has: published, or random.
        accuracy, last: fraction of right answers on all test images, and that of the last exit.
        rates: fraction of the test images that leave at each exit.
        interval: cycles from image to image, of all test images in their order.
        latency: mean cycles of an image alone.
        slowest: cycles of an image alone that leaves at the last exit.
        taken: estimated resources.
        seconds: of processor time that the compilation took.
        sources: digest of the sources.
    """

    asked: Asked
    weights: str
    accuracy: float
    last: float
    rates: tuple[float, ...]
    interval: float
    latency: float
    slowest: float
    taken: Resources
    seconds: float
    sources: str

    @property
    def text(self) -> str:
        board = board_named(self.asked.board)
        fractions = shares(self.taken, board.capacity)
        used = " | ".join(
            f"{getattr(self.taken, name):,} ({fractions[name]:.0%})" for name in ("lut", "ff", "dsp", "bram18")
        )
        rates = "/".join(f"{rate:.0%}" for rate in self.rates)
        hertz = board.clock_mhz * 1e6
        right = f"{self.accuracy:.2%} of {self.last:.2%}" if self.weights != "random" else "-"
        wish = self.asked.wish.replace("images_per_second=", "").replace(",latency_us=", "/s, ")
        wish += "" if wish == "board" else " us" if "/s" in wish else "/s"
        return (
            f"| {self.asked.name} | {board.name} | {wish} | {right} | {rates} | {hertz / self.interval:,.0f} | "
            f"{_microseconds(self.latency / hertz)} | {_microseconds(self.slowest / hertz)} | {used} | "
            f"{self.seconds:.0f} |"
        )


def _microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f}" if seconds > 1e-5 else f"{seconds * 1e6:.2f}"


@cache
def network(name: str, depth: int | None) -> tuple[Dataset, hw.MultiExitNetwork, str]:
    """The data, the network, and whether its weights are published, those of `benchmarks.zoo_networks`, or random."""
    recipe, folder = hw.load_recipe(name), ZOO / name
    if depth is not None:
        recipe, folder = replace(recipe, network=partial(_deeper, name, depth)), KEPT / "untrained"
    data = recipe.data()
    return (data, *network_of(on_one_thread(recipe), data, folder))


def _deeper(name: str, depth: int) -> hw.FloatNetwork:
    return build(Network(name, name, {"DEPTH": depth}, ()), hw.load_recipe(name).training[0])


def policy(asked: Asked) -> hw.ExitPolicy:
    data, made, _ = network(asked.recipe, asked.depth)
    if not asked.early:
        return hw.fit_policy(made, None, criterion=_CRITERION, thresholds=[None] * (made.exits - 1))
    return hw.fit_policy(made, (data.fitting.images, data.fitting.labels), criterion=_CRITERION, accuracy_drop=_DROP)


def row(asked: Asked) -> Row:
    """Compiles a design and simulates it, now or before.

    Raises:
        AssertionError: RTL and software differ, or cycles are not those that were predicted.
    """
    data, made, weights = network(asked.recipe, asked.depth)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        wished = {"board": asked.board, "fit": hw.Fit.parse(asked.wish), "oversize": True}
        design = hw.compile(made, policy(asked), out=Path(folder) / asked.recipe, **wished)
        seconds = time.process_time() - begun
        sources = sha256_json(design.manifest["sources_sha256"])
        kept = KEPT / f"{sha256_json(dataclasses.asdict(asked))[:16]}.json"
        if kept.exists() and (stored := read_json(kept))["sources"] == sources:
            return _from_json(stored)
        software = design.run(data.test.images, on="software")
        _simulate(design, data, software, asked.images)
        rates = np.bincount(software["exit"], minlength=made.exits) / len(software)
        hardware, exits = Hardware.of(design.accelerator), design.manifest["cycles"]["exits"]
        found = Row(
            asked,
            weights,
            float((software["label"] == data.test.labels).mean()),
            float((made.logits(data.test.images)[-1].argmax(axis=1) == data.test.labels).mean()),
            tuple(rates.tolist()),
            cycles_per_sample(hardware.stage_cycles, software["exit"].tolist(), design.accelerator.buffer_samples),
            float(sum(rate * one["latency"] for rate, one in zip(rates, exits, strict=True))),
            float(exits[-1]["latency"]),
            AcceleratorEstimate.of(hardware).total.rounded(),
            seconds,
            sources,
        )
    write_json(kept, dataclasses.asdict(found))
    return found


def _from_json(stored: dict[str, object]) -> Row:
    fields = {**stored, "asked": Asked(**stored["asked"]), "taken": Resources(**stored["taken"])}  # type: ignore[arg-type]  # JSON
    return Row(**{**fields, "rates": tuple(fields["rates"])})  # type: ignore[arg-type]  # JSON


def _simulate(design: hw.Design, data: Dataset, software: Records, images: int) -> None:
    records = np.sort(design.run(data.test.images[:images], on="rtl"), order="sample_id")
    for field in ("exit", "label", "score"):
        assert np.array_equal(records[field], software[field][:images]), field
    codes = encode_images(data.test.images[:1], design.accelerator.input_format, design.accelerator.input_shape)
    for measured in measure_exits(design.rtl, design.manifest["cycles"], codes):
        for predicted, simulated in (measured.latency, measured.interval):
            assert predicted == simulated, measured


def page(found: Sequence[Row]) -> str:
    clocks = ", ".join(
        f"{board_named(name).clock_mhz:g} MHz on {name}" for name in dict.fromkeys(row.asked.board for row in found)
    )
    return _PAGE.format(
        rows="\n".join(row.text for row in found),
        clocks=clocks,
        criterion=_CRITERION,
        drop=f"{100 * _DROP:g}",
    )


_PAGE = """\
# Networks of many channels

    HWCODESIGN_DATA=… python -m benchmarks.wide_networks --write docs/wide_networks.md

Layers choose how they are built ([folding.md](folding.md)), and "wish" is what `--fit` was given: a throughput in
images/s, a mean latency with it, or the fastest that takes at most 85 % of the board. ResNet-8 has the published
weights, other networks have those of [zoo.md](zoo.md), or random ones. Data is CIFAR-10 (JPEG), and random inputs for
DS-CNN and `jet_mlp`. The policy is `{criterion}`, fitted to at most {drop} points below the last exit on the fitting
split. "accuracy" is that of all test images, beside that of the last exit for all of them; with random weights, it and
the exit rates say nothing. Where no images leave early, heads are built all the same.

The first 64 images, or 4 of networks with 300 or 1000/s, went through the RTL: exits, labels and scores are those of
the software, and latency and interval of every exit those that were predicted. Images/s are those of all test images in
their order, with the conditional buffers of the design, by a model of the queues between stages. Clocks are assumed:
{clocks}. Nothing was placed and routed for them. Latency is that of an image alone: the mean, and at the last exit.
Resources are estimated, for the whole accelerator, with the fraction of the board that they are. The last column has
the seconds of the compilation.

| network | board | wish | accuracy | exit rates | images/s | mean us | last us | LUT | FF | DSP | BRAM18 | s |
|---|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|
{rows}

What 4,862/s and 205 us lead to may differ from one state of the sources to the next: the search takes steps, and ends
where none is better.

Images/s and latency of ResNet-56 and of DenseNet are those of a KV260, though they exceed its block RAM, and its LUTs
and flip-flops. Both have room on a ZCU104: 230,400 LUT, 460,800 FF, 624 BRAM18. A segment of `jet_mlp` takes a sample
in each cycle; the accelerator takes one in two cycles, because a sample is two words of the bus. Its images/s include
the cycles in which the first of its 300 samples passes all stages.

What others have on such devices, by their own publications: fpgaConvNet (MLPerf Tiny v1.1) ResNet-8 in 8 bits on a
ZedBoard, which has the device of a PYNQ-Z2: 2,431/s, 411 us, 86.0 %, 47 k LUT, 211 DSP, 93 BRAM36; DS-CNN there
3,088/s, on an XC7Z010 465/s. nn2FPGA, ResNet-8 in 8 bits on a KV260: 30,153/s, 88.7 %. hls4ml's own ResNet on a
PYNQ-Z2: 130.8/s. Their networks are trained longer, on CIFAR-10 itself; DS-CNN has 64 channels there, and 32 here.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--designs", nargs="+", type=int, metavar="N", help="numbers of designs; by default all")
    parser.add_argument("--write", type=Path, help="file to write")
    arguments = parser.parse_args()
    found = []
    for number in arguments.designs or range(len(DESIGNS)):
        found.append(row(DESIGNS[number]))
        print(found[-1].text, flush=True)
    if arguments.write:
        write_text(arguments.write, page(found))


if __name__ == "__main__":
    main()
