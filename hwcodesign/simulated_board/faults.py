"""This module defines faults around an accelerator, which are planted at a chosen or a random point."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from hwcodesign.errors import SettingsError
from hwcodesign.interface import register_map as registers


class Side(Enum):
    """The side is a channel of the DMA: memory to stream, or stream to memory."""

    SEND = "mm2s"
    RECEIVE = "s2mm"


class FaultKind(Enum):
    """The kind says what goes wrong."""

    LOST_LAST = "a TLAST is lost"
    SLAVE_ERROR = "memory answers with a slave error"
    DECODE_ERROR = "memory answers with a decode error"
    STUCK = "the stream is stuck until the DMA is reset"
    OTHER_HASH = "the bitstream is of another configuration"
    OTHER_VERSION = "the bitstream has another version of the registers"
    ALL_ONES = "registers of the accelerator read 0xFFFFFFFF"
    DENIED = "an access to registers raises PermissionError"
    LATE_INTERRUPT = "an interrupt comes late"


#: Faults that happen at a word of a stream, at an access to a register, and at an interrupt.
STREAM_FAULTS = (FaultKind.LOST_LAST, FaultKind.SLAVE_ERROR, FaultKind.DECODE_ERROR, FaultKind.STUCK)
REGISTER_FAULTS = (FaultKind.OTHER_HASH, FaultKind.OTHER_VERSION, FaultKind.ALL_ONES, FaultKind.DENIED)


@dataclass(frozen=True)
class Fault:
    """This is one fault.

    Attributes:
        kind: kind of fault.
        side: channel of the DMA; faults of registers have none.
        at: how much goes well before it: words of that channel's stream; accesses to registers; interrupts of that
            channel. All count from the start of the board.
        standing: whether it stays from then on; otherwise it happens once.
        cycles: number of cycles by which an interrupt is late.

    Raises:
        SettingsError: `at` or `cycles` is negative.
    """

    kind: FaultKind
    side: Side = Side.RECEIVE
    at: int = 0
    standing: bool = False
    cycles: int = 1_000_000

    def __post_init__(self) -> None:
        if self.at < 0 or self.cycles < 0:
            raise SettingsError(f"a fault at {self.at}, {self.cycles} cycles late: neither may be negative")


def random_fault(
    rng: np.random.Generator, *, words: dict[Side, int], accesses: int, kinds: Iterable[FaultKind] = FaultKind
) -> Fault:
    """Returns one fault at a random point of a run.

    Args:
        rng: generator that draws it.
        words: number of words of each stream in a run without faults.
        accesses: number of accesses to registers in that run.
        kinds: kinds to draw from.
    """
    choices = list(kinds)
    kind = choices[int(rng.integers(len(choices)))]
    side = Side.SEND if rng.integers(2) else Side.RECEIVE
    span = words[side] if kind in STREAM_FAULTS else accesses if kind in REGISTER_FAULTS else 2
    at, standing = int(rng.integers(max(1, span))), bool(rng.integers(2))
    return Fault(kind, side, at, standing, int(rng.integers(1, 5_000_000)))


class Faults:
    """This class holds the faults that are still to come, and those that have happened.

    Args:
        planned: faults in any order.

    Attributes:
        struck: faults that have happened, each once.
    """

    def __init__(self, planned: Iterable[Fault]) -> None:
        self._planned = list(planned)
        self.struck: list[Fault] = []

    def strike(self, fault: Fault) -> None:
        """Records that a fault happens now."""
        if fault not in self.struck:
            self.struck.append(fault)
        if not fault.standing:
            self._planned.remove(fault)

    def stop(self, side: Side, start: int, count: int) -> tuple[int, Fault] | None:
        """Returns the first fault that stops a transfer.

        Args:
            side: channel of the transfer.
            start: number of words of the stream before it.
            count: number of its words.

        Returns:
            Words that pass, and the fault.
        """
        return self._first(side, start, count, FaultKind.SLAVE_ERROR, FaultKind.DECODE_ERROR, FaultKind.STUCK)

    def lost_last(self, side: Side, start: int, count: int) -> tuple[int, Fault] | None:
        """Returns from which word of a transfer on TLASTs are lost, and the fault; arguments as for `stop`."""
        return self._first(side, start, count, FaultKind.LOST_LAST)

    def lateness(self, side: Side, interrupts: int) -> int:
        """Returns the cycles by which an interrupt is late, after so many before it; the fault then happens."""
        late = 0
        for fault in self._of(side, FaultKind.LATE_INTERRUPT):
            if fault.at <= interrupts:
                self.strike(fault)
                late = max(late, fault.cycles)
        return late

    def access(self, accesses: int) -> None:
        """Checks an access to any register, after so many before it.

        Raises:
            PermissionError: the access is denied.
        """
        for fault in self._of(None, FaultKind.DENIED):
            if fault.at <= accesses:
                self.strike(fault)
                raise PermissionError("[simulated] Root permissions required.")

    def read(self, offset: int, value: int, accesses: int) -> int:
        """Returns what a register of the accelerator reads as.

        Args:
            offset: offset of the register.
            value: value of the register.
            accesses: number of accesses to registers before this one.
        """
        version = registers.VERSION
        for fault in self._of(None, FaultKind.OTHER_HASH, FaultKind.OTHER_VERSION, FaultKind.ALL_ONES):
            if fault.at > accesses:
                continue
            if fault.kind is FaultKind.ALL_ONES:
                self.strike(fault)
                return 0xFFFFFFFF
            if fault.kind is FaultKind.OTHER_HASH and offset == registers.HASH_LOW.offset:
                self.strike(fault)
                return value ^ 1
            if fault.kind is FaultKind.OTHER_VERSION and offset == version.offset:
                self.strike(fault)
                major = version.field("major")
                return major.insert(major.extract(value) + 1, value)
        return value

    def _first(self, side: Side, start: int, count: int, *kinds: FaultKind) -> tuple[int, Fault] | None:
        coming = [(max(0, fault.at - start), fault) for fault in self._of(side, *kinds) if fault.at < start + count]
        return min(coming, key=lambda item: item[0], default=None)

    def _of(self, side: Side | None, *kinds: FaultKind) -> list[Fault]:
        return [fault for fault in self._planned if fault.kind in kinds and side in (None, fault.side)]
