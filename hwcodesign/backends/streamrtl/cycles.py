"""This module predicts the cycles of the whole accelerator, by the automata of its modules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.hardware.netlist import Netlist
from hwcodesign.hardware.pace import settle
from hwcodesign.hardware.shell_timing import Buffer, Decider, Packer, Unpacker
from hwcodesign.hardware.timing import Node, Queue
from hwcodesign.images import lane_bits
from hwcodesign.kernels.decision import Decision

#: Cycles from the one in which a record is offered to that in which its last word leaves.
_LEAVING = 3


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
    accelerator: Accelerator, placed: Sequence[Netlist], decisions: Sequence[Decision]
) -> tuple[ExitCycles, ...]:
    """Predicts the accelerator's cycles, exit by exit.

    Args:
        accelerator: the accelerator.
        placed: netlists of stage0, head0, stage1, …
        decisions: one per exit.
    """
    return tuple(
        _exit_cycles(*_nodes(accelerator, placed, decisions, leave_at)) for leave_at in range(accelerator.exits)
    )


def _exit_cycles(nodes: Sequence[Node], words: int) -> ExitCycles:
    pace = settle(nodes, words, 1)
    return ExitCycles(pace.ends[0] - _LEAVING, pace.interval, pace.settled, pace.period)


def _nodes(
    accelerator: Accelerator, placed: Sequence[Netlist], decisions: Sequence[Decision], leave_at: int
) -> tuple[list[Node], int]:
    """Stages up to an exit at which all samples leave, and its records to their last words; input words of a sample."""
    source = accelerator.stages[0]
    pixels = placed[0].input_stream.beats
    unpacker = Unpacker(64 // lane_bits(source.input_format), source.input_shape[-1], pixels)
    nodes = [Node(unpacker, (-1,))]
    for k in range(leave_at + 1):
        # from the second stage on the nodes end with the buffer before it
        feature = _extend(nodes, placed[2 * k], len(nodes) - 1)
        logits = _extend(nodes, placed[2 * k + 1], feature)
        decision = len(nodes)
        nodes.append(Node(Decider(decisions[k].interval, decisions[k].latency), (logits,)))
        if k < accelerator.exits - 1:
            buffer = Buffer(accelerator.least_buffer_beats(k), accelerator.buffer_beats(k), keep=k < leave_at)
            release = decision
            if accelerator.waiting_decisions:
                release = len(nodes)
                nodes.append(Node(Queue(accelerator.waiting_decisions), (decision,)))
            nodes.append(Node(buffer, (feature, release)))
    return [*nodes, Node(Queue(), (decision,)), Node(Packer(), (len(nodes),))], unpacker.words


def _extend(nodes: list[Node], placed: Netlist, source: int) -> int:
    """Add a segment's nodes; the number of the one that drives its output."""
    more, output = placed.nodes(source, len(nodes))
    nodes += more
    return output
