"""Figures of the default recipe in docs/demo.md and README: ranges over ten training seeds, held to ten trainings.

    python -m benchmarks.readme_figures            # what `make readme-figures` runs: holds both to what is found
    python -m benchmarks.readme_figures --write    # puts the ranges that are found into both

Training repeats on one machine; another one rounds otherwise and acts like another seed. So a single run's figures are
true of one machine, and ranges over seeds are what can be promised. Fails where a seed lies outside the range, or
leaves an exit unused. On another machine than that which wrote them these are ten other draws; therefore what is
written is wider than what was found by a quarter at each end. Trainings and designs are kept below build/: a run that
was stopped goes on.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hwcodesign as hw
from hwcodesign import pipeline
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.data import Split
from hwcodesign.fitting.search import evaluate
from hwcodesign.images import encode_images
from hwcodesign.interface.modes import exit_control
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.policies import ExitPolicy, ExitStatistics
from hwcodesign.report.cycles import hardware_report

RECIPE, SEEDS = "digits", range(1, 11)
ROOT = Path(__file__).resolve().parent.parent
#: Where all ranges stand, and where two of them are repeated.
PAGE, README = ROOT / "docs" / "demo.md", ROOT / "README.md"
#: What a seed gives, by the names in `STEPS`.
Figures = Mapping[str, float]

#: What README's ranges are rounded outward to; accuracies are in percent of 400 images, differences in percent points.
STEPS = {
    "accuracy": 0.5,
    "accuracy of the last exit": 0.5,
    "accuracy of the single exit": 0.5,
    "gap to the last exit": 0.25,
    "gain over the single exit": 0.25,
    "MACs": 1000,
    "fraction of MACs": 1,
    "full MACs": 1,
    "MACs of the single exit": 1,
    "fraction of MACs of the single exit": 0.1,
    "single exit": 1,
    "leaving at exit 0": 1,
    "leaving at exit 1": 1,
    "leaving at exit 2": 1,
    "latency of exit 0": 1,
    "latency of exit 1": 1,
    "latency of exit 2": 1,
    "interval of exit 0": 1,
    "interval of exit 1": 1,
    "interval of exit 2": 1,
    "cycles an image": 1,
    "fraction of the bound": 1,
}

BEGIN = "<!-- Written by benchmarks/readme_figures.py --write, and checked by make readme-figures. -->"
END = "<!-- The end of what is written. -->"
TEXT = """
| | accuracy, % | average MACs | of full cost, % | exit rate at exits 0 / 1 / 2, % |
|---|---:|---:|---:|---:|
| with early exits | {accuracy} | {MACs} | {fraction of MACs} | \
{leaving at exit 0} / {leaving at exit 1} / {leaving at exit 2} |
| last exit alone | {accuracy of the last exit} | {full MACs} | 100 | all at exit 2 |
| best single exit that needs no more MACs | {accuracy of the single exit} | {MACs of the single exit} \
| {fraction of MACs of the single exit} | all at exit {single exit} |

In each of these networks the accuracy with early exits is {gain over the single exit} points above that of the best \
single exit.
It differs from that of the last exit by {gap to the last exit} points. The hardware takes these cycles:

| all images leave at | latency, simulated and predicted | interval, simulated and predicted |
|---|---:|---:|
| exit 0 | {latency of exit 0} | {interval of exit 0} |
| exit 1 | {latency of exit 1} | {interval of exit 1} |
| exit 2 | {latency of exit 2} | {interval of exit 2} |

On the test images in their own order it takes {cycles an image} cycles an image. This is
{fraction of the bound} % of the highest throughput that the exit rates and the intervals of the stages allow.
"""
#: Figures in percent of a whole.
_FRACTIONS = ("accuracy", "leaving", "fraction")
#: Share of the width of what was found by which a range is wider at each end.
_WIDER = 0.25
_NUMBER = r"[+-]?[\d,]+(?:\.\d+)?"


@dataclass(frozen=True)
class Range:
    """From the least to the most that the page promises, both included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def text(self, step: float, *, signed: bool = False) -> str:
        """As the page has it; one number where there is no range."""
        digits = 0 if step >= 1 else len(f"{step:g}") - 2
        low, high = (f"{value:{'+' if signed else ''},.{digits}f}" for value in (self.low, self.high))
        return low if low == high else f"{low} to {high}"

    @classmethod
    def read(cls, text: str) -> Range:
        """What `text` wrote."""
        low, _, high = text.replace(",", "").partition(" to ")
        return cls(float(low), float(high or low))

    @classmethod
    def around(cls, values: list[float], step: float) -> Range:
        """The least range of whole steps around some values."""
        steps = [round(value / step, 6) for value in values]  # 0.3 / 0.1 is no whole number in binary
        return cls(round(math.floor(min(steps)) * step, 6), round(math.ceil(max(steps)) * step, 6))


def widened(name: str, values: Sequence[float]) -> list[float]:
    """The ends of a range for other draws of a figure than these."""
    more = (max(values) - min(values)) * _WIDER
    high = max(values) + more
    return [min(values) - more, min(high, 100.0) if name.startswith(_FRACTIONS) else high]


def block(ranges: Mapping[str, Range]) -> str:
    """What stands between the markers."""
    text = TEXT
    for name, step in STEPS.items():
        text = text.replace(f"{{{name}}}", ranges[name].text(step, signed=name.startswith("gap")))
    return text


def recipe_row(ranges: Mapping[str, Range]) -> str:
    """The recipe's row of the page's table of recipes."""
    shown = {name: ranges[name].text(step) for name, step in STEPS.items()}
    accuracy = f"{shown['accuracy']} / {shown['accuracy of the last exit']} %"
    leaving = " / ".join(shown[f"leaving at exit {k}"] for k in range(3))
    fraction = Range(ranges["fraction of MACs"].low / 100, ranges["fraction of MACs"].high / 100).text(0.01)
    cycles = f"{shown['cycles an image']} | {shown['fraction of the bound']} %"
    data = "scikit-learn's 8x8 digits, 400 test images"
    return f"| `{RECIPE}` | {data} | {accuracy} | {leaving} % | {fraction} | {cycles} |"


def readme_row(ranges: Mapping[str, Range]) -> str:
    """The recipe's row of README's table."""
    accuracy, fraction = (ranges[name].text(STEPS[name]) for name in ("accuracy", "fraction of MACs"))
    what = "digits: accuracy with early exits, and their share of the multiply-accumulates, over ten seeds"
    return f"| {what} | {accuracy} % with {fraction} % | `make readme-figures` |"


def stated(page: str) -> dict[str, Range]:
    """The ranges that the page states.

    Raises:
        ValueError: the block is not there or was changed by hand, or the recipe's row says something else.
    """
    pattern = re.escape(BEGIN + TEXT + END)
    for name in STEPS:
        pattern = pattern.replace(re.escape(f"{{{name}}}"), f"({_NUMBER}(?: to {_NUMBER})?)")
    found = re.search(pattern, page)
    if found is None:
        raise ValueError(f"{PAGE.name} has no block of figures as this version writes it: run it with --write")
    order = sorted(STEPS, key=lambda name: TEXT.index(f"{{{name}}}"))
    ranges = {name: Range.read(text) for name, text in zip(order, found.groups(), strict=True)}
    if recipe_row(ranges) not in page:
        raise ValueError(f"{PAGE.name}'s row of `{RECIPE}` does not have its block's figures: run it with --write")
    return ranges


def rewritten(page: str, ranges: Mapping[str, Range]) -> str:
    """The page with these ranges in it."""
    start, end = page.index(BEGIN), page.index(END)
    page = page[:start] + BEGIN + block(ranges) + page[end:]
    return re.sub(rf"^\| `{RECIPE}` \|.*$", lambda _: recipe_row(ranges), page, count=1, flags=re.MULTILINE)


def rewritten_readme(readme: str, ranges: Mapping[str, Range]) -> str:
    """README with these ranges in it."""
    return re.sub(r"^\| digits: .*$", lambda _: readme_row(ranges), readme, count=1, flags=re.MULTILINE)


def outside(ranges: Mapping[str, Range], found: Mapping[int, Figures]) -> list[str]:
    """A line for every figure of a seed that is not within its range."""
    return [
        f"seed {seed}: {name} is {figures[name]:g}, {PAGE.name} says {ranges[name].text(step)}"
        for seed, figures in found.items()
        for name, step in STEPS.items()
        if figures[name] not in ranges[name]
    ]


def unused(found: Mapping[int, Figures]) -> list[str]:
    """A line for every exit that a seed leaves unused."""
    return [
        f"seed {seed}: no test image leaves at exit {k}"
        for seed, figures in found.items()
        for k in range(3)
        if not figures[f"leaving at exit {k}"]
    ]


def in_software(network: MultiExitNetwork, policy: ExitPolicy, test: Split) -> dict[str, float]:
    """Accuracies and costs on the test split, which are those of every backend."""
    costs = network.costs()
    statistics = ExitStatistics.of(policy, network.logits(test.images), test.labels, costs.fractions)
    point = evaluate(statistics, policy.threshold_codes[:-1])
    each = [float(fraction) for fraction in statistics.correct.mean(axis=1)]
    single = pipeline.best_single_exit(costs, each, statistics.exits_taken(policy.threshold_codes[:-1]))
    assert single is not None, "leaving at the first exit always costs no more than any policy"
    return {
        "accuracy": 100 * point.accuracy,
        "accuracy of the last exit": 100 * each[-1],
        "accuracy of the single exit": 100 * single["accuracy"],
        "gap to the last exit": 100 * (point.accuracy - each[-1]),
        "gain over the single exit": 100 * (point.accuracy - single["accuracy"]),
        "MACs": point.cost * costs.full,
        "fraction of MACs": 100 * point.cost,
        "full MACs": costs.full,
        "MACs of the single exit": single["macs_fraction"] * costs.full,
        "fraction of MACs of the single exit": round(100 * single["macs_fraction"], 1),  # as README shows it
        "single exit": single["exit"],
        **{f"leaving at exit {k}": 100 * fraction for k, fraction in enumerate(point.exit_rate)},
    }


def in_cycles(hardware: Mapping[str, Any]) -> dict[str, float]:
    """Of the report's part on hardware."""
    found = {
        "cycles an image": hardware["cycles_per_image"],
        "fraction of the bound": 100 * hardware["bound"] / hardware["cycles_per_image"],
    }
    for k, exit_ in enumerate(hardware["exits"]):
        for what in ("latency", "interval"):
            assert exit_[what] == exit_[f"{what}_predicted"], f"{what} of exit {k} was not predicted"
            found[f"{what} of exit {k}"] = exit_[what]
    return found


def measured(seed: int, build: Path) -> dict[str, float]:
    """Train, fit, compile and simulate the recipe with another seed."""
    recipe = hw.load_recipe(RECIPE)
    training = tuple(dataclasses.replace(phase, seed=seed) for phase in recipe.training)
    run = pipeline.Run(dataclasses.replace(recipe, training=training), build / f"seed_{seed}")
    data = recipe.data()
    network = pipeline.trained_network(run, data)
    policy = pipeline.fitted_policy(run, network, data)
    design = pipeline.compiled_design(run, network, policy)
    statistics = ExitStatistics.of(
        policy, network.logits(data.test.images), data.test.labels, network.costs().fractions
    )
    codes = encode_images(data.test.images, design.accelerator.input_format, design.accelerator.input_shape)
    stream = design.rtl.run(codes, exit_control(policy), batch=len(codes))
    built = Hardware.of(design.accelerator)
    hardware = hardware_report(design, built, data.test.images[:1], stream, statistics)
    figures = in_software(network, policy, data.test) | in_cycles(hardware)
    return {name: round(value, 6) for name, value in figures.items()}  # 100 * 0.07 is more than 7 in binary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help="where trainings are kept")
    parser.add_argument("--write", action="store_true", help="write the ranges, instead of checking them")
    options = parser.parse_args()
    try:
        ranges = {} if options.write else stated(PAGE.read_text())
    except ValueError as error:
        sys.exit(str(error))
    found: dict[int, Figures] = {}
    for seed in SEEDS:
        found[seed] = measured(seed, options.build / "readme_figures")
        print(f"seed {seed}: " + ", ".join(f"{name} {value:g}" for name, value in found[seed].items()), flush=True)
    wrong = unused(found)
    if options.write:
        by_name = {name: [seed[name] for seed in found.values()] for name in STEPS}
        ranges = {name: Range.around(widened(name, by_name[name]), step) for name, step in STEPS.items()}
        PAGE.write_text(rewritten(PAGE.read_text(), ranges))
        README.write_text(rewritten_readme(README.read_text(), ranges))
    else:
        wrong += outside(ranges, found)
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(found)} seeds: every exit is used, and every figure is in its range")


if __name__ == "__main__":
    main()
