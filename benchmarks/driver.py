"""What the driver costs beside what it drives: time and register accesses a batch; software's rate and memory.

    python -m benchmarks.driver --write docs/driver_costs.md

Needs the digits and B-LeNet compiled below build/, MNIST in HWCODESIGN_DATA, and the extra `pynq`.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BATCH, ROUNDS = 64, 9
PACKETS = (1, 8, 64)
#: Images of a round in software.
IMAGES = 10_000
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class _Stopwatch:
    """Time within the simulated board's device."""

    def __init__(self, device: Any) -> None:
        self.seconds = 0.0
        for name in ("read_registers", "write_registers", "pass_time", "flush", "invalidate"):
            setattr(device, name, self._timed(getattr(device, name)))

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            start = time.process_time()
            result = function(*arguments)
            self.seconds += time.process_time() - start
            return result

        return call


def driver_costs(folder: Path, images: NDArray[Any], packet: int) -> dict[str, float]:
    """Of a batch on the simulated board: driver's milliseconds, register accesses, and packets."""
    import hwcodesign as hw
    from hwcodesign.runtime.transports.simulated_board import open_simulated
    from hwcodesign.simulated_board import SimulatedBoard

    design, settings = hw.load(folder), hw.TransferSettings(records_per_packet=packet)
    times, accesses, packets = [], [], []
    with SimulatedBoard(design) as board:
        watch = _Stopwatch(board.device)
        with hw.ProgressiveAccelerator(design, open_simulated(board, design, settings)) as driver:
            driver.run(images)
            for _ in range(ROUNDS):
                before, inside, start = board.accesses, watch.seconds, time.process_time()
                packets.append(len(list(driver.stream(images))))
                times.append(time.process_time() - start - (watch.seconds - inside))
                accesses.append(board.accesses - before)
    return {
        "milliseconds": 1e3 * statistics.median(times),
        "accesses": statistics.median(accesses),
        "packets": statistics.median(packets),
    }


def peak_memory() -> int:
    """Most bytes that this process has had resident, since it was started."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no VmHWM: peak memory is measured on Linux alone")


def software_costs(folder: str, images: str, on: str) -> None:
    """In a process of its own: prints images/s, and MiB beyond those of Python, NumPy and the images."""
    given = np.load(images)
    before = peak_memory()
    import hwcodesign as hw

    with hw.ProgressiveAccelerator(folder, on) as driver:
        driver.run(given[:BATCH])
        rates = []
        for _ in range(5):
            start = time.process_time()
            driver.run(given)
            rates.append(len(given) / (time.process_time() - start))
        one = []
        for _ in range(200):
            start = time.process_time()
            driver.run(given[:1])
            one.append(time.process_time() - start)
    print(statistics.median(rates), (peak_memory() - before) / 2**20, 1e3 * statistics.median(one))


def _measured_software(folder: Path, images: NDArray[Any], scratch: Path, on: str) -> list[float]:
    path = scratch / "driver_images.npy"
    np.save(path, images)
    code = "import sys, benchmarks.driver as b; b.software_costs(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(folder), str(path), on]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **_ONE_THREAD})
    path.unlink()
    return [float(word) for word in done.stdout.split()]


def table(build: Path) -> str:
    """The document with the figures of both recipes, and the command that repeats it."""
    from hwcodesign import load_recipe

    board = software = ""
    for recipe in ("digits", "blenet_mnist"):
        folder = build / recipe / "design"
        images = load_recipe(recipe).data().test.images
        for packet in PACKETS:
            found = driver_costs(folder, images[:BATCH], packet)
            board += (
                f"| {recipe} | {packet} | {found['packets']:.0f} | {found['milliseconds']:.2f} ms "
                f"| {found['accesses']:.0f} |\n"
            )
        for on, title in (("native", "native engine"), ("numpy", "NumPy alone")):
            many = np.resize(images, (IMAGES, *images.shape[1:]))
            rate, memory, one = _measured_software(folder, many, build, on)
            software += f"| {recipe} | {title} | {rate:,.0f} | {one:.2f} ms | {memory:.0f} MiB |\n"
    return f"""# Costs of the driver

    HWCODESIGN_DATA=… python -m benchmarks.driver --write docs/driver_costs.md

These are processor times on {platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}. Other
programs ran on the machine at the same time. Nothing was measured on a board.

## With a board

The board is the simulated one, and the time of the simulation itself is left out. What remains is the time that the
driver, PYNQ and NumPy need for a batch of {BATCH} images in addition to the transfers: the median of {ROUNDS} batches.
Register accesses are those of one batch with polling. Polling sleeps for an eighth of the time waited so far.

| network | records in a packet | packets | time beyond transfers | register accesses |
|---|---:|---:|---:|---:|
{board}
## In software

{IMAGES:,} images in one call, in a process with one thread; and one image in a call. Memory is the peak of resident
memory, less that before `import hwcodesign`: Python, NumPy and the images are not in it.

| network | computed by | images/s | one image | memory |
|---|---|---:|---:|---:|
{software}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help="where trained recipes are")
    parser.add_argument("--write", type=Path, help="document to write the table to")
    options = parser.parse_args()
    text = table(options.build)
    print(text)
    if options.write:
        options.write.write_text(text)


if __name__ == "__main__":
    main()
