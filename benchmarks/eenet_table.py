"""EENet's table: ResNet with 3 exits, DenseNet with 4 and MSDNet with 5, at three budgets, by four policies.

    HWCODESIGN_DATA=… python -m benchmarks.eenet_table --write docs/eenet_table.md

Small settings by default, for two cores; `--setting full --device cuda` has the publication's networks. A run that was
stopped goes on (`benchmarks.eenet_networks`).
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.eenet_networks import POLICIES, SETTINGS, Found, Network, Point, Setting, data, measured
from hwcodesign.data import Dataset
from hwcodesign.storage.files import write_text

#: Of the publication's Table 1 (Ilhan et al., WACV 2024): data, network, full latency and budgets, and accuracies in
#: percent of the policies, in the order of `POLICIES`.
PUBLISHED = (
    (
        "CIFAR-10, ResNet-56, 3 exits",
        "4.70 ms: 3.50 / 3.00 / 2.50",
        ("93.76 / 92.57 / 87.55", "93.81 / 92.79 / 88.76", "93.69 / 91.85 / 84.39", "93.84 / 92.90 / 88.90"),
    ),
    (
        "CIFAR-100, DenseNet-121, 4 exits",
        "10.20 ms: 7.50 / 6.75 / 6.00",
        ("73.96 / 71.65 / 68.13", "74.01 / 71.99 / 68.70", "73.68 / 68.10 / 61.13", "74.08 / 72.75 / 70.15"),
    ),
    (
        "ImageNet, MSDNet-35, 5 exits",
        "2.35 s: 1.50 / 1.25 / 1.00",
        ("74.10 / 72.44 / 69.32", "74.13 / 72.70 / 69.76", "74.05 / 72.40 / 68.13", "74.18 / 72.75 / 69.88"),
    ),
)


def spread(values: Sequence[float], scale: float = 100, digits: int = 2) -> str:
    """Mean and standard deviation over the seeds."""
    scaled = [scale * value for value in values]
    deviation = statistics.stdev(scaled) if len(scaled) > 1 else 0.0
    return f"{statistics.fmean(scaled):.{digits}f} ± {deviation:.{digits}f}"


def cell(points: Sequence[Point]) -> str:
    """Accuracy and cost of one policy at one budget; dashes where a seed has no thresholds that meet it."""
    accuracies = [point.accuracy for point in points if point.accuracy is not None]
    costs = [point.cost for point in points if point.cost is not None]
    if len(accuracies) < len(points):
        return "- | -"
    return f"{spread(accuracies)} | {spread(costs, 1, 3)}"


def matching(found: Sequence[Found], policy: str, budget: float | None, agreements: int | None) -> list[Point]:
    """The points of one row, a point for each seed; any budget where agreements are given."""
    return [
        point
        for one in found
        for point in one.points
        if point.policy == policy
        and point.agreements == agreements
        and (agreements is not None or point.budget == budget)
    ]


def section(network: Network, found: Sequence[Found]) -> str:
    first = found[0]
    exits = " / ".join(spread(values) for values in zip(*(one.exits for one in found), strict=True))
    costs = ", ".join(f"{cost:.2f}" for cost in first.costs)
    rows = "".join(
        f"| `{policy}` | "
        + " | ".join(cell(matching(found, policy, budget, None)) for budget in network.budgets)
        + " |\n"
        for policy in POLICIES
    )
    patience = "".join(
        f"| {agreements} | {cell(matching(found, 'patience', None, agreements))} "
        f"| {cell(matching(found, 'eenet', None, agreements))} |\n"
        for agreements in range(1, len(first.costs) - 1)
    )
    sizes = ", ".join(f"{size} = {value}" for size, value in network.sizes.items())
    head = " | ".join(f"{budget:g}: accuracy, % | cost" for budget in network.budgets)
    return f"""
## {network.name}, {len(first.costs)} exits

`{network.recipe}` with {sizes}: {first.macs:,} multiply-accumulates, exits at {costs} of them. Accuracy of each exit in
percent: {exits}.

| policy | {head} |
|---|{"---:|" * (2 * len(network.budgets))}
{rows}
| agreements | patience: accuracy, % | cost | EENet: accuracy, % | cost |
|---:|---:|---:|---:|---:|
{patience}"""


def document(setting: Setting, split: Dataset, found: Mapping[str, Sequence[Found]]) -> str:
    """The page, with the command that repeats it."""
    training, seeds = setting.training, len(next(iter(found.values())))
    sections = "".join(section(network, found[network.name]) for network in setting.networks)
    published = "".join(f"| {what} | {budgets} | {' | '.join(figures)} |\n" for what, budgets, figures in PUBLISHED)
    moved = "cropped and mirrored" if training.crop else "mirrored"
    return f"""# The shape of EENet's table

    HWCODESIGN_DATA=… python -m benchmarks.eenet_table --setting {setting.name} --write docs/eenet_table.md

These are results of the **{setting.name}** setting: {training.epochs} epochs on {len(split.training):,} training images
of {split.name}, {moved} at random, in batches of {training.batch_size}, all exits jointly; networks as named below.
The other setting is `--setting {other(setting)}`: {described(SETTINGS[other(setting)])}. It has not been run for this
page. A run that was stopped goes on where it was.

Each network is trained with {seeds} seeds, and answers in floating point, as in the publication; its logits are rounded
to 16 bits, on which policies decide. They are fitted to {len(split.fitting):,} images, `eenet` learns from one half of
these. All figures are of {len(split.test):,} test images: mean ± standard deviation over the seeds. Costs are fractions
of the multiply-accumulates of all stages and the last head; early heads come on top. The budgets are about the
fractions of the full latency that the publication has. The softmax of each exit is calibrated.

Patience meets only a few costs: dashes where none of them is within the budget. The second table of each network has
what patience gives with each number of agreements, and EENet fitted to that cost.
{sections}
## What is published

F. Ilhan et al., "Adaptive Deep Neural Network Inference Optimization with EENet" (WACV 2024), has such a table of
networks that were trained in full, on other data, with budgets of measured latency. Its figures, in percent, are not
comparable with those above. They are here for how far policies lie apart.

| data, network | full latency: budgets | entropy | largest softmax | patience | EENet |
|---|---|---|---|---|---|
{published}"""


def other(setting: Setting) -> str:
    return next(name for name in SETTINGS if name != setting.name)


def described(setting: Setting) -> str:
    """A setting in words."""
    images = f"{setting.images:,} training images" if setting.images else "all training images"
    networks = ", ".join(network.name for network in setting.networks)
    return f"{networks}, {setting.training.epochs} epochs on {images}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setting", choices=SETTINGS, default="small")
    parser.add_argument("--seeds", type=int, default=3, help="networks of each kind")
    parser.add_argument("--device", default="cpu", help="where networks are trained, such as cuda")
    parser.add_argument("--write", type=Path, help="document to write")
    options = parser.parse_args()
    setting: Setting = SETTINGS[options.setting]
    split = data(setting.images)
    found: dict[str, list[Found]] = {network.name: [] for network in setting.networks}
    for seed in range(1, options.seeds + 1):
        for network in setting.networks:
            one = measured(setting, network, seed, split, device=options.device)
            found[network.name].append(one)
            print(network.name, seed, *(f"{100 * value:.2f}" for value in one.exits), flush=True)
    text = document(setting, split, found)
    if options.write:
        write_text(options.write, text)
    else:
        print(text)


if __name__ == "__main__":
    main()
