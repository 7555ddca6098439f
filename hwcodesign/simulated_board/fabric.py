"""This module simulates the programmable logic of a board, and its time.

Time passes with accesses to registers and with waiting for an interrupt; a run therefore depends only on what the
processor does. Every access takes `ACCESS_CYCLES` of the fabric's clock, in which DMA and accelerator continue, and
then takes effect. This is some 10 µs, as for an access from Python on a Zynq's ARM. So polling is cheap: a batch that
takes the accelerator three million cycles is over after some three thousand accesses. All the time the DMA offers a
word, and takes one, in every cycle in which it has a word to offer or space to take one.

The accelerator is simulated in every cycle, except those in which nothing can happen in it: when for ten times as long
as a sample takes nothing has moved on its streams, no transfer was started and none of its registers was written. Then
time passes without it.
"""

from __future__ import annotations

from pathlib import Path

from hwcodesign.errors import SimulationError
from hwcodesign.interface.block_design import AddressRange, BlockDesign
from hwcodesign.simulated_board.clocks import ClockRegisters
from hwcodesign.simulated_board.dma import Dma
from hwcodesign.simulated_board.faults import Faults, Side
from hwcodesign.simulated_board.interrupts import InterruptController, UioFile
from hwcodesign.simulated_board.memory import Memory
from hwcodesign.simulation.stepped import SteppedAccelerator

#: Cycles that an access to a register takes.
ACCESS_CYCLES = 1_000
#: Bytes of an accelerator's registers; they repeat in the range that is set aside for them.
_REGISTERS = 0x1000


class Fabric:
    """The fabric holds accelerator, DMA and interrupt controller behind their addresses.

    Args:
        design: block design that is simulated.
        library: library of the Verilated accelerator.
        stillness: number of cycles without movement after which the accelerator does nothing any more.
        memory: memory that the DMA reaches.
        faults: planted faults.

    Attributes:
        cycles: cycles of the fabric's clock that have passed.
        accesses: accesses to registers in the fabric.
        uio: file of the interrupt.
    """

    def __init__(self, design: BlockDesign, library: Path, stillness: int, memory: Memory, faults: Faults) -> None:
        self.cycles = self.accesses = 0
        self.uio = UioFile()
        self._accelerator = SteppedAccelerator(library, stillness)
        self._dma = Dma(memory, self._accelerator, faults)
        self._interrupts = InterruptController()
        self._clocks = ClockRegisters(design.board.processor)
        self._faults = faults
        self._places = {place.cell: place for place in design.addresses}
        self._design = design
        self._on = False
        self._due: dict[Side, int] = {}  # cycle in which the interrupt of a channel comes
        self._interrupts_of = dict.fromkeys(Side, 0)

    def configure(self) -> None:
        """Loads a bitstream: everything is then as after power-on."""
        self._on = True
        self._dma.close()
        self._accelerator.reset()
        self._interrupts.reset()

    def close(self) -> None:
        """Gives memory and files back."""
        self._on = False
        self._dma.close()
        self._accelerator.close()
        self.uio.close()

    @property
    def words(self) -> dict[Side, int]:
        """Returns the number of words that each channel of the DMA has moved."""
        return {side: channel.words for side, channel in self._dma.channels.items()}

    @property
    def awaited(self) -> bool:
        """Tells whether the processor waits for an interrupt that has not come."""
        return bool(self._on and self._interrupts.armed) and not self._interrupts.output and self.uio.on

    # Registers

    def read(self, address: int) -> int:
        """Returns a register's word, after the time that reading it takes.

        Raises:
            PermissionError: a fault denies the access.
            SimulationError: there is no such register, or no bitstream was loaded; a real board would hang.
        """
        if address in self._clocks:
            return self._clocks.read(address)
        place = self._access(address)
        offset = address - place.base
        if place.cell == self._design.dma:
            return self._dma.read(offset, self.cycles)
        if place.cell == self._design.interrupts:
            return self._interrupts.read(offset)
        value = self._accelerator.read(offset % _REGISTERS)
        return self._faults.read(offset % _REGISTERS, value, self.accesses - 1)

    def write(self, address: int, value: int) -> None:
        """Writes a register's word; raises the same errors as `read`."""
        if address in self._clocks:
            self._clocks.write(address, value)
            return
        place = self._access(address)
        offset = address - place.base
        if place.cell == self._design.dma:
            self._dma.write(offset, value, self.cycles)
        elif place.cell == self._design.interrupts:
            self._interrupts.write(offset, value)
        else:
            self._accelerator.write(offset % _REGISTERS, value)
        self._signal()

    def _access(self, address: int) -> AddressRange:
        """Lets the time of an access pass."""
        for place in self._places.values():
            if place.base <= address < place.base + place.size:
                break
        else:
            ranges = ", ".join(
                f"{p.cell} at 0x{p.base:08X} to 0x{p.base + p.size - 1:08X}" for p in self._places.values()
            )
            raise SimulationError(f"0x{address:08X} belongs to no cell, and a board would hang; there are {ranges}")
        if not self._on:
            raise SimulationError(f"{place.cell} was accessed before a bitstream was loaded: a board would hang")
        self.accesses += 1
        self._faults.access(self.accesses - 1)
        self.pass_time(ACCESS_CYCLES)
        return place

    # Time

    def pass_time(self, cycles: int) -> bool:
        """Lets cycles pass.

        Returns:
            Whether anything may still come of waiting longer.
        """
        moved = self._accelerator.advance(cycles)
        self.cycles += cycles
        self._dma.settle()
        self._signal()
        return moved > 0 or any(due > self.cycles for due in self._due.values())

    def _signal(self) -> None:
        """Passes interrupts on to where they are awaited."""
        pins = 0
        for bit, (side, channel) in enumerate(self._dma.channels.items()):
            if not channel.interrupt:
                self._due.pop(side, None)
                continue
            if side not in self._due:
                self._due[side] = self.cycles + self._faults.lateness(side, self._interrupts_of[side])
                self._interrupts_of[side] += 1
            pins |= (self.cycles >= self._due[side]) << bit
        self._interrupts.sample(pins)
        if self._interrupts.output:
            self.uio.interrupt()
