"""This module models the way from the DMA's interrupt pins to the file that PYNQ waits on: AXI INTC (PG099), and the
kernel's UIO driver.
"""

from __future__ import annotations

import os
import pty
import tty

_LINES = 0xFFFFFFFF
# Registers (PG099)
STATUS, PENDING, ENABLED, ACKNOWLEDGE, ENABLE, DISABLE, VECTOR, MASTER = range(0x00, 0x20, 4)
_MASTER_ENABLE, _HARDWARE_ENABLE = 1 << 0, 1 << 1


class InterruptController:
    """This is an AXI INTC with level-sensitive inputs."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Resets the controller to the state after power-on."""
        self._status = self._enabled = self._master = self._pins = 0

    def sample(self, pins: int) -> None:
        """Takes the present inputs; a high one stays noted until it is acknowledged."""
        self._pins = pins
        if self._master & _HARDWARE_ENABLE:
            self._status |= pins

    @property
    def output(self) -> bool:
        """Returns its own interrupt pin."""
        return bool(self._master & _MASTER_ENABLE and self._status & self._enabled)

    @property
    def armed(self) -> int:
        """Returns the inputs that would raise the output."""
        return self._enabled if self._master & _MASTER_ENABLE and self._master & _HARDWARE_ENABLE else 0

    def read(self, offset: int) -> int:
        """Returns a register's word; write-only registers read 0."""
        pending = self._status & self._enabled
        words = {
            STATUS: self._status,
            PENDING: pending,
            ENABLED: self._enabled,
            VECTOR: (pending & -pending).bit_length() - 1 & _LINES,
            MASTER: self._master,
        }
        return words.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Writes a register; interrupts that software raises in STATUS are not modelled."""
        if offset == ENABLED:
            self._enabled = value
        elif offset == ACKNOWLEDGE:
            self._status &= ~value
        elif offset == ENABLE:
            self._enabled |= value
        elif offset == DISABLE:
            self._enabled &= ~value
        elif offset == MASTER:
            self._master = value & (_MASTER_ENABLE | _HARDWARE_ENABLE)
        self.sample(self._pins)


class UioFile:
    """This file behaves like /dev/uio0: reading waits for an interrupt, which is then off until a 1 is written.

    It is a pseudo-terminal without any treatment of its bytes: a file that can be polled, as UIO's can.

    Attributes:
        path: path to open.
    """

    def __init__(self) -> None:
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.path = os.ttyname(self._theirs)
        self._on = False
        self._count = 0

    @property
    def on(self) -> bool:
        """Tells whether somebody waits for the interrupt."""
        try:
            while command := os.read(self._ours, 4):
                self._on = any(command)
        except BlockingIOError:
            pass
        return self._on

    def interrupt(self) -> None:
        """Raises the interrupt; this is ignored while it is off."""
        if self.on:
            self._on = False
            self._count += 1
            os.write(self._ours, self._count.to_bytes(4, "little"))

    def close(self) -> None:
        """Removes the file."""
        os.close(self._ours)
        os.close(self._theirs)
