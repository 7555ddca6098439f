"""This module chooses how an accelerator's layers are built: for a throughput, for a latency, or for all that a board
has room for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hwcodesign.backends.streamrtl.choosing import SHARE, Built, Choosing, Known
from hwcodesign.backends.streamrtl.improving import quicker, sooner
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.boards import Board
from hwcodesign.errors import SettingsError
from hwcodesign.exploration.queues import Pacing
from hwcodesign.hardware.budget import Choice
from hwcodesign.hardware.implementation import Implementations
from hwcodesign.hardware.resources.figures import Resources

#: Samples that conditional buffers hold, for a throughput: what takes least is taken. For a board, the first depth.
_DEPTHS, _FIRST = (2, 4, 8, 16), 8
#: Tries to make up for layers or samples that wait.
_WAITING = 24
#: What the time that later stages may take is multiplied by, where samples wait for them.
_LESS_BUSY = 0.85
#: Ratio of the two speeds between which lies the slowest one that has the wished latency, or the fastest that fits.
_NEAR = 1.03
#: Ratio of intervals that are tried one after another until what is beside the layers fits, too; and how many times the
#: first interval they are from where on steps grow, because most likely nothing fits at all.
_BESIDE, _FAR = 1.15, 4
#: How much longer an interval may be with shorter buffers, where as short a one as possible is wished.
_NEARLY = 1.002


@dataclass(frozen=True)
class Request:
    """A request is what is wished of an accelerator, and of what board.

    Attributes:
        accelerator: the accelerator; its policy says how many samples leave at each exit.
        kept: implementations that the user gave, by segment and kernel; they stay.
        board: its clock, and what its resources are worth.
        keeps_buffers: whether conditional buffers stay as they are.
        known: what earlier requests for the same kernels found out.
    """

    accelerator: Accelerator
    kept: Mapping[str, Implementations]
    board: Board
    keeps_buffers: bool = False
    known: Known = field(default_factory=Known)

    @property
    def choosing(self) -> Choosing:
        """Returns what builds the accelerator."""
        return Choosing(self.accelerator, self.kept, self.board, keeps_buffers=self.keeps_buffers, known=self.known)


def with_throughput(
    request: Request, images_per_second: float | None = None, latency_us: float | None = None
) -> Accelerator:
    """Chooses the least hardware that has a throughput, and a mean latency of an image alone, where these are wished.

    Raises:
        SettingsError: a layer cannot be as fast, however it is built, or layers that could make each other wait too
            long, or images come more slowly; the message says which, and the most that can be.
    """
    if images_per_second is None and latency_us is None:
        raise SettingsError("neither a throughput nor a latency is wished")
    choosing = request.choosing
    interval, wish = _most_cycles(request.accelerator), f"latency_us={latency_us}"
    if images_per_second is not None:
        interval = int(choosing.cycles(1 / images_per_second))
        clock = f"{request.board.clock_mhz:g} MHz"
        wish = f"images_per_second={images_per_second:.12g} is one in {interval:,} cycles at {clock}"
        words = request.accelerator.image_words
        if interval < words:
            raise SettingsError(
                f"{wish}, but an image is {words:,} words of 64 bits, one of which comes in a cycle: ask for at most "
                f"{choosing.images_per_second(words):,}"
            )
    wanted = _Wanted(choosing, interval, wish)
    depths = _DEPTHS if choosing.depths else (request.accelerator.buffer_samples,)
    built = wanted.built(depths)
    if request.accelerator.exits == 1 and images_per_second is not None:
        wanted, built = wanted.with_head(built, depths)
    if latency_us is not None:
        built = wanted.soon(built, latency_us)
    return built.hardware.accelerator


def within_board(request: Request) -> Accelerator:
    """Chooses the fastest hardware that takes at most a share of each of a board's resources, by estimate.

    Raises:
        SettingsError: not even the slowest hardware fits; the message says what it would take.
    """
    accelerator, slowest = request.accelerator, _most_cycles(request.accelerator)
    choosing = request.choosing
    depths = [depth for depth in choosing.depths if depth <= _FIRST] or [accelerator.buffer_samples]
    best = _fastest(choosing, depths[-1], slowest)
    if not choosing.fits(best):
        least = choosing.built(choosing.speed(slowest, choosing.pacing(depths[0]).busy), depths[0])
        if not choosing.fits(least):
            raise SettingsError(
                f"{accelerator.name} does not fit {request.board.name}, however far its layers are folded: it would "
                f"take {choosing.lacking(least.total)}: choose a larger board"
            )
        shallower = (_fastest(choosing, depth, slowest) for depth in reversed(depths[:-1]))
        best = next(one for one in shallower if choosing.fits(one))  # the last one, if none before, is as slow as that
    best = quicker(choosing, best)
    return choosing.with_least_depth(best, _NEARLY * best.interval).hardware.accelerator


def _most_cycles(accelerator: Accelerator) -> int:
    """Cycles in which any layer is done, however far it is folded."""
    return 2 * max(segment.macs for segment in accelerator.segments) + 2


def _fastest(choosing: Choosing, depth: int, slowest: float) -> Built:
    """Returns the fastest hardware that fits with conditional buffers of a depth, all stages alike; the slowest if none
    was found.
    """
    busy = choosing.pacing(depth).busy
    first = choosing.shortest(busy, Resources(), float(choosing.least_interval), slowest)  # of layers alone
    low = high = first
    best, step = choosing.built(choosing.speed(high, busy), depth), _BESIDE
    while not choosing.fits(best) and high < slowest:
        low, high = high, min(step * high, slowest)
        step = step if high < _FAR * first else step**2
        best = choosing.built(choosing.speed(high, busy), depth)
    while choosing.fits(best) and high / low > _NEAR:
        middle = (low * high) ** 0.5
        built = choosing.built(choosing.speed(middle, busy), depth)
        low, high, best = (low, middle, built) if choosing.fits(built) else (middle, high, best)
    return best


@dataclass(frozen=True)
class _Wanted:
    """Hardware with a throughput.

    Attributes:
        choosing: it builds the accelerator.
        interval: cycles between samples.
        wish: what was wished, for messages.
    """

    choosing: Choosing
    interval: int
    wish: str

    def built(self, depths: Sequence[int], limit: float | None = None) -> Built:
        """Returns the hardware that takes least, with conditional buffers of one of some depths.

        Args:
            depths: samples that buffers may hold.
            limit: cycles that the first stage may take for a sample, as of `Speed`.

        Raises:
            SettingsError: no depth does.
        """
        found: list[Built] = []
        refused: list[SettingsError] = []
        for depth in depths:
            try:
                found.append(self._kept_up(limit, self.choosing.pacing(depth)))
            except SettingsError as error:  # with longer buffers, stages may be slower
                refused.append(error)
        if not found:
            raise refused[-1]
        return min(found, key=self._cost)

    def with_head(self, built: Built, depths: Sequence[int]) -> tuple[_Wanted, Built]:
        """Without buffers, the only stage and its head may wait for each other, which takes longer to predict: where
        they are too slow, hardware of so much higher a throughput is built.

        Returns:
            What was then wanted, and its hardware.

        Raises:
            SettingsError: no hardware is as fast.
        """
        wanted, exact = self, built.stream_interval
        for _ in range(_WAITING):
            if exact <= self.interval:
                return wanted, built
            wanted = replace(wanted, interval=min(wanted.interval - 1, int(wanted.interval * self.interval / exact)))
            built = wanted.built(depths)
            exact = built.stream_interval
        raise SettingsError(
            f"{self.wish}, but its stage and head wait for each other and take {exact:,g}: ask for at most "
            f"{self.choosing.images_per_second(exact):,}"
        )

    def _cost(self, built: Built) -> tuple[float, float]:
        """What does not fit the board, and what is taken of its resources; what is scarce is dearer."""
        taken = self.choosing.shares(built.total).values()
        return max(SHARE, *taken), sum(share**2 for share in taken)

    def _kept_up(self, limit: float | None, pacing: Pacing) -> Built:
        """Layers may wait for each other, and samples for a stage: all stages are made faster until they do not. Once
        the first stage can be no faster, those that few samples reach still can.
        """
        choosing, busy, at_limit, cycles = self.choosing, pacing.busy, False, float("inf")
        alone = choosing.chosen(choosing.speed(self.interval, busy, limit), Resources())
        if alone.slowest:
            raise self._too_fast(alone)
        interval, reached = self.interval / pacing.longer, float(self.interval)
        for _ in range(_WAITING):
            found = choosing.built(choosing.speed(interval, busy, limit), pacing.depth)
            if found.choice.slowest and at_limit:
                break
            if found.choice.slowest:
                interval, at_limit = reached, True
            else:
                reached, cycles = interval, found.interval
                if cycles <= self.interval:
                    return choosing.with_least_depth(found, self.interval)
            if at_limit:
                busy = tuple(_LESS_BUSY * fraction for fraction in busy)
            else:
                interval = min(interval - 1, interval * self.interval / cycles)
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
        """Returns hardware with a mean latency: the least of what was found.

        Args:
            built: hardware with the throughput alone.
            latency_us: microseconds.
        """
        choosing = self.choosing
        wished, depth = choosing.cycles(latency_us / 1e6), built.depth
        if self._latency(built) <= wished:
            return built
        low, high = 1.0, float(max(built.hardware.stage_intervals))
        tried = [built]
        while high / low > _NEAR:
            middle = (low * high) ** 0.5
            try:
                tried.append(self.built((depth,), middle))
            except SettingsError:  # no layer is as fast
                low = middle
                continue
            low, high = (middle, high) if self._latency(tried[-1]) <= wished else (low, middle)
        fitting = [one for one in tried if choosing.fits(one)]
        if not any(self._latency(one) <= wished for one in fitting):
            for start in self._starts(built, fitting):
                tried.append(sooner(choosing, start, self.interval, wished))
                if self._latency(tried[-1]) <= wished:  # before the next start is looked for, which takes long
                    break
        soon = [one for one in tried if self._latency(one) <= wished]
        if not soon:
            raise SettingsError(
                f"latency_us={latency_us:g} is not reached: the least mean latency that was found is "
                f"{choosing.microseconds(min(map(self._latency, tried))):,.1f}; ask for that, or for a policy by which "
                "more images leave early"
            )
        return min(soon, key=self._cost)

    def _starts(self, built: Built, fitting: Sequence[Built]) -> Iterator[Built]:
        """Yields hardware that fits, from which steps to a shorter latency begin: they end where none is better, and
        from what fills the board they lead elsewhere than from what has little, and from what has room for a step they
        go on longer than from what steps have filled.

        Args:
            built: hardware with the throughput alone.
            fitting: what is known to fit.
        """
        if fitting:
            yield min(fitting, key=self._latency)
        choosing = self.choosing
        shortest = min(choosing.depths, default=built.depth)  # which leave most room for layers
        fastest = _fastest(choosing, shortest, _most_cycles(built.hardware.accelerator))
        if not choosing.fits(fastest):
            return
        for filled in (False, True):
            full = choosing.with_least_depth(quicker(choosing, fastest) if filled else fastest, self.interval)
            if full.interval <= self.interval:
                yield full

    def _latency(self, built: Built) -> float:
        return built.hardware.mean_latency(self.choosing.rates)
