"""This module predicts the cycles of the whole accelerator, by the automata of its modules."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.exploration.queues import EasyStream, Intake
from hwcodesign.hardware.meeting import ENDLESS
from hwcodesign.hardware.netlist import Netlist, watched
from hwcodesign.hardware.pace import Pace, settle
from hwcodesign.hardware.shell_timing import Buffer, Decider, Packer, Unpacker
from hwcodesign.hardware.stepping import Network, end_of_sample
from hwcodesign.hardware.timing import Node, Pipeline, Queue
from hwcodesign.images import lane_bits
from hwcodesign.kernels.decision import Decision

#: Cycles from the one in which a record is offered to that in which its last word leaves.
_LEAVING = 3
#: Cycles in exit_verdict, of those of a decision.
_VERDICT = 2


@dataclass(frozen=True)
class ExitCycles:
    """It holds the cycles of samples that leave at one exit, while nothing outside stalls.

    Attributes:
        latency: cycles of a sample alone, from its first input word accepted to its record offered: the record's
            `cycles`.
        interval: cycles between records in the long run, if every sample leaves at this exit.
        settled, period: the interval is a mean over `period` samples from sample `settled` on; after them, the samples
            leave as before.
    """

    latency: int
    interval: float
    settled: int
    period: int


def accelerator_cycles(
    accelerator: Accelerator,
    placed: Sequence[Netlist],
    queues: Sequence[Sequence[int]],
    decisions: Sequence[Decision],
) -> tuple[ExitCycles, ...]:
    """Predicts the accelerator's cycles, exit by exit.

    Args:
        accelerator: the accelerator.
        placed: netlists of stage0, head0, stage1, …
        queues: for each head that reads several tensors, beats of the FIFO before each of them; else nothing.
        decisions: one per exit.
    """
    return tuple(
        _exit_cycles(*_nodes(accelerator, placed, queues, decisions, leave_at)) for leave_at in range(accelerator.exits)
    )


def accelerator_latencies(
    accelerator: Accelerator,
    placed: Sequence[Netlist],
    queues: Sequence[Sequence[int]],
    decisions: Sequence[Decision],
) -> tuple[int, ...]:
    """Predicts the latencies of samples that leave at each exit, as `accelerator_cycles` does, but nothing else."""
    found = (_nodes(accelerator, placed, queues, decisions, leave_at)[0] for leave_at in range(accelerator.exits))
    return tuple(end_of_sample(Network(nodes), 0, 1) - _LEAVING for nodes in found)


def easy_stream(
    accelerator: Accelerator,
    placed: Sequence[Netlist],
    queues: Sequence[Sequence[int]],
    decisions: Sequence[Decision],
) -> EasyStream:
    """Predicts a stream of samples that all leave at the first exit, while the next one always waits."""
    (source,), (stage, head) = accelerator.stages[0].inputs, placed[:2]
    buffers = [
        (accelerator.least_buffer_beats(0, i), accelerator.buffer_beats(0, i))
        for i in range(len(stage.outputs) if accelerator.exits > 1 else 0)
    ]
    given = (lane_bits(source.format), accelerator.images, tuple(buffers), accelerator.waiting_decisions)
    found = _known(
        stage,
        (head, *given, tuple(queues[0]), tuple(accelerator.head_reads[0]), _pace(decisions[0])),
        lambda: _stream(*_nodes(accelerator, placed, queues, decisions, 0)),
    )
    return replace(found, latencies=tuple(cycles - _LEAVING for cycles in found.latencies))


def first_intake(
    accelerator: Accelerator, placed: Sequence[Netlist], easy: EasyStream, early: float, head: int
) -> Intake:
    """Predicts how far the first stage is ahead with taking samples in.

    Args:
        accelerator: the accelerator.
        placed: netlists of stage0, head0, stage1, …
        easy: its stream of easy samples.
        early: part of a sample that the second stage reads while it waits with the rest: see `Reading`.
        head: interval of the first head and its decision.
    """
    stage = placed[0]
    writing, room = _known(stage, (_unpacker(accelerator),), lambda: _ahead_of_writing(accelerator, stage))
    flowing = (writing + easy.latencies[-1] - easy.latencies[0]) / easy.interval
    if accelerator.exits == 1:
        return Intake(easy, flowing, flowing, flowing)
    # a beat waits in the register of the buffer
    stalled = max(flowing, room + early + 1 / accelerator.least_buffer_beats(0))
    # where the head is as slow as all, what has been taken in leaves no sooner than it comes
    again = min(stalled, max(flowing, room)) if head >= easy.interval else flowing
    return Intake(easy, flowing, stalled, again)


def _ahead_of_writing(accelerator: Accelerator, stage: Netlist) -> tuple[int, float]:
    """The cycles from the first word of a sample alone to the first beat that the first stage writes, and the samples
    that it takes in while it can write nothing.
    """
    unpacker = _unpacker(accelerator)
    nodes = [Node(unpacker, (-1,))]
    features = _extend(nodes, stage, (0,))
    alone, blocked = Network(watched(nodes, features[0])), Network([*nodes, *(Node(Queue(0), (f,)) for f in features)])
    alone.until_taken(1)
    begin = alone.cycles
    alone.until(1)
    blocked.until_taken(ENDLESS)
    return alone.cycles - begin, blocked.taken / unpacker.words


@dataclass(frozen=True)
class Reading:
    """A reading says how much sooner a later stage reads a sample if it waits for the ones in front of it than if it is
    alone.

    Attributes:
        ahead: cycles by which the whole sample is read sooner.
        early: part of the sample that is read still sooner.
    """

    ahead: int = 0
    early: float = 0.0


def reading_early(
    accelerator: Accelerator, placed: Sequence[Netlist], decisions: Sequence[Decision], k: int
) -> Reading:
    """Predicts how a later stage reads samples that wait: not at all sooner if it or its head has several tensors."""
    stage, head = placed[2 * k : 2 * k + 2]
    if len(stage.inputs) > 1 or len(head.inputs) > 1:
        return Reading()
    read = accelerator.head_reads[k][0]

    def observed() -> Reading:
        nodes: list[Node] = []
        features = _extend(nodes, stage, (-1,))
        (logits,) = _extend(nodes, head, [features[read]])
        if not nodes:
            return Reading()
        _decided(nodes, decisions[k], logits)
        return _reading(nodes, stage.inputs[0].stream.beats)

    return _known(stage, (head, read, _pace(decisions[k])), observed)


def _reading(nodes: Sequence[Node], beats: int) -> Reading:
    network = Network(nodes, keeps_cycles=True)
    pace = settle(network, beats, 1)
    latencies = _latencies(network, pace, beats, whole=True)
    ahead = int(latencies[-1] - latencies[0])
    alone = pace.end(0) - network.taken_in(0)
    sample, early = pace.settled + pace.period, 0
    while early < beats and network.taken_in(sample * beats + early) < pace.end(sample) - alone - ahead:
        early += 1
    return Reading(ahead, early / beats)


_Known = TypeVar("_Known")
#: What is known of stages that are still there, by what it depends on: a search asks for the same again and again.
_KNOWN: WeakKeyDictionary[Netlist, dict[Hashable, Any]] = WeakKeyDictionary()


def _known(stage: Netlist, depends_on: Hashable, make: Callable[[], _Known]) -> _Known:
    known = _KNOWN.setdefault(stage, {})
    if depends_on not in known:
        known[depends_on] = make()
    found: _Known = known[depends_on]
    return found


def _pace(decision: Decision) -> tuple[int, int]:
    """All of a decision that its automata depend on."""
    return decision.interval, decision.latency


def _stream(nodes: Sequence[Node], beats_in: int) -> EasyStream:
    network = Network(nodes, keeps_cycles=True)
    pace = settle(network, beats_in, 1)
    return EasyStream(pace.interval, _latencies(network, pace, beats_in))


def _latencies(network: Network, pace: Pace, beats_in: int, *, whole: bool = False) -> tuple[float, ...]:
    """Cycles of samples that always wait, as `EasyStream` has them: from a sample's first beat, or from its last one if
    the whole sample is to be read, to the end of the network.
    """
    early: list[int] = []
    periodic: list[int] = []  # of samples that are taken once samples leave with a period
    while len(periodic) < pace.period:
        n = len(early) + len(periodic)
        begin = network.taken_in((n + 1) * beats_in - 1 if whole else n * beats_in)
        of_its_time = early if begin < pace.ends[pace.settled] else periodic
        of_its_time.append(pace.end(n) - begin)
    return (*map(float, early), sum(periodic) / len(periodic))


def _exit_cycles(nodes: Sequence[Node], words: int) -> ExitCycles:
    pace = settle(Network(nodes), words, 1)
    return ExitCycles(pace.ends[0] - _LEAVING, pace.interval, pace.settled, pace.period)


def _nodes(
    accelerator: Accelerator,
    placed: Sequence[Netlist],
    queues: Sequence[Sequence[int]],
    decisions: Sequence[Decision],
    leave_at: int,
) -> tuple[list[Node], int]:
    """Stages up to an exit at which all samples leave, and its records to their last words; input words of a sample."""
    unpacker = _unpacker(accelerator)
    nodes = [Node(unpacker, (-1,))]
    given: tuple[int, ...] = (0,)
    for k in range(leave_at + 1):
        features = _extend(nodes, placed[2 * k], given)
        read = [features[i] for i in accelerator.head_reads[k]]
        for i, depth in enumerate(queues[k]):
            nodes.append(Node(Queue(depth), (read[i],)))
            read[i] = len(nodes) - 1
        (logits,) = _extend(nodes, placed[2 * k + 1], read)
        decision = _decided(nodes, decisions[k], logits)
        if k < accelerator.exits - 1:
            given = _buffered(nodes, accelerator, k, features, keep=k < leave_at)
    return [*nodes, Node(Queue(), (decision,)), Node(Packer(), (len(nodes),))], unpacker.words


def _unpacker(accelerator: Accelerator) -> Unpacker:
    (source,) = accelerator.stages[0].inputs
    return Unpacker(64 // lane_bits(source.format), accelerator.images.lanes, accelerator.images.beats)


def _extend(nodes: list[Node], placed: Netlist, sources: Sequence[int]) -> tuple[int, ...]:
    """Add a segment's nodes; the numbers of those that drive its outputs."""
    more, outputs = placed.nodes(sources, len(nodes))
    nodes += more
    return outputs


def _decided(nodes: list[Node], decision: Decision, logits: int) -> int:
    """Adds the nodes of a decision; returns the number of the one whose output its readers take.

    The score unit stalls as a whole while a score waits for exit_verdict, which holds a score and a verdict. Decisions
    wait only if one of several tensors comes some samples later than another: buffers take decisions ahead.
    """
    every_cycle = decision.interval == 1
    first = len(nodes)
    nodes.append(Node(Decider(decision.interval, decision.latency - _VERDICT), (logits,)))
    # the register of the score takes the next one as the last one leaves only if scores may come in every cycle
    nodes.append(Node(Pipeline() if every_cycle else Queue(1), (first,)))
    nodes.append(Node(Pipeline(), (first + 1,)))
    return first + 2


def _buffered(
    nodes: list[Node], accelerator: Accelerator, k: int, features: Sequence[int], *, keep: bool
) -> tuple[int, ...]:
    """Add the conditional buffers behind a stage and its decision, which is the last node; the buffers' numbers."""
    decision, found = len(nodes) - 1, []
    for i, feature in enumerate(features):
        release = decision
        if accelerator.waiting_decisions:
            release = len(nodes)
            nodes.append(Node(Queue(accelerator.waiting_decisions), (decision,)))
        found.append(len(nodes))
        buffer = Buffer(accelerator.least_buffer_beats(k, i), accelerator.buffer_beats(k, i), keep=keep)
        nodes.append(Node(buffer, (feature, release)))
    return tuple(found)
