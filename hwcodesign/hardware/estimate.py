"""This module computes a unit's interval and latency without stepping its automata cycle by cycle, if nothing else
stalls.

The resources beside them are those of `hardware.resources`.

Both are exact. Pipelines and stored frames have a formula. Windows in front of a pipeline are followed row by row. For
a row of pixels, these are the cycles in which the first and the last one are accepted. For a pass, they are the cycles
of its first step, of its last step that reads a pixel, and of its last step. What lies between cannot be later than
these make it, because a pass is never faster along a row than one pixel per cycle, which is the pace of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Protocol

from hwcodesign.hardware.movement_timing import Copies, Frames
from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.hardware.timing import Automaton, Pipeline, Windows, WindowWords
from hwcodesign.hardware.words_pace import WordsPace

#: Samples after which the rhythm of windows is given up for the mean of the second half.
_MOST_SAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """An estimate holds the cycles of a unit while its input is always offered and its output always taken.

    Attributes:
        interval: cycles between samples in the long run; an int if it is whole.
        latency: cycles from the one in which a sample's first input beat is offered to that of its last output beat.
        resources: LUTs and flip-flops about as Yosys counts them for 7 series, DSP blocks and block RAMs exactly so.
    """

    interval: float
    latency: int
    resources: Resources = field(default_factory=Resources)


def estimated(timing: Sequence[Automaton], beats: int) -> Estimate:
    """Estimates a chain of automata.

    Args:
        timing: nothing, a pipeline, stored frames, copies, windows in front of a pipeline of single beats, or words of
            windows in front of a pipeline that takes one a cycle.
        beats: input beats per sample.

    Raises:
        NotImplementedError: another chain.
    """
    match tuple(timing):
        case ():
            return Estimate(beats, beats - 1)
        case (Pipeline() as pipeline,):
            return Estimate(beats * pipeline.folds, beats * pipeline.folds - 1 + pipeline.depth)
        case (Frames() as frames,):
            return Estimate(max(frames.beats, frames.steps), frames.beats + frames.steps + 1)
        case (Copies() as copies,):
            pixels = copies.output[0] * copies.output[1]
            return Estimate(pixels, pixels)
        case (Windows() as windows, Pipeline(beats=1) as pipeline):
            interval, latency = _pace(_Rows(windows, pipeline.folds))
            return Estimate(interval, latency + pipeline.depth)
        case (WindowWords() as words, Pipeline(folds=1) as pipeline):
            interval, latency = _pace(WordsPace(words))
            return Estimate(interval, latency + pipeline.depth)
    raise NotImplementedError(f"no estimate of {' behind '.join(type(item).__name__ for item in reversed(timing))}")


class _Rows:
    """Windows whose reader takes each in so many cycles, row by row.

    A step reads a column, which moves into the window a cycle later or, behind a column that offers a window, `folds`
    cycles behind that one. So the cycle in front of that in which a column moves is that in front of its successor's
    by `folds` if it offers a window, and by one if not. The next step comes when the column moves, or later.
    Reading a pixel, and writing into the place of one that was read, come a cycle after what they wait for, or later.
    """

    def __init__(self, windows: Windows, folds: int) -> None:
        self._of, self._folds = windows, folds
        #: Cycles of every pass so far: in which its first column is read, in which the last one with a pixel is read,
        #: and in front of that in which its last column moves.
        self._passes: list[tuple[int, int, int]] = []
        #: Cycles in which the first and the last pixel of every row so far were accepted.
        self._written: list[tuple[int, int]] = []

    @property
    def samples_that_matter(self) -> int:
        """Returns the number of samples on whose cycles those of the next one depend."""
        return 1 + self._of.kernel[0] // self._of.height

    def state(self) -> tuple[int, ...]:
        """Returns all that the following samples depend on: cycles against that in which the last one ended."""
        recent = self._passes[-self.samples_that_matter * self._of.out_height :]
        end = self._passes[-1][2]
        return tuple(cycle - end for steps in recent for cycle in steps)

    def sample(self, number: int) -> int:
        """Returns the cycle in which the next sample's last window is taken; samples are asked for in turn."""
        self._sample(number)
        return self._passes[-1][2] + 1 + self._folds

    def _sample(self, sample: int) -> None:
        of = self._of
        for number in range(of.out_height):
            lowest = min(max(number * of.stride[0] - of.pad_top + of.kernel[0] - 1, 0), of.height - 1)
            needed = sample * of.height + lowest
            while len(self._written) <= needed:
                self._write()
            before = self._passes[-1][2] if self._passes else -self._folds
            first, last = self._written[needed]
            # the first pixel of the row is there; the last one may still be waited for
            there = last + 1 if of.columns >= of.row_beats else 0
            start = max(before + self._folds, first + 1)
            first_read = max(before + 1, first + 1)
            behind_first = start + self._cycles_before_last_pixel + 1 if self._last_pixel else first_read
            read = max(behind_first, there)
            end = max(start + self._cycles_to_last_pixel, there) + self._cycles_behind
            self._passes.append((first_read, read, end))

    def _write(self) -> None:
        """The next row of pixels, into the places of one that is needed no more."""
        of, row = self._of, len(self._written)
        first = self._written[-1][1] + 1 if self._written else 0
        last = first + of.row_beats - 1
        freeing = self._freed_by(row)
        if freeing >= 0:
            first_read, read, _ = self._passes[freeing]
            first = max(first, first_read + 1)
            behind = read + max(0, of.row_beats - of.columns)
            last = max(first + of.row_beats - 1, behind + 1)
        self._written.append((first, last))

    def _freed_by(self, row: int) -> int:
        """The pass, of all so far, whose steps free the places of a row; negative where they are free from reset."""
        of = self._of
        sample, row = divmod(row, of.height)
        over = row - of.kernel[0]  # the row that lies there
        while over < 0:
            sample, over = sample - 1, over + of.height
        return sample * of.out_height + self._last_reader[over]

    @cached_property
    def _last_reader(self) -> list[int]:
        """For each row of the image, the pass behind which it is needed no more."""
        of = self._of
        bases = [min(of.height, max(0, n * of.stride[0] - of.pad_top)) for n in range(1, of.out_height)] + [of.height]
        found, number = [], 0
        for row in range(of.height):
            while bases[number] <= row:
                number += 1
            found.append(number)
        return found

    def _cycles(self, steps: int) -> int:
        """From the first step of a pass to the one behind so many."""
        offered = sum(self._offers(step) for step in range(steps))
        return steps + offered * (self._folds - 1)

    def _offers(self, step: int) -> bool:
        behind = step - self._of.lead
        return behind >= 0 and behind % self._of.every == 0

    @cached_property
    def _cycles_to_last_pixel(self) -> int:
        return self._cycles(self._last_pixel)

    @property
    def _last_pixel(self) -> int:
        """The last column of a pass that has pixels."""
        return min(self._of.row_beats, self._of.columns) - 1

    @cached_property
    def _cycles_before_last_pixel(self) -> int:
        return self._cycles(self._last_pixel - 1)

    @cached_property
    def _cycles_behind(self) -> int:
        """From the last step that reads a pixel to the last one."""
        return self._cycles(self._of.columns - 1) - self._cycles_to_last_pixel


class _Windowed(Protocol):
    """Windows of samples that follow one another."""

    @property
    def samples_that_matter(self) -> int: ...
    def sample(self, number: int) -> int: ...
    def state(self) -> tuple[int, ...]: ...


def _pace(windows: _Windowed) -> tuple[float, int]:
    """Mean interval in the long run, and the cycle in which the first sample's last window is taken."""
    ends: list[int] = []
    seen: dict[tuple[int, ...], int] = {}
    while len(ends) < _MOST_SAMPLES:
        ends.append(windows.sample(len(ends)))
        state = windows.state()
        if state in seen and len(ends) > windows.samples_that_matter:
            before = seen[state]
            return _mean(ends[-1] - ends[before], len(ends) - 1 - before), ends[0]
        seen[state] = len(ends) - 1
    half = len(ends) // 2
    return _mean(ends[-1] - ends[half], len(ends) - 1 - half), ends[0]


def _mean(cycles: int, samples: int) -> float:
    """An int where it is whole."""
    mean = Fraction(cycles, samples)
    return int(mean) if mean.denominator == 1 else float(mean)
