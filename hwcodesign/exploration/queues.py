"""This module chooses the depth of conditional buffers with a model of the queues between stages, which counts samples
instead of beats.

A sample holds a place in the buffer behind a stage from the cycle in which the stage begins to write it until it is
dropped, or until the next stage reads it, and another one may be written behind the reader. Stages take samples in
order, each at its interval, and stall while there is no place. The model draws at random, from the exit rates and
independently for each sample, which samples go on. A stream whose hard samples come in longer bursts than by chance
needs deeper buffers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.exploration.sample_steps import step

#: Exits at which samples leave, in their order.
Exits = Sequence[int] | NDArray[np.int64]

#: Depths that are tried, in samples.
DEPTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
#: Fraction of the throughput that unlimited buffers would give, with which a depth is deep enough.
WANTED = 0.985
_SAMPLES, _SEED = 20_000, 1
#: Samples after which those behind them come at the same interval.
_SETTLED = 200
#: Fraction of samples whose latency is stated beside the mean.
_MOST = 0.99
#: Fractions of its time that a stage may be busy, of which `pacing` chooses, the largest first; samples that it counts;
#: rounds over all stages; cycles of the first stage, and how much longer a decision takes than its stage.
_BUSY, _FEW, _ROUNDS, _CYCLES, _DECIDED = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3), 4_000, 2, 10_000, 1.2


@dataclass(frozen=True)
class StageCycles:
    """It holds the cycles of a stage with its head and decision.

    Attributes:
        interval: cycles between samples, of the slowest of the three.
        decision: cycles from the first beat that the stage writes to its decision.
        reading: cycles in which the stage reads a sample; None if that is as long as the interval.
        ahead: cycles by which the stage reads a sample sooner than it begins to write it, if others are in front of it
            and have to wait.
    """

    interval: int
    decision: int
    reading: int | None = None
    ahead: int = 0


@dataclass(frozen=True)
class EasyStream:
    """It holds the cycles of a stream of samples that all leave at the first exit, while the next one always waits.

    Attributes:
        interval: cycles between records in the long run.
        latencies: cycles of the first samples, from the first word to the record; the last one is that of all samples
            behind, in the mean.
    """

    interval: float
    latencies: tuple[float, ...]


@dataclass(frozen=True)
class Intake:
    """An intake says how far the first stage is ahead with taking samples in, in samples: from the first beat of the
    sample that it begins to write to the next word that it takes.

    Attributes:
        easy: what is known of a stream of easy samples.
        flowing: how far on such a stream.
        stalled: how far if it has to wait with that beat.
        again: how far when it has waited, and writes again.
    """

    easy: EasyStream
    flowing: float
    stalled: float
    again: float


@dataclass(frozen=True)
class Pacing:
    """A pacing says how fast stages should be if conditional buffers have a depth.

    Attributes:
        depth: samples that each buffer holds.
        busy: for each stage, the fraction of the time between the samples that reach it which it may take for one.
        longer: how much longer the interval of the whole is than that of the first stage.
    """

    depth: int
    busy: tuple[float, ...]
    longer: float


def cycles_per_sample(stages: Sequence[StageCycles], exits: Exits, depth: int) -> float:
    """Returns the cycles per sample on a stream, up to the last decision.

    Args:
        stages: stages of the accelerator, the first stage first.
        exits: exit at which each sample leaves.
        depth: samples that each buffer holds.
    """
    _, decided = _run(stages, exits, depth)
    return float(decided.max() / len(exits))


def cycles_per_image(stages: Sequence[StageCycles], exits: Exits, depth: int, alone: Sequence[int]) -> float:
    """Returns the cycles per sample of a run of these samples alone, from their first word to their last record.

    Args:
        stages, exits, depth, alone: as for `waiting_latencies`.
    """
    begun, behind = _seen(stages, exits, depth, alone)
    return float((begun + behind).max() - begun[0]) / len(exits)


def waiting_latencies(
    stages: Sequence[StageCycles], exits: Exits, depth: int, alone: Sequence[int], intake: Intake
) -> NDArray[np.float64]:
    """Returns the cycles from each sample's first word to its record, on a stream whose next sample always waits.

    A sample waits for the ones before it, for places in buffers, and for stages: so much longer it takes than alone.
    How many samples the first stage takes in before others have left follows from no interval, but from its intake.

    Args:
        stages: stages of the accelerator, the first stage first.
        exits: exit at which each sample leaves.
        depth: samples that each buffer holds.
        alone: for each exit, the cycles of a sample alone that leaves there.
        intake: of the first stage.
    """
    begun, behind = _seen(stages, exits, depth, alone)
    interval, latencies = intake.easy.interval, intake.easy.latencies
    sample = np.arange(len(begun))
    easy = sample * interval + alone[0] - np.take(latencies, sample, mode="clip")  # when each is taken in if all are
    front = np.floor(sample - intake.stalled).astype(np.int64)  # the last one that must have begun before
    writing = begun[np.maximum(front, 0)] + intake.flowing * interval - (latencies[-1] - alone[0])
    delays = np.where(front < 0, 0, writing + (sample - front - intake.again) * interval - easy)
    return np.asarray(begun + behind - easy - np.maximum.accumulate(np.maximum(delays, 0)))


def _seen(
    stages: Sequence[StageCycles], exits: Exits, depth: int, alone: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each sample the cycle in which the first stage begins to write it, and the cycles from there to its record if
    that were the cycle of its first word.
    """
    begun, decided = _run(stages, exits, depth)
    taken, own = np.asarray(exits), np.cumsum([stage.decision for stage in stages])
    return begun, decided - begun - own[taken] + np.asarray(alone)[taken]


def most_of(latencies: NDArray[Any]) -> float:
    """Returns what 99 % of the samples have at most."""
    return float(np.quantile(latencies, _MOST, method="higher"))


def settled_interval(stages: Sequence[StageCycles], depth: int) -> float:
    """Returns the cycles between samples in the long run if all of them leave at the first exit.

    Args:
        stages: stages of the accelerator, the first stage first.
        depth: samples that each buffer holds.
    """
    _, decided = _run(stages, [0] * (2 * _SETTLED), depth)
    return float((decided[-1] - decided[_SETTLED - 1]) / _SETTLED)


def intake_interval(stages: Sequence[StageCycles], exit_rate: Sequence[float], depth: int) -> float:
    """Returns the cycles from sample to sample as the first stage takes them in the long run.

    Args:
        stages: stages of the accelerator, the first stage first.
        exit_rate: exit rates, one for each exit; samples leave at random, independently of each other.
        depth: samples that each buffer holds.
    """
    return _intake(stages, exit_rate, depth, _SAMPLES)


def _intake(stages: Sequence[StageCycles], exit_rate: Sequence[float], depth: int, samples: int) -> float:
    begun, _ = _run(stages, _drawn(exit_rate, samples), depth)
    # what buffers that fill up hide for a while
    bound = max(fraction * stage.interval for fraction, stage in zip(_reached(exit_rate), stages, strict=True))
    return max(bound, float(begun[-1] / (samples - 1)))


def pacing(work: Sequence[int], exit_rate: Sequence[float], depth: int) -> Pacing:
    """Returns the pacing that needs the fewest multipliers for a throughput.

    Samples come by chance, and make others wait if a stage is nearly always busy. Faster stages and deeper buffers both
    help. A stage of m multiply-accumulates that takes t cycles has m / t multipliers.

    Args:
        work: multiply-accumulates of each stage.
        exit_rate: exit rates, one for each exit.
        depth: samples that each buffer holds.
    """
    reached = _reached(exit_rate)

    def longer(busy: Sequence[float]) -> float:
        cycles = [_CYCLES, *(int(_CYCLES / max(r, 1 / _FEW) * b) for r, b in zip(reached[1:], busy[1:], strict=True))]
        stages = [StageCycles(interval, int(_DECIDED * interval)) for interval in cycles]
        return _intake(stages, exit_rate, depth, _FEW) / _CYCLES

    def multipliers(paced: Pacing) -> float:
        return paced.longer * sum(m * r / b for m, r, b in zip(work, reached, paced.busy, strict=True))

    def with_busy(k: int, fraction: float) -> Pacing:
        busy = (*best.busy[:k], fraction, *best.busy[k + 1 :])
        return Pacing(depth, busy, longer(busy))

    busy = (1.0, *(_BUSY[0] for _ in reached[1:]))
    best = Pacing(depth, busy, longer(busy))
    for _ in range(_ROUNDS):
        for k in range(1, len(reached)):
            best = min((with_busy(k, fraction) for fraction in _BUSY), key=multipliers)
    return best


def _reached(exit_rate: Sequence[float]) -> list[float]:
    """The fraction of samples that reach each stage."""
    return [1 - sum(exit_rate[:k]) for k in range(len(exit_rate))]


def _run(stages: Sequence[StageCycles], exits: Exits, depth: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each sample the cycle in which the first stage begins to write it, from that of the first sample on, and that
    of its last decision.
    """
    kept = [0, *(_kept(*pair) for pair in pairwise(stages))]
    rows = [(one.interval, one.decision, one.ahead, taken) for one, taken in zip(stages, kept, strict=True)]
    leaves = np.asarray(exits, np.int64)
    latest = np.array([(-one.interval, depth - 1) for one in stages], np.int64)
    begun, decided = np.zeros(len(leaves), np.int64), np.zeros(len(leaves), np.int64)
    freed = np.zeros((len(stages), depth), np.int64)
    step(np.array(rows, np.int64), leaves, latest, freed, begun, decided)
    return begun, decided


def _kept(writer: StageCycles, reader: StageCycles) -> int:
    """Cycles from the one in which a stage begins to read a sample to that in which the next sample may take its place:
    that is written as fast as the stage in front writes, while this one is read beat by beat, and must not come too
    soon. All of the interval, where it is not known how long reading takes.
    """
    return reader.interval if reader.reading is None else max(0, reader.reading - writer.interval)


def least_depth(stages: Sequence[StageCycles], exit_rate: Sequence[float], wanted: float = WANTED) -> int:
    """Returns the smallest depth in `DEPTHS` that gives the wanted fraction of the throughput of unlimited buffers, or
    else the largest.

    Args:
        stages: stages of the accelerator.
        exit_rate: exit rates, one for each exit.
        wanted: fraction from 0 to 1.
    """
    exits = _drawn(exit_rate, _SAMPLES)
    best = cycles_per_sample(stages, exits, _SAMPLES)
    for depth in DEPTHS:
        if best / cycles_per_sample(stages, exits, depth) >= wanted:
            return depth
    return DEPTHS[-1]


@cache
def _drawn_once(exit_rate: tuple[float, ...], samples: int) -> NDArray[np.int64]:
    rates = np.asarray(exit_rate, np.float64)
    return np.random.default_rng(_SEED).choice(len(rates), samples, p=rates / rates.sum())


def _drawn(exit_rate: Sequence[float], samples: int) -> NDArray[np.int64]:
    """Exits at which samples leave by chance."""
    return _drawn_once(tuple(exit_rate), samples)
