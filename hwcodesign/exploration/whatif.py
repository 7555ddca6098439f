"""This module asks the model of the queues between stages what becomes of a design if samples are other than fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import SettingsError
from hwcodesign.exploration.queues import DEPTHS, StageCycles, cycles_per_sample

Exits = NDArray[np.int64]

#: Samples that come together in a burst; points by which an exit rate changes; fractions of attacked samples.
_BURST, _POINTS, _ATTACKED = 16, (-20, -15, -10, -5, 0, 5, 10, 15, 20), (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
_SAMPLES, _SEED = 20_000, 1


@dataclass(frozen=True)
class Stream:
    """A stream is what a design works on, and how.

    Attributes:
        stages: cycles of its stages.
        taken: (N,) the exit at which each sample leaves, in the order in which they come.
        classes: (N,) their true classes.
        depth: samples that each conditional buffer holds.
    """

    stages: tuple[StageCycles, ...]
    taken: Exits
    classes: Exits
    depth: int

    @property
    def exit_rate(self) -> list[float]:
        """Returns the fraction of samples that leave at each exit."""
        counts = np.bincount(self.taken, minlength=len(self.stages))
        return [float(rate) for rate in counts / len(self.taken)]

    def cycles(self, taken: Exits, depth: int | None = None) -> float:
        """Returns the cycles per sample of other samples, or with buffers of another depth."""
        return cycles_per_sample(self.stages, taken, depth or self.depth)


def orders(stream: Stream) -> dict[str, Exits]:
    """Returns the same samples in several orders: as they come, by chance, in bursts, and sorted.

    In bursts, samples that go on past the first exit come 16 in a row, evenly between the others.
    """
    rng, taken = np.random.default_rng(_SEED), stream.taken
    goes_on = np.flatnonzero(taken > 0)
    bursts = np.array_split(goes_on, max(1, len(goes_on) // _BURST))
    between = np.array_split(np.flatnonzero(taken == 0), len(bursts))
    mixed = [part for pair in zip(between, bursts, strict=True) for part in pair]
    return {
        "as they come": taken,
        "by chance": rng.permutation(taken),
        f"in bursts of {_BURST}": taken[np.concatenate(mixed)],
        "sorted by class": taken[np.argsort(stream.classes, kind="stable")],
        "hardest last": np.sort(taken),
    }


def by_order(stream: Stream) -> dict[str, float]:
    """Returns the cycles per sample of each order."""
    return {name: stream.cycles(taken) for name, taken in orders(stream).items()}


def by_depth(stream: Stream) -> dict[str, dict[int, float]]:
    """Returns the cycles per sample by the depth of conditional buffers, for each order."""
    return {name: {d: stream.cycles(taken, d) for d in DEPTHS} for name, taken in orders(stream).items()}


def by_rate(stream: Stream) -> dict[int, float]:
    """Returns the cycles per sample if other fractions leave early: by percentage points more than now.

    Samples come by chance. The early exits keep their proportions; fractions end at none and at all.
    """
    rates, found = np.array(stream.exit_rate), {}
    early, rng = 1 - rates[-1], np.random.default_rng(_SEED)
    for points in _POINTS:
        wanted = min(1.0, max(0.0, early + points / 100))
        own = rates[:-1] * wanted / early if early > 0 else np.full(len(rates) - 1, wanted / max(1, len(rates) - 1))
        changed = np.append(own, max(0.0, 1 - own.sum()))
        found[points] = stream.cycles(rng.choice(len(rates), _SAMPLES, p=changed / changed.sum()))
    return found


def under_attack(stream: Stream) -> dict[float, float]:
    """Returns the cycles per sample if a fraction of the samples is made to go to the last exit (a slowdown attack).

    Which ones, is drawn by chance.
    """
    draws, last = np.random.default_rng(_SEED).random(len(stream.taken)), len(stream.stages) - 1
    return {part: stream.cycles(np.where(draws < part, last, stream.taken)) for part in _ATTACKED}


@dataclass(frozen=True)
class Link:
    """A link leads to a machine that has the whole network, too.

    Attributes:
        bits_per_second: bandwidth.
        delay_s: time from sender to receiver and back.
        remote_s: time of the machine for a sample.

    Raises:
        SettingsError: a number is not above zero; the delay may be zero.
    """

    bits_per_second: float
    delay_s: float
    remote_s: float

    def __post_init__(self) -> None:
        if not (self.bits_per_second > 0 and self.delay_s >= 0 and self.remote_s > 0):
            raise SettingsError(
                f"a link of {self.bits_per_second:g} bit/s, {self.delay_s:g} s of delay and {self.remote_s:g} s a "
                "sample: bandwidth and time must be above 0, and the delay not below"
            )


@dataclass(frozen=True)
class Split:
    """A split says which stages are on the device.

    Attributes:
        here: stages on the device; what is left over goes over the link behind the last of them.
        sent: fraction of samples that go over the link.
        per_second: samples a second: the least of device, link and machine.
        mean_s: mean time of a sample alone.
        bound: which of the three that is.
    """

    here: int
    sent: float
    per_second: float
    mean_s: float
    bound: str


def splits(
    stream: Stream, latencies: Sequence[int], bits: Sequence[int], hertz: float, link: Link
) -> tuple[Split, ...]:
    """Returns what each place for the link gives, from no stage on the device to all of them.

    As in Neurosurgeon and SPINN: samples that leave early stay on the device, others are sent where it ends.

    Args:
        stream: what the device works on.
        latencies: cycles of a sample alone that leaves at each exit.
        bits: of an image, and of the tensors behind each stage but the last.
        hertz: clock.
        link: the link.
    """
    found, rates = [], stream.exit_rate
    for here in range(len(stream.stages) + 1):
        whole = here == len(stream.stages)
        sent = 0.0 if whole else 1 - sum(rates[:here])
        limits = {}
        if here:
            part = Stream(stream.stages[:here], np.minimum(stream.taken, here - 1), stream.classes, stream.depth)
            limits["device"] = hertz / part.cycles(part.taken)
        if sent > 0:
            limits["link"] = link.bits_per_second / (bits[here] * sent)
            limits["machine"] = 1 / (link.remote_s * sent)
        bound = min(limits, key=limits.__getitem__)
        own = sum(rate * cycles for rate, cycles in zip(rates[:here], latencies, strict=False)) / hertz
        reached = latencies[here - 1] / hertz if here else 0.0
        away = 0.0 if whole else sent * (reached + bits[here] / link.bits_per_second + link.delay_s + link.remote_s)
        found.append(Split(here, sent, limits[bound], own + away, bound))
    return tuple(found)


def swapped(stream: Stream, parts: Sequence[float], seconds: float, hertz: float) -> Mapping[int, float]:
    """Returns the samples a second if stages are swapped in one after the other by partial reconfiguration, by the
    samples of a batch.

    While a stage is there it has the room of all, and is taken to be as many times as fast as it has more room. That is
    more than it will be, so where this loses, swapping loses. A batch goes through the first stage; what goes on waits
    outside, and goes through the next stage when that is there.

    Args:
        stream: samples, and the stages as they are side by side.
        parts: fraction of the room that each stage has then.
        seconds: time to swap a stage.
        hertz: clock.
    """
    rates = stream.exit_rate
    reached = [1 - sum(rates[:k]) for k in range(len(rates))]
    work = sum(r * stage.interval * part for r, stage, part in zip(reached, stream.stages, parts, strict=True)) / hertz
    swaps = len(stream.stages) if len(stream.stages) > 1 else 0
    return {batch: batch / (batch * work + swaps * seconds) for batch in (10**k for k in range(1, 8))}
