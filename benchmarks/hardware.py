"""What B-LeNet's accelerator takes in hardware, beside ATHEENA's published figures.

    python -m benchmarks.hardware --write docs/hardware.md

Cycles are simulated on MNIST's test images in their order; the clock is assumed, ATHEENA's. Resources are Yosys', not
Vivado's. Needs a finished `hwcodesign run blenet_mnist`, and MNIST in HWCODESIGN_DATA.
"""

from __future__ import annotations

import argparse
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import hwcodesign as hw
from hwcodesign.images import encode_images
from hwcodesign.interface.modes import ExitControl, exit_control
from hwcodesign.pipeline import Run, read_network, read_policy
from hwcodesign.policies.policy import FittedOn
from hwcodesign.simulation.measurement import throughput
from hwcodesign.simulation.project import read_project
from hwcodesign.simulation.rtl import FOLDER
from hwcodesign.synthesis import SynthesisedResources, synthesise

RECIPE = "blenet_mnist"
CLOCK_MHZ = 125.0
#: Share of samples that go on in ATHEENA's evaluation.
ATHEENA_FRACTION = 0.25
#: The second stage four times as fast as in the recipe, for a fraction of one in four.
QUARTER = {
    "heads.0.0": hw.LayerSettings(reuse=3),
    "heads.0.4": hw.LayerSettings(reuse=640),
    "stages.1.0": hw.LayerSettings(reuse=10),
    "stages.1.3": hw.LayerSettings(reuse=25),
    "heads.1.1": hw.LayerSettings(reuse=720),
}
#: About as slow as A3, and with DSP blocks: 50 multipliers beside the first head's convolution.
NEAR_A3S_RATE = {
    "heads.0.0": hw.LayerSettings(reuse=5),
    "heads.0.4": hw.LayerSettings(reuse=640, strategy="resource"),
    "stages.1.0": hw.LayerSettings(reuse=125, strategy="resource"),
    "stages.1.3": hw.LayerSettings(reuse=250, strategy="resource"),
    "heads.1.1": hw.LayerSettings(reuse=720, strategy="resource"),
}
#: Images/s for which layers choose how they are built, and the part of a ZC706 on which they do: LUTs are dear there.
#: The test images, which come in bursts, reach A3's rate then.
CHOSEN, PART = 104_000, "zc706@14000"
#: ATHEENA's designs (arXiv 2304.08400), its optimiser's figures: images/s, LUT, FF, DSP, BRAM18.
ATHEENA = {
    "A1": (19_506, 62_728, 78_309, 165, 284),
    "A2": (44_688, 94_149, 116_555, 363, 524),
    "A3": (96_286, 122_014, 149_724, 738, 956),
}


@dataclass(frozen=True)
class Row:
    """One design.

    Attributes:
        text: what it is.
        accuracy: with early exits.
        fraction: of images that go on to the second stage.
        rate: images/s.
        of_bound: its cycles an image against the bound that reach and interval set.
        buffer: samples that the conditional buffer holds.
        resources: Yosys'.
    """

    text: str
    accuracy: float
    fraction: float
    rate: float
    of_bound: float
    buffer: int
    resources: SynthesisedResources


def measured(design: hw.Design, control: ExitControl, text: str, *, fast: bool = True) -> Row:
    """Simulate the whole test split as one batch, and synthesise, by Yosys' faster mapping or its ordinary one."""
    test = hw.load_recipe(RECIPE).data().test
    codes = encode_images(test.images, design.accelerator.input_format, design.accelerator.input_shape)
    run = design.rtl.run(codes, control, batch=len(codes))
    stream = throughput(design.rtl, design.manifest["cycles"], run)
    labels = run.records["label"][np.argsort(run.records["sample_id"])]
    project = read_project(design.folder / FOLDER)
    resources = synthesise(project.sources, project.top, roms=project.rom_texts, by_module=True, fast=fast)
    return Row(
        text,
        float((labels == test.labels).mean()),
        float((run.records["exit"] > 0).mean()),
        CLOCK_MHZ * 1e6 / stream.cycles_per_image,
        stream.bound / stream.cycles_per_image,
        design.accelerator.buffer_samples,
        resources,
    )


def blenet_rows(build: Path) -> Iterator[Row]:
    """The recipe's design at its operating point; and one sized as ATHEENA's are, with as many images going on."""
    folder = build / RECIPE
    design = hw.load(folder / "design")
    yield measured(design, exit_control(design.policy), "the recipe, at its operating point")
    run = Run(hw.load_recipe(RECIPE), folder)
    network, policy = read_network(run), read_policy(run)
    with tempfile.TemporaryDirectory() as scratch:
        made = hw.compile(network, policy, board="zc706", layers=NEAR_A3S_RATE, out=Path(scratch) / RECIPE)
        yield measured(made, exit_control(policy), "the same, near A3's rate")
    with tempfile.TemporaryDirectory() as scratch:
        made = hw.compile(network, policy, board=PART, fit=hw.Fit(CHOSEN), out=Path(scratch) / RECIPE)
        text = f"the same, chosen for {CHOSEN:,} images/s on `{PART}`, and mapped as `--resources` does"
        yield measured(made, exit_control(policy), text, fast=False)
    data = run.recipe.data()
    scores = policy.scores(0, network.logits(data.fitting.images)[0], np.zeros(len(data.fitting.images), np.int64))
    code = int(np.quantile(scores, ATHEENA_FRACTION))
    fractions = (1 - ATHEENA_FRACTION, ATHEENA_FRACTION)
    quarter = replace(policy.with_codes([code]), fitted_on=FittedOn("a fraction that goes on", exit_rate=fractions))
    with tempfile.TemporaryDirectory() as scratch:
        made = hw.compile(network, quarter, board="zc706", layers=QUARTER, out=Path(scratch) / RECIPE)
        yield measured(made, exit_control(quarter), "sized for one image in four going on")


def document(rows: list[Row]) -> str:
    """The document, with the command that repeats it."""
    a3 = ATHEENA["A3"]
    theirs = "".join(
        f"| ATHEENA {name} | - | 25% | {rate:,} | - | - | {lut:,} | {ff:,} | {dsp} | {ram} |\n"
        for name, (rate, lut, ff, dsp, ram) in ATHEENA.items()
    )
    ours = "".join(
        f"| {row.text} | {row.accuracy:.2%} | {row.fraction:.1%} | {row.rate:,.0f} | {row.of_bound:.1%} "
        f"| {row.buffer} | {row.resources.lut:,} | {row.resources.ff:,} | {row.resources.dsp} "
        f"| {row.resources.bram18} |\n"
        for row in rows
    )
    ratios = "Compared with A3: " + "; ".join(
        f"{row.text}: {row.rate / a3[0]:.2f}x its images/s with {row.resources.lut / a3[1]:.1%} of its LUTs, "
        f"{row.resources.ff / a3[2]:.1%} of its FFs, {row.resources.dsp / a3[3]:.1%} of its DSPs and "
        f"{row.resources.bram18 / a3[4]:.1%} of its BRAMs"
        for row in rows
    )
    return f"""# B-LeNet in hardware

    HWCODESIGN_DATA=… python -m benchmarks.hardware --write docs/hardware.md

We simulate MNIST's 10,000 test images in their order, cycle by cycle, as one batch. The clock of {CLOCK_MHZ:.0f} MHz
is assumed; it is the clock of ATHEENA's designs. Whether an AMD device has it is not known; on a Lattice ECP5, B-LeNet
has it with some seeds of the placement ([clocks.md](clocks.md)). Our resources are Yosys' estimates for 7 series,
including registers and buses; they are not Vivado's. ATHEENA's resources are the predictions of its optimiser before
place and route. ATHEENA uses 16-bit numbers; ours are 4-bit weights and 5-bit activations.

"go on" is the fraction of images that go on to the second stage. "of the highest throughput" compares the images/s with
the highest throughput that the exit rates and the intervals of the stages allow. "buffer" is the number of samples that
the conditional buffer holds. All rows but the one that says so have Yosys' faster mapping, which takes more LUTs.

| | accuracy | go on | images/s | of the highest throughput | buffer | LUT | FF | DSP | BRAM18 |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
{theirs}{ours}
{textwrap.fill(f"{ratios}.", 120)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help="where trained recipes are")
    parser.add_argument("--write", type=Path, help="document to write the table to")
    options = parser.parse_args()
    text = document(list(blenet_rows(options.build)))
    print(text)
    if options.write:
        _, heading, others = options.write.read_text().partition("\n## ")  # sections of other benchmarks
        options.write.write_text(f"{text}{heading}{others}")


if __name__ == "__main__":
    main()
