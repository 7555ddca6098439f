"""This module lists the boards and their devices."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hwcodesign.choices import not_known
from hwcodesign.errors import SettingsError
from hwcodesign.hardware.resources.figures import Resources


class Processor(str, Enum):
    """The processing system beside the programmable logic sets addresses, ports and interrupts."""

    ZYNQ_7000 = "zynq-7000"
    ZYNQ_ULTRASCALE = "zynq-ultrascale+"


@dataclass(frozen=True)
class Board:
    """This is a board for which designs are made.

    Attributes:
        part: device, as the vendor's tools spell it.
        clock_mhz: clock for which designs are synthesised.
        processor: its processing system.
        board_part: name of the vendor's board files, which a Vivado installation may lack.
        capacity: resources of its device.
    """

    name: str
    part: str
    clock_mhz: float
    processor: Processor
    board_part: str
    capacity: Resources


#: What devices have (DS190, DS891, DS987); a RAMB36 is two RAMB18.
_XC7Z020 = Resources(lut=53_200, ff=106_400, dsp=220, bram18=2 * 140)
_XC7Z045 = Resources(lut=218_600, ff=437_200, dsp=900, bram18=2 * 545)
_XCZU7EV = Resources(lut=230_400, ff=460_800, dsp=1_728, bram18=2 * 312, uram=96)
_XCK26 = Resources(lut=117_120, ff=234_240, dsp=1_248, bram18=2 * 144, uram=64)

#: Clocks are those that the processing system can give: of a Zynq UltraScale+ its 1.5 GHz I/O PLL divided by eight.
BOARDS = {
    board.name: board
    for board in (
        Board(
            *("pynq-z1", "xc7z020clg400-1", 100.0, Processor.ZYNQ_7000, "www.digilentinc.com:pynq-z1:part0:1.0"),
            _XC7Z020,
        ),
        Board("pynq-z2", "xc7z020clg400-1", 100.0, Processor.ZYNQ_7000, "tul.com.tw:pynq-z2:part0:1.0", _XC7Z020),
        Board("zc706", "xc7z045ffg900-2", 125.0, Processor.ZYNQ_7000, "xilinx.com:zc706:part0:1.4", _XC7Z045),
        Board(
            *("zcu104", "xczu7ev-ffvc1156-2-e", 187.5, Processor.ZYNQ_ULTRASCALE, "xilinx.com:zcu104:part0:1.1"),
            _XCZU7EV,
        ),
        Board(
            *("kv260", "xck26-sfvc784-2LV-c", 187.5, Processor.ZYNQ_ULTRASCALE, "xilinx.com:kv260_som:part0:1.4"),
            _XCK26,
        ),
    )
}


def board_named(name: str) -> Board:
    """Returns the board of this name.

    Raises:
        SettingsError: there is no such board; the message lists the known ones.
    """
    try:
        return BOARDS[name]
    except KeyError:
        raise SettingsError(not_known(f"board {name!r}", name, BOARDS)) from None
