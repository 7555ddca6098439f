"""The whole verification campaign: every backend, every criterion, whole test sets, generated networks and graphs.

python -m tests.campaign --write docs/verification.md                                 # what `make verify` runs
python -m tests.campaign --networks 3 --rtl-networks 3 --graphs 0 --recipes digits    # part of it
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hwcodesign as hw
from hwcodesign.files import write_text
from hwcodesign.images import encode_images
from hwcodesign.pipeline import Run, trained_network
from hwcodesign.policies import CRITERIA, ExitPolicy, ExitStatistics, cost_curve, evaluate
from hwcodesign.policies.class_thresholds import fit_by_class
from hwcodesign.simulation.measurement import measure_exits
from hwcodesign.verification import (
    Agreement,
    brevitas_outputs,
    brevitas_records,
    compare_outputs,
    compare_records,
    require_agreement,
)
from rtl_sim.tb.drawn_policies import drawn_policy
from tests.generated_graphs import graph_lines
from tests.generated_networks import generate

BACKENDS = ("software", "csim", "rtl")
#: Every criterion, and one whose thresholds differ by class.
VARIANTS = (*sorted(CRITERIA), "max_softmax by class")
RECIPES = ("digits_lenet", "blenet_mnist", "blenet_fashion")


@dataclass(frozen=True)
class Line:
    """One row of the table."""

    subject: str
    detail: str
    agreement: Agreement


def verify_network(
    network: hw.MultiExitNetwork,
    images: NDArray[Any],
    fitting: tuple[NDArray[Any], NDArray[np.int64]],
    folder: Path,
    *,
    backends: tuple[str, ...] = BACKENDS,
    criteria: tuple[str, ...] | None = None,
    settings: hw.CompileSettings | None = None,
) -> Iterator[Agreement]:
    """Compare Brevitas with other backends: every logit once, every record for each of `VARIANTS`, and cycles.

    Thresholds are those of a middle point of the criterion's own curve on `fitting`, so that samples leave at several
    exits where the criterion can have it so. Segments are the same under every criterion: the first compares them.
    """
    reference = brevitas_outputs(network, images)
    logits = [reference[f"head{k}"] for k in range(network.exits)]
    hardware = settings or hw.CompileSettings()
    for number, name in enumerate(criteria or VARIANTS):
        design = hw.compile(
            network,
            _middle_policy(network, name, fitting),
            out=folder,
            backend="streamrtl" if "rtl" in backends else "vitis",
            reuse=hardware.reuse,
            layers=hardware.layers,
        )
        expected = brevitas_records(design, logits)
        if "rtl" in backends:
            yield _cycles(design, images)
        for on in backends:
            if number == 0:
                yield from compare_outputs(on, design.segment_outputs(images, on), reference, "brevitas")
            spread = "/".join(
                f"{share:.0%}" for share in np.bincount(expected["exit"], minlength=network.exits) / len(images)
            )
            yield compare_records(
                on, design.run(images, on), expected, "brevitas", f"records, {name}, leaving {spread}"
            )


def _cycles(design: hw.Design, images: NDArray[Any]) -> Agreement:
    """Latency and interval of every exit: predicted and simulated."""
    codes = encode_images(images[:1], design.accelerator.input_format, design.accelerator.input_shape)
    exits = measure_exits(design.rtl, design.manifest["cycles"], codes)
    pairs = [pair for exit_ in exits for pair in (exit_.latency, exit_.interval)]
    wrong = sum(predicted != simulated for predicted, simulated in pairs)
    return Agreement(
        ("prediction", "rtl"), "cycles: latency and interval of every exit", 7 * len(exits), len(pairs), wrong
    )


def _middle_policy(
    network: hw.MultiExitNetwork, criterion: str, fitting: tuple[NDArray[Any], NDArray[np.int64]]
) -> ExitPolicy:
    _, heads = network.boundaries()
    criterion, _, by_class = criterion.partition(" ")
    policy = drawn_policy(criterion, [head.format for head in heads], network.classes)
    statistics = ExitStatistics.of(policy, network.logits(fitting[0]), fitting[1], network.costs().shares)
    if CRITERIA[criterion].shared_threshold:
        return policy.with_thresholds([1.0] * (network.exits - 1))
    curve = cost_curve(policy, statistics)
    codes = (
        [int(np.quantile(scores, 0.5)) for scores in statistics.scores[:-1]]
        if len(curve) < 3
        else curve[len(curve) // 2].codes
    )
    if by_class:
        middle = evaluate(statistics, codes).cost
        return policy.with_class_codes(fit_by_class(policy, statistics, budget=middle)[0])
    return policy.with_codes(codes)


def generated_lines(count: int) -> Iterator[Line]:
    """Lines of `count` generated networks, seeds 0, 1, …"""
    for seed in range(count):
        drawn = generate(seed)
        with tempfile.TemporaryDirectory() as folder:
            for agreement in verify_network(
                drawn.network,
                drawn.images,
                (drawn.images, drawn.labels),
                Path(folder) / "design",
                backends=BACKENDS[:2],
            ):
                yield Line(f"generated, seed {seed}", drawn.text, agreement)


def rtl_lines(count: int, first: int = 0) -> Iterator[Line]:
    """Lines of `count` generated networks in RTL, seeds `first`, …; criteria take turns, reuse is random."""
    for seed in range(first, first + count):
        drawn = generate(seed)
        reuse = int(np.random.default_rng(seed).choice([1, 2, 3, 4, 6, 8, 12, 16, 32]))
        criterion = VARIANTS[seed % len(VARIANTS)]
        with tempfile.TemporaryDirectory() as folder:
            for agreement in verify_network(
                drawn.network,
                drawn.images,
                (drawn.images, drawn.labels),
                Path(folder) / "design",
                backends=("rtl",),
                criteria=(criterion,),
                settings=hw.CompileSettings(reuse=reuse),
            ):
                yield Line(f"generated, seed {seed}, RTL", f"{drawn.text}, reuse {reuse}", agreement)


def recipe_lines(name: str, build: Path) -> Iterator[Line]:
    """Lines of a recipe on its whole test split; trains it first unless that is done."""
    recipe = hw.load_recipe(name)
    data = recipe.data()
    network = trained_network(Run(recipe, build / recipe.name, lambda _: None), data)
    fitting = (data.fitting.images, data.fitting.labels)
    with tempfile.TemporaryDirectory() as folder:
        for agreement in verify_network(
            network, data.test.images, fitting, Path(folder) / "design", settings=recipe.compile
        ):
            yield Line(recipe.name, f"whole test split of {data.name}", agreement)


def table(lines: list[Line], seconds: float, command: str) -> str:
    """The document: what was compared, with the command that repeats it."""
    total = sum(line.agreement.values for line in lines)
    wrong = sum(line.agreement.mismatches for line in lines)
    networks = len({line.subject for line in lines})
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    text = f"""# Verification

Every integer of every backend, compared in `==`; there is no tolerance anywhere.

    {command}

{networks} networks, {total:,} values compared, **{wrong} mismatches**, in {seconds / 60:.0f} minutes on
{platform.machine()}, Python {platform.python_version()}, at commit {commit.stdout.strip() or "unknown"}.

* *features, logits*: every segment alone, on all samples, exits ignored; each fed by the one before it.
* *records*: the composed accelerator under the policy; every field but `cycles`. "leaving 60%/40%" is the share of
  samples leaving at each exit; thresholds lie in the middle of the criterion's curve.
* The reference is Brevitas in float64, all exits computed, nothing skipped; its records share no control flow with
  the backends, and their scores are Python's: that csim's C++ gives the same ones is part of what is shown.

| network | | backends | compared | samples | values | mismatches |
|---|---|---|---|---:|---:|---:|
"""
    seen = set()
    for line in lines:
        a = line.agreement
        first = line.subject not in seen
        seen.add(line.subject)
        head = f"{line.subject} | {line.detail}" if first else " | "
        text += f"| {head} | {' = '.join(a.backends)} | {a.what} | {a.samples:,} | {a.values:,} | {a.mismatches} |\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=24, help="generated networks in software and C++")
    parser.add_argument("--rtl-networks", type=int, default=50, help="generated networks in RTL")
    parser.add_argument("--graphs", type=int, default=50, help="generated graphs through hls4ml's Vitis and StreamRTL")
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES), help="recipes, each on its whole test split")
    parser.add_argument("--build", type=Path, default=Path("build"), help="where trained recipes are")
    parser.add_argument("--write", type=Path, help="document to write the table to")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    start = time.perf_counter()
    lines: list[Line] = []
    sources = [
        generated_lines(options.networks),
        rtl_lines(options.rtl_networks),
        (Line(*found) for found in graph_lines(options.graphs, "rtl")),
        *(recipe_lines(name, options.build) for name in options.recipes),
    ]
    for source in sources:
        for line in source:
            lines.append(line)
            a = line.agreement
            print(
                f"{line.subject:22} {' = '.join(a.backends):20} {a.what:50} {a.values:>12,} {a.mismatches} wrong",
                flush=True,
            )
    if options.write:
        write_text(
            options.write,
            table(lines, time.perf_counter() - start, f"python -m tests.campaign {' '.join(sys.argv[1:])}"),
        )
    require_agreement([line.agreement for line in lines])


if __name__ == "__main__":
    main()
