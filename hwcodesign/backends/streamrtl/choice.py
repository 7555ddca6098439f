"""This module chooses how an accelerator's layers are built, for a throughput or for all that a board has room for.

Stages that fewer samples reach are folded more: each to the fraction of samples that reach it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwcodesign.backends.streamrtl.boundaries import with_own_lanes
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.boards import Board
from hwcodesign.errors import SettingsError
from hwcodesign.hardware.choice import Choice, Chooser, Wish, shares
from hwcodesign.hardware.implementation import DEFAULTS, Implementations
from hwcodesign.hardware.resources.figures import Resources

#: Fraction of each of a board's resources that a design may take: tools hardly place and route more.
SHARE = 0.85
#: Fraction of the time between the samples that reach a later stage which it may take for one: they come by chance, and
#: a stage that is always busy would make all of them wait.
_BUSY = 0.9
#: Fraction of samples that a stage is made for at least.
_FEWEST = 1 / 64
#: Steps by which the shortest interval that fits is enclosed, and tries to make up for layers that wait.
_STEPS = 12


@dataclass(frozen=True)
class Chosen:
    """A choice, and the accelerator with it.

    Attributes:
        accelerator: the accelerator, its layers built as chosen.
        interval: cycles between samples that the first stage was to take at most.
    """

    accelerator: Accelerator
    interval: int


def with_throughput(
    accelerator: Accelerator, kept: Mapping[str, Implementations], board: Board, images_per_second: float
) -> Chosen:
    """Chooses the least hardware that has a throughput.

    Args:
        accelerator: the accelerator; its policy says how many samples leave at each exit.
        kept: implementations that the user gave, by segment and kernel; they stay.
        board: its clock, and what its resources are worth.
        images_per_second: the throughput.

    Raises:
        SettingsError: a layer cannot be as fast, however it is built, or layers that could make each other wait too
            long; the message says which, and the most that can be.
    """
    interval = int(board.clock_mhz * 1e6 / images_per_second)
    choosing = _Choosing(accelerator, kept, board)
    choice, made = choosing.built(interval)
    wish = f"images_per_second={images_per_second:.12g} is one in {interval:,} cycles at {board.clock_mhz:g} MHz, but"
    if choice.slowest:
        segment, layer, cycles = max(choice.slowest, key=lambda late: late[2] * choosing.reached[late[0]])
        most = choosing.images_per_second(cycles * choosing.reached[segment])
        raise SettingsError(
            f"{wish} {segment}: layer {layer!r} takes {cycles:,g} for each sample that reaches it, however it is "
            f"built: ask for at most {most:,}, or for fewer samples there"
        )
    asked, tried = interval, 0
    while (cycles := choosing.cycles_per_sample(made)) > interval:  # layers that would do alone wait for each other
        asked, tried = min(asked - 1, int(asked * interval / cycles)), tried + 1
        choice, made = choosing.built(asked)
        if choice.slowest or tried > _STEPS:
            raise SettingsError(
                f"{wish} its layers wait for each other and take {cycles:,g}: ask for at most "
                f"{choosing.images_per_second(cycles):,}"
            )
    return Chosen(made.accelerator, interval)


def within_board(accelerator: Accelerator, kept: Mapping[str, Implementations], board: Board) -> Chosen:
    """Chooses the fastest hardware that takes at most `SHARE` of each of a board's resources, by estimate.

    Args:
        accelerator, kept, board: as of `with_throughput`.

    Raises:
        SettingsError: not even the slowest hardware fits; the message says what it would take.
    """
    choosing = _Choosing(accelerator, kept, board)
    choice, interval = choosing.fastest(_rest(accelerator))
    made = choosing.hardware(choice)
    if not choosing.fits(choice, beside := _beside(choice, made)):
        choice, interval = choosing.fastest(beside)
    return Chosen(choosing.hardware(choice).accelerator, interval)


class _Choosing:
    """Choices for one accelerator, for any interval."""

    def __init__(self, accelerator: Accelerator, kept: Mapping[str, Implementations], board: Board) -> None:
        self._accelerator, self._kept, self._board, self._chooser = accelerator, kept, board, Chooser()
        #: By segment: the fraction of samples that reach it.
        self.reached = dict(zip([segment.name for segment in accelerator.segments], _reached(accelerator), strict=True))

    def at(self, interval: int, rest: Resources) -> Choice:
        wishes = []
        for number, segment in enumerate(self._accelerator.segments):
            reached = self.reached[segment.name]
            own = interval if reached == 1 else max(interval, int(interval / reached * _BUSY))
            reads = tuple((self._accelerator.stages[k].name, i) for k, i in self._accelerator.reads(number))
            wishes.append(Wish(segment, own, self._kept.get(segment.name, DEFAULTS), reads))
        return self._chooser.choose(wishes, self._board.capacity, SHARE, rest)

    def hardware(self, choice: Choice) -> Hardware:
        return Hardware.of(with_own_lanes(replace(self._accelerator, implementations=choice.implementations)))

    def built(self, interval: int) -> tuple[Choice, Hardware]:
        """Returns the choice for an interval, and its hardware; with what stands between units, if it matters."""
        choice = self.at(interval, _rest(self._accelerator))
        made = self.hardware(choice)
        if choice.slowest or self.fits(choice, beside := _beside(choice, made)):
            return choice, made
        choice = self.at(interval, beside)
        return choice, self.hardware(choice)

    def cycles_per_sample(self, made: Hardware) -> float:
        """Returns the cycles per sample that stages and exit rates allow."""
        stages = zip(self._accelerator.stages, made.stage_intervals, strict=True)
        return max(self.reached[stage.name] * interval for stage, interval in stages)

    def images_per_second(self, cycles: float) -> int:
        return int(self._board.clock_mhz * 1e6 / cycles)

    def fits(self, choice: Choice, rest: Resources) -> bool:
        taken = shares(choice.resources + rest, self._board.capacity)
        return not choice.slowest and max(taken.values()) <= SHARE

    def fastest(self, rest: Resources) -> tuple[Choice, int]:
        """Returns the choice of the shortest interval that fits, and the interval."""
        low, high = 1, 2 * max(segment.macs for segment in self._accelerator.segments) + 2
        best = self.at(high, rest)
        if not self.fits(best, rest):
            taken = shares(best.resources + rest, self._board.capacity)
            worst = max(taken, key=taken.__getitem__)
            raise SettingsError(
                f"{self._accelerator.name} does not fit {self._board.name}, however far its layers are folded: it "
                f"would take {taken[worst]:.0%} of its {worst.upper()}: choose a larger board"
            )
        for _ in range(_STEPS):
            middle = round((low * high) ** 0.5)
            choice = self.at(middle, rest)
            low, high, best = (low, middle, choice) if self.fits(choice, rest) else (middle, high, best)
        return best, high


def _reached(accelerator: Accelerator) -> Sequence[float]:
    """Returns the fraction of samples that reach each segment: all of them, where nothing was fitted."""
    rates = accelerator.policy.fitted_on.exit_rate
    stages = [max(1 - sum(rates[:k]), _FEWEST) if rates else 1.0 for k in range(accelerator.exits)]
    return [reached for reached in stages for _ in ("stage", "head")]


def _beside(choice: Choice, made: Hardware) -> Resources:
    """Returns what an accelerator takes beside the units of its choice: resizes and queues depend on these."""
    return AcceleratorEstimate.of(made).total - choice.resources


def _rest(accelerator: Accelerator) -> Resources:
    """Returns what the accelerator takes beside its layers: decisions, buffers, registers, buses."""
    blocks = AcceleratorEstimate.of(Hardware.of(accelerator)).blocks
    return sum((block.resources for block in blocks if not block.layer), Resources())
