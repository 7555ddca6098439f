"""The zoo's recipes as they come: how long they train, how often each exit is right, and that all places agree.

    HWCODESIGN_DATA=… python -m benchmarks.zoo_networks pace training agreement

Each recipe is trained on one thread and quantised; ResNet-8 has the weights that come with the package. Software and
the generated C++ are held to Brevitas, on every value between segments, every logit and every record; a network that
has not been trained here has random weights. What was measured is kept below build/zoo, so that a run that was stopped
goes on.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import hwcodesign as hw
from hwcodesign.data import Dataset
from hwcodesign.networks.floating import float_logits
from hwcodesign.recipe_files import recipe_names
from hwcodesign.storage.fields import read_json
from hwcodesign.storage.files import sha256_json, write_json
from hwcodesign.training import quantised, read_quantised
from hwcodesign.training.published import published_weights
from hwcodesign.verification.comparison import (
    brevitas_outputs,
    brevitas_records,
    compare_outputs,
    compare_records,
    require_equal,
)

KEPT = Path("build/zoo")
#: Images that are compared, and those that tell how many the C++ computes in the time that it may take.
IMAGES, FIRST = 200, 8
LIMIT = 600.0
_PACE, _TRAINED, _AGREEMENT = "pace.json", "trained.json", "agreement.json"
#: That tell how long a training takes; a network of small data has fewer.
_STEPS = 10


@dataclass(frozen=True)
class Trained:
    """What a recipe's training takes, and gives on the test split.

    Attributes:
        minutes: of processor time, on one thread; evaluation is not in it.
        epochs: of all phases.
        floating, integers: fraction of right answers of each exit, in floating point, and quantised to 8 bits.
    """

    minutes: float
    epochs: int
    floating: tuple[float, ...]
    integers: tuple[float, ...]


@dataclass(frozen=True)
class Agreement:
    """On how much software and C++ agree with Brevitas: the comparison raises an error otherwise.

    Attributes:
        weights: "published", "trained" or "random".
        software, csim: number of images.
        exits: how many of the images leave at each exit in software.
        values: integers that the C++ computed and that were compared, other than records.
        building, running: minutes of processor time of g++, and of the C++ on its images.
    """

    weights: str
    software: int
    csim: int
    exits: tuple[int, ...]
    values: int
    building: float
    running: float


class _Watch:
    """It counts the epochs that are trained in this process, and notes the processor time at the end of each step."""

    def __init__(self) -> None:
        self.epochs = 0
        self.ends: list[float] = []

    def epoch(self, number: int, epochs: int, steps: int) -> None:  # noqa: ARG002  # an observer's
        self.epochs += 1

    def step(self, loss: float, accuracy: Sequence[float]) -> None:  # noqa: ARG002
        self.ends.append(time.process_time())


def pace(recipe: hw.Recipe, data: Dataset, folder: Path) -> float:
    """Minutes that the training would take on one thread, from the median of some steps, now or before."""
    kept, seconds = kept_pace(recipe, folder), 0.0
    if kept is not None:
        return kept
    for phase in recipe.training:
        watch, few = _Watch(), data.training.take(_STEPS * phase.batch_size)
        part = dataclasses.replace(data, training=few)
        hw.train(recipe.build(), part, dataclasses.replace(phase, epochs=1), observer=watch)
        steps = phase.epochs * (len(data.training) // phase.batch_size)
        seconds += statistics.median(after - before for before, after in itertools.pairwise(watch.ends)) * steps
    write_json(folder / _PACE, {"key": _settings(recipe), "minutes": seconds / 60})
    return seconds / 60


def kept_pace(recipe: hw.Recipe, folder: Path) -> float | None:
    """What a former run told of the same settings."""
    path = folder / _PACE
    if not path.exists() or (kept := read_json(path))["key"] != _settings(recipe):
        return None
    return float(kept["minutes"])


def trained(recipe: hw.Recipe, data: Dataset, folder: Path) -> Trained:
    """Trains a recipe on one thread and quantises it, now or before."""
    kept, phases = kept_training(recipe, folder), recipe.training
    if kept is not None:
        return kept
    network, seen = recipe.build(), _Watch()
    assert isinstance(network, hw.FloatNetwork)
    assert recipe.quantisation is not None
    start = time.process_time()
    history = hw.train(network, data, *phases, checkpoint=folder / "training", observer=seen)
    minutes = (time.process_time() - start) / 60
    if not seen.epochs:
        raise SystemExit(f"{folder / 'training'} is complete, but nobody knows how long it took: remove it")
    integers = quantised(network, data, recipe.quantisation, folder=folder / "quantised")
    found = Trained(
        minutes * len(history) / seen.epochs,  # a training that went on knows its own epochs alone
        len(history),
        right(float_logits(network, data.test.images), data.test.labels),
        right(integers.logits(data.test.images), data.test.labels),
    )
    write_json(folder / _TRAINED, {"key": _settings(recipe), **dataclasses.asdict(found)})
    return found


def kept_training(recipe: hw.Recipe, folder: Path) -> Trained | None:
    """What a former run measured with the same settings."""
    path = folder / _TRAINED
    if not path.exists() or (kept := read_json(path))["key"] != _settings(recipe):
        return None
    return Trained(kept["minutes"], kept["epochs"], tuple(kept["floating"]), tuple(kept["integers"]))


def kept_agreement(folder: Path) -> tuple[Agreement, str] | None:
    """What a former run compared, and the digest of its network."""
    path = folder / _AGREEMENT
    if not path.exists():
        return None
    kept = read_json(path)
    digest = str(kept.pop("key"))
    return Agreement(**{**kept, "exits": tuple(kept["exits"])}), digest


def _settings(recipe: hw.Recipe) -> str:
    phases = [phase.to_json() for phase in recipe.training]
    asked = None if recipe.quantisation is None else recipe.quantisation.to_json()
    return sha256_json({"training": phases, "quantisation": asked})


def right(logits: Sequence[NDArray[np.generic]], labels: NDArray[np.int64]) -> tuple[float, ...]:
    return tuple(float((z.argmax(axis=1) == labels).mean()) for z in logits)


def on_one_thread(recipe: hw.Recipe) -> hw.Recipe:
    return dataclasses.replace(recipe, training=tuple(dataclasses.replace(p, threads=1) for p in recipe.training))


def network_of(recipe: hw.Recipe, data: Dataset, folder: Path) -> tuple[hw.MultiExitNetwork, str]:
    """The quantised network, published, trained by `trained`, or of random weights; and which of these it is."""
    if published_weights(recipe.name).exists():
        return recipe.published(), "published"
    network = recipe.build()
    assert isinstance(network, hw.FloatNetwork)
    assert recipe.quantisation is not None
    if kept_training(recipe, folder) is not None:
        kept = read_quantised(network, recipe.quantisation, folder / "quantised")
        assert kept is not None
        return kept, "trained"
    images = data.training.images[:IMAGES]
    network.train()  # so that norms see images
    with torch.no_grad():
        network(network.values(images))
    return hw.quantise(network.eval(), calibration=images), "random"


def agreement(recipe: hw.Recipe, data: Dataset, folder: Path) -> Agreement:
    """Compiles a network and compares software and C++ with Brevitas, now or before.

    Raises:
        MismatchError: they differ.
    """
    (network, weights), kept = network_of(recipe, data, folder), kept_agreement(folder)
    if kept is not None and kept[1] == network.digest():
        return kept[0]
    policy = hw.fit_policy(network, (data.fitting.images, data.fitting.labels), recipe.policy)
    with tempfile.TemporaryDirectory() as scratch:
        settings = dataclasses.replace(recipe.compile, backend="vitis")
        design = hw.compile(network, policy, settings, out=Path(scratch) / "design")
        images = data.test.images[:IMAGES]
        reference = brevitas_outputs(network, images)
        expected = brevitas_records(design, [reference[f"head{k}"] for k in range(network.exits)])
        assert len({row.tobytes() for row in reference["head0"]}) > IMAGES // 2  # or one answer would do for all

        def compare(on: str, count: int) -> int:
            part = {name: codes[:count] for name, codes in reference.items()}
            outputs = compare_outputs(on, design.segment_outputs(images[:count], on), part, "brevitas")
            records = compare_records(on, design.run(images[:count], on), expected[:count], "brevitas", "records")
            require_equal([*outputs, records])
            return sum(comparison.values for comparison in outputs)

        compare("software", IMAGES)
        start = _processor()
        _ = design.csim
        building, start = _processor() - start, _processor()
        values, count = compare("csim", FIRST), FIRST
        running = _processor() - start
        if running * IMAGES / FIRST <= LIMIT:
            start = _processor()
            values, count = compare("csim", IMAGES), IMAGES
            running = _processor() - start
    exits = tuple(np.bincount(expected["exit"], minlength=network.exits).tolist())
    found = Agreement(weights, IMAGES, count, exits, values, building / 60, running / 60)
    write_json(folder / _AGREEMENT, {"key": network.digest(), **dataclasses.asdict(found)})
    return found


def _processor() -> float:
    """Seconds of processor time of this process and of those that it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def zoo() -> list[str]:
    """Recipes that train in floating point, the quickest first."""
    names = [name for name in recipe_names() if hw.load_recipe(name).quantisation is not None]
    return sorted(names, key=lambda name: hw.load_recipe(name).build().costs().full)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="+", choices=("pace", "training", "agreement"))
    parser.add_argument("--recipes", nargs="+", default=zoo(), choices=zoo(), metavar="RECIPE")
    options = parser.parse_args()
    for step in options.steps:
        for name in options.recipes:
            recipe, folder = on_one_thread(hw.load_recipe(name)), KEPT / name
            if step == "agreement":
                print(name, agreement(recipe, recipe.data(), folder), flush=True)
            elif published_weights(name).exists():
                continue
            elif step == "pace":
                print(name, f"{pace(recipe, recipe.data(), folder):.1f} minutes", flush=True)
            else:
                print(name, trained(recipe, recipe.data(), folder), flush=True)


if __name__ == "__main__":
    main()
