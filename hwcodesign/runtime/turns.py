"""This module allows one run at a time on one accelerator.

A generator may be left unfinished: by an exception of the loop around it, by Ctrl-C, or because nobody asks for more.
It must not keep its accelerator from the next run, so a later run ends one that only waits for its consumer.
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
    """A turn is a run's claim on the accelerator.

    Attributes:
        mode: mode of the run.
        control: settings of the decision units; thresholds may change during the run.
        in_software: whether the rest of the run is computed in software.
        waiting: whether it waits for its consumer.
        over: whether it has finished, or was ended by a later run.
    """

    mode: Mode
    control: ExitControl
    in_software: bool = False
    waiting: bool = False
    over: bool = False

    @contextmanager
    def handed_out(self) -> Iterator[None]:
        """Surrounds a `yield` to the consumer.

        Raises:
            BoardError: a later run has ended this one in the meantime.
        """
        self.waiting = True
        yield
        self.waiting = False
        if self.over:
            raise BoardError("a later run has ended this stream: finish one before the next, or open another driver")


class Turns:
    """The turns say which run has the accelerator."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: Turn | None = None

    @property
    def current(self) -> Turn | None:
        """Returns the run that has it now, if any."""
        return self._current

    def take(self, mode: Mode, control: ExitControl) -> tuple[Turn, bool]:
        """Returns a new run's turn, and whether it has ended an unfinished one.

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
        """Ends a turn; does nothing if a later run has the accelerator."""
        with self._lock:
            turn.over = True
            if self._current is turn:
                self._current = None

    def end(self) -> None:
        """Ends an unfinished run."""
        with self._lock:
            if self._current is not None:
                self._current.over = True
                self._current = None
