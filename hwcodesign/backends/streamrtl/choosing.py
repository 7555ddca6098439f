"""This module builds an accelerator for wished cycles: what its layers and conditional buffers are then, and take.

Stages that fewer samples reach are folded more: each to the fraction of samples that reach it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from hwcodesign.backends.streamrtl.boundaries import with_own_lanes
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.boards import Board
from hwcodesign.hardware.choice import Choice, Chooser, Wish, shares
from hwcodesign.hardware.implementation import DEFAULTS, Implementations
from hwcodesign.hardware.resources.figures import Resources

#: Fraction of each of a board's resources that a design may take: tools hardly place and route more.
SHARE = 0.85
#: Fraction of samples that a stage is made for at least.
_FEWEST = 1 / 64


@dataclass(frozen=True)
class Speed:
    """A speed says how fast the stages of an accelerator are to be made.

    Attributes:
        interval: cycles between samples.
        limit: cycles that the first stage may take for a sample, so that a latency is kept; later ones may take as
            much longer as is cheapest; None for no limit.
        busy: fraction of the time between the samples that reach a later stage which it may take for one: they come by
            chance, and a stage that is always busy would make all of them wait.
    """

    interval: int
    limit: float | None = None
    busy: float = 0.9

    def of(self, reached: float, longer: float) -> int:
        """Returns the cycles that a segment may take for a sample.

        Args:
            reached: fraction of samples that reach it.
            longer: how much longer than the first stage it may take, where there is a limit.
        """
        own = self.interval if reached == 1 else max(self.interval, int(self.interval / reached * self.busy))
        return own if self.limit is None else max(1, min(own, int(self.limit * longer)))


@dataclass(frozen=True)
class Built:
    """An accelerator as it was built for a speed.

    Attributes:
        choice: how its layers are built.
        hardware: the hardware, with conditional buffers.
    """

    choice: Choice
    hardware: Hardware

    @cached_property
    def total(self) -> Resources:
        """Returns what it takes."""
        return AcceleratorEstimate.of(self.hardware).total

    @property
    def beside(self) -> Resources:
        """Returns what it takes beside the units of the choice: resizes, queues and buffers depend on these."""
        return self.total - self.choice.resources


class Choosing:
    """It builds one accelerator for any speed.

    Args:
        accelerator: the accelerator; its policy says how many samples leave at each exit.
        kept: implementations that the user gave, by segment and kernel; they stay.
        board: what its resources are worth.
    """

    def __init__(self, accelerator: Accelerator, kept: Mapping[str, Implementations], board: Board) -> None:
        self._accelerator, self._kept, self._board, self._chooser = accelerator, kept, board, Chooser()
        #: Exit rates; nothing where none are known.
        self.rates = accelerator.policy.fitted_on.exit_rate
        #: By segment: the fraction of samples that reach it.
        self.reached = dict(zip([segment.name for segment in accelerator.segments], _reached(accelerator), strict=True))
        self._longer = _longer(accelerator, self.reached)

    def chosen(self, speed: Speed, rest: Resources) -> Choice:
        """Returns how layers are built for a speed, beside what else takes resources."""
        wishes = []
        for number, segment in enumerate(self._accelerator.segments):
            reads = tuple((self._accelerator.stages[k].name, i) for k, i in self._accelerator.reads(number))
            kept = self._kept.get(segment.name, DEFAULTS)
            cycles = speed.of(self.reached[segment.name], self._longer[number // 2])
            wishes.append(Wish(segment, cycles, kept, reads))
        return self._chooser.choose(wishes, self._board.capacity, SHARE, rest)

    def made(self, choice: Choice, interval: float | None, deepest: int | None) -> Built:
        """Builds the accelerator as was chosen.

        Args:
            choice: how its layers are built.
            interval: cycles between samples for which conditional buffers are made; None for all that stages allow.
            deepest: samples that a buffer may hold at most; None leaves buffers as they are.
        """
        hardware = Hardware.of(with_own_lanes(replace(self._accelerator, implementations=choice.implementations)))
        if self.rates and deepest is not None:
            hardware = hardware.with_buffers(self.rates, interval, deepest)
        return Built(choice, hardware)

    def built(self, speed: Speed, interval: float, deepest: int | None) -> Built:
        """Chooses for a speed and builds that; what stands between units is counted in the choice, if it matters."""
        first = self.made(self.chosen(speed, Resources()), interval, deepest)
        if first.choice.slowest or self.fits(first):
            return first
        return self.made(self.chosen(speed, first.beside), interval, deepest)

    def shares(self, total: Resources) -> dict[str, float]:
        """Returns the fraction that is taken of each resource of the board, by name."""
        return shares(total, self._board.capacity)

    def scarcest(self, total: Resources) -> str:
        """Returns what is taken of the resource of which the largest fraction is, for messages."""
        taken = self.shares(total)
        worst = max(taken, key=taken.__getitem__)
        return f"{taken[worst]:.0%} of its {worst.upper()}"

    def fits(self, built: Built) -> bool:
        """Returns whether all layers are as fast as they should be, within the share of the board."""
        return self.is_within(built.choice, built.beside)

    def is_within(self, choice: Choice, rest: Resources) -> bool:
        """Returns whether a choice does, beside what else takes resources."""
        return not choice.slowest and max(self.shares(choice.resources + rest).values()) <= SHARE

    def cycles(self, seconds: float) -> float:
        """Returns the cycles of a time, at the board's clock."""
        return self._board.clock_mhz * 1e6 * seconds

    def microseconds(self, cycles: float) -> float:
        """Returns the time of some cycles, at the board's clock."""
        return cycles / self._board.clock_mhz

    def images_per_second(self, cycles: float) -> int:
        """Returns the throughput of an interval, at the board's clock."""
        return int(self._board.clock_mhz * 1e6 / cycles)


def _reached(accelerator: Accelerator) -> Sequence[float]:
    """Returns the fraction of samples that reach each segment: all of them, where nothing was fitted."""
    rates = accelerator.policy.fitted_on.exit_rate
    stages = [max(1 - sum(rates[:k]), _FEWEST) if rates else 1.0 for k in range(accelerator.exits)]
    return [reached for reached in stages for _ in ("stage", "head")]


def _longer(accelerator: Accelerator, reached: Mapping[str, float]) -> list[float]:
    """For each exit, how much longer than the first stage its stage and head may take for the least mean latency.

    A stage of m multiply-accumulates that takes t cycles has m / t multipliers, and adds r * t to the mean latency if a
    fraction r of the samples reaches it. Where the sum of all multipliers is given, the mean is least if each t is
    proportional to the root of m / r.
    """
    pairs = zip(accelerator.stages, accelerator.heads, strict=True)
    roots = [math.sqrt(max(stage.macs + head.macs, 1) / reached[stage.name]) for stage, head in pairs]
    return [root / roots[0] for root in roots]
