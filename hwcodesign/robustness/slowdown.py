"""This module measures what a slowdown attack does to a compiled design: exit rates, accuracy, cost and cycles, before
and after.
"""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from hwcodesign.data import Dataset, Split
from hwcodesign.design import Design
from hwcodesign.errors import SettingsError
from hwcodesign.interface.modes import exit_control
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.progress import task
from hwcodesign.robustness.deepsloth import (
    AttackSettings,
    perturbed,
    random_perturbation,
    slowed,
    universal_perturbation,
)


class Outcome(TypedDict):
    """The outcome says how a design runs on some images.

    Keys:
        exit_rate: exit rates: fraction of the images that leave at each exit.
        accuracy: fraction of right answers.
        macs_fraction: average multiply-accumulates, as a fraction of the full cost.
        cycles_per_image: cycles per image; None if the design has no RTL.
    """

    exit_rate: list[float]
    accuracy: float
    macs_fraction: float
    cycles_per_image: float | None


class SlowdownReport(TypedDict):
    """The report holds the figures of an attack.

    Keys:
        epsilon, steps, seed: the settings.
        radius: largest change in codes of the input format.
        samples: number of test images that were attacked.
        cycles_from: "rtl" (simulated), "prediction" (the least cycles that exit rates and intervals allow), or None (no
            cycles).
        clean: the images as they are.
        random: images with random noise of the attack's size.
        universal: images with one perturbation for all, learned from as many images of the fitting split.
        per_sample: images that are each attacked by themselves.
    """

    epsilon: float
    steps: int
    seed: int
    radius: int
    samples: int
    cycles_from: str | None
    clean: Outcome
    random: Outcome
    universal: Outcome
    per_sample: Outcome


def slowdown(
    network: MultiExitNetwork, design: Design, data: Dataset, settings: AttackSettings, samples: int
) -> SlowdownReport:
    """Attacks the first test images, and runs them on a design.

    Raises:
        SettingsError: no samples, more than there are, or an epsilon below a step of the input format.
    """
    if not 1 <= samples <= len(data.test):
        raise SettingsError(f"samples={samples} is not 1 to {len(data.test)}, the images of the test split")
    with task(f"attacking {samples} test images"):
        return _slowdown(network, design, data, settings, samples)


def _slowdown(
    network: MultiExitNetwork, design: Design, data: Dataset, settings: AttackSettings, samples: int
) -> SlowdownReport:
    test, fmt = data.test.take(samples), network.input_format
    noise = random_perturbation(test.images.shape, fmt, settings)
    universal = universal_perturbation(network, data.fitting.take(samples).images, settings)
    cycles_from = _cycles_from(design)

    def outcome(images: NDArray[Any]) -> Outcome:
        return outcome_of(design, Split(images, test.labels), simulated=cycles_from == "rtl")

    return {
        "epsilon": settings.epsilon,
        "steps": settings.steps,
        "seed": settings.seed,
        "radius": settings.radius(fmt),
        "samples": samples,
        "cycles_from": cycles_from,
        "clean": outcome(test.images),
        "random": outcome(perturbed(test.images, noise, fmt)),
        "universal": outcome(perturbed(test.images, universal, fmt)),
        "per_sample": outcome(slowed(network, test.images, settings)),
    }


def outcome_of(design: Design, split: Split, *, simulated: bool) -> Outcome:
    """Runs labelled images on a design; cycles are simulated, or predicted from the exits that were taken."""
    accelerator = design.accelerator
    records = design.run(split.images)
    rates = np.bincount(records["exit"], minlength=accelerator.exits) / len(records)
    cycles = None
    if simulated:
        # one batch: the pipeline fills and drains once
        codes = np.asarray(split.images)
        cycles = design.rtl.run(codes, exit_control(design.policy), batch=len(codes)).cycles / len(codes)
    elif design.has_rtl:
        reach = np.concatenate([[1.0], 1.0 - np.cumsum(rates)[:-1]])
        cycles = float((reach * np.asarray(design.manifest["cycles"]["stages"])).max())
    return {
        "exit_rate": rates.tolist(),
        "accuracy": float((records["label"] == split.labels).mean()),
        "macs_fraction": float(rates @ np.asarray(accelerator.macs.fractions)),
        "cycles_per_image": cycles,
    }


def table(report: SlowdownReport) -> str:
    """Returns the figures as lines of plain text."""
    rows = [("images", "accuracy", "of full cost", "cycles", "exit rate at each exit")]
    for name, found in (
        ("clean", report["clean"]),
        ("random noise", report["random"]),
        ("universal attack", report["universal"]),
        ("attack", report["per_sample"]),
    ):
        cycles = found["cycles_per_image"]
        rows.append(
            (
                name,
                f"{found['accuracy']:.2%}",
                f"{found['macs_fraction']:.3f}",
                "-" if cycles is None else f"{cycles:,.0f}",
                "  ".join(f"{rate:.1%}" for rate in found["exit_rate"]),
            )
        )
    lines = [f"{a:<18}{b:>8}{c:>14}{d:>9}   {e}" for a, b, c, d, e in rows]
    source = {"rtl": "simulated cycles per image", "prediction": "predicted least cycles per image", None: "no RTL"}
    note = (
        f"{report['samples']} test images, changed by at most {report['epsilon']:g} ({report['radius']} codes), "
        f"{report['steps']} steps; {source[report['cycles_from']]}"
    )
    return "\n".join([*lines, note])


def _cycles_from(design: Design) -> str | None:
    """Chooses simulation if the RTL is already compiled, because compiling takes a minute; else prediction."""
    if not design.has_rtl:
        return None
    return "rtl" if design.rtl.is_compiled else "prediction"
