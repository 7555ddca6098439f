"""One run at a time on one accelerator.

A generator may be left unfinished: by an exception of the loop around it, by Ctrl-C, or because nobody asks for more.
It must not keep its accelerator from the next run, so a later run ends one that only waits to be asked.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hwcodesign.errors import BoardError
from hwcodesign.interface.modes import ExitControl, Mode


@dataclass
class Turn:
    """A run's claim on the accelerator.

    Attributes:
        mode: of the run.
        control: what the decisions are set to; thresholds may change during the run.
        in_software: whether what is left of the run is computed in software.
        waiting: for its consumer to ask for more.
        over: finished, or ended by a later run.
    """

    mode: Mode
    control: ExitControl
    in_software: bool = False
    waiting: bool = False
    over: bool = False

    @contextmanager
    def handed_out(self) -> Iterator[None]:
        """Around a `yield` to the consumer.

        Raises:
            BoardError: meanwhile a later run has ended this one.
        """
        self.waiting = True
        yield
        self.waiting = False
        if self.over:
            raise BoardError("a later run has ended this stream: finish one before the next, or open another driver")


class Turns:
    """Who has the accelerator."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: Turn | None = None

    @property
    def current(self) -> Turn | None:
        """The run that has it now, if any."""
        return self._current

    def take(self, mode: Mode, control: ExitControl) -> tuple[Turn, bool]:
        """A new run's turn, and whether it has ended an unfinished one.

        Raises:
            BoardError: a run is at work, in another thread or task.
        """
        with self._lock:
            before = self._current
            if before is not None and not before.waiting:
                raise BoardError("another thread or task runs on this accelerator: wait until it has finished")
            if before is not None:
                before.over = True
            self._current = Turn(mode, control)
            return self._current, before is not None

    def give_back(self, turn: Turn) -> None:
        """End a turn; does nothing where a later run has it by now."""
        with self._lock:
            turn.over = True
            if self._current is turn:
                self._current = None

    def end(self) -> None:
        """End whatever run is unfinished."""
        with self._lock:
            if self._current is not None:
                self._current.over = True
                self._current = None
