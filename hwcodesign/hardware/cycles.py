"""Cycles of a segment, by the automata of its modules."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.netlist import Netlist
from hwcodesign.hardware.stepping import run

#: Samples that a pipeline is run for until its pace is steady.
_SAMPLES = 6


@dataclass(frozen=True)
class Cycles:
    """What a segment takes while nothing else stalls.

    Attributes:
        latency: from the cycle in which its first input beat is offered to that of its last output beat.
        interval: between the last output beats of consecutive samples, at its own pace.
        ends: cycles of the last output beats of the first samples.
    """

    latency: int
    interval: int
    ends: tuple[int, ...]


def segment_cycles(placed: Netlist, samples: int = _SAMPLES) -> Cycles:
    """Predict a segment's cycles; input always offered, output always taken."""
    nodes, last = placed.nodes()
    if last < 0:  # wires alone
        beats = placed.input_stream.beats
        return Cycles(beats - 1, beats, tuple(beats * (n + 1) - 1 for n in range(samples)))
    ends = run(nodes[: last + 1], samples, placed.input_stream.beats, placed.output_stream.beats)
    return Cycles(ends[0], ends[-1] - ends[-2], tuple(ends))
