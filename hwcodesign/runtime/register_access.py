"""This module gives a driver access to an accelerator's registers: identity, commands, thresholds and counters."""

from __future__ import annotations

from typing import Protocol

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.errors import BoardError
from hwcodesign.interface import register_map as registers
from hwcodesign.interface.counters import Counters
from hwcodesign.interface.modes import ExitControl
from hwcodesign.interface.registers import Register

#: What a bus reads where nobody answers.
_NOBODY = (0x0000_0000, 0xFFFF_FFFF)


class RegisterPort(Protocol):
    """A register port reads and writes 32-bit registers at byte offsets; pynq's `DefaultIP` is one."""

    def read(self, offset: int = 0) -> int:
        """Returns the word of the register at a byte offset."""

    def write(self, offset: int, value: int) -> None:
        """Writes the word of the register at a byte offset."""


class AcceleratorRegisters:
    """This class gives named access to the registers of one accelerator.

    Args:
        port: port to the registers.
        exits: number of exits of the accelerator, including the last.
    """

    def __init__(self, port: RegisterPort, exits: int) -> None:
        self._port, self._exits = port, exits

    def check_identity(self, accelerator: Accelerator) -> None:
        """Checks that the accelerator is the one that the driver expects.

        Raises:
            BoardError: there is no answer, or something else, another version, or another network.
        """
        magic = registers.ID.field("magic").reset
        found = self._read(registers.ID)
        if found in _NOBODY:
            raise BoardError(
                f"the accelerator's registers read 0x{found:08X}: there is no answer; load the overlay "
                "(download=True), and check that its clock runs"
            )
        if found != magic:
            raise BoardError(
                f"register ID reads 0x{found:08X}, not 0x{magic:08X}: this is not a hwcodesign accelerator"
            )
        major = registers.VERSION.field("major")
        version = major.extract(self._read(registers.VERSION))
        if version != major.reset:
            raise BoardError(
                f"the bitstream's registers are of version {version}, this driver needs version {major.reset}: "
                "build the bitstream again, or install the hwcodesign that it was built with"
            )
        sizes = self._read(registers.SIZES)
        exits, classes = (registers.SIZES.field(name).extract(sizes) for name in ("exits", "classes"))
        digest = f"{self._read(registers.HASH_HIGH):08x}{self._read(registers.HASH_LOW):08x}"
        wanted = accelerator.configuration_hash[:16]
        if (exits, classes, digest) != (accelerator.exits, accelerator.policy.classes, wanted):
            raise BoardError(
                f"the bitstream belongs to another network: {exits} exits, {classes} classes, configuration {digest}; "
                f"the design has {accelerator.exits} exits, {accelerator.policy.classes} classes, configuration "
                f"{wanted}. Load the bitstream that was built from this design"
            )

    def stage(self, control: ExitControl, before: ExitControl | None) -> None:
        """Writes the values that differ from the present ones; `commit` makes them active.

        Contract: no commit is pending.
        """
        code = registers.THRESHOLD.field("code")
        for k, value in enumerate(control.codes):
            if before is None or before.codes[k] != value:
                self._write(registers.THRESHOLD, code.insert(value), k)
        if before is None or before.anytime != control.anytime:
            self._write(registers.MODE, registers.MODE.field("anytime").insert(int(control.anytime)))

    def set_records_per_packet(self, count: int) -> None:
        """Sets the number of records in a packet."""
        field = registers.RECORDS_PER_PACKET.field("count")
        self._write(registers.RECORDS_PER_PACKET, field.insert(count))

    def command(self, *names: str) -> None:
        """Gives commands of CONTROL in one write: soft_reset, snapshot, commit."""
        word = 0
        for name in names:
            word = registers.CONTROL.field(name).insert(1, word)
        self._write(registers.CONTROL, word)

    def status(self, name: str) -> int:
        """Returns a field of STATUS."""
        return registers.STATUS.field(name).extract(self._read(registers.STATUS))

    def latched(self) -> Counters:
        """Returns the counters as of the last snapshot, since the last reset."""
        high, low = self._read(registers.CYCLES_HIGH), self._read(registers.CYCLES_LOW)
        return Counters(
            self._read(registers.ACCEPTED),
            tuple(self._read(registers.FINALS, k) for k in range(self._exits)),
            high << 32 | low,
            self._read(registers.INPUT_STALLS),
            self._read(registers.OUTPUT_STALLS),
            tuple(self._read(registers.HIGH_WATER, k) for k in range(self._exits - 1)),
        )

    def _read(self, register: Register, index: int = 0) -> int:
        return int(self._port.read(register.address(index)))

    def _write(self, register: Register, word: int, index: int = 0) -> None:
        self._port.write(register.address(index), word)
