"""A simulated board with its overlay loaded, driven as plainly as can be: through PYNQ's DMA and registers alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pynq

from hwcodesign.design import Design
from hwcodesign.images import pack_words
from hwcodesign.interface import register_map as registers
from hwcodesign.interface.modes import exit_control
from hwcodesign.interface.records import RECORD_DTYPE, Records
from hwcodesign.simulated_board import SimulatedBoard
from rtl_sim.tb.small_accelerators import images

#: First register of each channel of the DMA, and what is at its start.
SEND, RECEIVE = 0x00, 0x30
CONTROL, STATUS, ADDRESS, LENGTH = 0x00, 0x04, 0x18, 0x28
HALTED, IDLE, INTERNAL_ERROR, SLAVE_ERROR, DECODE_ERROR, COMPLETE = 0x1, 0x2, 0x10, 0x20, 0x40, 0x1000


SAMPLES = 40


def sample_codes(design: Design, samples: int = SAMPLES, seed: int = 3) -> np.ndarray:
    """Random images."""
    return images(design.accelerator, samples, seed)


def expected_records(design: Design, codes: np.ndarray) -> Records:
    """What the batch simulation gives, cycles included."""
    return design.rtl.run(codes, exit_control(design.policy)).records


@dataclass
class Bench:
    """An overlay on an entered board."""

    board: SimulatedBoard
    design: Design

    @cached_property
    def overlay(self) -> Any:
        return pynq.Overlay(str(self.board.bitfile))

    @property
    def accelerator(self) -> Any:
        return getattr(self.overlay, self.design.accelerator.name)

    @property
    def dma(self) -> Any:
        return getattr(self.overlay, f"{self.design.accelerator.name}_dma")

    @property
    def interrupts(self) -> Any:
        return getattr(self.overlay, f"{self.design.accelerator.name}_interrupts")

    def field(self, register: Any, name: str, index: int = 0) -> int:
        return int(register.field(name).extract(self.accelerator.read(register.address(index))))

    def command(self, *names: str) -> None:
        word = sum(registers.CONTROL.field(name).mask for name in names)
        self.accelerator.write(registers.CONTROL.offset, word)

    def configure(self, records_per_packet: int = 0) -> None:
        """The policy's own thresholds."""
        for k, code in enumerate(exit_control(self.design.policy).codes):
            self.accelerator.write(registers.THRESHOLD.address(k), code & 0xFFFFFFFF)
        self.accelerator.write(registers.RECORDS_PER_PACKET.offset, records_per_packet)
        self.command("commit")
        while self.field(registers.STATUS, "commit_pending"):
            pass

    def buffers(self, codes: np.ndarray, room: int | None = None) -> tuple[Any, Any]:
        """Words of images, and room for their records."""
        words = pack_words(codes, self.design.accelerator.input_format)
        source = pynq.allocate(words.shape, np.uint64)
        source[:] = words
        return source, pynq.allocate(len(codes) if room is None else room, RECORD_DTYPE)

    def run(self, codes: np.ndarray) -> Records:
        """One batch, in one packet."""
        source, target = self.buffers(codes)
        self.dma.recvchannel.transfer(target)
        self.dma.sendchannel.transfer(source)
        self.dma.sendchannel.wait()
        self.dma.recvchannel.wait()
        assert self.dma.recvchannel.transferred == target.nbytes
        return np.asarray(target).copy()

    def begin(self, codes: np.ndarray, room: int | None = None) -> tuple[Any, Any]:
        """Start both channels; the buffers must live until they are done."""
        source, target = self.buffers(codes, room)
        self.dma.recvchannel.transfer(target)
        self.dma.sendchannel.transfer(source)
        return source, target

    def status(self, channel: int) -> int:
        return int(self.dma.read(channel + STATUS))

    def polled(self, channel: int, accesses: int = 200) -> int:
        """A channel's status once it has ended, or after so many accesses: no transfer of these tests takes longer."""
        for _ in range(accesses):
            status = self.status(channel)
            if status & (IDLE | HALTED):
                return status
        return status

    def recover(self) -> None:
        """Soft resets of the DMA and the accelerator, as its registers' description asks for."""
        self.dma.write(SEND + CONTROL, 0x4)
        self.command("soft_reset")
        while self.dma.read(SEND + CONTROL) & 0x4 or self.field(registers.STATUS, "resetting"):
            pass
        self.dma.sendchannel.start()
        self.dma.recvchannel.start()
        self.configure()


#: Enters a board with some faults, and leaves it when the test ends.
Boards = Callable[..., Bench]
