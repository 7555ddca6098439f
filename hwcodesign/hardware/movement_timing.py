"""Control of the modules that move elements without computing, as automata like those of `timing`."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.timing import Control, Kind


@dataclass(frozen=True)
class Split:
    """A beat given away in pieces (stream_resize where beats become narrower).

    Attributes:
        pieces: output beats of one input beat.
    """

    pieces: int

    @property
    def control(self) -> Control:
        return Control(Kind.SPLIT, (self.pieces,), 2)


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

    @property
    def control(self) -> Control:
        return Control(Kind.FRAMES, (self.beats, self.steps, self.steps_per_beat), 6)
