"""What is compared on ARM machines: designs, some of their test images, and what NumPy says of them here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hwcodesign as hw
from hwcodesign.errors import MismatchError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.interface.records import Records
from hwcodesign.pipeline import DESIGN, Run, compiled_design, fitted_policy, trained_network
from hwcodesign.policies import CRITERIA, ExitPolicy
from rtl_sim.tb.drawn_policies import drawn_policy
from tests.arm.guest import PLACES, WAYS, records_of


@dataclass(frozen=True)
class Subject:
    """A design.

    Attributes:
        name: of its recipe's results.
        design: its folder.
        images: from its test split.
        records: NumPy's, in each way.
    """

    name: str
    design: Path
    images: NDArray[Any]
    records: dict[str, Records]

    @property
    def exits(self) -> list[int]:
        """Images that leave at each exit."""
        exits = self.records[WAYS[0]]["exit"]
        return [int((exits == k).sum()) for k in range(int(exits.max()) + 1)]


def drawn_policies(each: int) -> list[ExitPolicy]:
    """Policies of every criterion; their logits, classes and temperatures are drawn."""
    found = []
    for name in sorted(CRITERIA):
        for seed in range(each):
            rng = np.random.default_rng([seed, *name.encode()])
            logits = [FixedPoint(int(rng.integers(4, 17)), int(rng.integers(2, 7))) for _ in range(3)]
            classes, temperature = int(rng.integers(2, 40)), float(rng.uniform(0.5, 3))
            found.append(drawn_policy(name, logits, classes, temperature=temperature, seed=seed))
    return found


def prepared(name: str, build: Path, count: int) -> Subject:
    """A recipe's design, which is trained and compiled unless that was done, with its first test images.

    Args:
        build: where results of recipes are.
    """
    recipe = hw.load_recipe(name)
    run, data = Run(recipe, build / recipe.name), recipe.data()
    folder = run.folder / DESIGN
    if not folder.exists():
        network = trained_network(run, data)
        compiled_design(run, network, fitted_policy(run, network, data))
    design, images = hw.load(folder), data.test.images[:count]
    found = {place: {way: records_of(design, images, place, way) for way in WAYS} for place in PLACES}
    for way in WAYS:
        if found["native"][way].tobytes() != found["numpy"][way].tobytes():
            raise MismatchError(f"{recipe.name}, {way}: records of the native engine are not NumPy's here")
    return Subject(recipe.name, folder, images, found["numpy"])
