"""Simulated cycles a second: the C++ drive loop beside cocotb, the same accelerator and images, in one run.

    HWCODESIGN_DATA=… python -m benchmarks.simulation --write docs/simulation.md

Builds are not timed here. The drive loop is measured on one thread, as cocotb runs, and as users meet it, on all cores.
Then ResNet-8, the build included.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hwcodesign as hw
from hwcodesign.data.digits import digits
from hwcodesign.images import encode_images
from hwcodesign.interface.modes import exit_control
from hwcodesign.interface.records import final_records
from hwcodesign.simulation.cocotb_runner import Bench, run_bench
from hwcodesign.simulation.project import read_project
from hwcodesign.simulation.rtl import FOLDER, RtlRun
from hwcodesign.verification.comparison import compare_records, require_equal

RECIPE = "digits"
ROUNDS = 5
#: Images of one run: the digits' test split so often.
REPEATS = 25
COCOTB_IMAGES = 200
#: A network of real size, with published weights: its throughput in hardware, and images that are simulated.
LARGE, LARGE_BOARD, LARGE_RATE, LARGE_IMAGES = "resnet8_cifar_w4a4", "pynq-z2", 8000, 200


def simulated(design: hw.Design, images: NDArray[Any], batch: int) -> tuple[RtlRun, float]:
    """What the drive loop gives, and its seconds."""
    codes = encode_images(images, design.accelerator.input_format, design.accelerator.input_shape)
    start = time.perf_counter()
    run = design.rtl.run(codes, exit_control(design.policy), batch=batch)
    return run, time.perf_counter() - start


def drive_loop(design: hw.Design, images: NDArray[Any], batch: int) -> tuple[int, float]:
    """Cycles and seconds of one run."""
    run, seconds = simulated(design, images, batch)
    return run.cycles, seconds


def cocotb(design: hw.Design, images: NDArray[Any], folder: Path) -> tuple[int, float]:
    """Cycles and seconds of one run; each record is compared with the software backend's."""
    project = read_project((design.folder / FOLDER).resolve())
    np.save(folder / "images.npy", images)
    figures = folder / "figures.json"
    values = {
        "HWC_DESIGN": str(design.folder.resolve()),
        "HWC_IMAGES": str(folder / "images.npy"),
        "HWC_FIGURES": str(figures),
    }
    own = [source for source in project.sources if source.parent == project.folder]
    parameters = {"RomFolder": f"{project.roms}/"}
    run_bench(Bench(project.top, "design_bench", parameters, sources=own, values=values, is_long=True), folder / "run")
    data = json.loads(figures.read_text())
    return data["cycles"], data["seconds"]


def measure(design: hw.Design) -> str:
    """The document, with the command that repeats it."""
    images = digits().test.images
    many = np.concatenate([images] * REPEATS)
    design.rtl.library()
    with tempfile.TemporaryDirectory() as folder:
        slow = cocotb(design, images[:COCOTB_IMAGES], Path(folder))
        one = [drive_loop(design, many, len(many)) for _ in range(ROUNDS)]
        all_cores = [drive_loop(design, many, _share(len(many))) for _ in range(ROUNDS)]
    rate = slow[0] / slow[1]
    rows = [("cocotb, cocotbext-axi on its buses, every record compared", *slow, rate)]
    for text, runs in (("drive loop, one thread", one), (f"drive loop, {os.cpu_count()} threads", all_cores)):
        rows.append((text, runs[0][0], statistics.median(run[1] for run in runs), _median_rate(runs)))
    table = "".join(
        f"| {text} | {cycles:,} | {seconds:.2f} | {found:,.0f} | {found / rate:.0f}x |\n"
        for text, cycles, seconds, found in rows
    )
    return f"""# Simulation speed

    HWCODESIGN_DATA=… python -m benchmarks.simulation --write docs/simulation.md

Both programs simulate the accelerator of the recipe `digits` ({design.accelerator.exits} exits), from the same sources,
on {platform.machine()}. The drive loop is the C++ program of this project; its figures are medians of {ROUNDS} rounds.
Build times are not included. Only the ratios can be compared with another machine.

| | cycles | seconds | cycles/s | speed relative to cocotb |
|---|---:|---:|---:|---:|
{table}
## A network of real size

{large()}"""


def large() -> str:
    """How long the build of a larger accelerator takes, and how many of its images are simulated in a second."""
    recipe = hw.load_recipe(LARGE)
    data = recipe.data()
    network, images = recipe.published(), data.test.images[:LARGE_IMAGES]
    policy = hw.fit_policy(network, (data.fitting.images, data.fitting.labels), recipe.policy)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"  # in which nothing is compiled
        fit = hw.Fit(images_per_second=LARGE_RATE)
        design = hw.compile(network, policy, out=Path(folder) / "design", board=LARGE_BOARD, fit=fit)
        begun = time.perf_counter()
        design.rtl.library()
        built = time.perf_counter()
        run, seconds = simulated(design, images, _share(len(images)))
        require_equal([compare_records("rtl", final_records(run.records), design.run(images), "software", "records")])
    return f"""`{LARGE}` ({design.accelerator.exits} exits, published weights), at {LARGE_RATE:,}
images/s on a {LARGE_BOARD}: its SystemVerilog is compiled in {built - begun:.0f} s, from nothing. {len(images)} test
images are {run.cycles:,} cycles, and take {seconds:.1f} s on {os.cpu_count()} threads,
**{len(images) / seconds:.1f} images/s**. Their records are those of the software.
"""


def _share(samples: int) -> int:
    """Samples of a batch where each core gets one."""
    return -(-samples // (os.cpu_count() or 1))


def _median_rate(runs: list[tuple[int, float]]) -> float:
    return statistics.median(cycles / seconds for cycles, seconds in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help="where compiled recipes are")
    parser.add_argument("--write", type=Path, help="document to write the table to")
    options = parser.parse_args()
    folder = options.build / RECIPE / "design"
    if not folder.exists():
        raise SystemExit(f"{folder} does not exist: run hwcodesign run {RECIPE} first")
    text = measure(hw.load(folder))
    print(text)
    if options.write:
        options.write.write_text(text)


if __name__ == "__main__":
    main()
