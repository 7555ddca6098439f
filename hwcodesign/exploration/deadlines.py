"""Anytime inference against a clock: how many samples have a right answer when their time is up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import PolicyError


@dataclass(frozen=True)
class Deadline:
    """What is known of samples so many cycles after the first word of each was accepted.

    Attributes:
        cycles: at which an exit's answers have come; until the next exit's, nothing changes.
        accuracy: share of samples whose newest answer is right.
        final: share whose newest answer is their last.
    """

    cycles: float
    accuracy: float
    final: float


def accuracy_by_deadline(
    correct: NDArray[np.bool_], taken: NDArray[np.int64], latency: Sequence[float]
) -> tuple[Deadline, ...]:
    """One entry for each exit; before the first there is no answer.

    Args:
        correct: (K, N) whether each exit is right about each sample.
        taken: (N,) exit at which each sample leaves; in anytime mode it has answered at all before, too.
        latency: (K,) cycles to each exit's answer, of a sample by itself; rising.

    Raises:
        PolicyError: as many rising latencies as exits, and one sample at least, are needed.
    """
    exits, samples = correct.shape
    if len(latency) != exits or any(high <= low for low, high in pairwise(latency)):
        raise PolicyError(f"latencies {tuple(latency)} are not {exits} rising ones, one per exit")
    if not samples:
        raise PolicyError("no samples: accuracy is a share of one at least")
    every = np.arange(samples)
    return tuple(
        Deadline(float(cycles), float(correct[np.minimum(taken, k), every].mean()), float((taken <= k).mean()))
        for k, cycles in enumerate(latency)
    )
