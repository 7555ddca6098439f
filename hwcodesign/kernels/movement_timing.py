"""Control of the modules that move elements without computing, as automata like those of `timing`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hwcodesign.kernels.timing import Pipeline, State


@dataclass(frozen=True)
class Split:
    """A beat given away in pieces (stream_resize where beats become narrower).

    Attributes:
        pieces: output beats of one input beat.
    """

    pieces: int

    def fresh(self) -> State:
        return _SplitState(self)


@dataclass
class _SplitState:
    of: Split
    left: int = 0  # pieces

    def valid(self) -> bool:
        return self.left > 0

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        return [self.left == 0 or (self.left == 1 and output)]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        taken = inputs[0] and self.ready(inputs, output)[0]
        if self.left and output:
            self.left -= 1
        if taken:
            self.left = self.of.pieces


@dataclass(frozen=True)
class Frames:
    """Whole samples, written into one half of a memory while the other half is read (transpose).

    Attributes:
        beats: input beats of a sample.
        steps: cycles that reading a sample takes.
        steps_per_beat: steps that make one output beat.
    """

    beats: int
    steps: int
    steps_per_beat: int

    def fresh(self) -> State:
        return _FramesState(self)


@dataclass
class _FramesState:
    of: Frames
    full: int = 0  # halves that wait to be read, or are being read
    beat: int = 0  # next to be written
    step: int = 0  # next to be made
    reader: State = field(init=False)

    def __post_init__(self) -> None:
        self.reader = Pipeline(beats=self.of.steps_per_beat, depth=2).fresh()

    def valid(self) -> bool:
        return self.reader.valid()

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        return [self.full < 2]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        written = inputs[0] and self.full < 2
        reading = [self.full > 0]
        stepped = all(reading) and self.reader.ready(reading, output)[0]
        self.reader.clock(reading, output)
        if written:
            self.beat = (self.beat + 1) % self.of.beats
            self.full += int(self.beat == 0)
        if stepped:
            self.step = (self.step + 1) % self.of.steps
            self.full -= int(self.step == 0)
