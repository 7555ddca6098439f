"""Writes docs/exploration.md from what other benchmarks have kept in benchmarks/results.

python -m benchmarks.exploration_page --write docs/exploration.md
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import boards, inner_step, predictions, search_quality, search_workers
from benchmarks import early_exit_gain as gain
from hwcodesign.exploration.queues import StageCycles, cycles_per_sample
from hwcodesign.storage.fields import read_json
from hwcodesign.storage.files import write_text

#: ATHEENA's design A2: its clock, the rate of its first stage, fractions that go on, and its own figures by the samples
#: of its buffer.
_CLOCK, _RATE, _GOES_ON, _A2 = 125e6, 48_810, 0.25, {1: 32_957, 4: 38_445, 16: 44_688, 64: 47_890}
#: What it says that K = 16 costs where more samples go on.
_COSTS = {0.30: 0.10, 0.40: 0.30}
_BURST, _SAMPLES = 16, 102_400


def athena_rate(goes_on: NDArray[np.bool_], depth: int) -> float:
    """Samples a second of A2 by our model, for samples of which some go on."""
    first = round(_CLOCK / _RATE)
    stages = (StageCycles(first, first), StageCycles(round(first / _GOES_ON), round(first / _GOES_ON)))
    return _CLOCK / cycles_per_sample(stages, [int(on) for on in goes_on], depth)


def athena() -> Iterator[str]:
    """Their curve by our model; the second stage is as fast as a quarter of the samples asks."""
    draws = np.random.default_rng(1).random(_SAMPLES)
    chance = draws < _GOES_ON
    bursts = np.sort(chance.reshape(-1, _BURST * 4), axis=1).reshape(-1)
    yield "| K | ATHEENA | our K | our K + 2 | our K + 2, bursts of 16 |"
    yield "|---:|---:|---:|---:|---:|"
    for depth, theirs in _A2.items():
        own = [athena_rate(chance, depth), athena_rate(chance, depth + 2), athena_rate(bursts, depth + 2)]
        yield f"| {depth} | {theirs:,} | " + " | ".join(f"{rate:,.0f}" for rate in own) + " |"
    yield ""
    known = athena_rate(chance, 18)
    costs = [
        f"{1 - athena_rate(draws < q, 18) / known:.0%} at q = {q:.2f} (theirs {cost:.0%})" for q, cost in _COSTS.items()
    ]
    yield f"With K = 16, samples that go on more often cost {' and '.join(costs)}."


def measured() -> list[tuple[str, dict[str, Any]]]:
    """All designs that were measured, each once: network and figures."""
    found = {row.measured["hash"]: (row.recipe, row.measured) for row in predictions.results()}
    if gain.RESULTS.exists():
        rows = [gain.Row(**row) for row in read_json(gain.RESULTS)]
        found |= {row.hash: (row.recipe, row.measured) for row in rows if row.measured}
    return list(found.values())


def _error(pair: dict[str, float]) -> float:
    return abs(pair["predicted"] / pair["measured"] - 1) if pair["measured"] else float(pair["predicted"] != 0)


def _worst(errors: Sequence[float]) -> str:
    return f"{median(errors):.1%} | {max(errors):.1%}" if errors else "- | -"


def _late(designs: Sequence[dict[str, Any]], name: str) -> str:
    """The largest error of a latency in the stream, of those designs of which it was measured."""
    errors = [_error(one[name]) for one in designs if name in one]
    return f"{max(errors):.1%} of {len(errors)}" if errors else "-"


def predicted_table() -> Iterator[str]:
    """Errors of predictions, by network and for all."""
    found = measured()
    synthesised = [one for _, one in found if one["resources"]]
    yield f"{len(found)} designs have been simulated, and {len(synthesised)} of them synthesised."
    yield ""
    yield (
        "| network | designs | intervals and latencies that are not exact | images/s: median | worst | mean latency: "
        "worst | 99 %: worst | synthesised | LUT: median | worst | DSP that differ | BRAM that differ |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for name in [*dict.fromkeys(name for name, _ in found), "all"]:
        own = [one for network, one in found if name in (network, "all")]
        pairs = [pair for one in own for pair in (*one["latency"], *one["interval"])]
        wrong = sum(pair["predicted"] != pair["measured"] for pair in pairs)
        rates = [_error(one["cycles_per_image"]) for one in own]
        resources = [one["resources"] for one in own if one["resources"]]
        luts = [_error(one["lut"]) for one in resources]
        differ = [
            sum(one[kind]["predicted"] != one[kind]["measured"] for one in resources) for kind in ("dsp", "bram18")
        ]
        yield (
            f"| {name} | {len(own)} | {wrong} of {len(pairs)} | {_worst(rates)} | {_late(own, 'stream_mean')} | "
            f"{_late(own, 'stream_p99')} | {len(resources)} | {_worst(luts)} | "
            f"{differ[0]} | {differ[1]} |"
        )


def headline() -> str:
    """The table of designs with and without early exits."""
    return gain.table([gain.Row(**row) for row in read_json(gain.RESULTS)])


def quality() -> str:
    """What samplers found of the optimum of a small space."""
    found = read_json(search_quality.RESULTS)
    lines = []
    for name in dict.fromkeys(row["sampler"] for row in found["rows"]):
        last = max(row["evaluations"] for row in found["rows"])
        ends = [row["fraction"] for row in found["rows"] if row["sampler"] == name and row["evaluations"] == last]
        lines.append(f"* {name}: {', '.join(f'{end:.2%}' for end in ends)}")
    head = (
        f"The space has {found['points']} points, all of which were evaluated; the best of those that are as accurate "
        f"as the last exit has {found['optimum']:,.0f} images/s. After {search_quality.TRIALS} evaluations, with three "
        "seeds, the best one that each sampler had found has, of that:"
    )
    return "\n".join([head, "", *lines, "", "![the search against others](pictures/search_quality.svg)"])


def choices() -> str:
    """The choice of units beside all combinations, and how many a second."""
    found = read_json(inner_step.RESULTS)
    rows = [inner_step.Compared(**row) for row in found["compared"]]
    met = [row for row in rows if row.exact is not None]
    gaps = [row.chosen / row.exact - 1 for row in met if row.chosen is not None and row.exact]
    shortest = [
        row.chosen_interval / row.exact_interval - 1 for row in rows if row.exact_interval and row.chosen_interval
    ]
    lines = [
        f"{len(rows)} wishes were drawn for {len(inner_step.SMALL)} small networks, each for a part of a board. For "
        f"{len(met)} of them, a combination of units is within the share; the choice finds one for {len(gaps)}. It "
        f"takes {max(gaps):.2%} more than the best of all combinations at worst. For {len(shortest)} parts, the "
        "shortest interval for which there is a combination was looked for: that of the choice is "
        f"{max(shortest):.2%} longer at worst. On a part of 900 LUTs, a test has a choice that takes 1.3 % more.",
        "",
        f"{inner_step.COUNT:,} choices for exit rates and intervals that are drawn, on a {inner_step.BOARD} of which "
        "other hardware takes up to 30 %, in processor time of one core. It has to know what units take; the first "
        "choices find that out.",
        "",
        "| network | layers | choices a second and core | before units are known | within the share | proven | could "
        "take less by: mean | worst |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in found["counted"]:
        one = inner_step.Counted(**row)
        lines.append(
            f"| {one.network} | {one.layers} | {inner_step.COUNT / one.seconds:,.0f} | {one.first_seconds:,.0f} s | "
            f"{one.within:.1%} | {one.proven:.1%} | {one.gap[0]:.2%} | {one.gap[1]:.1%} |"
        )
    lines += [
        "",
        '"proven": a choice was found, or prices prove that there is none of the units that are compared. "could take '
        'less": what prices do not rule out, not what a better choice is known to save.',
    ]
    return "\n".join(lines)


_PAGE = """\
# Explorations, measured

    HWCODESIGN_DATA=… python -m benchmarks.early_exit_gain
    HWCODESIGN_DATA=… python -m benchmarks.predictions
    python -m benchmarks.inner_step
    python -m benchmarks.search_quality
    HWCODESIGN_DATA=… python -m benchmarks.boards
    HWCODESIGN_DATA=… python -m benchmarks.search_workers
    python -m benchmarks.exploration_page --write docs/exploration.md

[explore.md](explore.md) says how designs are searched. Results are in `benchmarks/results`. `early_exit_gain`,
`predictions` and `boards` go on where they were stopped; the others begin again.

## What early exits gain

For each size, the best design without early exits, without the hardware of their heads, stands against the fastest one
with them that is as accurate on the fitting split; the accuracy of all test images stands behind it. Both come from
the same search, of {alone} trials without and {trials} with exits, and may take as many LUTs, and of DSP blocks and
block RAM as large a fraction of a ZC706. "as fast with" is the smallest design with early exits that has the
throughput of the one without; "share" is what it takes of the scarcest resource, and "LUT" of the LUTs, both as a
fraction of what the one without takes. Images/s are at 125 MHz, simulated in RTL on the first test images in their
order, as many as below; those of ratios with a * are predicted. Resources are estimated.

{headline}

A design without exits has few speeds, since folds divide a layer's work: part of a ratio is that the next faster one
just does not fit. At 4,000 LUTs, what a head, its decision and a buffer take is more than what they save, and a search
with `none` among its criteria leaves the exit out. At the size of the whole board the first layers of both take
[several pixels](hardware.md#several-pixels-in-a-beat) in a cycle, and the words of an image bind both.

Exits of ResNet-8 save less: where they may cost no accuracy, a third of the images leave at its first one, or four
fifths at its second one, behind two of three stages; and heads take room. They pay where some accuracy may be given
([wide_networks.md](wide_networks.md)), or where there is room.

## Predicted and measured

Designs are drawn over the whole space: exits, criterion, thresholds and throughput. Intervals and latencies are those
of each exit. Images/s are those of test images in their order, by the model of the queues between stages, and in RTL;
latencies are those of the same images, from the first word to the record: the mean, and what 99 % have at most. Up to
40 images are simulated of ResNet-8 and MSDNet, 200 of B-LeNet and 400 of the others, and fewer, but at least 8, where a
design is so slow that they would take more than 5,000,000 cycles. `msdnet_small` is MSDNet with three exits and a
quarter of its channels (`benchmarks/predictions.py`), whose stages hand on tensors of three sizes.

The model of the queues knows each stage's interval, and from exact automata how a stream of easy samples behaves, how
early a later stage reads, and how many samples the first stage takes in while it can write nothing. The designs of the
table above are among them.

{predicted}

## ATHEENA's queue

ATHEENA's design A2 by our model of the queues, in samples a second: the first stage takes {rate:,}, the second a
quarter of that, and a quarter of the samples go on, by chance. A place of our buffers is taken from the first word that
is written to the last one that the next stage has read, so that theirs of K samples is about ours of K + 2.

{athena}

## The choice of units

{choices}

## The search against others

{quality}

## ResNet-8 on all boards

    hwcodesign train {resnet8} --published
    hwcodesign explore {resnet8} --board all

MLPerf Tiny's network with weights and activations of 4 bits, three exits and the published weights, on CIFAR-10 (JPEG):
for each board the fastest design of {board_trials} without early exits, and below it the fastest one that is at most a
point less accurate on the fitting split. "exits" says how many images leave at each. All figures are predicted.

{boards}

## Two workers

Searches of the same space from the beginning, with one worker, which is the process itself, and with two, which are it
and another process, on two cores. The time in which the other one starts is included. Kernels of the network, which a
search exports once, were there. Each process finds out for itself what units take, and one of them alone keeps what was
found: the less an evaluation takes, the more this weighs.

{workers}
"""


def page() -> str:
    return _PAGE.format(
        alone=gain.ALONE,
        trials=gain.TRIALS,
        headline=headline(),
        predicted="\n".join(predicted_table()),
        rate=_RATE,
        athena="\n".join(athena()),
        choices=choices() if inner_step.RESULTS.exists() else "Not measured yet.",
        quality=quality() if search_quality.RESULTS.exists() else "Not measured yet.",
        resnet8=boards.RECIPE,
        board_trials=read_json(boards.RESULTS)["trials"] if boards.RESULTS.exists() else 0,
        boards=boards.table() if boards.RESULTS.exists() else "Not measured yet.",
        workers=search_workers.table() if search_workers.RESULTS.exists() else "Not measured yet.",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, help="file to write")
    arguments = parser.parse_args()
    if arguments.write:
        write_text(arguments.write, page())
    else:
        print(page())


if __name__ == "__main__":
    main()
