"""What a campaign compares: networks and recipes, every backend with Brevitas, and cycles with their predictions."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

import hwcodesign as hw
from hwcodesign.fitting.class_thresholds import fit_by_class
from hwcodesign.fitting.search import cost_curve, evaluate
from hwcodesign.hardware.implementation import CHOICES, DISTRIBUTED, LATENCY
from hwcodesign.images import encode_images
from hwcodesign.interface.records import RECORD_DTYPE
from hwcodesign.pipeline import Run, compiled_design, fitted_policy, measure, trained_network, verify, write_report
from hwcodesign.policies import CRITERIA, ExitPolicy, ExitStatistics
from hwcodesign.simulation.measurement import measure_exits
from hwcodesign.training import with_class_means
from hwcodesign.verification.comparison import (
    Comparison,
    brevitas_outputs,
    brevitas_records,
    compare_outputs,
    compare_records,
)
from rtl_sim.tb.drawn_policies import drawn_policy
from tests.generated_networks import generate

BACKENDS = ("software", "csim", "rtl")
#: Every criterion, and one whose thresholds differ by class.
VARIANTS = (*sorted(CRITERIA), "max_softmax by class")
#: In the place of a criterion: early heads that are class means, under the largest softmax.
CLASS_MEANS = "class means"
#: Those of networks without gates.
UNGATED = tuple(name for name in VARIANTS if name != "gate")


@dataclass(frozen=True)
class Line:
    """One row of the table."""

    subject: str
    detail: str
    comparison: Comparison


def verify_network(
    network: hw.MultiExitNetwork,
    images: NDArray[Any],
    fitting: tuple[NDArray[Any], NDArray[np.int64]],
    folder: Path,
    *,
    backends: tuple[str, ...] = BACKENDS,
    criteria: tuple[str, ...] | None = None,
    settings: hw.CompileSettings | None = None,
    segments: bool = True,
) -> Iterator[Comparison]:
    """Compare Brevitas with other backends: every logit once, every record for each variant, and cycles.

    Variants are `VARIANTS` for a network with gates and `UNGATED` for one without, unless `criteria` are given.

    Thresholds are those of a middle point of the criterion's own curve on `fitting`, so that samples leave at several
    exits where the criterion can have it so. Segments are the same under every criterion: the first compares them,
    unless `segments` is False.
    """
    reference = brevitas_outputs(network, images)
    logits = [reference[f"head{k}"] for k in range(network.exits)]
    hardware = settings or hw.CompileSettings()
    for number, name in enumerate(criteria or (VARIANTS if network.gates else UNGATED)):
        design = hw.compile(
            network,
            _middle_policy(network, name, fitting),
            dataclasses.replace(hardware, backend="streamrtl" if "rtl" in backends else "vitis", oversize=True),
            out=folder,
        )
        expected = brevitas_records(design, logits)
        if "rtl" in backends:
            yield _cycles(design, images)
        for on in backends:
            if number == 0 and segments:
                yield from compare_outputs(on, design.segment_outputs(images, on), reference, "brevitas")
            spread = "/".join(
                f"{rate:.0%}" for rate in np.bincount(expected["exit"], minlength=network.exits) / len(images)
            )
            yield compare_records(
                on, design.run(images, on), expected, "brevitas", f"records, {name}, leaving {spread}"
            )


def _cycles(design: hw.Design, images: NDArray[Any]) -> Comparison:
    """Latency and interval of every exit: predicted and simulated."""
    codes = encode_images(images[:1], design.accelerator.input_format, design.accelerator.input_shape)
    exits = measure_exits(design.rtl, design.manifest["cycles"], codes)
    pairs = [pair for exit_ in exits for pair in (exit_.latency, exit_.interval)]
    wrong = sum(predicted != simulated for predicted, simulated in pairs)
    return Comparison(
        ("prediction", "rtl"), "cycles: latency and interval of every exit", 7 * len(exits), len(pairs), wrong
    )


def _middle_policy(
    network: hw.MultiExitNetwork, criterion: str, fitting: tuple[NDArray[Any], NDArray[np.int64]]
) -> ExitPolicy:
    _, heads = network.boundaries()
    criterion, _, by_class = criterion.partition(" ")
    policy = drawn_policy(criterion, [head.format for head in heads], network.classes, gated=network.gates)
    statistics = ExitStatistics.of(policy, network.logits(fitting[0]), fitting[1], network.costs().fractions)
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


def generated_lines(seed: int) -> Iterator[Line]:
    """Lines of a generated network in software and C++, under every criterion; every other one has gates."""
    drawn = generate(seed, gates=seed % 2 == 1)
    with tempfile.TemporaryDirectory() as folder:
        for comparison in verify_network(
            drawn.network, drawn.images, (drawn.images, drawn.labels), Path(folder) / "design", backends=BACKENDS[:2]
        ):
            yield Line(f"network {seed}", drawn.text, comparison)


def rtl_lines(seed: int) -> Iterator[Line]:
    """Lines of a generated network in RTL; criteria take turns, how layers are built and gates that they do not read
    are random.
    """
    rng, criterion = np.random.default_rng(seed), VARIANTS[seed % len(VARIANTS)]
    reuse = int(rng.choice([1, 2, 3, 4, 6, 8, 12, 16, 32]))
    drawn = generate(seed, gates=criterion == "gate" or rng.random() < 0.25)
    built = {name: str(rng.choice(known)) for name, known in CHOICES.items()}
    if built["strategy"] == DISTRIBUTED:  # has tests of its own, and no windows in memory
        built["strategy"] = LATENCY
    settings = hw.CompileSettings(reuse=reuse, **built)
    with tempfile.TemporaryDirectory() as folder:
        for comparison in verify_network(
            drawn.network,
            drawn.images,
            (drawn.images, drawn.labels),
            Path(folder) / "design",
            backends=("rtl",),
            criteria=(criterion,),
            settings=settings,
        ):
            yield Line(f"network {seed}, RTL", f"{drawn.text}, reuse {reuse}, {', '.join(built.values())}", comparison)


def recipe_lines(name: str, build: Path) -> Iterator[Line]:
    """Lines of a recipe's main job, all that `hwcodesign run` does but figures: its whole test split on every backend.

    Args:
        build: where results go to, and where a finished training is taken up.
    """
    recipe = hw.load_recipe(name)
    run, data = Run(recipe, build / recipe.name), recipe.data()
    network = trained_network(run, data)
    design = compiled_design(run, network, fitted_policy(run, network, data))
    verified = verify(run, network, design, data.test.images)
    report, results = measure(run, network, design, data, verified)
    write_report(run, report, results)
    more = (_cycles(design, data.test.images), *_on_the_simulated_board(design, data.test.images))
    for comparison in (*verified.comparisons, *more):
        yield Line(recipe.name, f"whole test split of {data.name}", comparison)


def _on_the_simulated_board(design: hw.Design, images: NDArray[Any]) -> Iterator[Comparison]:
    """PYNQ's own classes on the Verilated accelerator: the RTL's records with their cycles, software's without."""
    records = {on: design.run(images, on=on) for on in ("board-sim", "rtl", "software")}
    name = f"pynq {importlib.metadata.version('pynq')}"
    yield compare_records(name, records["board-sim"], records["software"], "software", "records")
    fields = RECORD_DTYPE.names or ()
    wrong = sum(int((records["board-sim"][field] != records["rtl"][field]).sum()) for field in fields)
    yield Comparison(("rtl", name), "records, with cycles", len(images), len(images) * len(fields), wrong)


def criterion_lines(name: str, criterion: str, build: Path) -> Iterator[Line]:
    """Lines of a recipe's records on its whole test split under another criterion than its own, or by class means."""
    recipe = hw.load_recipe(name)
    data = recipe.data()
    network = trained_network(Run(recipe, build / recipe.name), data)
    variant, settings = criterion, recipe.compile
    if criterion == CLASS_MEANS:
        network, variant = with_class_means(network, data.training.images, data.training.labels), "max_softmax"
        settings = _folded_anew(settings, network)
    fitting = (data.fitting.images, data.fitting.labels)
    with tempfile.TemporaryDirectory() as folder:
        for comparison in verify_network(
            network,
            data.test.images,
            fitting,
            Path(folder) / "design",
            criteria=(variant,),
            settings=settings,
            segments=criterion == CLASS_MEANS,
        ):
            yield Line(f"{recipe.name}, {criterion}", f"whole test split of {data.name}", comparison)


def _folded_anew(settings: hw.CompileSettings, network: hw.MultiExitNetwork) -> hw.CompileSettings:
    """Settings of a recipe whose early heads are others now: one multiplier for each output of their linear layers."""
    early = tuple(f"heads.{k}." for k in range(network.exits - 1))
    kept = {name: layer for name, layer in settings.layers.items() if not name.startswith(early)}
    folded = {
        name: hw.LayerSettings(reuse=module.in_features)
        for name, module in network.named_modules()
        if name.startswith(early) and isinstance(module, nn.Linear)
    }
    return dataclasses.replace(settings, layers={**kept, **folded})
