"""Predicted beside measured figures of designs that are spread over the space of a search.

HWCODESIGN_DATA=… python -m benchmarks.predictions --recipes digits jet_mlp --designs 12 --synthesise 6

Each design is drawn by its number, compiled, and simulated in RTL on test images in their order; some go through Yosys.
Results are kept in benchmarks/results/predictions.json by the hash of the design, so that a run that was stopped goes
on. `python -m benchmarks.exploration_page` writes them into docs/exploration.md. With --again, the streams of designs
that were simulated are predicted anew, as after a change of the model: those whose hash is still the same.
"""

from __future__ import annotations

import argparse
import dataclasses
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import hwcodesign as hw
from benchmarks.sized_recipes import sized
from benchmarks.zoo_networks import KEPT as ZOO
from benchmarks.zoo_networks import network_of, on_one_thread
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.designs.boards import board_named
from hwcodesign.errors import PolicyError, SettingsError
from hwcodesign.exploration.queues import most_of
from hwcodesign.pipeline import Run, trained_network
from hwcodesign.policies import ExitStatistics
from hwcodesign.search.exploring import Exploration
from hwcodesign.search.space import NO_EXITS, Point, Space
from hwcodesign.search.verifying import built, predicted_stream, verified
from hwcodesign.storage.fields import read_json
from hwcodesign.storage.files import write_json

#: MSDNet with three exits and a quarter of the channels: stages hand on tensors of three scales, and many designs can
#: be simulated.
SMALL, SMALL_SIZES, SMALL_EPOCHS = "msdnet_small", {"EXITS": 3, "FIRST": (2, 4, 8), "GROWTH": (2, 2, 4)}, 2
#: Of each recipe: the board, and the most images that are simulated.
RECIPES = {
    "digits": ("pynq-z2", 400),
    "jet_mlp": ("pynq-z2", 400),
    "blenet_mnist": ("zc706", 200),
    "blenet_fashion": ("zc706", 200),
    SMALL: ("pynq-z2", 40),
    "resnet8_cifar_w4a4": ("pynq-z2", 40),
}
KEPT, RESULTS = Path("build/predictions"), Path("benchmarks/results/predictions.json")
#: Cycles after which a slow design has been simulated for long enough, and images that it is given all the same.
ENOUGH_CYCLES, LEAST_IMAGES = 5_000_000, 8
CRITERIA, DROP, SYNTHESIS = ("margin", "max_softmax", "entropy", NO_EXITS), 0.05, 3600.0


@dataclass(frozen=True)
class Result:
    """A design that was measured.

    Attributes:
        recipe: its network.
        number: of the design.
        point: as plain data.
        measured: as `Verified` has it.
    """

    recipe: str
    number: int
    point: dict[str, Any]
    measured: dict[str, Any]


def results() -> list[Result]:
    """All that were kept."""
    return [Result(**row) for row in read_json(RESULTS)] if RESULTS.exists() else []


def _small_msdnet() -> hw.Recipe:
    recipe = sized("msdnet_cifar", SMALL_SIZES)
    training = (dataclasses.replace(recipe.training[0], epochs=SMALL_EPOCHS),)
    return dataclasses.replace(recipe, name=SMALL, training=training)


@cache
def exploration(name: str) -> Exploration:
    recipe = _small_msdnet() if name == SMALL else hw.load_recipe(name)
    data, board = recipe.data(), RECIPES[name][0]
    if name.startswith("resnet8"):
        network = recipe.published()
    elif (ZOO / name).exists():
        network = network_of(on_one_thread(recipe), data, ZOO / name)[0]
    else:
        network = trained_network(Run(recipe, Path("build") / name), data)
    return Exploration(name, network, data, board, KEPT / name)


def drawn(space: Space, exits: int, number: int) -> Point:
    """The point of a number: throughputs are spread evenly on a logarithmic scale, in steps of the golden section."""
    rng = np.random.default_rng(number)
    criterion = str(rng.choice(space.criteria))
    rate = space.slowest * (space.fastest / space.slowest) ** ((number * 0.6180339887) % 1)
    if criterion == NO_EXITS:
        return Point.without_exits(rate)
    early = tuple(k for k in range(exits - 1) if rng.random() < 0.7) or (0,)
    return Point(criterion, float(rng.uniform(0, space.largest_drop)), rate, early)


def images_of(name: str, images_per_second: float, board: str | None = None) -> int:
    """Number of images that a design of this throughput is given, on a recipe's board or another."""
    cycles = board_named(board or RECIPES[name][0]).clock_mhz * 1e6 / images_per_second
    return min(RECIPES[name][1], max(LEAST_IMAGES, int(ENOUGH_CYCLES / cycles)))


def measure(name: str, number: int, *, synthesise: bool) -> Result | None:
    """Measures a design, now or before; nothing where it cannot be built."""
    before = [row for row in results() if (row.recipe, row.number) == (name, number)]
    if before and (before[0].measured["resources"] or not synthesise):
        return before[0]
    one = exploration(name)
    point = drawn(one.space(CRITERIA, DROP), one.network.exits, number)
    try:
        found = one.subject.evaluate(point)
    except (PolicyError, SettingsError) as error:
        print(f"{name} {number}: {error}", flush=True)
        return None
    design = built(one.network, found, one.board, KEPT / name / f"design{number}", name)
    test, images = one.data.test, images_of(name, found.figures.images_per_second)
    limit = SYNTHESIS if synthesise else None
    result = verified(design, found.figures, test.images[:images], test.labels[:images], limit)
    row = Result(name, number, dataclasses.asdict(point), result.to_json())
    others = [old for old in results() if old.measured["hash"] != result.hash]
    write_json(
        RESULTS,
        [dataclasses.asdict(old) for old in sorted([*others, row], key=lambda old: (old.recipe, old.number))],
    )
    return row


def streamed_again(one: Exploration, point: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any] | None:
    """What was measured of a design, with new predictions of its stream; nothing if it would be another design now.

    Args:
        point: as plain data.
    """
    variant, accelerator = one.subject.chosen(Point(**{**point, "early_exits": tuple(point["early_exits"])}))
    accelerator = dataclasses.replace(accelerator, name=one.name)  # as `built`
    if accelerator.configuration_hash != measured["hash"]:
        return None
    hardware, images = Hardware.of(accelerator, variant.known.placed), one.data.test.images[: measured["images"]]
    statistics = ExitStatistics.of(
        accelerator.policy,
        variant.design.logits(images),
        one.data.test.labels[: len(images)],
        variant.design.costs().fractions,
    )
    cycles, waiting = predicted_stream(hardware, statistics.exits_taken(accelerator.policy.threshold_codes[:-1]))
    new = {"cycles_per_image": cycles, "stream_mean": float(waiting.mean()), "stream_p99": most_of(waiting)}
    return measured | {name: {**measured[name], "predicted": value} for name, value in new.items()}


def predict_again(name: str) -> None:
    """Predicts the streams of a recipe's designs anew."""
    kept = results()
    for i, row in enumerate(kept):
        if row.recipe != name:
            continue
        measured = streamed_again(exploration(name), row.point, row.measured)
        if measured is None:
            print(f"{name} {row.number}: another design now, which was not measured", flush=True)
            continue
        kept[i] = dataclasses.replace(row, measured=measured)
        before, after = (one["stream_mean"]["predicted"] for one in (row.measured, measured))
        found = measured["stream_mean"]["measured"]
        print(f"{name} {row.number}: mean {after / found - 1:+.1%}, before {before / found - 1:+.1%}", flush=True)
    write_json(RESULTS, [dataclasses.asdict(row) for row in kept])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--designs", type=int, default=12, help="of each recipe")
    parser.add_argument("--synthesise", type=int, default=6, help="of these, how many go through Yosys")
    parser.add_argument("--again", action="store_true", help="predict the streams of what was measured anew")
    arguments = parser.parse_args()
    if arguments.again:
        for name in arguments.recipes:
            predict_again(name)
        return
    for number in range(arguments.designs):
        for name in arguments.recipes:
            row = measure(name, number, synthesise=number < arguments.synthesise)
            if row is not None:
                cycles = row.measured["cycles_per_image"]
                print(
                    f"{name} {number}: {cycles['predicted']:,.1f} cycles, measured {cycles['measured']:,.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
