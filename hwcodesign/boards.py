"""Boards and their devices."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.errors import SettingsError


@dataclass(frozen=True)
class Board:
    """A board that designs are made for.

    Attributes:
        part: device, as the vendor's tools spell it.
        clock_mhz: that designs are synthesised for.
    """

    name: str
    part: str
    clock_mhz: float


BOARDS = {
    board.name: board
    for board in (
        Board("pynq-z1", "xc7z020clg400-1", 100.0),
        Board("pynq-z2", "xc7z020clg400-1", 100.0),
        Board("zc706", "xc7z045ffg900-2", 125.0),
        Board("zcu104", "xczu7ev-ffvc1156-2-e", 200.0),
        Board("kv260", "xck26-sfvc784-2LV-c", 200.0),
    )
}


def board_named(name: str) -> Board:
    """Look a board up.

    Raises:
        SettingsError: no such board; lists those there are.
    """
    try:
        return BOARDS[name]
    except KeyError:
        raise SettingsError(f"no board is called {name!r}; there are {', '.join(BOARDS)}") from None
