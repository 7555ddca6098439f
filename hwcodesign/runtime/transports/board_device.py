"""This module describes where an overlay is loaded, and how its errors are reported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwcodesign.errors import BoardError, HwcodesignError
from hwcodesign.runtime.transports.clock import Clock


@dataclass(frozen=True)
class BoardDevice:
    """This is a board, real or simulated.

    Attributes:
        name: "board" or "board-sim".
        device: pynq's device.
        bitfile: bitstream with its hand-off file beside it.
        lock: file that says who uses the board.
        clock: clock of the board.
    """

    name: str
    device: Any
    bitfile: Path
    lock: Path
    clock: Clock


@contextmanager
def told_as(kind: type[BoardError], what: str) -> Iterator[None]:
    """Converts errors of PYNQ, of the system and of NumPy in the block to one of ours, with the reason."""
    try:
        yield
    except HwcodesignError:
        raise
    except PermissionError as error:
        raise kind(f"{what}: no permission ({error}): run as root, as the board's Jupyter does") from error
    except (OSError, RuntimeError, ValueError, MemoryError) as error:
        raise kind(f"{what}: {type(error).__name__}: {error}") from error
