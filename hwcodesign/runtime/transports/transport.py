"""This module defines the protocol that carries a batch to the place where it is computed, and its records back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from hwcodesign.errors import SettingsError
from hwcodesign.interface import register_map as registers
from hwcodesign.interface.counters import Counters
from hwcodesign.interface.modes import ExitControl
from hwcodesign.interface.records import BATCH, Records
from hwcodesign.runtime.parts import PartTimes


@dataclass(frozen=True)
class TransferSettings:
    """The transfer settings say how batches are carried.

    Attributes:
        batch: maximum number of samples of one batch.
        records_per_packet: number of records that arrive together; 0 means all of a batch. Few records show early
            answers sooner, many need less processor time.
        deadline: seconds that any wait may last; by default one and a half times the prediction for all samples of the
            batch on the longest way through the network, plus some time for the operating system.
        retries: number of further attempts of a batch after a recovery, before software computes the rest.

    Raises:
        SettingsError: a setting is out of range; the message names it.
    """

    batch: int = BATCH
    records_per_packet: int = 0
    deadline: float | None = None
    retries: int = 1

    def __post_init__(self) -> None:
        longest = registers.RECORDS_PER_PACKET.field("count").mask
        if self.batch < 1:
            raise SettingsError(f"batch={self.batch} is not a positive number of samples")
        if not 0 <= self.records_per_packet <= longest:
            raise SettingsError(f"records_per_packet={self.records_per_packet} is not 0 to {longest}")
        if self.deadline is not None and not self.deadline > 0:
            raise SettingsError(f"deadline={self.deadline} is not a positive number of seconds")
        if self.retries < 0:
            raise SettingsError(f"retries={self.retries} is negative")


class Transport(Protocol):
    """A transport is one way to have batches computed.

    Attributes:
        name: name of the place, as users write it.
        recoverable: whether a failure may succeed at another attempt, or in software; otherwise a failure is a bug.
        batch: maximum number of samples that `records` takes.
        times: times of its parts, and of those of its owner.
    """

    name: str
    recoverable: bool
    batch: int
    times: PartTimes

    def configure(self, control: ExitControl) -> None:
        """Sets thresholds and mode of samples that start from now on; in software and RTL, of batches that start."""
        ...

    def records(self, codes: NDArray[Any]) -> Iterator[Records]:
        """Yields records of one batch as they come; `sample_id` counts (N, C, H, W) codes from 0.

        Raises:
            TransferError: the batch did not come back completely; call `recover` before the next.
        """
        ...

    def records_async(self, codes: NDArray[Any]) -> AsyncGenerator[Records, None]:
        """Does the same, with the event loop free while it waits."""
        ...

    def recover(self) -> None:
        """Gives up a batch that failed or was left unfinished; nothing of it comes back later.

        Raises:
            BoardError: the board cannot be recovered.
        """
        ...

    def counters(self) -> Counters:
        """Returns the counts since opening."""
        ...

    def close(self) -> None:
        """Frees buffers and locks; may be called twice."""
        ...


async def in_thread(records: Iterator[Records]) -> AsyncGenerator[Records, None]:
    """Yields the records of a plain iterator, each computed in a thread."""
    while (found := await asyncio.to_thread(next, records, None)) is not None:
        yield found
