"""This module holds the automata of the blocks around the kernels, like those of `timing`."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.timing import Encoding, Kind, pipe


@dataclass(frozen=True)
class Unpacker:
    """An unpacker splits input words into beats of pixels (word_unpack).

    Attributes:
        lanes: elements of a word.
        beat: elements of a beat.
        beats: beats of a sample, which fills whole words.
    """

    lanes: int
    beat: int
    beats: int

    @property
    def words(self) -> int:
        """Returns the number of words per sample."""
        return -(-self.beats * self.beat // self.lanes)

    @property
    def encoding(self) -> Encoding:
        """Returns the automaton in numbers."""
        elements = self.beats * self.beat
        last = elements - (self.words - 1) * self.lanes
        return Encoding(Kind.UNPACKER, (self.lanes, self.beat, self.words, last), 3)


@dataclass(frozen=True)
class Decider:
    """A decider takes logits and gives a score, or a decision that is taken at once (exit_decision), in adaptive mode.

    Attributes:
        interval: cycles that a sample's logits occupy it.
        latency: cycles from logits to score or decision.
    """

    interval: int
    latency: int

    @property
    def encoding(self) -> Encoding:
        """Returns the automaton in numbers."""
        parameters, words = pipe(self.latency)
        return Encoding(Kind.DECIDER, (self.interval, *parameters), 2 + words)


@dataclass(frozen=True)
class Buffer:
    """A buffer holds beats that wait for a decision (conditional_buffer); its inputs are the beats and the decisions.

    Attributes:
        beats: beats per sample.
        depth: number of beats that it can hold.
        keep: what every decision is: forward, or drop.
    """

    beats: int
    depth: int
    keep: bool

    @property
    def encoding(self) -> Encoding:
        """Returns the automaton in numbers."""
        return Encoding(Kind.BUFFER, (self.beats, self.depth, int(self.keep)), 4, inputs=2)


@dataclass(frozen=True)
class Packer:
    """A packer turns records into words, two each (record_pack); its output is a record's last word."""

    @property
    def encoding(self) -> Encoding:
        """Returns the automaton in numbers."""
        return Encoding(Kind.PACKER, (), 2)
