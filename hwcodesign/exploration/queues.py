"""This module chooses the depth of conditional buffers with a model of the queues between stages, which counts samples
instead of beats.

A sample holds a place in the buffer behind a stage from the cycle in which the stage begins to write it until it is
dropped, or until the next stage has read all of it. Stages take samples in order, each at its interval, and stall while
there is no place. The model draws at random, from the exit rates and independently for each sample, which samples go
on. A stream whose hard samples come in longer bursts than by chance needs deeper buffers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Depths that are tried, in samples.
DEPTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
#: Fraction of the throughput that unlimited buffers would give, with which a depth is deep enough.
WANTED = 0.985
_SAMPLES, _SEED = 20_000, 1


@dataclass(frozen=True)
class StageCycles:
    """It holds the cycles of a stage with its head and decision.

    Attributes:
        interval: cycles between samples, of the slowest of the three.
        decision: cycles from the first beat that the stage writes to its decision.
    """

    interval: int
    decision: int


def cycles_per_sample(stages: Sequence[StageCycles], exits: Sequence[int], depth: int) -> float:
    """Returns the cycles per sample on a stream, up to the last decision.

    Args:
        stages: stages of the accelerator, the first stage first.
        exits: exit at which each sample leaves.
        depth: samples that each buffer holds.
    """
    _, end = _run(stages, exits, depth)
    return end / len(exits)


def intake_interval(stages: Sequence[StageCycles], exit_rate: Sequence[float], depth: int) -> float:
    """Returns the cycles from sample to sample as the first stage takes them in the long run.

    Args:
        stages: stages of the accelerator, the first stage first.
        exit_rate: exit rates, one for each exit; samples leave at random, independently of each other.
        depth: samples that each buffer holds.
    """
    last, _ = _run(stages, _drawn(exit_rate), depth)
    reached = [1 - sum(exit_rate[:k]) for k in range(len(stages))]  # what buffers that fill up hide for a while
    bound = max(fraction * stage.interval for fraction, stage in zip(reached, stages, strict=True))
    return max(bound, last / (_SAMPLES - 1))


def _run(stages: Sequence[StageCycles], exits: Sequence[int], depth: int) -> tuple[int, int]:
    """The cycles in which the first stage begins to write the last sample, from the first one on, and of the last
    decision.
    """
    last = len(stages) - 1
    begun = [-stage.interval for stage in stages]  # when each stage began to write its latest sample
    freed = [[0] * depth for _ in stages]  # when each buffer's places were last given back, in turn
    count = [0] * len(stages)
    end = 0
    for leaves in exits:
        arrival = 0  # when the sample may enter the stage
        for k in range(leaves + 1):
            stage = stages[k]
            place = count[k] % depth
            start = max(arrival, begun[k] + stage.interval, freed[k][place] if k < last else 0)
            begun[k] = start
            decided = start + stage.decision
            if k > 0:  # read whole by this stage
                before = freed[k - 1]
                before[(count[k - 1] - 1) % depth] = start + stage.interval
            if k < last:
                # places come back in the order in which they were taken
                freed[k][place] = max(decided, freed[k][place - 1])
                count[k] += 1
            arrival = max(decided, freed[k][place]) if k < last else decided
            end = max(end, decided)
    return begun[0], end


def least_depth(stages: Sequence[StageCycles], exit_rate: Sequence[float], wanted: float = WANTED) -> int:
    """Returns the smallest depth in `DEPTHS` that gives the wanted fraction of the throughput of unlimited buffers, or
    else the largest.

    Args:
        stages: stages of the accelerator.
        exit_rate: exit rates, one for each exit.
        wanted: fraction from 0 to 1.
    """
    exits = _drawn(exit_rate)
    best = cycles_per_sample(stages, exits, _SAMPLES)
    for depth in DEPTHS:
        if best / cycles_per_sample(stages, exits, depth) >= wanted:
            return depth
    return DEPTHS[-1]


def depth_for(stages: Sequence[StageCycles], exit_rate: Sequence[float], interval: float, deepest: int) -> int:
    """Returns the smallest depth in `DEPTHS` with which the first stage takes samples as often as wished, or else the
    largest that may be.

    Args:
        stages: stages of the accelerator.
        exit_rate: exit rates, one for each exit.
        interval: cycles between samples at most.
        deepest: samples that a buffer may hold at most.
    """
    shorter = [depth for depth in DEPTHS if depth < deepest]
    return next((depth for depth in shorter if intake_interval(stages, exit_rate, depth) <= interval), deepest)


def _drawn(exit_rate: Sequence[float]) -> list[int]:
    """Exits at which samples leave by chance."""
    rates = np.asarray(exit_rate, np.float64)
    exits: list[int] = np.random.default_rng(_SEED).choice(len(rates), _SAMPLES, p=rates / rates.sum()).tolist()
    return exits
