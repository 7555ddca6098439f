"""This module holds the automata of the modules that move elements without computing, like those of `timing`."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.timing import Encoding, Kind


@dataclass(frozen=True)
class Split:
    """A split gives a beat away in pieces (stream_resize, if beats become narrower).

    Attributes:
        pieces: output beats per input beat.
    """

    pieces: int

    @property
    def encoding(self) -> Encoding:
        """Returns the automaton in numbers."""
        return Encoding(Kind.SPLIT, (self.pieces,), 2)


@dataclass(frozen=True)
class Frames:
    """Frames are whole samples, written into one half of a memory while the other half is read (transpose).

    Attributes:
        beats: input beats per sample.
        steps: cycles that reading a sample takes.
        steps_per_beat: steps per output beat.
    """

    beats: int
    steps: int
    steps_per_beat: int

    @property
    def encoding(self) -> Encoding:
        """Returns the automaton in numbers."""
        return Encoding(Kind.FRAMES, (self.beats, self.steps, self.steps_per_beat), 6)


@dataclass(frozen=True)
class Copies:
    """Copies are a larger image in the place of one, a pixel a cycle (upsample2d).

    Attributes:
        image: rows and columns of the input.
        factors: rows and columns of the output for each of the input.
        output: rows and columns of the output.
        zeros: whether a pixel is there once, among zeros, instead of several times.
    """

    image: tuple[int, int]
    factors: tuple[int, int]
    output: tuple[int, int]
    zeros: bool

    @property
    def encoding(self) -> Encoding:
        """Returns the automaton in numbers."""
        last = [out - (size - 1) * factor for size, factor, out in zip(*self._axes, strict=True)]
        return Encoding(Kind.COPIES, (*self.image, *self.factors, *last, int(self.zeros)), 5)

    @property
    def _axes(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        return self.image, self.factors, self.output
