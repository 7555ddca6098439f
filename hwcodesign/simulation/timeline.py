"""This module tells when each sample was in each part of the accelerator, from what every cycle of a simulation shows.

Samples keep their order in every stream between two blocks, and a sample has the same number of beats in each. So the
beats of a stream tell which sample they belong to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.errors import SimulationError
from hwcodesign.images import words_per_sample
from hwcodesign.interface.records import final_records
from hwcodesign.kernels.tensor import suffix
from hwcodesign.simulation.activity import INPUT, OUTPUT, Activity
from hwcodesign.simulation.rtl import RtlRun

Cycles = NDArray[np.int64]


@dataclass(frozen=True)
class Span:
    """A span is the time that a sample spends in a part of the accelerator.

    Attributes:
        sample: number of the sample.
        part: "input", "stage0", "head0", "decision0", "buffer0", …, "output".
        begin, end: first cycle, and the cycle behind the last one.
    """

    sample: int
    part: str
    begin: int
    end: int


@dataclass(frozen=True)
class Drop:
    """A drop is the cycle in which a sample that has left is removed from a buffer."""

    sample: int
    buffer: int
    cycle: int


@dataclass(frozen=True)
class Stall:
    """A stall is a time in which a stream offers a beat that is not taken; `end` is the cycle behind the last one."""

    stream: str
    begin: int
    end: int


@dataclass(frozen=True)
class Timeline:
    """The timeline is what happens to the samples of one simulated batch, without a break between them.

    Attributes:
        cycles: cycles that it covers.
        exits: for each sample the exit at which it left.
        depths: beats that each buffer holds at most.
        spans: spans of all samples, part by part in data order.
        drops: drops, buffer by buffer.
        stalls: stalls of all streams.
        levels: for each buffer, the cycles in which its level changes, and the level from then on.
        counters: the registers that count the same, as they were read.
    """

    cycles: int
    exits: tuple[int, ...]
    depths: tuple[int, ...]
    spans: tuple[Span, ...]
    drops: tuple[Drop, ...]
    stalls: tuple[Stall, ...]
    levels: tuple[tuple[tuple[int, int], ...], ...]
    counters: dict[str, int]

    @property
    def parts(self) -> tuple[str, ...]:
        """Returns the names of the parts, in data order."""
        return parts_of(len(self.depths) + 1)

    def counts(self) -> dict[str, tuple[tuple[int, int], ...]]:
        """Returns what the registers count, counted from the timeline: for each the cycles in which it rises, and its
        value from then on. A sample counts when it has begun to come in, or has left; a wait when it is over.
        """
        left = [(span.end, self.exits[span.sample]) for span in self.spans if span.part == OUTPUT]
        rises = {
            "ACCEPTED": [(span.begin, 1) for span in self.spans if span.part == INPUT],
            "INPUT_STALLS": [(stall.end, stall.end - stall.begin) for stall in self.stalls if stall.stream == INPUT],
            "OUTPUT_STALLS": [(stall.end, stall.end - stall.begin) for stall in self.stalls if stall.stream == OUTPUT],
            **{f"FINALS[{k}]": [(end, 1) for end, at in left if at == k] for k in range(len(self.depths) + 1)},
        }
        return {name: _summed(sorted(steps)) for name, steps in rises.items()}

    def totals(self) -> dict[str, int]:
        """Returns what the registers have counted at the end, counted from the timeline."""
        found = {name: steps[-1][1] if steps else 0 for name, steps in self.counts().items()}
        return found | {
            f"HIGH_WATER[{k}]": max((level for _, level in steps), default=0) for k, steps in enumerate(self.levels)
        }


def _summed(steps: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Returns, for steps in order of their cycles, their sum from each of these cycles on."""
    found: dict[int, int] = {}
    total = 0
    for cycle, more in steps:
        total += more
        found[cycle] = total
    return tuple(found.items())


def parts_of(exits: int) -> tuple[str, ...]:
    """Returns the names of the parts of an accelerator, in data order."""
    found = [INPUT]
    for k in range(exits):
        found += [f"stage{k}", f"head{k}", f"decision{k}"] + ([f"buffer{k}"] if k < exits - 1 else [])
    return (*found, OUTPUT)


def timeline(accelerator: Accelerator, run: RtlRun) -> Timeline:
    """Returns the timeline of a run in adaptive mode.

    Raises:
        SimulationError: the run has no activity, or its streams do not carry the samples that its records name.
    """
    if run.activity is None:
        raise SimulationError("the run has no activity: simulate with activity=True")
    reader = _Reader(accelerator, run, run.activity)
    spans, drops = list(reader.spans()), list(reader.drops())
    found = Timeline(
        cycles=run.activity.cycles,
        exits=tuple(reader.exits.tolist()),
        depths=tuple(accelerator.buffer_beats(k) for k in range(accelerator.exits - 1)),
        spans=tuple(spans),
        drops=tuple(drops),
        stalls=tuple(_stalls(run.activity)),
        levels=tuple(_steps(run.activity.levels[:, k]) for k in range(accelerator.exits - 1)),
        counters={},
    )
    found.counters.update({name: run.counters[name] for name in found.totals()})
    return found


@dataclass(frozen=True)
class _Reader:
    """It reads the streams of one batch."""

    accelerator: Accelerator
    run: RtlRun
    activity: Activity

    @property
    def exits(self) -> Cycles:
        return final_records(self.run.records)["exit"].astype(np.int64)

    def reaching(self, k: int) -> Cycles:
        """Samples that come to stage k."""
        return np.flatnonzero(self.exits >= k)

    def beats(self, stream: str, samples: Cycles, each: int) -> Cycles:
        """(samples, beats) cycles in which the beats of samples are taken."""
        moves = self.activity.moves(stream)
        if len(moves) != len(samples) * each:
            raise SimulationError(
                f"{self.accelerator.name}: {stream} carries {len(moves)} beats, and not {each} for each of "
                f"{len(samples)} samples"
            )
        return moves.reshape(len(samples), each)

    def spans(self) -> Iterator[Span]:
        """Yields all spans, part by part."""
        everyone = np.arange(len(self.exits))
        words = words_per_sample(self.accelerator.input_format, self.accelerator.input_shape)
        came = self.beats(INPUT, everyone, words)
        yield from _spans(INPUT, everyone, came[:, 0], came[:, -1])
        for k in range(self.accelerator.exits):
            yield from self._level(k)
        offered = np.zeros(len(everyone), np.int64)
        for k in range(self.accelerator.exits):
            leaving = np.flatnonzero(self.exits == k)
            offered[leaving] = self.beats(f"record{k}", leaving, 1)[:, 0]
        left = np.zeros(len(everyone), np.int64)
        left[self.run.records["sample_id"]] = self.run.left
        yield from _spans(OUTPUT, everyone, offered, left)

    def _level(self, k: int) -> Iterator[Span]:
        reached, last = self.reaching(k), k == self.accelerator.exits - 1
        read = self._several(2 * k, reached, f"stage{k}_in")
        written = self._written(k, reached)
        yield from _spans(f"stage{k}", reached, read[:, 0], written.max(axis=1))
        heads = self.accelerator.head_reads[k]
        taken = [
            self.beats(f"{f'stage{k}_out' if last else f'head{k}_in'}{suffix(i)}", reached, self._stream_beats(k, i))
            for i in heads
        ]
        logits = self.beats(f"logits{k}", reached, self.accelerator.taken(2 * k + 1)[0].beats)
        begun = np.min([beats[:, 0] for beats in taken], axis=0)
        yield from _spans(f"head{k}", reached, begun, logits[:, -1])
        decided = self.beats(f"record{k}" if last else f"release{k}", reached, 1)
        yield from _spans(f"decision{k}", reached, logits[:, 0], decided[:, 0])
        if not last:
            yield from self._buffered(k, reached)

    def _buffered(self, k: int, reached: Cycles) -> Iterator[Span]:
        """Yields spans in a buffer, up to the beat that the next stage takes last, or to the drop."""
        came, end = (
            self.beats(self._before(k), reached, self._stream_beats(k, 0))[:, 0],
            np.zeros(len(reached), np.int64),
        )
        kept = self.exits[reached] > k
        end[kept] = self.beats(f"stage{k + 1}_in", self.reaching(k + 1), self._stream_beats(k, 0))[:, -1]
        end[~kept] = [drop.cycle for drop in self._drops(k)]
        yield from _spans(f"buffer{k}", reached, came, end)

    def _before(self, k: int) -> str:
        """The stream that fills the first buffer behind a stage."""
        return f"buffer{k}_in" if 0 in self.accelerator.head_reads[k] else f"stage{k}_out"

    def _stream_beats(self, k: int, i: int) -> int:
        return self.accelerator.stream(k, i).beats

    def _several(self, number: int, samples: Cycles, name: str) -> Cycles:
        """(samples, 1) cycles of the first beat of any input of a segment."""
        given = self.accelerator.given(number)
        first = [self.beats(f"{name}{suffix(i)}", samples, stream.beats)[:, 0] for i, stream in enumerate(given)]
        return np.asarray(np.min(first, axis=0))[:, None]

    def _written(self, k: int, samples: Cycles) -> Cycles:
        """(samples, tensors) cycles of the last beat of each tensor of a stage."""
        tensors = range(len(self.accelerator.stages[k].outputs))
        last = [self.beats(f"stage{k}_out{suffix(i)}", samples, self._stream_beats(k, i))[:, -1] for i in tensors]
        return np.stack(last, axis=1)

    def drops(self) -> Iterator[Drop]:
        """Yields all drops, buffer by buffer."""
        for k in range(self.accelerator.exits - 1):
            yield from self._drops(k)

    def _drops(self, k: int) -> Iterator[Drop]:
        """Finds the cycles in which a level falls by a whole sample, beside the beats that come and go.

        A beat goes from the ring to the output register if that offers one in the next cycle which is not the one
        that it offers now, and that nobody takes.
        """
        levels, beats = self.activity.levels[:, k], self._stream_beats(k, 0)
        came = self.activity.valid[self._before(k)] & self.activity.ready[self._before(k)]
        offered, held = self.activity.valid[f"stage{k + 1}_in"], self.activity.waits(f"stage{k + 1}_in")
        fallen = levels[:-1] - levels[1:] + came[:-1] - (offered[1:] & ~held[:-1])
        cycles, samples = np.flatnonzero(fallen), np.flatnonzero(self.exits == k)
        if len(cycles) != len(samples) or (fallen[cycles] != beats).any():
            raise SimulationError(
                f"{self.accelerator.name}: the level of buffer {k} falls {len(cycles)} times by a sample, and "
                f"{len(samples)} samples are dropped"
            )
        yield from (Drop(int(sample), k, int(cycle)) for sample, cycle in zip(samples, cycles, strict=True))


def _spans(part: str, samples: Cycles, begin: Cycles, last: Cycles) -> Iterator[Span]:
    for sample, first, end in zip(samples.tolist(), begin.tolist(), last.tolist(), strict=True):
        yield Span(sample, part, first, end + 1)


def _stalls(activity: Activity) -> Iterator[Stall]:
    for stream in activity.valid:
        edges = np.flatnonzero(np.diff(np.concatenate([[False], activity.waits(stream), [False]]).astype(np.int8)))
        yield from (Stall(stream, int(begin), int(end)) for begin, end in edges.reshape(-1, 2))


def _steps(levels: Cycles) -> tuple[tuple[int, int], ...]:
    changes = np.flatnonzero(np.diff(levels, prepend=-1))
    return tuple((int(cycle), int(levels[cycle])) for cycle in changes)


def lanes_of(spans: Sequence[Span]) -> list[int]:
    """Returns for each span of one part a lane, so that spans in a lane do not overlap; as few lanes as can be.

    Args:
        spans: sorted by their first cycle.
    """
    free: list[int] = []
    found = []
    for span in spans:
        lane = next((lane for lane, end in enumerate(free) if end <= span.begin), len(free))
        free[lane : lane + 1] = [span.end]
        found.append(lane)
    return found
