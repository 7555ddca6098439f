"""What networks of many channels take and give when their layers choose how they are built; cycles are simulated.

HWCODESIGN_DATA=… python -m benchmarks.wide_networks --write docs/wide_networks.md
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import hwcodesign as hw
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate
from hwcodesign.data import Split
from hwcodesign.designs.boards import Board, board_named
from hwcodesign.hardware.choice import shares
from hwcodesign.images import encode_images
from hwcodesign.simulation.measurement import measure_exits
from hwcodesign.storage.files import write_text

_BOARD, _CRITERION, _DROP = "pynq-z2", "max_softmax", 0.01
#: Images that are simulated.
_IMAGES = 64


@dataclasses.dataclass(frozen=True)
class Row:
    """One design, as it was compiled and simulated."""

    recipe: str
    wish: str
    design: hw.Design
    rates: np.ndarray[tuple[int], np.dtype[np.float64]]
    accuracy: float
    interval: float
    latency: float
    seconds: float

    def text(self, board: Board) -> str:
        taken = AcceleratorEstimate.of(Hardware.of(self.design.accelerator)).total.rounded()
        fractions = shares(taken, board.capacity)
        used = " | ".join(
            f"{getattr(taken, name):,} ({fractions[name]:.0%})" for name in ("lut", "ff", "dsp", "bram18")
        )
        rates = "/".join(f"{rate:.0%}" for rate in self.rates)
        hertz = board.clock_mhz * 1e6
        return (
            f"| `{self.recipe}` | {self.wish} | {self.accuracy:.2%} | {rates} | {hertz / self.interval:,.0f} | "
            f"{self.latency / hertz * 1e6:,.0f} | {used} | {self.seconds:.0f} |"
        )


def rows(recipes: list[str], wishes: list[str]) -> Iterator[Row]:
    for name in recipes:
        recipe = hw.load_recipe(name)
        data, network = recipe.data(), recipe.published()
        fitting = (data.fitting.images, data.fitting.labels)
        policy = hw.fit_policy(network, fitting, criterion=_CRITERION, accuracy_drop=_DROP)
        for wish in wishes:
            with tempfile.TemporaryDirectory() as folder:
                yield _row(name, wish, network, policy, data.test, Path(folder) / name)


def _row(name: str, wish: str, network: hw.MultiExitNetwork, policy: hw.ExitPolicy, test: Split, folder: Path) -> Row:
    begun = time.process_time()
    design = hw.compile(network, policy, out=folder, board=_BOARD, fit=hw.Fit.parse(wish))
    seconds = time.process_time() - begun
    software = design.run(test.images, on="software")
    records = np.sort(design.run(test.images[:_IMAGES], on="rtl"), order="sample_id")
    for field in ("exit", "label", "score"):
        assert np.array_equal(records[field], software[field][:_IMAGES]), field
    codes = encode_images(test.images[:1], design.accelerator.input_format, design.accelerator.input_shape)
    for measured in measure_exits(design.rtl, design.manifest["cycles"], codes):
        for predicted, simulated in (measured.latency, measured.interval):
            assert predicted == simulated, measured
    rates = np.bincount(software["exit"], minlength=network.exits) / len(test)
    return Row(
        name,
        wish,
        design,
        rates,
        float((software["label"] == test.labels).mean()),
        float(_interval(design, rates)),
        float(sum(rate * one["latency"] for rate, one in zip(rates, design.manifest["cycles"]["exits"], strict=True))),
        seconds,
    )


def _interval(design: hw.Design, rates: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Cycles per sample that exit rates and the intervals of the stages allow at most."""
    reached = [1 - rates[:k].sum() for k in range(len(rates))]
    return max(float(r) * interval for r, interval in zip(reached, design.manifest["cycles"]["stages"], strict=True))


def page(found: list[Row]) -> str:
    board = board_named(_BOARD)
    return _PAGE.format(
        rows="\n".join(row.text(board) for row in found), board=board.name, mhz=f"{board.clock_mhz:g}", images=_IMAGES
    )


_PAGE = """\
# Networks of many channels

    HWCODESIGN_DATA=… python -m benchmarks.wide_networks --write docs/wide_networks.md

Layers choose how they are built ([folding.md](folding.md)); data is CIFAR-10 (JPEG), the policy `max_softmax` at most
one point below the last exit on the fitting split. Accuracy and exit rates are those of all test images. The first
{images} images went through the RTL: exits, labels and scores are those of the software, and latency and interval of
every exit those that were predicted. Images/s are what exit rates and the intervals of the stages allow at the clock of
{board}, {mhz} MHz, which is assumed: nothing was placed and routed for it. Latency is the mean of one image alone.
Resources are estimated, for the whole accelerator, with the fraction of {board} that they are.

| network | wish | accuracy | exit rates | images/s | latency, us | LUT | FF | DSP | BRAM18 | compiled in s |
|---|---|---:|---|---:|---:|---:|---:|---:|---:|---:|
{rows}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipes", nargs="+", default=["resnet8_cifar_w4a4"])
    parser.add_argument("--wishes", nargs="+", default=[f"images_per_second={n}" for n in (2500, 5000, 8000)])
    parser.add_argument("--write", type=Path, help="file to write")
    arguments = parser.parse_args()
    found = []
    for row in rows(arguments.recipes, arguments.wishes):
        found.append(row)
        print(row.text(board_named(_BOARD)), flush=True)
    if arguments.write:
        write_text(arguments.write, page(found))


if __name__ == "__main__":
    main()
