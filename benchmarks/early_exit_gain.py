"""The best design without early exits against the best with them, found by the same search at equal resources.

HWCODESIGN_DATA=… python -m benchmarks.early_exit_gain --recipes blenet_mnist

Both are simulated in RTL. Results are kept in benchmarks/results/early_exit_gain.json, so that a run that was stopped
goes on; `python -m benchmarks.exploration_page` writes them into docs/exploration.md. With --synthesise, designs go
through Yosys, too; --predict leaves out the simulation.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hwcodesign as hw
from benchmarks.predictions import images_of, streamed_again
from hwcodesign.backends.streamrtl.choosing import SHARE
from hwcodesign.designs.boards import BOARDS
from hwcodesign.errors import SettingsError
from hwcodesign.fitting.search import evaluate
from hwcodesign.pipeline import Run, trained_network
from hwcodesign.policies import ExitStatistics
from hwcodesign.search.evaluation import Evaluated
from hwcodesign.search.exploring import Exploration
from hwcodesign.search.front import Wishes
from hwcodesign.search.space import NO_EXITS
from hwcodesign.search.verifying import built, verified
from hwcodesign.storage.fields import read_json
from hwcodesign.storage.files import sha256_json, write_json

RECIPES = ("blenet_mnist", "blenet_fashion", "resnet8_cifar_w4a4")
KEPT, RESULTS = Path("build/early_exit_gain"), Path("benchmarks/results/early_exit_gain.json")
#: LUTs that designs may take; of everything else, the same fraction of the board.
SIZES = (4_000, 5_000, 10_000, 25_000, int(SHARE * BOARDS["zc706"].capacity.lut))
CRITERIA = ("margin", "max_softmax", "entropy")
#: Early exits may cost no accuracy on the fitting split; a space needs a largest drop above zero.
TRIALS, ALONE, DROP, SEED, SYNTHESIS = 30, 10, 1e-6, 1, 3600.0
#: Of these the RTL is simulated.
SIMULATED = ("without", "with")


@dataclass(frozen=True)
class Row:
    """A design.

    Attributes:
        recipe: its network.
        size: LUTs that it may take.
        kind: "without", "with" early exits, or "equal": with them, at the throughput of the one without.
        found: what was predicted, as plain data.
        test: accuracy and exit rates of all test images, by software.
        hash: of the design; empty if it was not built.
        measured: as `Verified` has it; nothing if it was not simulated.
    """

    recipe: str
    size: int
    kind: str
    found: dict[str, Any]
    test: dict[str, Any] = dataclasses.field(default_factory=dict)
    hash: str = ""
    measured: dict[str, Any] = dataclasses.field(default_factory=dict)


@cache
def network_and_data(name: str) -> tuple[hw.MultiExitNetwork, hw.Dataset]:
    recipe = hw.load_recipe(name)
    data = recipe.data()
    if name.startswith("resnet8"):
        return recipe.published(), data
    return trained_network(Run(recipe, Path("build") / name), data), data


def exploration(recipe: str, size: int, folder: str) -> Exploration:
    network, data = network_and_data(recipe)
    whole = BOARDS["zc706"].capacity.lut
    board = f"zc706@{min(whole, round(size / SHARE)):.0f}"
    return Exploration(recipe, network, data, board, KEPT / recipe / folder)


def designs(recipe: str, size: int) -> Iterator[tuple[str, Exploration, Evaluated]]:
    """Yields the best design without early exits, the fastest with them that is as accurate, and the smallest of these
    that is as fast.
    """
    without = exploration(recipe, size, "without")
    without.search(without.space((NO_EXITS,), DROP), ALONE, SEED)
    (best,) = without.best(Wishes(), "images_per_second")
    alone = without.design(best)
    yield "without", without, alone
    having = exploration(recipe, size, "with")
    having.search(having.space(CRITERIA, DROP), TRIALS, SEED)
    as_accurate = Wishes(accuracy=alone.figures.accuracy)
    (best,) = having.best(as_accurate, "images_per_second")
    yield "with", having, having.design(best)
    point = dataclasses.replace(having.design(best).point, images_per_second=alone.figures.images_per_second)
    yield "equal", having, having.subject.evaluate(point)


def rows(recipe: str, size: int, *, simulate: bool, synthesise: bool) -> Iterator[Row]:
    kept = [Row(**row) for row in read_json(RESULTS)] if RESULTS.exists() else []
    _, data = network_and_data(recipe)
    for kind, one, found in designs(recipe, size):
        row, simulates = Row(recipe, size, kind, _plain(found)), simulate and kind in SIMULATED
        same = [old for old in kept if (old.recipe, old.size, old.kind, old.found) == dataclasses.astuple(row)[:4]]
        if (
            same
            and (not simulates or same[0].measured)
            and (not (simulates and synthesise) or same[0].measured.get("resources"))
        ):
            row = same[0] if same[0].test else dataclasses.replace(same[0], test=tested(one, found))
            keep(row)
            yield row
            continue
        row = dataclasses.replace(row, test=tested(one, found))
        if simulates:
            folder = KEPT / recipe / sha256_json(row.found)[:12]
            design = built(one.network, found, one.board, folder, recipe)
            limit = SYNTHESIS if synthesise else None
            images = images_of(recipe, found.figures.images_per_second, one.board)
            result = verified(design, found.figures, data.test.images[:images], data.test.labels[:images], limit)
            row = dataclasses.replace(row, hash=result.hash, measured=result.to_json())
        keep(row)
        yield row


def tested(one: Exploration, found: Evaluated) -> dict[str, Any]:
    """What the policy of a design does with all test images."""
    test, variant = one.data.test, one.subject.variants.with_exits(found.point.early_exits)
    logits, costs = variant.design.logits(test.images), variant.design.costs().fractions
    statistics = ExitStatistics.of(found.policy, logits, test.labels, costs)
    outcome = evaluate(statistics, found.policy.threshold_codes[:-1])
    return {"accuracy": outcome.accuracy, "exit_rate": list(outcome.exit_rate)}


def _plain(found: Evaluated) -> dict[str, Any]:
    point = {**dataclasses.asdict(found.point), "early_exits": list(found.point.early_exits)}
    figures = {**dataclasses.asdict(found.figures), "exit_rate": list(found.figures.exit_rate)}
    return {"point": point, "figures": figures}


def keep(row: Row) -> None:
    """Puts a row into the file, in the place of an earlier one."""
    kept = [Row(**old) for old in read_json(RESULTS)] if RESULTS.exists() else []
    kept = [old for old in kept if (old.recipe, old.size, old.kind) != (row.recipe, row.size, row.kind)] + [row]
    order = sorted(kept, key=lambda old: (RECIPES.index(old.recipe), old.size, old.kind))
    write_json(RESULTS, [dataclasses.asdict(old) for old in order])


def throughput(row: Row) -> float:
    """Images/s in RTL, or as predicted where it was not simulated."""
    if not row.measured:
        return float(row.found["figures"]["images_per_second"])
    return BOARDS["zc706"].clock_mhz * 1e6 / float(row.measured["cycles_per_image"]["measured"])


def taken(row: Row) -> str:
    resources = row.found["figures"]["resources"]
    return " / ".join(f"{resources[name]:,}" for name in ("lut", "dsp", "bram18"))


def accuracies(row: Row) -> str:
    """The accuracy of the fitting split, by which designs were chosen, and that of all test images."""
    test = f"{row.test['accuracy']:.2%}" if row.test else "-"
    return f"{row.found['figures']['accuracy']:.2%}, {test}"


def largest(row: Row, other: Row) -> float:
    """The largest fraction of the other's resources that a design takes, of those that the other has much of."""
    return float(row.found["figures"]["share"] / other.found["figures"]["share"])


def table(found: Sequence[Row]) -> str:
    """A row for each size: both designs, the ratio, and the resources at equal throughput."""
    lines = [
        "| network | LUT | without: accuracy, test | images/s | LUT / DSP / BRAM18 | with: accuracy, test | go on | "
        "images/s | "
        "LUT / DSP / BRAM18 | times as fast | as fast with: LUT / DSP / BRAM18 | share | LUT |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    by_key = {(row.recipe, row.size, row.kind): row for row in found}
    for recipe, size in dict.fromkeys((row.recipe, row.size) for row in found if row.kind == "without"):
        if not {(recipe, size, kind) for kind in ("with", "equal")} <= set(by_key):
            continue  # it was stopped there
        alone, early, equal = (by_key[recipe, size, kind] for kind in ("without", "with", "equal"))
        simulated = "" if alone.measured and early.measured else " *"
        figures, others = alone.found["figures"], early.found["figures"]
        luts = equal.found["figures"]["resources"]["lut"] / figures["resources"]["lut"]
        lines.append(
            f"| `{recipe}` | {size:,} | {accuracies(alone)} | {throughput(alone):,.0f} | {taken(alone)} | "
            f"{accuracies(early)} | {1 - others['exit_rate'][0]:.1%} | {throughput(early):,.0f} | "
            f"{taken(early)} | "
            f"**{throughput(early) / throughput(alone):.2f}**{simulated} | {taken(equal)} | "
            f"{largest(equal, alone):.0%} | {luts:.0%} |"
        )
    return "\n".join(lines)


def predict_again(recipe: str) -> None:
    """Predicts the streams of a recipe's designs anew that were simulated and would be built in the same way."""
    for row in [Row(**old) for old in read_json(RESULTS)]:
        if row.recipe != recipe or not row.measured:
            continue
        measured = streamed_again(exploration(recipe, row.size, row.kind), row.found["point"], row.measured)
        if measured is None:
            print(f"{recipe} {row.size} {row.kind}: another design now, which was not measured", flush=True)
        else:
            keep(dataclasses.replace(row, measured=measured))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=RECIPES)
    parser.add_argument("--sizes", nargs="+", type=int, choices=SIZES, default=SIZES)
    parser.add_argument("--predict", action="store_true", help="without simulation")
    parser.add_argument("--synthesise", action="store_true", help="with Yosys")
    parser.add_argument("--again", action="store_true", help="predict the streams of what was simulated anew")
    arguments = parser.parse_args()
    if arguments.again:
        for recipe in arguments.recipes:
            predict_again(recipe)
        return
    for recipe in arguments.recipes:
        for size in arguments.sizes:
            found = rows(recipe, size, simulate=not arguments.predict, synthesise=arguments.synthesise)
            try:
                first = next(found)
            except SettingsError as error:  # no design is so small
                print(f"{recipe} in {size:,} LUTs: {error}", flush=True)
                continue
            print(table([first, *found]), flush=True)


if __name__ == "__main__":
    main()
