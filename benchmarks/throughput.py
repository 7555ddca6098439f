"""Images per second and peak memory on one core: software with exits against what a reader would compare it with.

    python -m benchmarks.throughput --write docs/benchmarks.md     # what `make bench` runs

Every contender runs in a process of its own, pinned to one core, and the rounds of all contenders alternate, so that
a noisy machine is noisy for all of them; ratios are of the medians of one run. Needs MNIST and CIFAR-10 in
HWCODESIGN_DATA. Rows of other processors stay in the document.
"""

from __future__ import annotations

import argparse
import ctypes
import dataclasses
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEPT = Path(__file__).parent / "throughput.json"
ROUNDS = 5
ONNX_BATCH = 64
TITLES = {
    "native": "native engine, with exits",
    "native_full": "native engine, without exits",
    "numpy": "NumPy, with exits",
    "numpy_full": "NumPy, without exits",
    "onnxruntime": "onnxruntime, float, without exits",
    "onnxruntime_int8": "onnxruntime, its own int8, without exits",
    "csim": "hls4ml's C++ (g++ -O2), with exits",
    "native_2_threads": "native engine, with exits, two threads on two cores",
}
#: Runs beside the contenders: its rate is that of multiply-accumulates in registers.
PEAK = "peak"
#: The contenders without OpenBLAS or onnxruntime's threads take these.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Subject:
    """One network.

    Attributes:
        name: its recipe.
        title: what the page calls it.
        images: how many a contender runs a round; slow ones run fewer.
        slow: those.
    """

    name: str
    title: str
    images: int
    slow: dict[str, int]


SUBJECTS = (
    Subject("blenet_mnist", "B-LeNet on MNIST", 10_000, {"csim": 60, "numpy_full": 2_000}),
    Subject(
        "resnet8_cifar",
        "ResNet-8 on CIFAR-10 (8 bits)",
        2_000,
        {"csim": 4, "numpy": 300, "numpy_full": 300, "onnxruntime": 1_000, "onnxruntime_int8": 1_000},
    ),
)
NAMED = {one.name: one for one in SUBJECTS}


# --- what is measured ---


def prepare(subject: Subject, build: Path) -> None:
    """Compiles the network, trained now or before, and writes the float network and its int8 twin."""
    import torch
    from torch import nn

    import hwcodesign as hw

    folder, recipe = build / subject.name, hw.load_recipe(subject.name)
    data = recipe.data()
    with hw.show_progress():
        network = _compiled(recipe, data, folder)
    stages, head = _float_layers(recipe, network)
    torch.onnx.export(
        nn.Sequential(*stages, head).eval(),
        (torch.zeros((1, *network.input_shape)),),
        str(folder / "float.onnx"),
        dynamo=False,
        input_names=["images"],
        output_names=["logits"],
        dynamic_axes={"images": {0: "n"}, "logits": {0: "n"}},
    )
    np.save(folder / "test_images.npy", data.test.images[: subject.images])
    _quantise(folder, data.fitting.images[:256])


def _compiled(recipe: Any, data: Any, folder: Path) -> Any:
    """Returns the network: with published weights, where the recipe has them; its design is in the folder."""
    import hwcodesign as hw
    from hwcodesign import pipeline
    from hwcodesign.training.published import published_weights

    if published_weights(recipe.name).exists():
        network = recipe.published()
        policy = hw.fit_policy(network, (data.fitting.images, data.fitting.labels), recipe.policy)
        settings = dataclasses.replace(recipe.compile, backend="vitis")
        design = hw.compile(network, policy, settings, out=folder / "design")
    else:
        run = pipeline.Run(recipe, folder)
        network = pipeline.trained_network(run, data)
        design = pipeline.compiled_design(run, network, pipeline.fitted_policy(run, network, data))
    _ = design.csim
    return network


def _float_layers(recipe: Any, network: Any) -> tuple[Sequence[Any], Any]:
    """The stages and the last head with float layers of the same sizes: no quantisers, no exits."""
    from hwcodesign.networks.floating import floating

    plain = recipe.network() if recipe.quantisation else floating(network)
    return list(plain.stages), plain.heads[-1]


def _quantise(folder: Path, images: NDArray[Any]) -> None:
    """Quantises the float network by onnxruntime's own tools: static, 8 bits, scales of weights per channel."""
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Images(quantization.CalibrationDataReader):  # type: ignore[misc]  # it has no types
        def __init__(self) -> None:
            self._left = iter(np.array_split(images.astype(np.float32) / np.float32(256), 8))

        def get_next(self) -> dict[str, Any] | None:
            batch = next(self._left, None)
            return None if batch is None else {"images": batch}

    prepared = folder / "prepared.onnx"
    quant_pre_process(str(folder / "float.onnx"), str(prepared))
    quantization.quantize_static(str(prepared), str(folder / "int8.onnx"), Images(), per_channel=True)


def contender(name: str, folder: Path) -> Callable[[NDArray[Any]], object]:
    """What a round runs on raw uint8 images."""
    if name == PEAK:
        return _peak(folder)
    if name.startswith("onnxruntime"):
        return _onnxruntime(folder / ("int8.onnx" if name.endswith("int8") else "float.onnx"))

    import hwcodesign as hw

    design = hw.load(folder / "design")
    if name == "csim":
        from hwcodesign.simulation.csim import compiled

        design.csim = compiled(design.accelerator, design.sources, workers=1)
        return lambda images: design.run(images, on="csim")
    on = name.split("_", maxsplit=1)[0]
    if name.endswith("_full"):
        return lambda images: _full(design, on, images)
    return lambda images: design.run(images, on=on)


def _onnxruntime(model: Path) -> Callable[[NDArray[Any]], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def run(images: NDArray[Any]) -> object:
        labels = []
        for start in range(0, len(images), ONNX_BATCH):
            batch = images[start : start + ONNX_BATCH].astype(np.float32) * np.float32(1 / 256)
            labels.append(session.run(None, {"images": batch})[0].argmax(axis=1))
        return labels

    return run


def _peak(folder: Path) -> Callable[[NDArray[Any]], object]:
    """A round of as many multiply-accumulates as a core does in about a second."""
    from hwcodesign.native.library import SOURCES, flags
    from hwcodesign.tools.compiler import find_compiler

    library = folder / "peak.so"
    source = Path(__file__).parent / "peak.cpp"
    subprocess.run([find_compiler("native"), *flags(), f"-I{SOURCES}", str(source), "-o", str(library)], check=True)
    run = ctypes.CDLL(str(library)).peak
    run.restype = ctypes.c_int64
    return lambda images: run(ctypes.c_int64(4_000_000 if len(images) > 32 else 1))


def _full(design: Any, on: str, images: NDArray[Any]) -> object:
    """The labels of the last exit: all stages and the last head."""
    from hwcodesign.images import channels_last
    from hwcodesign.runtime.arithmetic import NATIVE, NUMPY

    arithmetic = NATIVE if on == "native" else NUMPY
    size, labels = arithmetic.batch(design.accelerator), []
    for start in range(0, len(images), size):
        values: tuple[NDArray[Any], ...] = (channels_last(images[start : start + size]),)
        for stage in design.accelerator.stages:
            values = arithmetic.segment(stage, values)
        (logits,) = arithmetic.segment(design.accelerator.heads[-1], values)
        labels.append(logits.argmax(axis=1))
    return labels


# --- the measurement ---


def work(name: str, subject: Subject, folder: Path) -> None:
    """A contender's process: one line of JSON per line read, a round each; ends with its input."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cores[: 2 if name.endswith("_threads") else 1]))
    images = np.array(np.load(folder / "test_images.npy", mmap_mode="r")[: _images(name, subject)])
    run = contender(name, folder)
    run(images[:32])  # libraries load and plans are made once, before any round
    for _ in sys.stdin:
        start = time.perf_counter()
        given = run(images)
        rate = (given if name == PEAK else len(images)) / (time.perf_counter() - start)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"rate": rate, "memory_mib": memory}), flush=True)


def _images(name: str, subject: Subject) -> int:
    return subject.slow.get(name, subject.images)


@dataclass(frozen=True)
class Measured:
    """One contender on one network and processor.

    Attributes:
        processor: its name, and the instructions that the engine uses there.
        subject, contender: names.
        rate: images per second, the median of all rounds.
        against_native: rate of the native engine with exits, divided by that of this, the median of all rounds.
        memory_mib: peak memory of the process.
        share: fraction of the multiply-accumulates that a core does in registers; None where it is not known.
    """

    processor: str
    subject: str
    contender: str
    rate: float
    against_native: float
    memory_mib: float
    share: float | None = None


def measure(subject: Subject, folder: Path) -> list[Measured]:
    """Alternates the rounds of all contenders."""
    processes = {name: _started(name, subject, folder) for name in (*TITLES, PEAK)}
    rates: dict[str, list[float]] = {name: [] for name in processes}
    memory: dict[str, float] = {}
    for number in range(ROUNDS):
        for name, process in processes.items():
            assert process.stdin is not None  # both are pipes
            assert process.stdout is not None
            process.stdin.write("round\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"{name} ended early, see above")
            found = json.loads(line)
            rates[name].append(found["rate"])
            memory[name] = found["memory_mib"]
        print(f"· {subject.name}: round {number + 1} of {ROUNDS}", flush=True)
    for process in processes.values():
        process.communicate()
    macs = _macs(folder)
    share = statistics.median(macs * a / b for a, b in zip(rates["native_full"], rates[PEAK], strict=True))
    return [
        Measured(
            processor(),
            subject.name,
            name,
            statistics.median(rates[name]),
            statistics.median(a / b for a, b in zip(rates["native"], rates[name], strict=True)),
            memory[name],
            share if name == "native_full" else None,
        )
        for name in TITLES
    ]


def _macs(folder: Path) -> int:
    """Multiply-accumulates of an image without exits."""
    import hwcodesign as hw

    accelerator = hw.load(folder / "design").accelerator
    return sum(stage.macs for stage in accelerator.stages) + accelerator.heads[-1].macs


def _started(name: str, subject: Subject, folder: Path) -> subprocess.Popen[str]:
    threads = {"OMP_NUM_THREADS": "2"} if name.endswith("_threads") else {}
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.throughput", "--contender", name, subject.name, "--folder", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **_ONE_THREAD, **threads},
    )


# --- the page ---


def processor() -> str:
    """The processor's name, and the width of the engine's vectors."""
    from hwcodesign.native.library import native_library

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {key.strip(): value.strip() for key, value in facts.items()}
    library = native_library()
    how = "bytes by bytes" if library.has_bytes else "words by words"
    model = f"{named.get('model name', platform.machine())}, model {named.get('model', '?')}"
    return f"{model}: {library.lanes * 32}-bit vectors, {how}"


def keep(measured: Sequence[Measured]) -> list[Measured]:
    """Adds what was measured to what is kept of other processors and networks; returns all."""
    new = {(one.processor, one.subject) for one in measured}
    stored = json.loads(KEPT.read_text()) if KEPT.exists() else []
    others = [Measured(**one) for one in stored if (one["processor"], one["subject"]) not in new]
    kept = sorted([*others, *measured], key=lambda one: (one.processor, one.subject))
    KEPT.write_text(json.dumps([asdict(one) for one in kept], indent=1) + "\n")
    return kept


def page(kept: Sequence[Measured]) -> str:
    """The document, with the command that repeats it."""
    tables = []
    for name in dict.fromkeys(one.processor for one in kept):
        for subject in SUBJECTS:
            found = [one for one in kept if (one.processor, one.subject) == (name, subject.name)]
            if found:
                tables.append(_table(subject, name, found))
    return _PAGE.format(rounds=ROUNDS, batch=ONNX_BATCH, tables="\n".join(tables))


def _table(subject: Subject, name: str, found: Sequence[Measured]) -> str:
    rows = "".join(
        f"| {TITLES[one.contender]} | {one.rate:,.0f} | {one.against_native:.2f}x | {one.memory_mib:.0f} MiB |\n"
        for one in found
    )
    shares = [one.share for one in found if one.share is not None]
    share = "".join(
        f" Without exits it does {one:.0%} of the multiply-accumulates that a core does in registers." for one in shares
    )
    return f"""## {subject.title}

{name}.{share}

| | images/s | the native engine with exits is faster by | peak memory |
|---|---:|---:|---:|
{rows}"""


_PAGE = """\
# Throughput in software

    HWCODESIGN_DATA=… python -m benchmarks.throughput --write docs/benchmarks.md

Each program classifies test images on one core, but for the row of two threads. Images enter as raw bytes and leave as
labels or records. The figures are medians of {rounds} rounds of one run; in each round the programs run in turn, and
the ratio is that of the rates in one round. Only ratios can be compared with another machine. "With exits" is at the
recipe's operating point; "without exits" computes all stages and the last head. onnxruntime runs the same layers in
floating point, or in the int8 of its own static quantiser (scales of weights per channel), in batches of {batch}.
Peak memory is that of the whole process, with Python, NumPy and the images.

{tables}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help="where trained recipes are")
    parser.add_argument("--subjects", nargs="+", default=[*NAMED], help="recipes; all by default")
    parser.add_argument("--write", type=Path, help="document to write the tables to")
    parser.add_argument("--contender", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        name, subject = options.contender
        work(name, NAMED[subject], options.folder)
        return
    measured = []
    for name in options.subjects:
        # in a process of its own, so that what training used is gone when memory is measured
        code = (
            "import sys, pathlib as p, benchmarks.throughput as b; b.prepare(b.NAMED[sys.argv[1]], p.Path(sys.argv[2]))"
        )
        subprocess.run([sys.executable, "-c", code, name, str(options.build)], check=True)
        measured += measure(NAMED[name], options.build / name)
    text = page(keep(measured))
    print(text)
    if options.write:
        options.write.write_text(text)


if __name__ == "__main__":
    main()
