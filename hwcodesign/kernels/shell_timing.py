"""Control of the blocks around the kernels, as automata like those of `timing`."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from hwcodesign.kernels.timing import State


@dataclass(frozen=True)
class Unpacker:
    """Input words to pixels (word_unpack).

    Attributes:
        lanes: of a word.
        channels: lanes of a pixel.
        pixels: of a sample, which fills whole words.
    """

    lanes: int
    channels: int
    pixels: int

    @property
    def words(self) -> int:
        """Words of a sample."""
        return -(-self.pixels * self.channels // self.lanes)

    def fresh(self) -> State:
        return _UnpackerState(self)


@dataclass
class _UnpackerState:
    of: Unpacker
    held: int = 0  # lanes
    word: int = 0  # of the sample, next to come

    def valid(self) -> bool:
        return self.held >= self.of.channels

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        return [self._left(output) < self.of.channels]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        of = self.of
        left = self._left(output)
        if inputs[0] and left < of.channels:
            last = self.word == of.words - 1
            left += of.pixels * of.channels - (of.words - 1) * of.lanes if last else of.lanes
            self.word = 0 if last else self.word + 1
        self.held = left

    def _left(self, output: bool) -> int:
        """Lanes that stay when this cycle's pixel has gone."""
        return self.held - self.of.channels if output and self.held >= self.of.channels else self.held


@dataclass(frozen=True)
class Decider:
    """From logits to a decision (exit_decision), where decisions are taken at once.

    Attributes:
        interval: cycles that a sample's logits occupy it.
        latency: cycles from logits to decision.
    """

    interval: int
    latency: int

    def fresh(self) -> State:
        return _DeciderState(self)


@dataclass
class _DeciderState:
    of: Decider
    busy: int = 0  # cycles until the next logits are taken
    pipe: deque[bool] = field(init=False)

    def __post_init__(self) -> None:
        self.pipe = deque([False] * self.of.latency)

    def valid(self) -> bool:
        return self.pipe[-1]

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        return [self._enabled(output) and self.busy == 0]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        if not self._enabled(output):
            return
        taken = inputs[0] and self.busy == 0
        self.busy = self.of.interval - 1 if taken else max(0, self.busy - 1)
        self.pipe.pop()
        self.pipe.appendleft(taken)

    def _enabled(self, output: bool) -> bool:
        return output or not self.pipe[-1]


@dataclass(frozen=True)
class Buffer:
    """Beats that wait for a decision (conditional_buffer); its inputs are the beats and the decisions.

    Attributes:
        beats: of a sample.
        depth: beats that it holds.
        keep: what every decision is: forward, or drop.
    """

    beats: int
    depth: int
    keep: bool

    def fresh(self) -> State:
        return _BufferState(self)


@dataclass
class _BufferState:
    of: Buffer
    level: int = 0
    decisions: int = 0  # in the register before it, which holds two
    beat: int = 0
    offered: bool = False

    def valid(self) -> bool:
        return self.offered

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        return [self.level < self.of.depth, self.decisions < 2]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        of = self.of
        push = inputs[0] and self.level < of.depth
        decided = self.decisions > 0
        more = int(inputs[1] and self.decisions < 2)
        drop = decided and not of.keep and self.level >= of.beats
        pop = decided and of.keep and self.level > 0 and (output or not self.offered)
        settled = drop or (pop and self.beat == of.beats - 1)
        self.decisions += more - int(settled)
        self.level += int(push) - int(pop) - (of.beats if drop else 0)
        if pop:
            self.offered, self.beat = True, (self.beat + 1) % of.beats
        elif output:
            self.offered = False


@dataclass(frozen=True)
class Packer:
    """Records to words, two each (record_pack); its output is a record's last word."""

    def fresh(self) -> State:
        return _PackerState(self)


@dataclass
class _PackerState:
    of: Packer
    word: int = 0  # that is offered: the first or the second; 0: none

    def valid(self) -> bool:
        return self.word == 2

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        return [self.word == 0 or (self.word == 2 and output)]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        if self.word == 1:  # taken at once
            self.word = 2
        elif self.ready(inputs, output)[0]:
            self.word = int(inputs[0])
