"""This module chooses how an accelerator's layers are built: for a throughput, for a latency, or for all that a board
has room for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hwcodesign.backends.streamrtl.choosing import SHARE, Built, Choosing, Speed
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.boards import Board
from hwcodesign.errors import SettingsError
from hwcodesign.exploration.queues import DEPTHS
from hwcodesign.hardware.choice import Choice
from hwcodesign.hardware.implementation import Implementations
from hwcodesign.hardware.resources.figures import Resources

#: Samples that conditional buffers may hold at most, for a throughput: with more of them, stages may be slower. The
#: first with which the accelerator fits the board is taken.
_DEEPEST = (8, 4, 2)
#: Steps by which the shortest interval that fits is enclosed, and tries to make up for layers or samples that wait.
_STEPS, _WAITING = 12, 24
#: What the time that later stages may take is multiplied by, where samples wait for them.
_LESS_BUSY = 0.85
#: Choices for a board, each beside what the one before it takes besides layers.
_TRIES = 4
#: Ratio of the two speeds between which the slowest one with the wished latency lies, in the end.
_NEAR = 1.03


@dataclass(frozen=True)
class Request:
    """A request is what is wished of an accelerator, and of what board.

    Attributes:
        accelerator: the accelerator; its policy says how many samples leave at each exit.
        kept: implementations that the user gave, by segment and kernel; they stay.
        board: its clock, and what its resources are worth.
        keeps_buffers: whether conditional buffers stay as they are.
    """

    accelerator: Accelerator
    kept: Mapping[str, Implementations]
    board: Board
    keeps_buffers: bool = False


def with_throughput(
    request: Request, images_per_second: float | None = None, latency_us: float | None = None
) -> Accelerator:
    """Chooses the least hardware that has a throughput, and a mean latency of an image alone, where these are wished.

    Raises:
        SettingsError: a layer cannot be as fast, however it is built, or layers that could make each other wait too
            long; the message says which, and the most that can be.
    """
    if images_per_second is None and latency_us is None:
        raise SettingsError("neither a throughput nor a latency is wished")
    choosing = Choosing(request.accelerator, request.kept, request.board)
    interval, wish = _most_cycles(request.accelerator), f"latency_us={latency_us}"
    if images_per_second is not None:
        interval = int(choosing.cycles(1 / images_per_second))
        clock = f"{request.board.clock_mhz:g} MHz"
        wish = f"images_per_second={images_per_second:.12g} is one in {interval:,} cycles at {clock}"
    wanted = _Wanted(choosing, interval, (None,) if request.keeps_buffers else _DEEPEST, wish)
    built = wanted.built(None)
    if latency_us is not None:
        built = wanted.soon(built, latency_us)
    return built.hardware.accelerator


def within_board(request: Request) -> Accelerator:
    """Chooses the fastest hardware that takes at most a share of each of a board's resources, by estimate.

    Raises:
        SettingsError: not even the slowest hardware fits; the message says what it would take.
    """
    choosing = Choosing(request.accelerator, request.kept, request.board)
    rest = Resources()  # nothing is known of what layers do not take
    for _ in range(_TRIES):
        choice = _fastest(choosing, request, rest)
        for deepest in (None,) if request.keeps_buffers else (DEPTHS[-1], *_DEEPEST):
            built = choosing.made(choice, None, deepest)
            if choosing.fits(built):
                return built.hardware.accelerator
        rest = built.beside  # which depends on the choice
    cycles = max(built.hardware.stage_intervals)
    raise SettingsError(
        f"{request.accelerator.name}: no choice was found that takes at most {SHARE:.0%} of {request.board.name}; the "
        f"last one would take {choosing.scarcest(built.total)}: ask for images_per_second, less than "
        f"{choosing.images_per_second(cycles):,}"
    )


def _most_cycles(accelerator: Accelerator) -> int:
    """Cycles in which any layer is done, however far it is folded."""
    return 2 * max(segment.macs for segment in accelerator.segments) + 2


def _fastest(choosing: Choosing, request: Request, rest: Resources) -> Choice:
    """The choice of the shortest interval that fits."""
    low, high = 1, _most_cycles(request.accelerator)
    best = choosing.chosen(Speed(high), rest)
    if not choosing.is_within(best, rest):
        raise SettingsError(
            f"{request.accelerator.name} does not fit {request.board.name}, however far its layers are folded: it "
            f"would take {choosing.scarcest(best.resources + rest)}: choose a larger board"
        )
    for _ in range(_STEPS):
        middle = round((low * high) ** 0.5)
        choice = choosing.chosen(Speed(middle), rest)
        low, high, best = (low, middle, choice) if choosing.is_within(choice, rest) else (middle, high, best)
    return best


@dataclass(frozen=True)
class _Wanted:
    """Hardware with a throughput.

    Attributes:
        choosing: it builds the accelerator.
        interval: cycles between samples.
        deepest: samples that conditional buffers may hold at most, one after another.
        wish: what was wished, for messages.
    """

    choosing: Choosing
    interval: int
    deepest: tuple[int | None, ...]
    wish: str

    def built(self, limit: float | None) -> Built:
        """Returns the hardware with the deepest buffers with which it fits the board, else that which takes least of
        it.

        Args:
            limit: cycles that the first stage may take for a sample, as of `Speed`.
        """
        found: list[Built] = []
        for deepest in self.deepest:
            try:
                found.append(self._kept_up(limit, deepest))
            except SettingsError:  # buffers are too short for samples that come by chance
                if not found:
                    raise
                break
            if self.choosing.fits(found[-1]):
                return found[-1]
        return min(found, key=lambda built: max(self.choosing.shares(built.total).values()))

    def _kept_up(self, limit: float | None, deepest: int | None) -> Built:
        """Layers may wait for each other, and samples for a stage: all stages are made faster until they do not. Once
        the first stage can be no faster, those that few samples reach still can.
        """
        choosing, speed, reached = self.choosing, Speed(self.interval, limit), Speed(self.interval, limit)
        at_limit = False
        for step in range(_WAITING):
            found = choosing.built(speed, self.interval, deepest)
            if found.choice.slowest and not step:
                raise self._too_fast(found.choice)
            if found.choice.slowest:
                at_limit = True
            else:
                reached, cycles = speed, found.hardware.intake_interval(choosing.rates)
                if cycles <= self.interval:
                    return found
            if at_limit:
                speed = replace(reached, busy=reached.busy * _LESS_BUSY)
            else:
                speed = replace(speed, interval=min(speed.interval - 1, int(speed.interval * self.interval / cycles)))
        raise SettingsError(
            f"{self.wish}, but its layers or samples wait for each other and take {cycles:,g}: ask for at most "
            f"{choosing.images_per_second(cycles):,}"
        )

    def _too_fast(self, choice: Choice) -> SettingsError:
        reached = self.choosing.reached
        segment, layer, cycles = max(choice.slowest, key=lambda late: late[2] * reached[late[0]])
        most = self.choosing.images_per_second(cycles * reached[segment])
        return SettingsError(
            f"{self.wish}, but {segment}: layer {layer!r} takes {cycles:,g} for each sample that reaches it, however "
            f"it is built: ask for at most {most:,}, or for fewer samples there"
        )

    def soon(self, built: Built, latency_us: float) -> Built:
        """Returns hardware with a mean latency: the slowest stages that have it.

        Args:
            built: hardware with the throughput alone.
            latency_us: microseconds.
        """
        choosing = self.choosing
        wished, rates = choosing.cycles(latency_us / 1e6), choosing.rates
        least, best = built.hardware.mean_latency(rates), None
        if least <= wished:
            return built
        low, high = 1.0, float(max(built.hardware.stage_intervals))
        while high / low > _NEAR:
            middle = (low * high) ** 0.5
            try:
                tried = self.built(middle)
            except SettingsError:  # no layer is as fast
                low = middle
                continue
            latency = tried.hardware.mean_latency(rates)
            least = min(least, latency)
            low, high, best = (middle, high, tried) if latency <= wished else (low, middle, best)
        if best is None:
            raise SettingsError(
                f"latency_us={latency_us:g} is not reached: the least mean latency that was found is "
                f"{choosing.microseconds(least):,.1f}; ask for that, or for a policy by which more images leave early"
            )
        return best
