"""What carries a batch to where it is computed, and its records back: one protocol, one module for each way."""

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
from hwcodesign.runtime.stages import StageTimes


@dataclass(frozen=True)
class TransferSettings:
    """How batches are carried.

    Attributes:
        batch: most samples of one batch.
        records_per_packet: records that arrive together; 0: all of a batch. Few show early answers sooner, many cost
            less of the processor's time.
        deadline: seconds that any wait may last; by default one and a half times what the longest way through the
            network takes for all samples of the batch, and some for the operating system.
        retries: further attempts of a batch after a recovery, before what is left of it is computed in software.
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
    """One way to have batches computed.

    Attributes:
        name: of what computes, as users spell it.
        recoverable: whether what fails may go well at another attempt, or in software; else a failure is a bug.
        batch: most samples that `records` takes.
        times: of its stages, and of those of its owner.
    """

    name: str
    recoverable: bool
    batch: int
    times: StageTimes

    def configure(self, control: ExitControl) -> None:
        """Thresholds and mode of samples that start from now on; in computed ways, of batches that start."""
        ...

    def records(self, codes: NDArray[Any]) -> Iterator[Records]:
        """Records of one batch as they come; `sample_id` counts (N, C, H, W) codes from 0.

        Raises:
            TransferError: the batch did not come back whole; `recover` before the next.
        """
        ...

    def records_async(self, codes: NDArray[Any]) -> AsyncGenerator[Records, None]:
        """The same, with the event loop free while it waits."""
        ...

    def recover(self) -> None:
        """Give up a batch that failed or was left unfinished: nothing of it comes back later.

        Raises:
            BoardError: it cannot be brought back to order.
        """
        ...

    def counters(self) -> Counters:
        """Counts since opening."""
        ...

    def close(self) -> None:
        """Free buffers and locks; may be called twice."""
        ...


async def in_thread(records: Iterator[Records]) -> AsyncGenerator[Records, None]:
    """Records of a plain iterator, each computed in a thread."""
    while (found := await asyncio.to_thread(next, records, None)) is not None:
        yield found
