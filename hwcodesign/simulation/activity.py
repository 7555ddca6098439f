"""This module holds what every cycle of a simulation shows: the handshakes of all streams and the levels of buffers."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.channels import channels
from hwcodesign.errors import SimulationError
from hwcodesign.simulation.pointers import pointer

#: The macro of model.h that gives the level of a buffer.
LEVEL_MACRO = "HWC_BUFFER_LEVEL"
#: The streams of the accelerator's buses, beside those between its blocks.
INPUT, OUTPUT = "input", "output"
#: Cycles of a run that there is room for.
MOST_CYCLES = 1 << 20

Bits = NDArray[np.bool_]


@dataclass(frozen=True)
class Activity:
    """The activity is what every cycle of one batch shows; cycle 0 is the first in which words are offered.

    Attributes:
        valid, ready: for each stream, (cycles,) its handshake. The streams are those of `channels`, and `INPUT` and
            `OUTPUT`, which carry words.
        levels: (cycles, exits - 1) beats in the first buffer behind each stage but the last.
    """

    valid: dict[str, Bits]
    ready: dict[str, Bits]
    levels: NDArray[np.int64]

    @property
    def cycles(self) -> int:
        """Returns the number of cycles."""
        return len(self.levels)

    def moves(self, stream: str) -> NDArray[np.int64]:
        """Returns the cycles in which a beat of a stream is taken."""
        return np.flatnonzero(self.valid[stream] & self.ready[stream])

    def waits(self, stream: str) -> Bits:
        """Returns for each cycle whether a beat of a stream is offered and not taken."""
        return np.asarray(self.valid[stream] & ~self.ready[stream])


class _Room(ctypes.Structure):
    """activity_t of rtl_sim/drive/accelerator.cpp."""

    _fields_ = (
        ("capacity", ctypes.c_int64),
        ("cycles", ctypes.c_int64),
        ("valid", ctypes.c_void_p),
        ("ready", ctypes.c_void_p),
        ("bus", ctypes.c_void_p),
        ("levels", ctypes.c_void_p),
    )


class ActivityRoom:
    """The room for an activity is memory that the drive loop fills.

    Args:
        accelerator: the accelerator that is simulated.
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self._names = [channel.name for channel in channels(accelerator)]
        words = -(-len(self._names) // 32)
        self._valid = np.zeros((MOST_CYCLES, words), np.uint32)
        self._ready = np.zeros((MOST_CYCLES, words), np.uint32)
        self._bus = np.zeros(MOST_CYCLES, np.uint8)
        self._levels = np.zeros((MOST_CYCLES, accelerator.exits - 1), np.uint16)
        arrays = (self._valid, self._ready, self._bus, self._levels)
        self._room = _Room(MOST_CYCLES, 0, *(pointer(array) for array in arrays))

    @property
    def reference(self) -> Any:
        """Returns what C++ is given."""
        return ctypes.byref(self._room)

    def activity(self) -> Activity:
        """Returns what was written.

        Raises:
            SimulationError: the run was longer than there is room for.
        """
        cycles = int(self._room.cycles)
        if cycles > MOST_CYCLES:
            raise SimulationError(
                f"the run takes {cycles} cycles, and only {MOST_CYCLES} can be shown one by one: give fewer samples"
            )
        valid, ready = (self._streams(words[:cycles]) for words in (self._valid, self._ready))
        for stream, low in ((INPUT, 0), (OUTPUT, 2)):
            valid[stream], ready[stream] = ((self._bus[:cycles] >> bit & 1).astype(bool) for bit in (low, low + 1))
        return Activity(valid, ready, self._levels[:cycles].astype(np.int64))

    def _streams(self, words: NDArray[np.uint32]) -> dict[str, Bits]:
        return {name: (words[:, i // 32] >> np.uint32(i % 32) & 1).astype(bool) for i, name in enumerate(self._names)}
