"""This module models the AXI DMA in direct register mode, as PG021 describes it: the registers of its two channels and
their transfers.

Scatter-gather, and lengths and addresses that are not whole words, are not modelled; a driver that relies on them gets
an error. The model follows the text of PG021 and was never compared with the IP.
"""

from __future__ import annotations

from hwcodesign.errors import SimulationError
from hwcodesign.interface.block_design import DMA_LENGTH_BITS, DMA_WIDTH
from hwcodesign.simulated_board.faults import Faults, Side
from hwcodesign.simulated_board.memory import Memory
from hwcodesign.simulated_board.transfers import Outcome, Receiving, Sending, Transfer
from hwcodesign.simulation.stepped import SteppedAccelerator

# Registers of a channel (PG021, direct register mode)
CONTROL, STATUS, ADDRESS, ADDRESS_HIGH, LENGTH = 0x00, 0x04, 0x18, 0x1C, 0x28
# Bits of a control register. Bit 1 is reserved and reads 1; the interrupt threshold is 1
RUN, RESET = 1 << 0, 1 << 2
_CONTROL_FIXED = 0x0001_0002
# Bits of a status register; the interrupts' own bits enable them in the control register
HALTED, IDLE = 1 << 0, 1 << 1
INTERNAL_ERROR, SLAVE_ERROR, DECODE_ERROR = 1 << 4, 1 << 5, 1 << 6
COMPLETE, FAILED = 1 << 12, 1 << 14
_STATUS_FIXED = 0x0001_0000
_INTERRUPTS = COMPLETE | FAILED
_ERRORS = {
    Outcome.TOO_LONG: INTERNAL_ERROR,
    Outcome.SLAVE_ERROR: SLAVE_ERROR,
    Outcome.DECODE_ERROR: DECODE_ERROR,
}
_ANY_ERROR = INTERNAL_ERROR | SLAVE_ERROR | DECODE_ERROR
#: First register of each channel, and bytes of its registers.
CHANNELS = {Side.SEND: 0x00, Side.RECEIVE: 0x30}
_SPAN = 0x30
#: Cycles that a soft reset takes.
RESET_CYCLES = 1_500
_WORD = DMA_WIDTH // 8


class Channel:
    """This is one channel of the DMA.

    Args:
        transfer: kind of its transfers: `Sending` or `Receiving`.
        memory: memory that it reads or writes.
        accelerator: accelerator at the other end of its stream.
        faults: faults that may stop its transfers.
    """

    def __init__(
        self, transfer: type[Transfer], memory: Memory, accelerator: SteppedAccelerator, faults: Faults
    ) -> None:
        self._kind, self._memory, self._accelerator, self._faults = transfer, memory, accelerator, faults
        self._moved = 0  # words of all transfers before this one
        self._transfer: Transfer | None = None
        self.reset()

    def reset(self) -> None:
        """Resets the channel to the state after power-on; a transfer ends where it is."""
        self._end()
        self._control = self._status = self._address = self._length = 0
        self._halted, self._idle = True, False

    @property
    def interrupt(self) -> bool:
        """Returns its interrupt pin."""
        return bool(self._status & self._control & _INTERRUPTS)

    @property
    def words(self) -> int:
        """Returns the number of words that it has moved since it was made."""
        return self._moved + (self._transfer.moved if self._transfer is not None else 0)

    def read(self, offset: int) -> int:
        """Returns a register's word; registers that direct mode does not have read 0."""
        state = (HALTED if self._halted else 0) | (IDLE if self._idle else 0)
        words = {
            CONTROL: self._control | _CONTROL_FIXED,
            STATUS: self._status | _STATUS_FIXED | state,
            ADDRESS: self._address & 0xFFFFFFFF,
            ADDRESS_HIGH: self._address >> 32,
            LENGTH: self._length,
        }
        return words.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Writes a register; a soft reset applies to the whole DMA."""
        if offset == CONTROL:
            failed = self._status & _ANY_ERROR  # until a soft reset it stays halted
            self._control = value & (_INTERRUPTS if failed else RUN | _INTERRUPTS)
            if self._control & RUN:
                self._halted = False
            elif self._transfer is None:  # otherwise when it is complete
                self._halt()
        elif offset == STATUS:
            self._status &= ~(value & _INTERRUPTS)
        elif offset == ADDRESS:
            self._address = (self._address & ~0xFFFFFFFF) | value
        elif offset == ADDRESS_HIGH:
            self._address = (value << 32) | (self._address & 0xFFFFFFFF)
        elif offset == LENGTH and value and not self._halted:
            self._start(value & ((1 << DMA_LENGTH_BITS) - 1))

    def settle(self) -> None:
        """Updates the channel by the state of its transfer."""
        transfer = self._transfer
        outcome = transfer.outcome() if transfer is not None else None
        if transfer is None or outcome is None:
            return
        self._length = transfer.moved * _WORD
        self._end()
        if outcome is not Outcome.COMPLETE:
            self._fail(outcome)
            return
        self._status |= COMPLETE
        self._idle = True
        if not self._control & RUN:
            self._halt()

    def _start(self, length: int) -> None:
        name = self._kind.side.value.upper()
        if self._transfer is not None:
            raise SimulationError(f"{name}_LENGTH was written while a transfer is going on: PG021 does not define it")
        if length % _WORD or self._address % _WORD:
            raise SimulationError(
                f"{name}: {length} bytes at 0x{self._address:08X} are not whole words of {_WORD} bytes, which a DMA "
                "without realignment needs"
            )
        self._length, self._idle = length, False
        words = self._memory.words(self._address, length)
        if words is None:
            self._fail(Outcome.DECODE_ERROR)
        else:
            self._transfer = self._kind(self._accelerator, words, self._faults, self._moved)
            self.settle()  # a fault may stop it before its first word

    def _end(self) -> None:
        if self._transfer is not None:
            self._moved += self._transfer.moved
            self._transfer.cut()
            self._transfer = None

    def _fail(self, outcome: Outcome) -> None:
        self._status |= _ERRORS[outcome] | FAILED
        self._control &= ~RUN
        self._halt()

    def _halt(self) -> None:
        self._halted, self._idle = True, False


class Dma:
    """The DMA has two channels, and a soft reset of both.

    Args:
        memory, accelerator, faults: as for a channel.

    Attributes:
        channels: channels by side.
    """

    def __init__(self, memory: Memory, accelerator: SteppedAccelerator, faults: Faults) -> None:
        kinds: tuple[type[Transfer], ...] = (Sending, Receiving)
        self.channels = {kind.side: Channel(kind, memory, accelerator, faults) for kind in kinds}
        self._reset_until = -1

    def read(self, offset: int, now: int) -> int:
        """Returns a register's word in a cycle."""
        side, register = _place(offset)
        resetting = RESET if register == CONTROL and now < self._reset_until else 0
        return self.channels[side].read(register) | resetting if side is not None else 0

    def write(self, offset: int, value: int, now: int) -> None:
        """Writes a register in a cycle; during a soft reset nothing is written."""
        side, register = _place(offset)
        if side is None or now < self._reset_until:
            return
        if register == CONTROL and value & RESET:
            for channel in self.channels.values():
                channel.reset()
            self._reset_until = now + RESET_CYCLES
        else:
            self.channels[side].write(register, value)

    def settle(self) -> None:
        """Updates the channels by the states of their transfers."""
        for channel in self.channels.values():
            channel.settle()

    def close(self) -> None:
        """Stops everything."""
        for channel in self.channels.values():
            channel.reset()


def _place(offset: int) -> tuple[Side | None, int]:
    """Returns the channel and the register at an offset."""
    for side, first in CHANNELS.items():
        if first <= offset < first + _SPAN:
            return side, offset - first
    return None, offset
