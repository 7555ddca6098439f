"""This module defines a PYNQ device whose registers and memory are simulated; PYNQ's own classes run on it
unchanged.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from pathlib import Path
from typing import Any

import pynq
from pynq.metadata.runtime_metadata_parser import RuntimeMetadataParser
from pynqmetadata.frontends import Metadata

from hwcodesign.designs.boards import Processor
from hwcodesign.errors import SimulationError
from hwcodesign.interface.block_design import BlockDesign
from hwcodesign.simulated_board.fabric import Fabric
from hwcodesign.simulated_board.memory import Memory

#: Cycles that pass in one turn of the event loop while an interrupt is awaited.
TURN_CYCLES = 10_000
_WORD = 4


class SimulatedDevice(pynq.Device):  # type: ignore[misc]
    """This device is what PYNQ sees of a simulated board.

    While a coroutine waits for an interrupt, cycles pass with the turns of its event loop, so that other tasks go on.

    Args:
        design: block design that a bitstream must belong to.
        fabric: programmable logic behind its registers.
        memory: memory for buffers.
    """

    #: A driver that is asked for a real board leaves it alone.
    simulated = True

    def __init__(self, design: BlockDesign, fabric: Fabric, memory: Memory) -> None:
        super().__init__(f"simulated {design.board.name} of {design.accelerator}")
        self.capabilities = {"REGISTER_RW": True}
        self.arch = {Processor.ZYNQ_7000: "armv7l", Processor.ZYNQ_ULTRASCALE: "aarch64"}[design.board.processor]
        self.name = design.board.name
        self._design, self._fabric, self._memory = design, fabric, memory
        self._lock = threading.RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turning = False

    # Registers

    def read_registers(self, address: int, length: int) -> bytes:
        """Returns the words of registers, little endian."""
        with self._lock:
            words = [self._fabric.read(address + offset) for offset in range(0, length, _WORD)]
            self._wait()
        return struct.pack(f"<{len(words)}I", *words)

    def write_registers(self, address: int, data: bytes) -> None:
        """Writes words to registers, little endian."""
        with self._lock:
            for index, word in enumerate(struct.unpack(f"<{len(data) // _WORD}I", data)):
                self._fabric.write(address + index * _WORD, word)
            self._wait()

    def pass_time(self, cycles: int) -> None:
        """Lets cycles pass in which no register is accessed."""
        with self._lock:
            self._fabric.pass_time(cycles)

    # Memory

    def allocate(self, shape: Any, dtype: Any, cacheable: int = 1, **_: Any) -> Any:
        """Returns a buffer, or raises RuntimeError if memory is exhausted."""
        return self._memory.allocate(shape, dtype, self, cacheable=bool(cacheable))

    def flush(self, bo: int, offset: int, _address: int, size: int) -> None:
        """Flushes a buffer's cache lines."""
        self._memory.flush(bo + offset, size)

    def invalidate(self, bo: int, offset: int, _address: int, size: int) -> None:
        """Invalidates a buffer's cache lines."""
        self._memory.invalidate(bo + offset, size)

    # Bitstreams

    def get_bitfile_metadata(self, bitfile_name: str, partial: bool = False) -> Any:
        """Returns the content of the .hwh beside a bitstream."""
        if partial:
            raise SimulationError(f"{bitfile_name}: partial bitstreams are not simulated")
        parser = RuntimeMetadataParser(Metadata(input=Path(bitfile_name).with_suffix(".hwh")))
        for number, clock in parser.clock_dict.items():
            # pynq 4.0.0 does not find the frequencies of a Zynq-7000, and Overlay.download fails on what it gets
            if "frequency" in clock and clock["frequency"] is None:
                name = f"PCW_ACT_FPGA{number}_PERIPHERAL_FREQMHZ"
                clock["frequency"] = float(parser.ps.parameters[name].value)
        return parser

    def download(self, bitstream: Any, parser: Any = None) -> None:
        """Loads a bitstream if its .hwh describes the simulated design."""
        cells = parser.ip_dict if parser is not None else {}
        cell = cells.get(self._design.accelerator, {})
        if cell.get("type") != self._design.vlnv:
            raise SimulationError(
                f"{bitstream.bitfile_name} holds {', '.join(cells) or 'nothing'}; this board simulates "
                f"{self._design.vlnv} alone: load its own bitfile"
            )
        with self._lock:
            self._fabric.configure()
        self.post_download(bitstream, parser, self.name)

    # Waiting for an interrupt

    def _wait(self) -> None:
        """Lets time pass on the event loop while an interrupt is awaited."""
        if self._turning or not self._fabric.awaited:
            return
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:  # a thread beside the loop's
            if self._loop is None or self._loop.is_closed():
                return
        self._turning = True
        self._loop.call_soon_threadsafe(self._turn)

    def _turn(self) -> None:
        with self._lock:
            self._turning = False
            if self._fabric.awaited and self._fabric.pass_time(TURN_CYCLES):
                self._wait()
