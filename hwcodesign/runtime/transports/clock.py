"""Time as a board tells it, and waits that end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from hwcodesign.errors import TransferError

#: Longest sleep between two looks, seconds.
_LONGEST_SLEEP = 1e-3


@dataclass(frozen=True)
class Clock:
    """Seconds on the board, which a simulation counts in cycles.

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
    """A wait with an end.

    Args:
        clock: of the board.
        seconds: that the wait may last.
        what: is waited for, for the error.
    """

    def __init__(self, clock: Clock, seconds: float, what: str) -> None:
        self._clock, self._seconds, self._what = clock, seconds, what
        self._start = clock.now()

    def check(self) -> None:
        """Go on waiting?

        Raises:
            TransferError: it has lasted too long.
        """
        if self._clock.now() - self._start > self._seconds:
            raise TransferError(f"{self._what} did not come within {self._seconds:.3g} s")

    def sleep(self) -> None:
        """Sleep for an eighth of what was waited so far: short waits stay short, long ones cost no processor time."""
        self._clock.sleep(min((self._clock.now() - self._start) / 8, _LONGEST_SLEEP))

    def until(self, done: Callable[[], bool]) -> None:
        """Wait for a condition.

        Raises:
            TransferError: it has lasted too long.
        """
        while not done():
            self.check()
            self.sleep()
