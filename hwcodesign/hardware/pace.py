"""How samples leave a network of automata in the long run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwcodesign.hardware.stepping import Network, end_of_sample
from hwcodesign.hardware.timing import Node

#: Of `settle`: samples that are looked at whatever they take, and those and cycles after which it gives up.
_LEAST_SAMPLES, _MOST_SAMPLES, _MOST_CYCLES = 6, 1000, 200_000


@dataclass(frozen=True)
class Pace:
    """How samples leave in the long run, input always offered and output always taken.

    They may leave in a rhythm, say 19 and 27 cycles apart in turn, where two wait in a buffer for the decision on the
    first.

    Attributes:
        ends: cycles at which the first samples left, up to the end of one period.
        settled: the sample from which on they leave in a rhythm.
        period: samples after which it repeats.
    """

    ends: tuple[int, ...]
    settled: int
    period: int

    @property
    def interval(self) -> float:
        """Mean of a period, an int where it is whole."""
        return mean_interval(self.ends, self.settled, self.period)


def mean_interval(ends: Sequence[int], settled: int, period: int) -> float:
    """Mean cycles a sample from one sample on, an int where it is whole."""
    cycles = int(ends[settled + period]) - int(ends[settled])
    return cycles // period if cycles % period == 0 else cycles / period


def settle(nodes: Sequence[Node], beats_in: int, beats_out: int) -> Pace:
    """Run until a state comes again, which is then known to come for ever.

    Where none does for very long, the second half of what was seen is held to be the rhythm.

    Args:
        nodes, beats_in, beats_out: as in `run`.

    Raises:
        SimulationError: the network stands still.
    """
    network = Network(nodes)
    ends: list[int] = []
    seen: dict[tuple[bytes, int], int] = {}
    while len(ends) < _LEAST_SAMPLES or (len(ends) < _MOST_SAMPLES and network.cycles < _MOST_CYCLES):
        end = end_of_sample(network, len(ends), beats_out)
        if len(ends) >= _LEAST_SAMPLES and end >= _MOST_CYCLES:
            break
        ends.append(end)
        first = seen.setdefault((network.state, network.taken % beats_in), len(ends) - 1)
        if first < len(ends) - 1:
            return Pace(tuple(ends), first, len(ends) - 1 - first)
    half = len(ends) // 2
    return Pace(tuple(ends), half, len(ends) - 1 - half)
