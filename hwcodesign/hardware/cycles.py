"""This module predicts the cycles of a segment by the automata of its modules."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from hwcodesign.hardware.netlist import WATCHING, Netlist, fed, observed, watched
from hwcodesign.hardware.stepping import Network, ends_of, run

#: Samples that a pipeline is run for until its pace is steady.
_SAMPLES = 6


@dataclass(frozen=True)
class Cycles:
    """It holds the cycles that a segment takes while nothing outside stalls it.

    Attributes:
        latency: cycles from the one in which its first input beats are offered to that of the last beat of all outputs.
        interval: cycles between the last output beats of consecutive samples, at its own pace.
        ends: cycles in which the first samples have left whole.
    """

    latency: int
    interval: int
    ends: tuple[int, ...]


#: Cycles of netlists that are still there, by samples: a choice asks for those of the same segments again and again.
_KNOWN: WeakKeyDictionary[Netlist, dict[int, Cycles]] = WeakKeyDictionary()


def segment_cycles(placed: Netlist, samples: int = _SAMPLES) -> Cycles:
    """Predicts a segment's cycles, with its inputs always offered and its outputs always taken."""
    known = _KNOWN.setdefault(placed, {})
    if samples not in known:
        known[samples] = _segment_cycles(placed, samples)
    return known[samples]


def _segment_cycles(placed: Netlist, samples: int) -> Cycles:
    ends = _ends(placed, 0, samples) if len(placed.outputs) == 1 else _whole_ends(placed, samples)
    return Cycles(ends[0], ends[-1] - ends[-2], ends)


def output_ends(placed: Netlist, samples: int = _SAMPLES) -> tuple[tuple[int, ...], ...]:
    """Predicts for each output of a segment the cycles of the last beats of the first samples."""
    return tuple(_ends(placed, i, samples) for i in range(len(placed.outputs)))


def reading_cycles(placed: Netlist) -> int:
    """Predicts the cycles from the one in which a sample's first input beat is offered to that of its last one.

    No other sample is there. The result is no more than the interval, which is taken for a segment of several inputs:
    they wait for each other.
    """
    interval = segment_cycles(placed).interval
    if len(placed.inputs) != 1:
        return interval
    nodes, drivers = placed.nodes()
    if max(drivers) < 0:  # wires alone
        return interval
    beats = placed.inputs[0].stream.beats
    network = Network(watched(nodes, max(drivers)), beats)
    return min(network.cycles, interval) if network.until_taken(beats) else interval


def _whole_ends(placed: Netlist, samples: int) -> tuple[int, ...]:
    """Returns the cycles in which samples have left all of several outputs, which one run watches."""
    delay = WATCHING + (len(placed.inputs) > 1)  # queues that offer take one cycle
    return tuple(end - delay for end in observed(placed, samples).ends)


def _ends(placed: Netlist, i: int, samples: int) -> tuple[int, ...]:
    """Returns the cycles in which the last beats of an output leave."""
    beats = placed.outputs[i].stream.beats
    if len(placed.inputs) == 1:
        nodes, drivers = placed.nodes()
        last, beats_in = drivers[i], placed.inputs[0].stream.beats
        if len(placed.outputs) == 1:
            if last < 0:  # wires alone
                return tuple(beats * (n + 1) - 1 for n in range(samples))
            return tuple(run(nodes[: last + 1], samples, beats_in, beats))
        return tuple(end - 1 for end in run(watched(nodes, last), samples, beats_in, beats))
    each, (nodes, drivers, _) = [port.stream.beats for port in placed.inputs], fed(placed)
    network = Network(watched(nodes, drivers[i]))
    # a cycle in the queues that offer, and one in that which watches
    return tuple(end - 2 for end in ends_of(network, samples, each, beats))
