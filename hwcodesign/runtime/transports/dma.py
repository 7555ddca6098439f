"""This module drives the AXI DMA in direct register mode (PG021). PYNQ's channels start transfers; waits and recovery
are here. It needs pynq.

PYNQ's own `wait` polls for ever where TLAST is lost, and its `wait_async` never ends after an error.
"""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

from pynq.interrupt import Interrupt, _InterruptController

from hwcodesign.errors import TransferError
from hwcodesign.runtime.transports.clock import Clock, Deadline

# Registers of a channel, from its first one (PG021, "Register Space")
_SEND, _RECEIVE = 0x00, 0x30
_CONTROL, _STATUS, _LENGTH = 0x00, 0x04, 0x28
_RUN, _RESET = 0x1, 0x4
_HALTED, _IDLE, _DONE_INTERRUPT = 0x1, 0x2, 0x1000
_ERRORS = {
    0x10: "internal error: a packet longer than its buffer, or a length of 0",
    0x20: "slave error: memory refused an access",
    0x40: "decode error: no memory at the address",
}
_NAMES = {_SEND: "sending DMA", _RECEIVE: "receiving DMA"}
#: Longest wait for an interrupt before the DMA is asked itself, seconds: an interrupt may be late, or lost.
_INTERRUPT_SECONDS = 0.1
#: Between two looks where there are no interrupts, seconds.
_POLL_SECONDS = 0.001


class Dma:
    """This class drives both channels of one DMA.

    Args:
        overlay: overlay with the DMA.
        clock: clock of the board.

    Raises:
        TransferError: the DMA does not start.
    """

    def __init__(self, overlay: Any, clock: Clock) -> None:
        self._clock = clock
        self._registers = overlay.dma_registers
        self._reset_engine()
        _ensure_event_loop()
        self._driver = overlay.dma
        pin = overlay.block_design.interrupt_pins[1]
        self._interrupt_pin = pin if pin in overlay.interrupt_pins else None
        self._sent, self._awaited = True, False

    @property
    def most_bytes(self) -> int:
        """Returns the maximum number of bytes of one transfer."""
        return int(self._driver.buffer_max_size)

    def receive(self, buffer: Any) -> None:
        """Prepares for a packet of at most the buffer's size. Call it before the words that it answers are sent."""
        if self._awaited:  # the last packet's interrupt still stands where nobody waited for it
            self._registers.write(_RECEIVE + _STATUS, _DONE_INTERRUPT)
        self._driver.recvchannel.transfer(buffer)

    def send(self, buffer: Any) -> None:
        """Sends a whole buffer, with TLAST on its last word."""
        self._driver.sendchannel.transfer(buffer)
        self._sent = False

    def received(self) -> int | None:
        """Returns the bytes of the packet that has come; None while it is coming.

        Raises:
            TransferError: either channel has stopped with an error.
        """
        if self._is_idle(_RECEIVE):
            return int(self._registers.read(_RECEIVE + _LENGTH))
        self.sent()
        return None

    def sent(self) -> bool:
        """Tells whether all words have been sent.

        Raises:
            TransferError: the channel has stopped with an error.
        """
        self._sent = self._sent or self._is_idle(_SEND)
        return self._sent

    def reset(self) -> None:
        """Stops both channels in any state, and starts them again.

        Raises:
            TransferError: the DMA does not answer.
        """
        self._reset_engine()
        for channel in (self._driver.sendchannel, self._driver.recvchannel):
            channel.start()  # which waits for what runs already, and takes note that no transfer came before
        self._sent = True

    def _is_idle(self, channel: int) -> bool:
        status = self._registers.read(channel + _STATUS)
        for bit, what in _ERRORS.items():
            if status & bit:
                raise TransferError(f"{_NAMES[channel]}: {what} (status 0x{status:08X})")
        if status & _HALTED:
            raise TransferError(f"{_NAMES[channel]}: halted (status 0x{status:08X}): does another program use it?")
        return bool(status & _IDLE)

    def _reset_engine(self) -> None:
        """Reset, which either channel does for both; then start, which the driver expects to be immediate."""
        registers = self._registers
        registers.write(_SEND + _CONTROL, _RESET)
        for channel in (_SEND, _RECEIVE):
            Deadline(self._clock, self._clock.slack, f"the end of the {_NAMES[channel]}'s reset").until(
                lambda c=channel: not registers.read(c + _CONTROL) & _RESET  # type: ignore[misc]
            )
            registers.write(channel + _CONTROL, _RUN)
            Deadline(self._clock, self._clock.slack, f"the {_NAMES[channel]}'s start").until(
                lambda c=channel: not registers.read(c + _STATUS) & _HALTED  # type: ignore[misc]
            )

    def wakeup(self) -> Wakeup:
        """Returns a wakeup for the running event loop; from now on interrupts are cleared before each packet."""
        self._awaited = self._interrupt_pin is not None
        return Wakeup(self._interrupt_pin, self._clock)


class Wakeup:
    """A wakeup lets an event loop run until a packet has probably come; `Dma.received` tells whether it has.

    Args:
        pin: PYNQ's name of the interrupt, or None if the overlay has none.
        clock: clock of the board.
    """

    def __init__(self, pin: str | None, clock: Clock) -> None:
        self._clock = clock
        self._interrupt = None if pin is None else _interrupt_in_this_loop(pin)

    async def wait(self) -> None:
        """Waits for an interrupt, or for a short time."""
        if self._interrupt is None:
            await asyncio.sleep(_POLL_SECONDS)
            self._clock.waited(_POLL_SECONDS)
            return
        try:
            await asyncio.wait_for(self._interrupt.wait(), _INTERRUPT_SECONDS)
        except asyncio.TimeoutError:
            self._clock.waited(_INTERRUPT_SECONDS)


def _interrupt_in_this_loop(pin: str) -> Any:
    """PYNQ watches the interrupt's file in the loop that first asked for it, which may be over: watch it here."""
    interrupt = Interrupt(pin)
    source = interrupt.parent()
    while isinstance(source, _InterruptController):
        source = source.parent
    asyncio.get_running_loop().add_reader(source.uio, source._uio_callback)
    return interrupt


def _ensure_event_loop() -> None:
    """PYNQ asks for this thread's event loop when it makes an interrupt; a thread may have none, or none any more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            asyncio.get_event_loop()
        except RuntimeError:
            asyncio.set_event_loop(asyncio.new_event_loop())
