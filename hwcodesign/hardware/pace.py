"""This module finds the pace at which samples leave a network of automata in the long run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwcodesign.hardware.stepping import Network, end_of_sample

#: Of `settle`: samples that are looked at whatever they take, and those and cycles after which it gives up.
_LEAST_SAMPLES, _MOST_SAMPLES, _MOST_CYCLES = 6, 1000, 200_000


@dataclass(frozen=True)
class Pace:
    """A pace says how samples leave in the long run, with the input always offered and the output always taken.

    They may leave with a period of several samples, for example 19 and 27 cycles apart in turn, if two wait in a buffer
    for the decision on the first.

    Attributes:
        ends: cycles at which the first samples left, up to the end of one period.
        settled: number of the sample from which on they leave periodically.
        period: number of samples in a period.
    """

    ends: tuple[int, ...]
    settled: int
    period: int

    def end(self, sample: int) -> int:
        """Returns the cycle at which a sample leaves, counted from 0."""
        periods = max(0, -(-(sample - len(self.ends) + 1) // self.period))
        cycles = self.ends[self.settled + self.period] - self.ends[self.settled]
        return self.ends[sample - periods * self.period] + periods * cycles

    @property
    def interval(self) -> float:
        """Returns the mean interval over a period; an int if it is whole."""
        return mean_interval(self.ends, self.settled, self.period)


def mean_interval(ends: Sequence[int], settled: int, period: int) -> float:
    """Returns the mean cycles per sample from one sample on; an int if it is whole."""
    cycles = int(ends[settled + period]) - int(ends[settled])
    return cycles // period if cycles % period == 0 else cycles / period


def settle(network: Network, beats_in: int, beats_out: int) -> Pace:
    """Runs a network until a state comes again; from then on it repeats for ever.

    If no state comes again for very long, the second half of the run is taken as the period.

    Args:
        network: after reset; it is stepped to the end of the last sample of the pace.
        beats_in, beats_out: as in `run`.

    Raises:
        SimulationError: the network stands still.
    """
    ends: list[int] = []
    seen: dict[tuple[bytes, tuple[int, ...]], int] = {}
    while len(ends) < _LEAST_SAMPLES or (len(ends) < _MOST_SAMPLES and network.cycles < _MOST_CYCLES):
        end = end_of_sample(network, len(ends), beats_out)
        if len(ends) >= _LEAST_SAMPLES and end >= _MOST_CYCLES:
            break
        ends.append(end)
        first = seen.setdefault(network.phase((beats_in,)), len(ends) - 1)
        if first < len(ends) - 1:
            return Pace(tuple(ends), first, len(ends) - 1 - first)
    half = len(ends) // 2
    return Pace(tuple(ends), half, len(ends) - 1 - half)
