"""This module follows windows that are read word by word from a ring of rows, pass by pass, without stepping them.

A row is accepted a word a cycle from when its place is free. A pass gives a word a cycle from the cycle after the one
in which the last row that it needs was accepted as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hwcodesign.hardware.timing import WindowWords


@dataclass
class WordsPace:
    """Cycles of the windows of samples that follow one another, input always offered and output always taken.

    Attributes:
        of: the windows.
    """

    of: WindowWords
    #: Cycle of the last word of every pass so far, and of the last word accepted of every row so far.
    _given: list[int] = field(default_factory=list)
    _accepted: list[int] = field(default_factory=list)

    def sample(self, number: int) -> int:
        """Returns the cycle in which the next sample's last word is taken, that after the one in which it is read.

        Args:
            number: number of the sample; samples are asked for one after another.
        """
        of = self.of
        for pass_ in range(of.out_height):
            needed = number * of.height + of.last(pass_)
            while len(self._accepted) <= needed:
                self._accept()
            before = self._given[-1] if self._given else -1
            self._given.append(max(before, self._accepted[needed]) + of.steps)
        return self._given[-1] + 1

    @property
    def samples_that_matter(self) -> int:
        """Returns the number of samples on whose cycles those of the next one depend."""
        return 1 + self.of.rows // self.of.height

    def state(self) -> tuple[int, ...]:
        """Returns all that the following samples depend on: cycles against the last one, of as many as can matter."""
        end, passes = self._given[-1], self.of.out_height * self.samples_that_matter
        ahead = self._accepted[len(self._given) // self.of.out_height * self.of.height - 1 :]
        return (*(cycle - end for cycle in self._given[-passes:]), *(cycle - end for cycle in ahead))

    def _accept(self) -> None:
        """The next row, from the cycle after the one before it, or after the last pass that its place waits for."""
        of, row = self.of, len(self._accepted)
        free = self._given[self._waits_for(row)] if self._waits_for(row) >= 0 else -1
        before = self._accepted[-1] if self._accepted else -1
        self._accepted.append(max(free, before) + of.row_words)

    def _waits_for(self, row: int) -> int:
        """The pass, of all so far, behind which a row has a place; negative where that is so from reset."""
        of = self.of
        sample, within = divmod(row - of.rows, of.height)  # the row whose place it takes is needed no more
        pass_ = next(p for p in range(of.out_height) if of.base(p + 1) > within)
        return sample * of.out_height + pass_
