"""This module holds the time of a board, and waits that have a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from hwcodesign.errors import TransferError

#: Longest sleep between two looks, seconds.
_LONGEST_SLEEP = 1e-3


@dataclass(frozen=True)
class Clock:
    """A clock counts seconds on the board; a simulation counts them in cycles.

    Attributes:
        now: seconds since any fixed time.
        sleep: lets so many seconds pass on the board.
        waited: called after an interrupt was awaited in vain, for so many seconds of the computer that runs Python.
        slack: seconds that a wait may take beyond what the hardware needs, for whatever else the processor does.
    """

    now: Callable[[], float]
    sleep: Callable[[float], None]
    waited: Callable[[float], None]
    slack: float


#: Of a real board; its operating system may let a process wait for a fair time.
WALL = Clock(time.monotonic, time.sleep, lambda _: None, 0.5)


class Deadline:
    """A deadline limits a wait.

    Args:
        clock: clock of the board.
        seconds: seconds that the wait may last.
        what: what is waited for, for the error.
    """

    def __init__(self, clock: Clock, seconds: float, what: str) -> None:
        self._clock, self._seconds, self._what = clock, seconds, what
        self._start = clock.now()

    def check(self) -> None:
        """Checks that the wait may continue.

        Raises:
            TransferError: the wait has lasted too long.
        """
        if self._clock.now() - self._start > self._seconds:
            raise TransferError(f"{self._what} did not come within {self._seconds:.3g} s")

    def sleep(self) -> None:
        """Sleeps for an eighth of the time waited so far: short waits stay short, and long ones cost no processor
        time.
        """
        self._clock.sleep(min((self._clock.now() - self._start) / 8, _LONGEST_SLEEP))

    def until(self, done: Callable[[], bool]) -> None:
        """Waits for a condition.

        Raises:
            TransferError: the wait has lasted too long.
        """
        while not done():
            self.check()
            self.sleep()
