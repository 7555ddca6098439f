"""Images per second and peak memory on one core: software with exits against what a reader would compare it with.

    python -m benchmarks.throughput --write docs/benchmarks.md     # what `make bench` runs

Every contender runs in a process of its own, pinned to one core, and the rounds of all contenders alternate, so that
a noisy machine is noisy for all of them; ratios are of the medians of one run. Needs MNIST in HWCODESIGN_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.runtime.software import BATCH

RECIPE = "blenet_mnist"
ROUNDS = 5
#: Images each contender runs a round; C simulation is slow enough with fewer.
IMAGES = {"software": 10_000, "software_full": 10_000, "onnxruntime": 10_000, "csim": 60}
ONNX_BATCH = 64
TITLES = {
    "software": "software, with exits, at the operating point",
    "software_full": "software, the same network without exits",
    "onnxruntime": "onnxruntime, the float network without exits",
    "csim": "csim (g++ -O2), with exits, at the operating point",
}
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def prepare(build: Path) -> None:
    """Train, fit and compile the recipe unless that is done, compile its C++, and write the float network."""
    import torch

    import hwcodesign as hw
    from hwcodesign import pipeline

    run = pipeline.Run(hw.load_recipe(RECIPE), build / RECIPE)
    data = run.recipe.data()
    with hw.show_progress():
        network = pipeline.trained_network(run, data)
        design = pipeline.compiled_design(run, network, pipeline.fitted_policy(run, network, data))
        _ = design.csim
    floats = _float_network(network)
    blank = torch.zeros((1, *network.input_shape))
    axes = {"images": {0: "n"}, "logits": {0: "n"}}
    torch.onnx.export(
        floats,
        (blank,),
        str(build / RECIPE / "float.onnx"),
        dynamo=False,
        input_names=["images"],
        output_names=["logits"],
        dynamic_axes=axes,
    )
    np.save(build / RECIPE / "test_images.npy", data.test.images)


def _float_network(network: Any) -> Any:
    """The stages and the last head with plain float layers of the same sizes and weights: no quantisers, no exits."""
    from torch import nn

    from hwcodesign.networks.floating import floating

    plain = floating(network)
    return nn.Sequential(*plain.stages, plain.heads[-1]).eval()


def contender(name: str, folder: Path) -> Callable[[NDArray[Any]], object]:
    """What a round runs on raw uint8 images."""
    if name == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(folder / "float.onnx"), options, providers=["CPUExecutionProvider"])

        def run_onnx(images: NDArray[Any]) -> object:
            labels = []
            for start in range(0, len(images), ONNX_BATCH):
                batch = images[start : start + ONNX_BATCH].astype(np.float32) * np.float32(1 / 256)
                labels.append(session.run(None, {"images": batch})[0].argmax(axis=1))
            return labels

        return run_onnx

    import hwcodesign as hw

    design = hw.load(folder / "design")
    if name == "csim":
        from hwcodesign.simulation.csim import compiled

        design.csim = compiled(design.accelerator, design.sources, workers=1)
        return lambda images: design.run(images, on="csim")
    if name == "software":
        return lambda images: design.run(images, on="software")

    from hwcodesign.images import channels_last

    def run_full(images: NDArray[Any]) -> object:
        labels = []
        for start in range(0, len(images), BATCH):
            values: tuple[NDArray[Any], ...] = (channels_last(images[start : start + BATCH]).astype(np.float32),)
            for stage in design.accelerator.stages:
                values = stage.run(*values)
            (logits,) = design.accelerator.heads[-1].run(*values)
            labels.append(logits.argmax(axis=1))
        return labels

    return run_full


def work(name: str, folder: Path) -> None:
    """A contender's process: one line of JSON per line read, a round each; ends with its input."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    images = np.load(folder / "test_images.npy", mmap_mode="r")[: IMAGES[name]]
    images = np.array(images)
    run = contender(name, folder)
    run(images[:32])  # libraries load and plans are made once, before any round
    for _ in sys.stdin:
        start = time.perf_counter()
        run(images)
        rate = len(images) / (time.perf_counter() - start)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"rate": rate, "memory_mib": memory}), flush=True)


def measure(folder: Path) -> dict[str, dict[str, float]]:
    """Alternate the rounds of all contenders; medians of rates, peaks of memory."""
    processes = {
        name: subprocess.Popen(
            [sys.executable, "-m", "benchmarks.throughput", "--contender", name, "--folder", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **_ONE_THREAD},
        )
        for name in IMAGES
    }
    results: dict[str, list[dict[str, float]]] = {name: [] for name in IMAGES}
    for number in range(ROUNDS):
        for name, process in processes.items():
            assert process.stdin is not None  # both are pipes
            assert process.stdout is not None
            process.stdin.write("round\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"{name} ended early, see above")
            results[name].append(json.loads(line))
        print(f"· round {number + 1} of {ROUNDS}", flush=True)
    for process in processes.values():
        process.communicate()
    return {
        name: {
            "rate": statistics.median(entry["rate"] for entry in rounds),
            "memory_mib": max(entry["memory_mib"] for entry in rounds),
        }
        for name, rounds in results.items()
    }


def table(results: dict[str, dict[str, float]]) -> str:
    """The document, with the command that repeats it."""
    base = results["software"]["rate"]
    rows = "".join(
        f"| {TITLES[name]} | {entry['rate']:,.0f} | {base / entry['rate']:.1f}x | {entry['memory_mib']:.0f} MiB |\n"
        for name, entry in results.items()
    )
    return f"""# Benchmarks

    HWCODESIGN_DATA=… python -m benchmarks.throughput --write docs/benchmarks.md

Each program classifies MNIST's test images with B-LeNet, on one core. Images enter as raw bytes and leave as labels or
records. The figures are medians of {ROUNDS} rounds of one run; in each round the programs run in turn. They were
measured on {platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}. Only the ratios can be
compared with another machine.

| | images/s | speed of software with exits, relative to it | peak memory of the process |
|---|---:|---:|---:|
{rows}
C simulation runs {IMAGES["csim"]} images in each round, the others {IMAGES["software"]:,}. Software uses batches of
{BATCH}, onnxruntime batches of {ONNX_BATCH}. Peak memory is that of the whole process. It includes Python, NumPy and
the {IMAGES["software"]:,} images, which take 7.5 MiB.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help="where trained recipes are")
    parser.add_argument("--write", type=Path, help="document to write the table to")
    parser.add_argument("--contender", choices=list(IMAGES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        work(options.contender, options.folder)
        return
    # in a process of its own, so that what training used is gone when memory is measured
    code = "import sys, pathlib, benchmarks.throughput as b; b.prepare(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(options.build)], check=True)
    text = table(measure(options.build / RECIPE))
    print(text)
    if options.write:
        options.write.write_text(text)


if __name__ == "__main__":
    main()
