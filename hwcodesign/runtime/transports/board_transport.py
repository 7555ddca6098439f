"""This module carries batches to an accelerator on a board: registers, DMA, buffers, and recovery after a failure."""

from __future__ import annotations

import warnings
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.design import Design
from hwcodesign.errors import BoardError, TransferError
from hwcodesign.interface.counters import Counters
from hwcodesign.interface.modes import ExitControl, exit_control
from hwcodesign.interface.records import FLAG_FINAL, RECORD_DTYPE, Records
from hwcodesign.runtime.parts import Part, PartTimes
from hwcodesign.runtime.register_access import AcceleratorRegisters
from hwcodesign.runtime.transports.board_device import BoardDevice, told_as
from hwcodesign.runtime.transports.buffers import Buffers
from hwcodesign.runtime.transports.clock import Deadline
from hwcodesign.runtime.transports.transport import TransferSettings

if TYPE_CHECKING:
    from hwcodesign.runtime.transports.dma import Dma  # needs pynq

#: How much longer than predicted a batch may take: memory is not always there when the DMA wants it.
_PATIENCE = 1.5
#: Ids count accepted samples modulo this.
_IDS = 1 << 32


class BoardTransport:
    """The board transport is one accelerator on one board; a batch is one transfer out, and one or more packets
    back.

    Contract: receiving is armed before sending. Every wait has an end. Ids count on from batch to batch, from 0 at a
    soft reset.

    Args:
        board: the board that computes.
        design: design that is loaded there, already checked.
        settings: settings of transfers.
        registers, dma, buffers: registers, DMA and buffers of the overlay.
        held: what `close` gives back: buffers, lock.

    Raises:
        BoardError: it does not come out of reset.
    """

    recoverable = True

    def __init__(
        self,
        board: BoardDevice,
        design: Design,
        settings: TransferSettings,
        registers: AcceleratorRegisters,
        dma: Dma,
        buffers: Buffers,
        held: ExitStack,
    ) -> None:
        self.name, self.batch, self.times = board.name, buffers.samples, PartTimes()
        self._clock, self._settings = board.clock, settings
        self._registers, self._dma, self._buffers, self._held = registers, dma, buffers, held
        self._latency, self._interval = _predicted_seconds(design)
        self._wanted = exit_control(design.accelerator.policy)
        self._staged: ExitControl | None = None  # what the registers hold, where that is known
        self._committed: ExitControl | None = None
        self._next_id = 0
        self._unfinished = True  # a batch may be on its way: here, one of whoever was here before
        self._before = Counters.none(design.accelerator.exits)  # counts up to the last soft reset
        registers.set_records_per_packet(settings.records_per_packet)
        self.recover()
        self._before = Counters.none(design.accelerator.exits)  # what stood there was not ours

    def configure(self, control: ExitControl) -> None:
        """Sets thresholds and mode of samples that start from now on."""
        self._wanted = control

    def records(self, codes: NDArray[Any]) -> Iterator[Records]:
        """Yields the records of one batch as they come."""
        for step in self._steps(codes):
            if isinstance(step, Deadline):
                with self.times.part(Part.TRANSFER):
                    step.sleep()
            else:
                yield step

    async def records_async(self, codes: NDArray[Any]) -> AsyncGenerator[Records, None]:
        """Does the same as `records`, with the event loop free while it waits."""
        with told_as(TransferError, "interrupts"):  # which are registers, too
            wakeup = self._dma.wakeup()
        for step in self._steps(codes):
            if isinstance(step, Deadline):
                with told_as(TransferError, "interrupts"):
                    await wakeup.wait()
            else:
                yield step

    def recover(self) -> None:
        """Resets the DMA, so that no old word follows, and then the accelerator; earlier counts are kept."""
        with told_as(BoardError, f"{self.name} does not recover"):
            self._dma.reset()
            self._registers.command("snapshot", "soft_reset")
            self._deadline("the end of the soft reset").until(lambda: not self._registers.status("resetting"))
            self._before += self._registers.latched()
        self._staged = self._committed = None
        self._next_id, self._unfinished = 0, False

    def counters(self) -> Counters:
        """Returns the counts since opening."""
        with told_as(BoardError, f"{self.name}'s counters cannot be read"):
            self._registers.command("snapshot")
            return self._before + self._registers.latched()

    def close(self) -> None:
        """Stops transfers in progress, because they would continue in freed memory, and gives everything back."""
        with self._held:
            if self._unfinished:
                try:
                    self.recover()
                except BoardError as error:
                    warnings.warn(str(error), stacklevel=2)
                self._unfinished = False

    def _steps(self, codes: NDArray[Any]) -> Iterator[Records | Deadline]:
        """Runs a batch: yields its records as they come, and a checked deadline whenever it must wait."""
        with told_as(TransferError, f"a batch of {len(codes)}"):
            self._unfinished = True
            with self.times.part(Part.COPY_IN):
                words = self._buffers.put(codes)
            with self.times.part(Part.TRANSFER):
                self._commit(wait=True)
                self._dma.receive(self._buffers.output)
                self._dma.send(words)
            owed = len(codes)
            while owed > 0:
                deadline = self._deadline(f"a packet with records of {owed} samples", owed)
                self._commit(wait=False)
                while (size := self._received()) is None:
                    deadline.check()
                    yield deadline
                    self._commit(wait=False)
                records = self._taken(size)
                owed -= int(np.count_nonzero(records["flags"] & FLAG_FINAL))
                with self.times.part(Part.TRANSFER):
                    if owed > 0:
                        self._dma.receive(self._buffers.output)
                    else:
                        self._end(len(codes))
                yield records

    def _received(self) -> int | None:
        with self.times.part(Part.TRANSFER):
            return self._dma.received()

    def _taken(self, size: int) -> Records:
        """Returns the records of a packet, numbered from the batch's first sample."""
        if size == 0 or size % RECORD_DTYPE.itemsize:
            raise TransferError(f"a packet of {size} bytes is not one or more records of {RECORD_DTYPE.itemsize}")
        with self.times.part(Part.COPY_OUT):
            records = self._buffers.take(size)
            records["sample_id"] -= np.uint32(self._next_id)
        return records

    def _end(self, samples: int) -> None:
        """All records are there, so the words have gone."""
        self._deadline("the end of the batch's words").until(self._dma.sent)
        self._next_id = (self._next_id + samples) % _IDS
        self._unfinished = False

    def _commit(self, *, wait: bool) -> None:
        """Makes the wanted thresholds and mode active; if an earlier change is still pending, waits for it or skips the
        change.
        """
        if self._wanted == self._committed:
            return
        if wait:
            self._deadline("the end of a pending commit").until(self._can_commit)
        elif not self._can_commit():
            return
        staged, self._staged = self._staged, None  # unknown, should writing fail
        self._registers.stage(self._wanted, staged)
        self._registers.command("commit")
        self._staged = self._committed = self._wanted
        if wait:
            self._deadline("the commit of thresholds").until(self._can_commit)

    def _can_commit(self) -> bool:
        return not self._registers.status("commit_pending")

    def _deadline(self, what: str, samples: int = 0) -> Deadline:
        """Returns the deadline for so many samples; by default from the prediction for the longest way through the
        network.
        """
        predicted = self._latency + samples * self._interval if samples else 0.0
        return Deadline(self._clock, self._settings.deadline or self._clock.slack + _PATIENCE * predicted, what)


def _predicted_seconds(design: Design) -> tuple[float, float]:
    """Returns latency and interval of samples that go to the last exit, in seconds."""
    cycles, hertz = design.manifest["cycles"], float(design.manifest["board"]["clock_mhz"]) * 1e6
    slowest = max(exit_["interval"] for exit_ in cycles["exits"])
    return max(exit_["latency"] for exit_ in cycles["exits"]) / hertz, slowest / hertz
