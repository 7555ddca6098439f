"""This module describes what each module of rtl_sim/rtl does in a cycle, without data: its control logic.

Each class here says what the control logic of one module depends on; `automata` steps it, state for state. A unit's
`timing` chains them, and networks of them give latency and interval of kernels, segments and whole accelerators, with
all stalls that blocks cause each other.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import NamedTuple, Protocol

from hwcodesign.errors import FormatError


class Kind(IntEnum):
    """A kind says which control logic an automaton has."""

    PIPELINE = 0
    WINDOWS = 1
    QUEUE = 2
    SPLIT = 3
    FRAMES = 4
    UNPACKER = 5
    DECIDER = 6
    BUFFER = 7
    PACKER = 8
    COPIES = 9
    WORDS = 10


class Encoding(NamedTuple):
    """An encoding is an automaton as `automata` steps it, in numbers.

    Attributes:
        kind: kind of the automaton.
        parameters: parameters in the order that `automata` names for the kind.
        words: integers of its state, all zero after reset.
        inputs: number of input streams.
    """

    kind: Kind
    parameters: tuple[int, ...]
    words: int
    inputs: int = 1


class Automaton(Protocol):
    """An automaton is the control logic of a module with one output."""

    @property
    def encoding(self) -> Encoding:
        """Returns the automaton in numbers."""
        ...


#: Stages of a pipeline that one word of its state holds.
STAGES_PER_WORD = 62


def pipe(depth: int) -> tuple[tuple[int, int], int]:
    """Returns the parameters of a shift register of valid bits, and the size of its state.

    Returns:
        The number of words and the last stage's bit in the last of them; and the number of words.
    """
    words = -(-depth // STAGES_PER_WORD)
    return (words, 1 << (depth - 1) % STAGES_PER_WORD), words


@dataclass(frozen=True)
class Pipeline:
    """A pipeline is folded compute behind one or more inputs that are read together (mac_array, activation, ...).

    It stalls as a whole.

    Attributes:
        folds: cycles that each input beat occupies.
        beats: input beats of a vector.
        depth: cycles from the last fold of a vector's last beat to a valid output.
        inputs: number of input streams.
        given: output beats of a vector: one after each of its last input beats; at most `beats`.

    Raises:
        FormatError: one of them is below 1, or more output beats than input beats are given.
    """

    folds: int = 1
    beats: int = 1
    depth: int = 1
    inputs: int = 1
    given: int = 1

    def __post_init__(self) -> None:
        require_positive(self)
        if self.given > self.beats:
            raise FormatError(f"Pipeline: given={self.given} must be at most beats={self.beats}")

    @property
    def encoding(self) -> Encoding:
        """Returns the automaton in numbers."""
        parameters, words = pipe(self.depth)
        sizes = (self.folds, self.beats, self.beats - self.given)
        return Encoding(Kind.PIPELINE, (*sizes, *parameters), 3 + words, self.inputs)


@dataclass(frozen=True)
class Windows:
    """Windows are made from rows of RAM (window_buffer).

    Attributes:
        height, width: size of the input.
        kernel, stride: rows, columns.
        pad_top, pad_left: zeros before the first row and column.
        out_height, out_width: windows down and across.
        pixels: pixels of an input beat, side by side.
    """

    height: int
    width: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad_top: int
    pad_left: int
    out_height: int
    out_width: int
    pixels: int = 1

    @property
    def row_beats(self) -> int:
        """Returns the input beats of a row."""
        return self.width // self.pixels

    @property
    def together(self) -> int:
        """Returns the windows of an output beat."""
        return windows_together(self.pixels, self.stride[1])

    @property
    def every(self) -> int:
        """Returns the steps from an output beat to the next one in its row."""
        return max(1, self.stride[1] // self.pixels)

    @property
    def lead(self) -> int:
        """Returns the steps of a pass before the one that ends its first output beat."""
        return ((self.together - 1) * self.stride[1] + self.kernel[1] - 1 - self.pad_left) // self.pixels

    @property
    def columns(self) -> int:
        """Returns the steps of a pass, which makes one row of windows; each reads a column of beats."""
        return (self.out_width // self.together - 1) * self.every + self.lead + 1

    @property
    def encoding(self) -> Encoding:
        """Returns the automaton in numbers."""
        rows = (self.height, self.kernel[0], self.stride[0], self.pad_top, self.out_height)
        return Encoding(Kind.WINDOWS, (*rows, self.row_beats, self.lead, self.every, self.columns), 6)


def windows_together(pixels: int, stride: int) -> int:
    """Returns the windows that begin within a beat of several pixels, or one, if they lie farther apart.

    Args:
        pixels: pixels of a beat.
        stride: columns from a window to the next one.
    """
    return max(1, pixels // stride)


@dataclass(frozen=True)
class WindowWords:
    """Window words are windows that are read from a ring of rows in RAM, word by word (window_reader).

    Attributes:
        height: rows of the input.
        row_words: words of a row, each of which is an input beat.
        kernel, stride: rows.
        pad_top: zero rows before the first one.
        out_height: passes, each of which makes one row of windows.
        steps: words that a pass gives, each of which is an output beat.
    """

    height: int
    row_words: int
    kernel: int
    stride: int
    pad_top: int
    out_height: int
    steps: int

    @property
    def rows(self) -> int:
        """Returns the rows that the RAM has room for."""
        return self.kernel + self.stride

    def base(self, pass_: int) -> int:
        """Returns the first row of the image that a pass needs; that of pass `out_height` is the next image's first."""
        if pass_ == self.out_height:
            return self.height
        return min(self.height, max(0, pass_ * self.stride - self.pad_top))

    def last(self, pass_: int) -> int:
        """Returns the last row of the image that a pass needs."""
        return min(max(pass_ * self.stride - self.pad_top + self.kernel - 1, 0), self.height - 1)

    @property
    def encoding(self) -> Encoding:
        """Returns the automaton in numbers."""
        sizes = (self.height, self.row_words, self.kernel, self.stride, self.pad_top, self.out_height, self.steps)
        return Encoding(Kind.WORDS, sizes, 5)


@dataclass(frozen=True)
class Queue:
    """A queue stores whole beats, first-word fall-through (stream_fifo, stream_register).

    Attributes:
        depth: number of beats that it can hold; it is ready as long as it is not full.
    """

    depth: int = 2

    @property
    def encoding(self) -> Encoding:
        """Returns the automaton in numbers."""
        return Encoding(Kind.QUEUE, (self.depth,), 2)


@dataclass(frozen=True)
class Node:
    """A node is one automaton in a network.

    Attributes:
        automaton: its control logic.
        sources: one per input: index of the node that feeds it; -1 for the network's own input.
    """

    automaton: Automaton
    sources: tuple[int, ...]


def require_positive(automaton: Pipeline) -> None:
    """Refuses an automaton that could never move.

    Raises:
        FormatError: a field is below 1.
    """
    for field in fields(automaton):
        value = getattr(automaton, field.name)
        if value < 1:
            raise FormatError(f"{type(automaton).__name__}: {field.name}={value} must be at least 1")
