"""This module predicts the cycles of a segment by the automata of its modules."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.netlist import Netlist
from hwcodesign.hardware.stepping import run

#: Samples that a pipeline is run for until its pace is steady.
_SAMPLES = 6


@dataclass(frozen=True)
class Cycles:
    """It holds the cycles that a segment takes while nothing outside stalls it.

    Attributes:
        latency: cycles from the one in which its first input beat is offered to that of its last output beat.
        interval: cycles between the last output beats of consecutive samples, at its own pace.
        ends: cycles of the last output beats of the first samples.
    """

    latency: int
    interval: int
    ends: tuple[int, ...]


def segment_cycles(placed: Netlist, samples: int = _SAMPLES) -> Cycles:
    """Predicts a segment's cycles, with its input always offered and its output always taken."""
    nodes, last = placed.nodes()
    if last < 0:  # wires alone
        beats = placed.input_stream.beats
        return Cycles(beats - 1, beats, tuple(beats * (n + 1) - 1 for n in range(samples)))
    ends = run(nodes[: last + 1], samples, placed.input_stream.beats, placed.output_stream.beats)
    return Cycles(ends[0], ends[-1] - ends[-2], tuple(ends))
