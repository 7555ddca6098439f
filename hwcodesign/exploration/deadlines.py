"""This module computes how many samples have a right answer at a deadline in anytime mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import PolicyError


@dataclass(frozen=True)
class Deadline:
    """This is what is known about samples a given number of cycles after their first word was accepted.

    Attributes:
        cycles: cycles after which the answers of an exit have come; until the next exit's, nothing changes.
        accuracy: fraction of samples whose newest answer is right.
        final: fraction of samples whose newest answer is their last.
    """

    cycles: float
    accuracy: float
    final: float


def accuracy_by_deadline(
    correct: NDArray[np.bool_], taken: NDArray[np.int64], latency: Sequence[float]
) -> tuple[Deadline, ...]:
    """Returns one entry for each exit; before the first there is no answer.

    Args:
        correct: (K, N) whether each exit is right about each sample.
        taken: (N,) exit at which each sample leaves; in anytime mode it has also answered at all exits before.
        latency: (K,) cycles to each exit's answer for a sample by itself; must rise.

    Raises:
        PolicyError: there is not one rising latency per exit, or no sample.
    """
    exits, samples = correct.shape
    if len(latency) != exits or any(high <= low for low, high in pairwise(latency)):
        raise PolicyError(f"latencies {tuple(latency)} must be {exits} rising numbers, one per exit")
    if not samples:
        raise PolicyError("there are no samples: give at least one")
    every = np.arange(samples)
    return tuple(
        Deadline(float(cycles), float(correct[np.minimum(taken, k), every].mean()), float((taken <= k).mean()))
        for k, cycles in enumerate(latency)
    )
