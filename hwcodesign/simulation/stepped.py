"""This module simulates the whole accelerator's RTL step by step: registers, words in, records out, cycle by cycle.

Words are taken from an array and records written into one while cycles pass, also in the cycles of an access to a
register. A run depends on its calls alone: the same calls give the same cycles.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import SettingsError
from hwcodesign.simulation.rtl import Stalls

_ALWAYS = 65536
_STATE = 16384

Words = NDArray[np.uint64]
_NONE: Words = np.zeros(0, np.uint64)


class _Source(ctypes.Structure):
    """source_t of rtl_sim/drive/board.cpp."""

    _fields_ = (
        ("words", ctypes.c_void_p),
        ("count", ctypes.c_int64),
        ("last", ctypes.c_int64),
        ("sent", ctypes.c_int64),
    )


class _Sink(ctypes.Structure):
    """sink_t of rtl_sim/drive/board.cpp."""

    _fields_ = (
        ("words", ctypes.c_void_p),
        ("capacity", ctypes.c_int64),
        ("drop_from", ctypes.c_int64),
        ("drops", ctypes.c_int64),
        ("taken", ctypes.c_int64),
        ("ended", ctypes.c_int64),
    )


class SteppedAccelerator:
    """This is one Verilated accelerator, freshly reset.

    Args:
        library: library of `RtlSimulation.library`.
        stillness: as given to the constructor.

    Attributes:
        stillness: as given.
    """

    def __init__(self, library: Path, stillness: int = 1_000_000) -> None:
        if stillness < 1:
            raise SettingsError(f"stillness={stillness} must be at least one cycle")
        self.stillness = stillness
        self._library = _load(library)
        self._board = ctypes.c_void_p(self._library.hwc_board_create(stillness))
        self._source, self._sink = _Source(), _Sink()
        self._words = self._records = _NONE  # C++ reads and writes these: they must live as long as it does

    def __enter__(self) -> SteppedAccelerator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives its memory back; nothing else may be called afterwards."""
        if self._board:
            self._library.hwc_board_destroy(self._board)
            self._board = ctypes.c_void_p()

    def reset(self) -> None:
        """Resets the accelerator by aresetn; transfers in progress are forgotten."""
        self.withdraw()
        self.shut()
        self._library.hwc_board_reset(self._board)

    def stall(self, stalls: Stalls) -> None:
        """Sets how often a word is offered, and one taken, from now on."""
        rates = [round(rate * _ALWAYS) for rate in (stalls.valid_rate, stalls.ready_rate)]
        self._library.hwc_board_stalls(self._board, *rates, stalls.seed)

    # Registers

    def read(self, address: int) -> int:
        """Returns a register's word."""
        return int(self._library.hwc_board_read(self._board, address, self._source, self._sink))

    def write(self, address: int, value: int) -> None:
        """Writes a register's word."""
        self._library.hwc_board_write(self._board, address, value, self._source, self._sink)

    # Words in

    def offer(self, words: Words, *, last: int | None = -1, upto: int | None = None) -> None:
        """Sends words while cycles pass.

        Args:
            words: input words, contiguous.
            last: number of the word that carries TLAST, from the end where negative; None: no word does.
            upto: so many of them alone, after which the stream is stuck.
        """
        self._words = words
        number = -1 if last is None else last % max(1, len(words))
        count = len(words) if upto is None else min(upto, len(words))
        self._source = _Source(words.ctypes.data, count, number, 0)
        self._library.hwc_board_wake(self._board)

    @property
    def sent(self) -> int:
        """Returns how many of the offered words were accepted."""
        return int(self._source.sent)

    def withdraw(self) -> None:
        """Stops offering words, even one that waits; on an AXI4-Stream only a reset may do this."""
        self._source, self._words = _Source(last=-1), _NONE
        self._library.hwc_board_withdraw(self._board)

    # Record words out

    def accept(self, records: Words, *, drop_from: int = 0, drops: int = 0, upto: int | None = None) -> None:
        """Takes words while cycles pass, up to one with TLAST or until the array is full.

        Args:
            records: array for the words, contiguous.
            drop_from, drops: from this word on so many TLASTs are taken for none.
            upto: take so many words alone, after which the stream is stuck.
        """
        self._records = records
        capacity = len(records) if upto is None else min(upto, len(records))
        self._sink = _Sink(records.ctypes.data, capacity, drop_from, drops, 0, 0)
        self._library.hwc_board_wake(self._board)

    @property
    def taken(self) -> int:
        """Returns the number of words taken."""
        return int(self._sink.taken)

    @property
    def ended(self) -> bool:
        """Tells whether the last of them carried TLAST."""
        return bool(self._sink.ended)

    @property
    def dropped(self) -> int:
        """Returns the number of TLASTs still to be dropped."""
        return int(self._sink.drops)

    def shut(self) -> None:
        """Stops taking words."""
        self._sink, self._records = _Sink(), _NONE

    # Time

    def advance(self, cycles: int) -> int:
        """Lets up to so many cycles pass; fewer if the accelerator comes to a standstill.

        Returns:
            Cycles that passed.
        """
        return int(self._library.hwc_board_advance(self._board, cycles, self._source, self._sink))

    @property
    def cycles(self) -> int:
        """Returns the cycles simulated since the last reset."""
        return int(self._library.hwc_board_cycles(self._board))

    @property
    def state(self) -> str:
        """Returns what every stream between the blocks is doing, one line each."""
        text = ctypes.create_string_buffer(_STATE)
        self._library.hwc_board_state(self._board, text, _STATE)
        return text.value.decode()


def _load(path: Path) -> Any:
    """Loads the library and declares the types of its functions."""
    library = ctypes.CDLL(str(path))
    board, source, sink = ctypes.c_void_p, ctypes.POINTER(_Source), ctypes.POINTER(_Sink)
    types: dict[str, tuple[list[Any], Any]] = {
        "create": ([ctypes.c_int64], board),
        "destroy": ([board], None),
        "reset": ([board], None),
        "stalls": ([board, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint64], None),
        "wake": ([board], None),
        "withdraw": ([board], None),
        "cycles": ([board], ctypes.c_int64),
        "write": ([board, ctypes.c_uint32, ctypes.c_uint32, source, sink], None),
        "read": ([board, ctypes.c_uint32, source, sink], ctypes.c_uint32),
        "advance": ([board, ctypes.c_int64, source, sink], ctypes.c_int64),
        "state": ([board, ctypes.c_char_p, ctypes.c_long], None),
    }
    for name, (arguments, result) in types.items():
        function = getattr(library, f"hwc_board_{name}")
        function.argtypes, function.restype = arguments, result
    return library
