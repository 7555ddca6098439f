"""B-LeNet with several pixels in a beat: images/s with early exits and without, and what designs take by estimate.

    HWCODESIGN_DATA=… python -m benchmarks.several_pixels --write docs/hardware.md

Cycles are simulated in RTL on the first test images in their order, all streams checked, and compared with software.
Designs without early exits are predicted, unless --simulate-all is given: they take long to compile. Needs a finished
`hwcodesign run blenet_mnist`, and MNIST in HWCODESIGN_DATA.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import hwcodesign as hw
from benchmarks.sections import write_section
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate
from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.images import encode_images
from hwcodesign.interface.modes import exit_control
from hwcodesign.networks.leaving_out import with_early_exits
from hwcodesign.pipeline import Run, read_network, read_policy
from hwcodesign.simulation.rtl import RtlSimulation
from hwcodesign.verification.comparison import compare_records, require_equal

RECIPE, BOARD, CLOCK_MHZ = "blenet_mnist", "zc706", 125.0
HEADING, NEXT = "## Several pixels in a beat", "## Products in DSP blocks"
IMAGES = 1000
_L = hw.LayerSettings
#: With early exits: how layers are built that are not built as in the recipe.
WITH: dict[str, dict[str, hw.LayerSettings]] = {
    "as the recipe": {},
    "two pixels": {"stages.0.0": _L(pixels=2), "heads.0.0": _L(reuse=2), "heads.0.4": _L(reuse=320)},
    "four pixels": {
        "stages.0.0": _L(pixels=4),
        "heads.0.0": _L(),
        "heads.0.4": _L(reuse=256),
        "stages.1.0": _L(reuse=25),
        "stages.1.3": _L(reuse=50),
    },
}
#: Images/s for which layers choose: with early exits, and without; the last choice is the fastest that fits the board.
CHOSEN, ALONE = (480_000,), (122_000, 240_000, None)


@dataclass(frozen=True)
class Row:
    """A design.

    Attributes:
        text: what it is.
        exits: whether it has early exits.
        pixels: pixels of the images in a beat.
        rate: images/s, simulated or predicted.
        simulated: whether they were simulated.
        cycles: of the first stage, and of the second one if there is one.
        resources: estimated.
    """

    text: str
    exits: bool
    pixels: int
    rate: float
    simulated: bool
    cycles: tuple[int, ...]
    resources: Resources

    @property
    def line(self) -> str:
        """The row of the table."""
        found = self.resources.rounded()
        star, cycles = "" if self.simulated else " *", " / ".join(map(str, self.cycles))
        exits = "with" if self.exits else "without"
        figures = f"{found.lut:,} | {found.ff:,} | {found.dsp} | {found.bram18}"
        return f"| {exits} | {self.text} | {self.pixels} | {cycles} | {self.rate:,.0f}{star} | {figures} |"


def row_of(design: hw.Design, text: str, *, simulate: bool) -> Row:
    """Simulates a design, or predicts its images/s, and estimates what it takes."""
    accelerator = design.accelerator
    hardware = Hardware.of(accelerator)
    rates = accelerator.policy.fitted_on.exit_rate
    cycles = simulated(design) if simulate else hardware.intake_interval(rates)
    total = AcceleratorEstimate.of(hardware).total
    rate, exits = CLOCK_MHZ * 1e6 / cycles, accelerator.exits > 1
    return Row(text, exits, accelerator.image_pixels, rate, simulate, hardware.stage_intervals, total)


def simulated(design: hw.Design) -> float:
    """Cycles per image of one batch; every record is the software's."""
    test = hw.load_recipe(RECIPE).data().test.images[:IMAGES]
    codes = encode_images(test, design.accelerator.input_format, design.accelerator.input_shape)
    simulation = RtlSimulation(design.accelerator, design.rtl_project, checked=True)
    run = simulation.run(codes, exit_control(design.policy), batch=len(codes))
    records = np.sort(run.records, order="sample_id")
    require_equal([compare_records("rtl", records, design.run(codes), "software", "records")])
    return float(run.cycles / len(codes))


def rows(build: Path, *, simulate_all: bool) -> Iterator[Row]:
    """All designs."""
    run = Run(hw.load_recipe(RECIPE), build / RECIPE)
    network, policy = read_network(run), read_policy(run)
    alone = with_early_exits(network, [])
    never = hw.fit_policy(alone, None, thresholds=[])
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / RECIPE
        for text, layers in WITH.items():
            built = {**run.recipe.compile.layers, **layers}
            design = hw.compile(network, policy, board=BOARD, layers=built, out=out)
            yield row_of(design, text, simulate=True)
        for wished in CHOSEN:
            design = hw.compile(network, policy, board=BOARD, fit=hw.Fit(wished), out=out)
            yield row_of(design, f"chosen for {wished:,} images/s", simulate=True)
        for wish in ALONE:
            design = hw.compile(alone, never, board=BOARD, fit=hw.Fit(wish), out=out)
            text = f"chosen for {wish:,} images/s" if wish else "the fastest that fits the board"
            yield row_of(design, text, simulate=simulate_all)


def document(found: list[Row]) -> str:
    """The section."""
    table = "\n".join(
        [
            "| exits | B-LeNet | pixels in a beat | cycles of stages | images/s | LUT | FF | DSP | BRAM18 |",
            "|---|---|---:|---:|---:|---:|---:|---:|---:|",
            *(row.line for row in found),
        ]
    )
    fastest, alone = max((r for r in found if r.exits), key=_rate), max((r for r in found if not r.exits), key=_rate)
    return f"""{HEADING}

    HWCODESIGN_DATA=… python -m benchmarks.several_pixels --write docs/hardware.md

With one pixel in a beat, B-LeNet's first convolution takes 32x32 cycles for an image, with or without early exits. With
two or four, it takes a half or a fourth of that ([folding.md](folding.md#several-pixels-in-a-beat)); more do not divide
both its rows of 28 pixels and its results' rows of 32. A word of the bus has eight. The first {IMAGES:,} test images
are simulated in their order, as one batch, with their exits. Each record is the software's. Designs with a * are
predicted. {CLOCK_MHZ:.0f} MHz are assumed, and resources are estimated for 7 series.

{table}

Without exits, the second convolution of the last stage is what takes longest: it has 5,000 products a window, and a
layer makes at most 4,096 in a cycle. The fastest with exits has {fastest.rate / alone.rate:.2f}x the images/s of the
fastest without, and takes {fastest.resources.lut / alone.resources.lut:.0%} of its LUTs.
"""


def _rate(row: Row) -> float:
    return row.rate


def main() -> None:
    """Builds the designs, and shows the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help="where trained recipes are")
    parser.add_argument("--simulate-all", action="store_true", help="simulate designs without early exits, too")
    parser.add_argument("--write", type=Path, help="document of which one section becomes the table")
    options = parser.parse_args()
    found = []
    for row in rows(options.build, simulate_all=options.simulate_all):
        found.append(row)
        print(row.line, flush=True)
    if options.write:
        write_section(options.write, document(found), NEXT)


if __name__ == "__main__":
    main()
