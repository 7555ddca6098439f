"""This module turns an accelerator into hardware: netlists of its segments, decision units and their cycles.

Decision units are just fast enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.backends.streamrtl.cycles import (
    ExitCycles,
    Reading,
    accelerator_cycles,
    accelerator_latencies,
    easy_stream,
    first_intake,
    reading_early,
)
from hwcodesign.designs.accelerator import DECISIONS_AHEAD, Accelerator
from hwcodesign.exploration.queues import (
    WANTED,
    EasyStream,
    Exits,
    Intake,
    StageCycles,
    intake_interval,
    least_depth,
    settled_interval,
    waiting_latencies,
)
from hwcodesign.hardware.cycles import Cycles, reading_cycles, segment_cycles
from hwcodesign.hardware.implementation import DEFAULTS, Implementation
from hwcodesign.hardware.meeting import Observed, least_depths
from hwcodesign.hardware.netlist import Netlist, netlist, offering, watched
from hwcodesign.hardware.stepping import Network, ends_of
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.timing import Node, Queue
from hwcodesign.kernels.decision import Decision

#: Netlists of one accelerator's segments, by the segment, its implementations and its streams.
Placed = dict[
    tuple[str, tuple[tuple[str, Implementation], ...], tuple[Stream, ...], tuple[Stream, ...]],
    Netlist,
]


@dataclass(frozen=True, eq=False)
class Hardware:
    """The hardware is what is written and what is predicted.

    Attributes:
        accelerator: the accelerator that it builds.
        netlists: netlists of stage0, head0, stage1, …
    """

    accelerator: Accelerator
    netlists: tuple[Netlist, ...]

    @classmethod
    def of(cls, accelerator: Accelerator, placed: Placed | None = None) -> Hardware:
        """Places every segment.

        Args:
            accelerator: the accelerator.
            placed: netlists of earlier calls, which are taken again; those that are new are put there.
        """
        placed = {} if placed is None else placed
        netlists = []
        for number, segment in enumerate(accelerator.segments):
            built = accelerator.implementations.get(segment.name, DEFAULTS)
            given, taken = accelerator.given(number), accelerator.taken(number)
            key = (segment.name, tuple(sorted(built.items())), given, taken)
            if key not in placed:
                forked = number % 2 == 0 and number + 2 < len(accelerator.segments)  # to its head and a buffer
                placed[key] = netlist(segment, built, accelerator.name, given=given, taken=taken, is_forked=forked)
            netlists.append(placed[key])
        return cls(accelerator, tuple(netlists))

    @cached_property
    def segments(self) -> tuple[Cycles, ...]:
        """Returns the cycles of every segment alone."""
        return tuple(segment_cycles(placed) for placed in self.netlists)

    @cached_property
    def head_queues(self) -> tuple[tuple[int, ...], ...]:
        """Returns the beats of the FIFOs before each head that reads several tensors; nothing for other heads.

        The tensors come at different times. A head that waits for one of them must not stall what its stage makes of
        the same pixels, or the tensor that it waits for would never come. A run without stalls needs the most beats:
        see `netlist`.
        """
        reads = self.accelerator.head_reads
        return tuple(
            queues_before(self.netlists[2 * k], self.netlists[2 * k + 1], reads[k]) if len(reads[k]) > 1 else ()
            for k in range(self.accelerator.exits)
        )

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Returns the decision unit of every exit, just wide enough that it is never slower than its head."""
        classes = self.accelerator.policy.classes
        return tuple(
            Decision.of(self.accelerator.policy, k, -(-classes // min(classes, head.interval)))
            for k, head in enumerate(self.segments[1::2])
        )

    @cached_property
    def exits(self) -> tuple[ExitCycles, ...]:
        """Returns the cycles of samples that leave at each exit."""
        return accelerator_cycles(self.accelerator, self.netlists, self.head_queues, self.decisions)

    @cached_property
    def latencies(self) -> tuple[int, ...]:
        """Returns the latencies of `exits`, sooner."""
        return accelerator_latencies(self.accelerator, self.netlists, self.head_queues, self.decisions)

    @cached_property
    def easy_stream(self) -> EasyStream:
        """Returns the cycles of samples that all leave at the first exit, while the next one always waits."""
        return easy_stream(self.accelerator, self.netlists, self.head_queues, self.decisions)

    @property
    def stage_intervals(self) -> tuple[int, ...]:
        """Returns the interval of each stage with its head and decision: the slowest of the three. The first stage is
        no faster than the words of images come.
        """
        segments, words = self.segments, self.accelerator.image_words
        return tuple(
            max(segments[2 * k].interval, segments[2 * k + 1].interval, decision.interval, 1 if k else words)
            for k, decision in enumerate(self.decisions)
        )

    @property
    def info_depths(self) -> tuple[int, ...]:
        """Returns how many samples' ids must wait beside each stage and its head so that their pipelines can be full.

        These are the samples between the start of the stage (by words or by the decision of the exit before) and the
        exit's own decision.
        """
        found = []
        # a buffer has been told to forward them: one on its way, others decided on
        released = 1 + DECISIONS_AHEAD + self.accelerator.waiting_decisions
        for k, decision in enumerate(self.decisions):
            paces = [(part.latency, part.interval) for part in self.segments[2 * k : 2 * k + 2]]
            paces.append((decision.latency, decision.interval))
            deep = sum(-(-latency // interval) for latency, interval in paces)
            blocks = sum(len(placed.blocks) for placed in self.netlists[2 * k : 2 * k + 2])
            found.append(deep + blocks + (released if k else 0) + 2)  # one at either end
        return tuple(found)

    @cached_property
    def stage_cycles(self) -> tuple[StageCycles, ...]:
        """Returns what the model of the queues between stages knows of them."""
        parts = zip(self.stage_intervals, self.segments[1::2], self.decisions, strict=True)
        return tuple(
            StageCycles(interval, max(interval, head.latency) + decision.latency) for interval, head, decision in parts
        )

    @cached_property
    def held_stages(self) -> tuple[StageCycles, ...]:
        """Returns the same, with the first stage as slow as it is on a stream, or its decision as late.

        How long samples hold the places of a short buffer follows from no interval or latency: where they stall the
        first stage, it is not as far again at once, and buffers give back room beat by beat. The decision is moved
        until samples that leave at the first exit come at the exact interval, which takes longer to predict. Without
        a buffer, the stage and its head may wait for each other.
        """
        first, *others = self.stage_cycles
        depth = self.accelerator.buffer_samples
        exact = self.easy_stream.interval
        if not others:
            return (replace(first, interval=math.ceil(exact)),)
        if settled_interval(self.stage_cycles, depth) == exact:
            return self.stage_cycles
        return (replace(first, decision=int(exact * depth)), *others)

    @cached_property
    def reading_stages(self) -> tuple[StageCycles, ...]:
        """Returns the same, with the cycles in which each stage reads a sample, by which throughput is predicted.

        Depths of buffers are chosen without them, as if a sample held its place for the whole interval: what that
        leaves is for hard samples that come in bursts.
        """
        every = zip(self.held_stages, self.netlists[0::2], (Reading(), *self._readings), strict=True)
        return tuple(
            replace(cycles, reading=reading_cycles(stage), ahead=reading.ahead) for cycles, stage, reading in every
        )

    @cached_property
    def _readings(self) -> tuple[Reading, ...]:
        """How the stages behind the first one read samples that wait."""
        known = (self.accelerator, self.netlists, self.decisions)
        return tuple(reading_early(*known, k) for k in range(1, self.accelerator.exits))

    @cached_property
    def intake(self) -> Intake:
        """Returns how far the first stage is ahead with taking samples in, by which latencies in a stream are
        predicted.
        """
        early = self._readings[0].early if self._readings else 0.0
        head = max(self.segments[1].interval, self.decisions[0].interval)
        return first_intake(self.accelerator, self.netlists, self.easy_stream, early, head)

    def waiting_latencies(self, exits: Exits) -> NDArray[np.float64]:
        """Returns the cycles of samples of a stream whose next one always waits, from the first word to the record.

        Args:
            exits: exit at which each sample leaves.
        """
        depth = self.accelerator.buffer_samples
        return waiting_latencies(self.reading_stages, exits, depth, self.latencies, self.intake)

    def with_buffers(self, exit_rate: Sequence[float]) -> Hardware:
        """Returns the same hardware with conditional buffers just deep enough for nearly all the throughput that its
        stages allow, on a stream of independent samples.

        Args:
            exit_rate: fraction of samples that leave at each exit.
        """
        found = self.with_depth(least_depth(self.stage_cycles, exit_rate))
        return found.without_stalls(found.intake_interval(exit_rate) / WANTED, exit_rate)

    def without_stalls(self, interval: float, exit_rate: Sequence[float]) -> Hardware:
        """Returns the same hardware, with buffers of two samples where those of one stall a stage for so long that
        samples do not come at an interval.

        Args:
            interval: cycles between samples, not less than `intake_interval` says.
            exit_rate: fraction of samples that leave at each exit.
        """
        if self.accelerator.buffer_samples > 1 or self.accelerator.exits == 1:
            return self
        return self if self.stream_interval(exit_rate) <= interval else self.with_depth(2)

    def with_depth(self, depth: int) -> Hardware:
        """Returns the same hardware with conditional buffers that hold so many samples each."""
        return Hardware(replace(self.accelerator, buffer_samples=depth), self.netlists)

    def intake_interval(self, exit_rate: Sequence[float]) -> float:
        """Returns the cycles between samples in the long run, of a stream of independent samples.

        Args:
            exit_rate: fraction of samples that leave at each exit; nothing if every sample goes through all stages.
        """
        return intake_interval(self.stage_cycles, self._rates(exit_rate), self.accelerator.buffer_samples)

    def stream_interval(self, exit_rate: Sequence[float]) -> float:
        """Returns what `intake_interval` does, by `held_stages`: it takes longer, and is nearer to the truth.

        Args:
            exit_rate: fraction of samples that leave at each exit; nothing if every sample goes through all stages.
        """
        return intake_interval(self.held_stages, self._rates(exit_rate), self.accelerator.buffer_samples)

    def mean_latency(self, exit_rate: Sequence[float]) -> float:
        """Returns the mean cycles of a sample alone, from its first word to its record.

        Args:
            exit_rate: fraction of samples that leave at each exit; nothing if all leave at the last one.
        """
        return sum(rate * cycles for rate, cycles in zip(self._rates(exit_rate), self.latencies, strict=True))

    def _rates(self, exit_rate: Sequence[float]) -> Sequence[float]:
        last = self.accelerator.exits - 1
        return exit_rate or [float(k == last) for k in range(last + 1)]

    def to_json(self) -> dict[str, Any]:
        """Returns the predictions for the design's manifest."""
        return {
            "segments": {
                placed.segment.name: {"latency": cycles.latency, "interval": cycles.interval}
                for placed, cycles in zip(self.netlists, self.segments, strict=True)
            },
            "stages": list(self.stage_intervals),
            "exits": [asdict(cycles) for cycles in self.exits],
        }


def queues_before(stage: Netlist, head: Netlist, reads: Sequence[int]) -> tuple[int, ...]:
    """Returns the beats of the queues before a head that reads several tensors of its stage: see `least_depths`.

    Args:
        stage, head: their netlists.
        reads: numbers of the stage's outputs that the head reads.
    """
    streams = [port.stream for port in head.inputs]

    def observe(depths: Sequence[int], samples: int) -> Observed:
        nodes = offering(len(stage.inputs))
        made, features = stage.nodes(range(len(nodes)), len(nodes))
        nodes += made
        first = len(nodes)
        nodes += [Node(Queue(depth), (features[i],)) for i, depth in zip(reads, depths, strict=True)]
        made, (logits,) = head.nodes(range(first, len(nodes)), len(nodes))
        network = Network(watched([*nodes, *made], logits))
        beats_in = [port.stream.beats for port in stage.inputs]
        ends = ends_of(network, samples, beats_in, head.outputs[0].stream.beats)
        return Observed(tuple(network.most_held(first + i) for i in range(len(reads))), tuple(ends))

    return least_depths(observe, [stream.beats for stream in streams], len(stage.blocks + head.blocks))
