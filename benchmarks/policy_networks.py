"""The networks that exit policies are compared on: trained once each, kept, and what they answer, kept beside them.

    python -m benchmarks.policy_networks --seeds 5

Whoever needs one calls `answers`; the command only does it ahead, seed by seed, and goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import io
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import hwcodesign as hw
from benchmarks.policy_gates import gate_macs, with_gates
from hwcodesign.data import Dataset, Split
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.networks.floating import fine_format, float_logits, floating, on_grid
from hwcodesign.storage.files import write_bytes
from hwcodesign.training import with_class_means
from hwcodesign.training.class_means import class_means

RECIPES = ("blenet3_mnist", "blenet3_fashion", "blenet5_mnist", "blenet5_fashion")
PRECISIONS = ("float", "quantised")
CLASSES = 10
KEPT = Path("build/policies")
#: Training images among which every class is.
_ALL_CLASSES = 500


@dataclass(frozen=True)
class Setting:
    """One trained network.

    Attributes:
        recipe: its name.
        precision: "float" or "quantised".
        seed: of weights and batches.
    """

    recipe: str
    precision: str
    seed: int

    @property
    def folder(self) -> Path:
        return KEPT / f"{self.recipe}-{self.precision}-{self.seed}"


@dataclass(frozen=True)
class Answers:
    """Integer logits of all exits on a split, (N, 10) each, and its labels (N,).

    Attributes:
        formats: of the logits, one per exit.
    """

    logits: list[NDArray[np.int64]]
    labels: NDArray[np.int64]
    formats: list[FixedPoint]

    def part(self, rows: NDArray[np.int64]) -> Answers:
        """Of some of the images."""
        return Answers([z[rows] for z in self.logits], self.labels[rows], self.formats)

    def gated(self, gates: Sequence[nn.Module]) -> Answers:
        """With a gate behind the logits."""
        return Answers(with_gates(self.logits, self.formats, gates), self.labels, self.formats)


@cache
def data(recipe: str) -> Dataset:
    """The recipe's data set, read once."""
    return hw.load_recipe(recipe).data()


def trained(setting: Setting) -> hw.MultiExitNetwork:
    """The network, trained now or before."""
    recipe = hw.load_recipe(setting.recipe)
    phases = tuple(dataclasses.replace(phase, seed=setting.seed, threads=1) for phase in recipe.training)
    network = dataclasses.replace(recipe, training=phases).build()
    if setting.precision == "float":
        network = floating(network)
    hw.train(network, data(setting.recipe), *phases, checkpoint=setting.folder / "training")
    return network


def answers(setting: Setting) -> tuple[Answers, Answers]:
    """What the network says of the fitting and of the test split."""
    return _kept("logits", trained(setting), setting)


def costs(setting: Setting) -> tuple[float, ...]:
    """Of leaving at each exit, as fractions of the full cost."""
    return hw.load_recipe(setting.recipe).build().costs().fractions


def gated_costs(setting: Setting) -> tuple[float, ...]:
    """The same where every head has a gate; the full cost is that of the network without."""
    plain = hw.load_recipe(setting.recipe).build().costs()
    each = gate_macs(CLASSES)
    return tuple((cost + each * (k + 1)) / plain.full for k, cost in enumerate(plain.at_exit))


def class_means_answers(setting: Setting) -> tuple[Answers, Answers, tuple[float, ...]]:
    """The same where the early heads are class means of the training split; and the costs of leaving at each exit."""
    network, split = trained(setting), data(setting.recipe).training
    if setting.precision == "quantised":
        made = with_class_means(network, split.images, split.labels)
        fractions = made.costs().fractions
    else:
        made = _floating_class_means(network, split)
        few = split.take(_ALL_CLASSES)  # of the heads, costs need the shapes alone
        fractions = with_class_means(hw.load_recipe(setting.recipe).build(), few.images, few.labels).costs().fractions
    return *_kept("class-means", made, setting), fractions


def _floating_class_means(network: hw.MultiExitNetwork, split: Split) -> hw.MultiExitNetwork:
    """As `with_class_means`, with plain layers."""
    made = copy.deepcopy(network)
    with torch.no_grad():
        for k, means in enumerate(class_means(network, split.images, split.labels)):
            flat = means.flatten(1)
            linear = nn.Linear(flat.shape[1], len(flat))
            linear.weight.copy_(flat)
            linear.bias.copy_(-(flat**2).sum(dim=1) / 2)
            made.heads[k] = nn.Sequential(nn.Flatten(), linear)
    return made


def _kept(name: str, network: hw.MultiExitNetwork, setting: Setting) -> tuple[Answers, Answers]:
    """Answers to both splits, computed now or before."""
    splits, path, digest = data(setting.recipe), setting.folder / f"{name}.npz", network.digest()
    if not path.exists() or str(np.load(path)["digest"]) != digest:
        formats, parts = _computed(network, setting, splits)
        arrays = {f"{part}{k}": z for part, logits in parts.items() for k, z in enumerate(logits)}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, digest=digest, formats=[str(fmt) for fmt in formats], **arrays)
        write_bytes(path, buffer.getvalue())
    with np.load(path) as kept:
        formats = [FixedPoint.parse(text) for text in kept["formats"].tolist()]

        def part(name: str, labels: NDArray[np.int64]) -> Answers:
            return Answers([kept[f"{name}{k}"] for k in range(network.exits)], labels, formats)

        return part("fitting", splits.fitting.labels), part("test", splits.test.labels)


def _computed(
    network: hw.MultiExitNetwork, setting: Setting, splits: Dataset
) -> tuple[list[FixedPoint], dict[str, list[NDArray[np.int64]]]]:
    images = {"fitting": splits.fitting.images, "test": splits.test.images}
    if setting.precision == "quantised":
        formats = [head.format for head in network.boundaries()[1]]
        return formats, {name: network.logits(codes) for name, codes in images.items()}
    values = {name: float_logits(network, codes) for name, codes in images.items()}
    formats = [fine_format([z]) for z in values["fitting"]]
    return formats, {
        name: [on_grid(z, fmt) for z, fmt in zip(part, formats, strict=True)] for name, part in values.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="networks of each kind")
    options = parser.parse_args()
    for setting in settings(range(1, options.seeds + 1)):
        start = time.perf_counter()
        _, test = answers(setting)
        accuracy = " ".join(f"{100 * float((z.argmax(axis=1) == test.labels).mean()):.2f}" for z in test.logits)
        print(f"{setting.folder.name}: {accuracy} % ({time.perf_counter() - start:.0f} s)", flush=True)


def settings(seeds: Iterable[int]) -> list[Setting]:
    """All networks, seed by seed."""
    return [Setting(recipe, precision, seed) for seed in seeds for recipe in RECIPES for precision in PRECISIONS]


if __name__ == "__main__":
    main()
