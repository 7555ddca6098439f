"""This module keeps a part of the training samples for fitting, the same for everyone, with all classes in it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.data.dataset import Split
from hwcodesign.errors import DataError

#: Of the order of samples, unless another one is given.
SEED = 20


def shuffled(split: Split, seed: int = SEED) -> Split:
    """Returns the samples in a random order, so that the first ones of them are of all classes."""
    order = np.random.default_rng(seed).permutation(len(split))
    return Split(split.images[order], split.labels[order])


def fitting_kept(split: Split, fitting: int, name: str, seed: int = SEED) -> tuple[Split, Split]:
    """Returns the samples for training and those for fitting, each in a random order.

    Both have the same share of each class, to within a sample.

    Args:
        split: all samples that are not for testing.
        fitting: number of samples for fitting.
        name: name of the data set, for errors.
        seed: seed of the choice and of the order.

    Raises:
        DataError: there are too few samples.
    """
    if not 0 < fitting < len(split):
        raise DataError(f"{name} has {len(split)} training samples, of which {fitting} cannot be kept for fitting")
    mixed = shuffled(split, seed)
    chosen = np.zeros(len(mixed), bool)
    chosen[np.argsort(_rank_in_class(mixed.labels), kind="stable")[:fitting]] = True
    return tuple(Split(mixed.images[part], mixed.labels[part]) for part in (~chosen, chosen))  # type: ignore[return-value]


def _rank_in_class(labels: NDArray[Any]) -> NDArray[np.float64]:
    """Returns where each sample stands among those of its class, from 0 (its first) to 1 (its last)."""
    rank = np.empty(len(labels))
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        rank[own] = (np.arange(len(own)) + 0.5) / len(own)
    return rank
