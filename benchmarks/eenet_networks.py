"""Networks in the shape of EENet's table, trained once for each seed, and what their exits answer at three budgets.

What was measured is kept below build/eenet_table, a file for each network and seed, so that a run that was stopped goes
on; a training goes on from its last epoch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hwcodesign as hw
from benchmarks.sized_recipes import sized
from hwcodesign.data import Dataset
from hwcodesign.errors import PolicyError
from hwcodesign.fitting.outputs import fit_to_outputs
from hwcodesign.fitting.search import evaluate
from hwcodesign.networks.floating import fine_format, float_logits, on_grid
from hwcodesign.policies import CRITERIA, ExitStatistics
from hwcodesign.storage.fields import read_json
from hwcodesign.storage.files import sha256_json, write_json

KEPT = Path("build/eenet_table")
POLICIES = ("entropy", "max_softmax", "patience", "eenet")


@dataclass(frozen=True)
class Network:
    """A recipe with other sizes at its top, and the budgets that it is held to.

    Attributes:
        name: what the table calls it.
        recipe: its name.
        sizes: constants of the recipe.
        budgets: as fractions of the full cost, largest first; the publication's, of its full latency.
    """

    name: str
    recipe: str
    sizes: Mapping[str, Any]
    budgets: tuple[float, ...]


@dataclass(frozen=True)
class Setting:
    """The networks of a table, and how they are trained.

    Attributes:
        name: of its folder.
        networks: of the table, in its order.
        images: number of training images; 0 is all of them.
        training: of all networks, but for the seed.
    """

    name: str
    networks: tuple[Network, ...]
    images: int
    training: hw.TrainingSettings


_RESNET, _DENSENET, _MSDNET = (0.74, 0.64, 0.53), (0.74, 0.66, 0.59), (0.64, 0.53, 0.43)
SMALL = Setting(
    "small",
    (
        Network("ResNet-14", "resnet_cifar", {"DEPTH": 14, "CHANNELS": (8, 16, 32)}, _RESNET),
        Network("DenseNet-47", "densenet_cifar", {"LAYERS": (1, 4, 8, 8), "GROWTH": 4}, _DENSENET),
        Network("MSDNet", "msdnet_cifar", {"EXITS": 5, "FIRST": (4, 8, 16), "GROWTH": (2, 4, 8)}, _MSDNET),
    ),
    15_000,
    hw.TrainingSettings(epochs=4, batch_size=64, learning_rate=0.005, flip=True, threads=1),
)
FULL = Setting(
    "full",
    (
        Network("ResNet-56", "resnet_cifar", {"DEPTH": 56, "CHANNELS": (16, 32, 64)}, _RESNET),
        Network("DenseNet-121", "densenet_cifar", {"LAYERS": (6, 12, 24, 16), "GROWTH": 32}, _DENSENET),
        Network(
            "MSDNet", "msdnet_cifar", {"EXITS": 5, "LAYERS": 2, "FIRST": (16, 32, 64), "GROWTH": (6, 12, 24)}, _MSDNET
        ),
    ),
    0,
    hw.TrainingSettings(epochs=160, batch_size=128, learning_rate=0.01, crop=4, flip=True),
)
SETTINGS = {setting.name: setting for setting in (SMALL, FULL)}


@dataclass(frozen=True)
class Point:
    """What a policy gives on the test split.

    Attributes:
        policy: name of its criterion.
        budget: what was asked for; of patience, which meets only a few costs, None where `agreements` are given.
        agreements: of patience, for all exits.
        accuracy, cost: None where the policy has no thresholds that meet the budget.
    """

    policy: str
    budget: float | None
    accuracy: float | None = None
    cost: float | None = None
    agreements: int | None = None


@dataclass(frozen=True)
class Found:
    """What one trained network answers.

    Attributes:
        seed: of its weights and batches.
        macs: multiply-accumulates of all stages and the last head.
        costs: of leaving at each exit, as fractions of these.
        exits: fraction of right answers of each exit on the test split.
        points: of all policies at all budgets, and of patience and EENet at the costs that patience has.
    """

    seed: int
    macs: int
    costs: tuple[float, ...]
    exits: tuple[float, ...]
    points: tuple[Point, ...]


def build(network: Network, training: hw.TrainingSettings) -> hw.FloatNetwork:
    """Makes the untrained network: the recipe's, with these sizes."""
    made = dataclasses.replace(sized(network.recipe, network.sizes), training=(training,)).build()
    assert isinstance(made, hw.FloatNetwork)
    return made


def data(images: int) -> Dataset:
    """CIFAR-10 (JPEG), with so many training images; 0 is all of them."""
    whole = hw.load_recipe("resnet_cifar").data()
    return dataclasses.replace(whole, training=whole.training.take(images)) if images else whole


def measured(
    setting: Setting, network: Network, seed: int, split: Dataset, *, kept: Path = KEPT, device: str = "cpu"
) -> Found:
    """What a network answers, measured now or before.

    Args:
        split: what `data` gives for the setting.
        kept: folder of what was measured.
        device: where the network is trained.
    """
    folder = kept / f"{setting.name}-{network.recipe}-{seed}"
    training = dataclasses.replace(setting.training, seed=seed)
    key = sha256_json([dataclasses.asdict(network), setting.images, training.to_json()])
    path = folder / "found.json"
    if path.exists() and (stored := read_json(path))["key"] == key:
        points = tuple(Point(**point) for point in stored["points"])
        return Found(stored["seed"], stored["macs"], tuple(stored["costs"]), tuple(stored["exits"]), points)
    made = build(network, training)
    hw.train(made, split, training, checkpoint=folder / "training", device=device)
    found = _answers(made, split, network.budgets, seed)
    write_json(path, {"key": key, **dataclasses.asdict(found)})
    return found


def _answers(network: hw.FloatNetwork, split: Dataset, budgets: tuple[float, ...], seed: int) -> Found:
    costs = network.costs()
    values = [float_logits(network, part.images) for part in (split.fitting, split.test)]
    formats = tuple(fine_format([z]) for z in values[0])
    fitting, test = ([on_grid(z, fmt) for z, fmt in zip(part, formats, strict=True)] for part in values)
    exits = tuple(float((z.argmax(axis=1) == split.test.labels).mean()) for z in test)
    answers = Answers(fitting, split.fitting.labels, test, split.test.labels, formats, costs.fractions)
    return Found(seed, costs.full, costs.fractions, exits, tuple(points(answers, budgets)))


@dataclass(frozen=True)
class Answers:
    """Logits of all exits on two splits as integers of 16 bits, (N, C) each; labels; formats and costs of the exits."""

    fitting: list[NDArray[np.int64]]
    fitting_labels: NDArray[np.int64]
    test: list[NDArray[np.int64]]
    test_labels: NDArray[np.int64]
    formats: tuple[hw.FixedPoint, ...]
    costs: tuple[float, ...]

    def point(self, request: hw.PolicyRequest, agreements: int | None = None) -> tuple[Point, float | None]:
        """Fits a policy; returns what it gives on the test split, and its cost on the fitting split."""
        name = request.known.name
        try:
            policy = fit_to_outputs(self.fitting, self.fitting_labels, self.formats, self.costs, request)
        except PolicyError:
            return Point(name, request.budget), None
        statistics = ExitStatistics.of(policy, self.test, self.test_labels, self.costs)
        found = evaluate(statistics, policy.threshold_codes[:-1])
        return Point(name, request.budget, found.accuracy, found.cost, agreements), policy.fitted_on.cost_fraction


def points(answers: Answers, budgets: tuple[float, ...]) -> Iterator[Point]:
    """All policies at all budgets; then patience with each number of agreements, and EENet at that cost."""
    for name in POLICIES:
        for budget in budgets:
            yield answers.point(_asked(name, budget))[0]
    for agreements in range(1, len(answers.costs) - 1):
        thresholds = (float(agreements),) * (len(answers.costs) - 1)
        point, cost = answers.point(hw.PolicyRequest("patience", thresholds=thresholds), agreements)
        yield point
        assert cost is not None
        yield dataclasses.replace(answers.point(_asked("eenet", cost))[0], agreements=agreements)


def _asked(name: str, budget: float) -> hw.PolicyRequest:
    return hw.PolicyRequest(name, budget=budget, calibrate=CRITERIA[name].softmax)
