"""This module builds an accelerator for wished cycles: what its layers and conditional buffers are then, and take.

Stages that fewer samples reach are folded more: each to the fraction of samples that reach it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from hwcodesign.backends.streamrtl.boundaries import with_own_lanes
from hwcodesign.backends.streamrtl.hardware import Hardware, Placed
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.boards import Board
from hwcodesign.exploration.queues import DEPTHS, Pacing, pacing
from hwcodesign.hardware.budget import Choice, shares
from hwcodesign.hardware.choice import Choices, Chooser
from hwcodesign.hardware.implementation import DEFAULTS, Implementations
from hwcodesign.hardware.offers import vector
from hwcodesign.hardware.picking import Part, Plan, plan_of
from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.kernels import Kernel, Segment
from hwcodesign.kernels.dense import Dense
from hwcodesign.kernels.global_pool import GlobalPool

#: Fraction of each of a board's resources that a design may take: tools hardly place and route more.
SHARE = 0.85
#: Fraction of samples that a stage is made for at least.
_FEWEST = 1 / 64
#: Intervals that are tried at a time for the shortest one, and how often, each time between two neighbours.
_TRIED, _TIMES = 24, 3


@dataclass(frozen=True)
class Speed:
    """A speed says how fast the layers of an accelerator are to be made.

    Attributes:
        cycles: for each kernel of each segment, in data order, the cycles that it may take for a sample.
    """

    cycles: tuple[int, ...]

    def but(self, changes: Mapping[int, float]) -> Speed:
        """Returns the same but for some kernels, by their place."""
        return Speed(tuple(max(1, int(changes.get(i, cycles))) for i, cycles in enumerate(self.cycles)))


@dataclass(frozen=True)
class Built:
    """An accelerator as it was built for a speed.

    Attributes:
        speed: the speed.
        choice: how its layers are built.
        hardware: the hardware, with conditional buffers.
    """

    speed: Speed
    choice: Choice
    hardware: Hardware

    @cached_property
    def total(self) -> Resources:
        """Returns what it takes."""
        return AcceleratorEstimate.of(self.hardware).total

    @cached_property
    def interval(self) -> float:
        """Returns the cycles between samples that come by chance."""
        return self.hardware.intake_interval(self.hardware.accelerator.policy.fitted_on.exit_rate)

    @property
    def stream_interval(self) -> float:
        """Returns the same, nearer to the truth, which takes longer."""
        return self.hardware.stream_interval(self.hardware.accelerator.policy.fitted_on.exit_rate)

    @property
    def loads(self) -> tuple[float, ...]:
        """Returns for each stage the cycles that it is busy with a sample, in the mean of all samples."""
        hardware = self.hardware
        rates = hardware.accelerator.policy.fitted_on.exit_rate or (0.0,) * hardware.accelerator.exits
        return tuple(cycles * (1 - sum(rates[:k])) for k, cycles in enumerate(hardware.stage_intervals))

    @property
    def depth(self) -> int:
        """Returns the samples that each of its conditional buffers holds."""
        return self.hardware.accelerator.buffer_samples

    def with_depth(self, depth: int) -> Built:
        """Returns the same with conditional buffers of another depth."""
        return replace(self, hardware=self.hardware.with_depth(depth))

    @property
    def beside(self) -> Resources:
        """Returns what it takes beside the units of the choice: resizes, queues and buffers depend on these."""
        return self.total - self.choice.resources


@dataclass(frozen=True)
class Known:
    """This is what is known of the hardware of an accelerator's kernels, whatever its policy is.

    Attributes:
        chooser: it knows what units take.
        placed: netlists.
    """

    chooser: Chooser = field(default_factory=Chooser)
    placed: Placed = field(default_factory=dict)


class Choosing:
    """It builds one accelerator for any speed.

    Args:
        accelerator: the accelerator; its policy says how many samples leave at each exit.
        kept: implementations that the user gave, by segment and kernel; they stay.
        board: what its resources are worth.
        keeps_buffers: whether conditional buffers stay as they are.
        known: what is known of the hardware of its kernels.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        kept: Mapping[str, Implementations],
        board: Board,
        *,
        keeps_buffers: bool,
        known: Known | None = None,
    ) -> None:
        self._accelerator, self._kept, self._board, self._known = accelerator, kept, board, known or Known()
        #: It knows what units take.
        self.chooser = self._known.chooser
        #: Exit rates; nothing where none are known, which is taken for none that leave early.
        self.rates = accelerator.policy.fitted_on.exit_rate
        #: Samples that conditional buffers may hold; nothing where they stay as they are.
        self.depths = () if keeps_buffers else DEPTHS
        #: By segment: the fraction of samples that reach it.
        self._reached = _reached(accelerator)
        self.reached = {
            segment.name: reached
            for reached, *pair in zip(self._reached, accelerator.stages, accelerator.heads, strict=True)
            for segment in pair
        }
        self._layers = tuple(_layers(accelerator, self._reached))

    def speed(self, interval: float, busy: Sequence[float], limit: float | None = None) -> Speed:
        """Returns the speed for an interval: that of stages which just do not make samples wait.

        Args:
            interval: cycles between samples.
            busy: for each stage, the fraction of the time between the samples that reach it which it may take for one.
            limit: cycles that the first stage may take, so that a latency is kept; later ones may take as much longer
                as is cheapest; None for no limit.
        """
        found = []
        for layer in self._layers:
            reached = self._reached[layer.stage]
            own = interval if reached == 1 else interval / reached * busy[layer.stage]
            found.append(own if limit is None else min(own, limit * layer.longer))
        return Speed(tuple(max(1, int(cycles)) for cycles in found))

    @property
    def stages(self) -> tuple[int, ...]:
        """Returns for each kernel, in data order, the number of its stage."""
        return tuple(layer.stage for layer in self._layers)

    def chosen(self, speed: Speed, rest: Resources) -> Choice:
        """Returns how layers are built for a speed, beside what else takes resources."""
        return self.choices([speed], [rest])[0]

    def choices(self, speeds: Sequence[Speed], rests: Sequence[Resources]) -> Choices:
        """Returns how layers are built for several speeds, each beside something else that takes resources."""
        capacity, cycles = self._board.capacity, np.array([speed.cycles for speed in speeds])
        rest = np.array([vector(one.on(capacity)) for one in rests])
        return self.chooser.choose(self.plan, cycles, capacity, SHARE, rest)

    def shortest(self, busy: Sequence[float], rest: Resources, low: float, high: float) -> float:
        """Returns the shortest interval between two at which layers alone are within the share; the longer one if none
        that was tried is.

        Args:
            busy: as of `speed`.
            rest: what else takes resources.
            low, high: the intervals.
        """
        for _ in range(_TIMES):
            tried = np.geomspace(low, high, _TRIED)
            within = self.choices([self.speed(one, busy) for one in tried], [rest] * _TRIED).is_within
            first = int(within.argmax()) if within.any() else _TRIED - 1
            low, high = float(tried[max(0, first - 1)]), float(tried[first])
        return high

    @cached_property
    def plan(self) -> Plan:
        """Returns in which order layers are chosen."""
        accelerator, parts = self._accelerator, []
        for number, segment in enumerate(accelerator.segments):
            reads = tuple((accelerator.stages[k].name, i) for k, i in accelerator.reads(number))
            parts.append(Part(segment, self._kept.get(segment.name, DEFAULTS), reads))
        return plan_of(parts)

    @property
    def least_interval(self) -> int:
        """Returns the cycles in which the words of an image come."""
        return self._accelerator.image_words

    def pacing(self, depth: int) -> Pacing:
        """Returns how fast stages should be beside conditional buffers of a depth."""
        accelerator = self._accelerator
        pairs = zip(accelerator.stages, accelerator.heads, strict=True)
        rates = self.rates or [float(k == accelerator.exits - 1) for k in range(accelerator.exits)]
        return pacing([stage.macs + head.macs for stage, head in pairs], rates, depth)

    def built(self, speed: Speed, depth: int) -> Built:
        """Chooses for a speed and builds that; what stands between units is counted in the choice, if it matters.

        Args:
            speed: how fast segments are to be.
            depth: samples that each conditional buffer holds.
        """
        first = self._made(speed, depth, Resources())
        return first if first.choice.slowest or self.fits(first) else self._made(speed, depth, first.beside)

    def at(self, built: Built, speed: Speed) -> Built | None:
        """Returns what stands at another speed, whether it fits or not; nothing if no layer is as fast."""
        made = self._made(speed, built.depth, built.beside)
        return None if made.choice.slowest else made

    def near(self, built: Built, speed: Speed, depth: int) -> Built | None:
        """Returns what fits at another speed or depth; nothing if the choice alone tells that it would not."""
        rest = built.with_depth(depth).beside
        choice = self.chosen(speed, rest)
        if not self.is_within(choice, rest):
            return None
        made = self._built(speed, depth, choice)
        return made if self.fits(made) else None

    def _made(self, speed: Speed, depth: int, rest: Resources) -> Built:
        return self._built(speed, depth, self.chosen(speed, rest))

    def _built(self, speed: Speed, depth: int, choice: Choice) -> Built:
        accelerator = replace(self._accelerator, implementations=choice.implementations, buffer_samples=depth)
        return Built(speed, choice, Hardware.of(with_own_lanes(accelerator), self._known.placed))

    def with_least_depth(self, built: Built, interval: float) -> Built:
        """Returns the same with the shortest conditional buffers with which samples come at an interval, or nearly.

        Where the user gave the depth, it stays.
        """
        if not self.depths:
            return built
        shorter = (built.with_depth(depth) for depth in DEPTHS if depth < built.depth)
        found = next((one for one in shorter if one.interval <= interval), built)
        rates = found.hardware.accelerator.policy.fitted_on.exit_rate
        return replace(found, hardware=found.hardware.without_stalls(interval, rates))

    def shares(self, total: Resources) -> dict[str, float]:
        """Returns the fraction that is taken of each resource of the board, by name."""
        return shares(total, self._board.capacity)

    def lacking(self, total: Resources) -> str:
        """Returns what is short of all that may be taken of the board, and by how much, for messages."""
        found = []
        for name, taken in self.shares(total).items():
            has = getattr(self._board.capacity, name)
            if taken > SHARE:
                short = taken * has - SHARE * has
                found.append(f"{taken * has:,.0f} {name.upper()}, {short:,.0f} more than {SHARE:.0%} of {has:,}")
        return "; ".join(found)

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
    """Returns the fraction of samples that reach each stage: all of them, where nothing was fitted."""
    rates = accelerator.policy.fitted_on.exit_rate
    return [max(1 - sum(rates[:k]), _FEWEST) if rates else 1.0 for k in range(accelerator.exits)]


class _Layer(NamedTuple):
    """A kernel: the number of its stage, and how much longer than the first stage it may take for a latency."""

    stage: int
    longer: float


def _layers(accelerator: Accelerator, reached: Sequence[float]) -> Iterator[_Layer]:
    """Yields all kernels of all segments.

    A stage of m multiply-accumulates that takes t cycles has m / t multipliers, and adds r * t to the mean latency if a
    fraction r of the samples reaches it. Where the sum of all multipliers is given, the mean is least if each t is
    proportional to the root of m / r. Layers of a head work beside its stage. Those that begin when others have read
    the whole sample do not: the same holds of what follows global poolings and linear layers by itself.
    """
    last = [last_layers(segment) for segment in accelerator.segments]

    def root(kernels: Iterable[Kernel], k: int) -> float:
        return math.sqrt(max(1, sum(kernel.macs for kernel in kernels)) / reached[k])

    def together(k: int) -> float:
        pair = zip(accelerator.segments[2 * k : 2 * k + 2], last[2 * k : 2 * k + 2], strict=True)
        return root((kernel for segment, after in pair for kernel in segment.kernels if kernel.name not in after), k)

    for number, segment in enumerate(accelerator.segments):
        k, after = number // 2, [kernel for kernel in segment.kernels if kernel.name in last[number]]
        for kernel in segment.kernels:
            own = root(after, k) if kernel.name in last[number] else together(k)
            yield _Layer(k, own / together(0))


def last_layers(segment: Segment) -> frozenset[str]:
    """Returns the names of kernels that begin only when another one has read the whole sample."""
    found: set[str] = set()
    whole: set[str] = set()
    for kernel in segment.kernels:
        if not whole.isdisjoint(kernel.inputs):
            found.add(kernel.name)
        if kernel.name in found or isinstance(kernel, (GlobalPool, Dense)):
            whole.add(kernel.name)
    return frozenset(found)
