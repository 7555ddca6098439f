"""This module lists the boards and their devices."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields, replace
from enum import Enum
from pathlib import Path
from typing import Any

from hwcodesign.choices import not_known
from hwcodesign.errors import FieldError, SettingsError
from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.storage.fields import Field

#: How the name of a file ends that describes a board; letters of its texts; of each resource.
_FILE, _LONGEST, _MOST = ".toml", 64, 10**8


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

    def to_json(self) -> dict[str, Any]:
        """Returns plain data, which `board_of` reads."""
        capacity = {key: value for key, value in self.capacity.to_json().items() if key != "lutram"}
        return {**asdict(self), "processor": self.processor.value, "capacity": capacity}


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
    """Returns a board.

    Args:
        name: of a known board, or the path of a file that describes one, which ends in .toml; with @LUTS behind it, for
            example "zc706@10000", for a part of that board: so many LUTs, and of all else as large a fraction.

    Raises:
        SettingsError: there is no such board, its file does not describe one, or the part is larger than the board.
    """
    whole, at, luts = name.rpartition("@") if "@" in name else (name, "", "")
    if whole.endswith(_FILE):
        board = _read(Path(whole))
    elif whole in BOARDS:
        board = BOARDS[whole]
    else:
        raise SettingsError(not_known(f"board {whole!r}", whole, BOARDS))
    return _part(board, luts) if at else board


def _part(board: Board, luts: str) -> Board:
    most = int(board.capacity.lut)
    if not luts.isdecimal() or not 0 < int(luts) <= most:
        raise SettingsError(f"board '{board.name}@{luts}': give the LUTs of the part behind @, 1 to {most}")
    fraction = int(luts) / most
    sizes = {field.name: int(fraction * getattr(board.capacity, field.name)) for field in fields(Resources)}
    return replace(board, name=f"{board.name}@{luts}", capacity=Resources(**{**sizes, "lut": int(luts)}))


def _read(path: Path) -> Board:
    import tomllib  # noqa: PLC0415  # which the Python of some boards lacks

    if not path.is_file():
        raise SettingsError(f"board {str(path)!r} is no file: name one, or one of {', '.join(BOARDS)}")
    try:
        return board_of(Field(tomllib.loads(path.read_text(encoding="utf-8")), ""))
    except (FieldError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} does not describe a board: {error}; docs/boards.md has an example") from None


def board_of(stored: Field) -> Board:
    """Reads a board from plain data: a file's, or what `to_json` made.

    Raises:
        FieldError: a field is missing, of another type, or out of range.
    """
    read = stored.fields(("name", "part", "clock_mhz", "processor", "capacity"), ("board_part",))
    sizes = read["capacity"].fields(("lut", "ff", "dsp", "bram18"), ("uram",))
    name = read["name"].text(_LONGEST)
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*(@[0-9]+)?", name):
        raise read["name"].wrong("a name of small letters, digits, dots, dashes and underscores")
    board_part = read["board_part"].text() if "board_part" in read and read["board_part"].value else ""
    return Board(
        name,
        read["part"].text(_LONGEST),
        float(read["clock_mhz"].number(1, 1_000)),
        Processor(read["processor"].one_of([kind.value for kind in Processor])),
        board_part,
        Resources(**{key: size.integer(0 if key == "uram" else 1, _MOST) for key, size in sizes.items()}),
    )
