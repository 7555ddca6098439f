"""This module lists the boards and their devices."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hwcodesign.choices import not_known
from hwcodesign.errors import SettingsError


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
    """

    name: str
    part: str
    clock_mhz: float
    processor: Processor
    board_part: str


#: Clocks are those that the processing system can give: of a Zynq UltraScale+ its 1.5 GHz I/O PLL divided by eight.
BOARDS = {
    board.name: board
    for board in (
        Board("pynq-z1", "xc7z020clg400-1", 100.0, Processor.ZYNQ_7000, "www.digilentinc.com:pynq-z1:part0:1.0"),
        Board("pynq-z2", "xc7z020clg400-1", 100.0, Processor.ZYNQ_7000, "tul.com.tw:pynq-z2:part0:1.0"),
        Board("zc706", "xc7z045ffg900-2", 125.0, Processor.ZYNQ_7000, "xilinx.com:zc706:part0:1.4"),
        Board("zcu104", "xczu7ev-ffvc1156-2-e", 187.5, Processor.ZYNQ_ULTRASCALE, "xilinx.com:zcu104:part0:1.1"),
        Board("kv260", "xck26-sfvc784-2LV-c", 187.5, Processor.ZYNQ_ULTRASCALE, "xilinx.com:kv260_som:part0:1.4"),
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
