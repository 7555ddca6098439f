"""This module models a transfer of the DMA: words from memory into the accelerator, or records into memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum

from hwcodesign.simulated_board.faults import FaultKind, Faults, Side
from hwcodesign.simulation.stepped import SteppedAccelerator, Words


class Outcome(Enum):
    """The outcome says how a transfer ended."""

    COMPLETE = "complete"
    TOO_LONG = "a packet is longer than the room for it"
    SLAVE_ERROR = "slave error"
    DECODE_ERROR = "decode error"


_STOPPED = {FaultKind.SLAVE_ERROR: Outcome.SLAVE_ERROR, FaultKind.DECODE_ERROR: Outcome.DECODE_ERROR}


class Transfer(ABC):
    """This is one transfer, from its start.

    Args:
        accelerator: accelerator at the other end.
        words: memory to send, or to fill.
        faults: faults that may stop it.
        before: number of words that the channel has moved before.
    """

    side: Side

    def __init__(self, accelerator: SteppedAccelerator, words: Words, faults: Faults, before: int) -> None:
        self._accelerator, self._words, self._faults = accelerator, words, faults
        self._stop = faults.stop(self.side, before, len(words))
        self._lost = faults.lost_last(self.side, before, len(words))
        self._begin(None if self._stop is None else self._stop[0])

    @abstractmethod
    def _begin(self, upto: int | None) -> None:
        """Connects memory and stream for a number of words."""

    @property
    @abstractmethod
    def moved(self) -> int:
        """Returns the number of words so far."""

    @abstractmethod
    def _ended(self) -> Outcome | None:
        """Returns how it has ended by itself, if it has."""

    @abstractmethod
    def cut(self) -> None:
        """Ends the transfer where it is."""

    def outcome(self) -> Outcome | None:
        """Returns how it has ended; None while it is going on. Faults that it has reached happen."""
        ended = self._ended()
        if ended is not None:
            return ended
        if self._stop is not None and self.moved >= self._stop[0]:
            fault = self._stop[1]
            self._faults.strike(fault)
            if fault.kind in _STOPPED:
                return _STOPPED[fault.kind]
            self._stop = None  # stuck, and it has struck
        return None


class Sending(Transfer):
    """This transfer moves words from memory to the stream, with TLAST on the last word."""

    side = Side.SEND

    def _begin(self, upto: int | None) -> None:
        if self._lost is not None:
            self._faults.strike(self._lost[1])
        self._accelerator.offer(self._words, last=-1 if self._lost is None else None, upto=upto)

    @property
    def moved(self) -> int:
        return self._accelerator.sent

    def _ended(self) -> Outcome | None:
        return Outcome.COMPLETE if self.moved == len(self._words) else None

    def cut(self) -> None:
        self._accelerator.withdraw()


class Receiving(Transfer):
    """This transfer moves words from the stream to memory, up to a word with TLAST."""

    side = Side.RECEIVE

    def _begin(self, upto: int | None) -> None:
        start, drops = 0, 0
        if self._lost is not None:
            start, drops = self._lost[0], len(self._words) if self._lost[1].standing else 1
        self._drops = drops
        self._accelerator.accept(self._words, drop_from=start, drops=drops, upto=upto)

    @property
    def moved(self) -> int:
        return self._accelerator.taken

    def _ended(self) -> Outcome | None:
        if self._lost is not None and self._accelerator.dropped < self._drops:
            self._faults.strike(self._lost[1])
            self._lost = None
        if self._accelerator.ended:
            return Outcome.COMPLETE
        # the room is full and its last word had no TLAST: no status of the data mover then says that a packet ended
        return Outcome.TOO_LONG if self.moved == len(self._words) else None

    def cut(self) -> None:
        self._accelerator.shut()
