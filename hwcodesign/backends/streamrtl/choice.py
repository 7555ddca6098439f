"""This module chooses how an accelerator's layers are built, for a throughput or for all that a board has room for.

Stages that fewer samples reach are folded more: each to the fraction of samples that reach it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
#: Steps by which the shortest interval that fits is enclosed.
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
        SettingsError: a layer cannot be as fast, however it is built; the message names it and the most that can be.
    """
    interval = int(board.clock_mhz * 1e6 / images_per_second)
    choosing = _Choosing(accelerator, kept, board)
    choice = choosing.at(interval, _rest(accelerator))
    if not choosing.fits(choice, beside := choosing.beside(choice)):
        choice = choosing.at(interval, beside)
    if choice.slowest:
        segment, layer, cycles = max(choice.slowest, key=lambda late: late[2])
        reached = choosing.reached[int(segment.lstrip("stagehd"))]
        raise SettingsError(
            f"images_per_second={images_per_second:.12g} is one in {interval:,} cycles at {board.clock_mhz:g} MHz, but "
            f"{segment}: layer {layer!r} takes {cycles:,g} for each sample that reaches it, however it is built: ask "
            f"for at most {int(board.clock_mhz * 1e6 / (cycles * reached)):,}, or for fewer samples there"
        )
    return Chosen(replace(accelerator, implementations=choice.implementations), interval)


def within_board(accelerator: Accelerator, kept: Mapping[str, Implementations], board: Board) -> Chosen:
    """Chooses the fastest hardware that takes at most `SHARE` of each of a board's resources, by estimate.

    Args:
        accelerator, kept, board: as of `with_throughput`.

    Raises:
        SettingsError: not even the slowest hardware fits; the message says what it would take.
    """
    choosing = _Choosing(accelerator, kept, board)
    choice, interval = choosing.fastest(_rest(accelerator))
    if not choosing.fits(choice, beside := choosing.beside(choice)):
        choice, interval = choosing.fastest(beside)
    return Chosen(replace(accelerator, implementations=choice.implementations), interval)


class _Choosing:
    """Choices for one accelerator, for any interval."""

    def __init__(self, accelerator: Accelerator, kept: Mapping[str, Implementations], board: Board) -> None:
        self._accelerator, self._kept, self._board, self._chooser = accelerator, kept, board, Chooser()
        self.reached = _reached(accelerator)

    def at(self, interval: int, rest: Resources) -> Choice:
        wishes = []
        for number, segment in enumerate(self._accelerator.segments):
            reached = self.reached[number // 2]
            own = interval if reached == 1 else max(interval, int(interval / reached * _BUSY))
            wishes.append(Wish(segment, own, self._kept.get(segment.name, DEFAULTS)))
        return self._chooser.choose(wishes, self._board.capacity, SHARE, rest)

    def beside(self, choice: Choice) -> Resources:
        """Returns what the accelerator takes beside the units of a choice: resizes and queues depend on these."""
        built = replace(self._accelerator, implementations=choice.implementations)
        return AcceleratorEstimate.of(Hardware.of(built)).total - choice.resources

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
    """Returns the fraction of samples that reach each stage: all of them, where nothing was fitted."""
    rates = accelerator.policy.fitted_on.exit_rate
    if not rates:
        return [1.0] * accelerator.exits
    return [max(1 - sum(rates[:k]), 1 / 64) for k in range(accelerator.exits)]


def _rest(accelerator: Accelerator) -> Resources:
    """Returns what the accelerator takes beside its layers: decisions, buffers, registers, buses."""
    blocks = AcceleratorEstimate.of(Hardware.of(accelerator)).blocks
    return sum((block.resources for block in blocks if not block.layer), Resources())
