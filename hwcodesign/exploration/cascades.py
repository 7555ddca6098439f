"""This module asks the model of queues what a cascade gives: a smaller network answers first, and a larger one those
samples of which the smaller one is least sure.

Both networks have hardware of their own, and read the samples themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwcodesign.exploration.queues import StageCycles, cycles_per_sample

#: Fractions of samples that go on, and samples that wait between both networks at most.
GOES_ON = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
_WAITING = 64


@dataclass(frozen=True)
class Member:
    """A member is one network of a cascade.

    Attributes:
        interval: cycles between samples.
        latency: cycles of a sample alone.
        right: (N,) whether it is right about each sample.
    """

    interval: int
    latency: int
    right: NDArray[np.bool_]


@dataclass(frozen=True)
class Cascade:
    """A cascade is what comes of it if a fraction of the samples goes on.

    Attributes:
        goes_on: that fraction.
        accuracy: fraction of right answers.
        per_second: samples a second.
        mean_s: mean time of a sample alone.
    """

    goes_on: float
    accuracy: float
    per_second: float
    mean_s: float


def cascades(first: Member, second: Member, sure: NDArray[np.int64], hertz: float) -> tuple[Cascade, ...]:
    """Returns what cascades give of which more and more samples go on.

    Args:
        first, second: the smaller and the larger network.
        sure: (N,) how sure the first is of each sample, in the order in which samples come.
        hertz: clock.
    """
    order, stages = np.argsort(sure, kind="stable"), [StageCycles(m.interval, m.latency) for m in (first, second)]
    found = []
    for fraction in GOES_ON:
        on = np.zeros(len(sure), np.bool_)
        on[order[: round(fraction * len(sure))]] = True
        found.append(
            Cascade(
                float(on.mean()),
                float(np.where(on, second.right, first.right).mean()),
                hertz / cycles_per_sample(stages, on.astype(np.int64), _WAITING),
                (first.latency + float(on.mean()) * second.latency) / hertz,
            )
        )
    return tuple(found)


def fastest_as_accurate(found: Sequence[Cascade], accuracy: float) -> Cascade | None:
    """Returns the fastest cascade that is as accurate as wished; None if none is."""
    return max((one for one in found if one.accuracy >= accuracy), key=lambda one: one.per_second, default=None)
