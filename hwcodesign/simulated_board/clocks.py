"""This module holds the processing system's clock registers as PYNQ's images leave them; PYNQ sets fabric clocks
through them.
"""

from __future__ import annotations

from hwcodesign.designs.boards import Processor

#: Address and word of each register that PYNQ reads. Zynq-7000 (UG585, SLCR): PLLs of 1300, 1050 and 1000 MHz from
#: 50 MHz, as PYNQ takes it. Zynq UltraScale+ (UG1087, CRL_APB and CRF_APB): PLLs of 33.333 MHz x 90 / 2.
_ZYNQ_7000 = {
    0xF800_0100: 26 << 12,
    0xF800_0104: 21 << 12,
    0xF800_0108: 20 << 12,
    0xF800_0120: 2 << 8,
    **{0xF800_0170 + 0x10 * i: 1 << 20 | 10 << 8 for i in range(4)},
}
_ZYNQ_ULTRASCALE = {
    **{0xFF5E_0000 + offset: 1 << 16 | 90 << 8 for offset in (0x20, 0x30)},
    **{0xFD1A_0000 + offset: 1 << 16 | 90 << 8 for offset in (0x20, 0x2C)},
    **{0xFF5E_00C0 + 4 * i: 1 << 24 | 1 << 16 | 15 << 8 for i in range(4)},
    0xFD1A_0060: 1 << 8,
}


class ClockRegisters:
    """The clock registers are words that keep what is written to them.

    Args:
        processor: processor whose registers they are.
    """

    def __init__(self, processor: Processor) -> None:
        self._words = dict({Processor.ZYNQ_7000: _ZYNQ_7000, Processor.ZYNQ_ULTRASCALE: _ZYNQ_ULTRASCALE}[processor])

    def __contains__(self, address: int) -> bool:
        return address in self._words

    def read(self, address: int) -> int:
        """Returns a register's word."""
        return self._words[address]

    def write(self, address: int, value: int) -> None:
        """Writes a register's word."""
        self._words[address] = value
