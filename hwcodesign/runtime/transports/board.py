"""This module opens an accelerator on a PYNQ board: it loads, checks and locks the overlay and allocates memory for
batches.
"""

from __future__ import annotations

import importlib
import tempfile
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hwcodesign.design import Design
from hwcodesign.errors import BoardError, MissingExtraError
from hwcodesign.runtime.driven import DrivenRunner
from hwcodesign.runtime.register_access import AcceleratorRegisters
from hwcodesign.runtime.transports.board_device import BoardDevice, told_as
from hwcodesign.runtime.transports.board_transport import BoardTransport
from hwcodesign.runtime.transports.buffers import Buffers
from hwcodesign.runtime.transports.clock import WALL
from hwcodesign.runtime.transports.lock import OverlayLock
from hwcodesign.runtime.transports.transport import TransferSettings

#: Where a bundle keeps its bitstream and hand-off file, below its folder.
OVERLAY = Path("overlay")


def check() -> None:
    """Raises an error if PYNQ finds no board."""
    find_board()


def open_transport(design: Design, settings: TransferSettings) -> BoardTransport:
    """Opens the first board that PYNQ finds, with the bitstream of the bundle.

    Raises:
        MissingExtraError: no pynq.
        BoardError: no board, no bitstream, or `open_board`'s.
    """
    device = find_board()
    bitfile = design.folder / OVERLAY / f"{design.accelerator.name}.bit"
    for path in (bitfile, bitfile.with_suffix(".hwh")):
        if not path.exists():
            raise BoardError(
                f"there is no {path}: build the bitstream with hwcodesign deploy --vivado, and run in its bundle"
            )
    lock = Path(tempfile.gettempdir()) / f"hwcodesign-{device.tag}.lock".replace("/", "_")
    return open_board(BoardDevice("board", device, bitfile, lock, WALL), design, settings)


def open_runner(design: Design) -> DrivenRunner:
    """Opens a board that `Design.run` uses for one run."""
    return DrivenRunner(design, "board")


def open_board(
    board: BoardDevice, design: Design, settings: TransferSettings, held: ExitStack | None = None
) -> BoardTransport:
    """Loads the overlay and checks that it belongs to the design.

    Args:
        held: what is given back when the transport is closed, or cannot be opened.

    Raises:
        BoardError: the board is in use, permission is missing, the overlay belongs to another design, or it does not
            answer.
    """
    held = held or ExitStack()
    try:
        with told_as(BoardError, f"{board.name} cannot be opened"):
            return _opened(board, design, settings, held)
    except BaseException:
        held.close()
        raise


def _opened(board: BoardDevice, design: Design, settings: TransferSettings, held: ExitStack) -> BoardTransport:
    from hwcodesign.runtime.transports.dma import Dma  # noqa: PLC0415  # both need pynq
    from hwcodesign.runtime.transports.overlay import AcceleratorOverlay  # noqa: PLC0415

    accelerator = design.accelerator
    if not design.has_rtl:
        raise BoardError(f"{accelerator.name} was compiled without RTL: compile it with backend='streamrtl'")
    lock = OverlayLock(board.lock)
    held.callback(lock.release)
    overlay = AcceleratorOverlay(board.bitfile, design.block_design, device=board.device)
    registers = AcceleratorRegisters(overlay.accelerator_ip, accelerator.exits)
    registers.check_identity(accelerator)
    dma = Dma(overlay, board.clock)
    buffers = Buffers(accelerator, settings.batch, dma.most_bytes, board.device)
    held.callback(buffers.free)
    return BoardTransport(board, design, settings, registers, dma, buffers, held)


def find_board() -> Any:
    """Returns the device of the first board that PYNQ finds.

    Raises:
        MissingExtraError: no pynq.
        BoardError: no board.
    """
    try:
        pynq = importlib.import_module("pynq")
    except ImportError as error:
        raise MissingExtraError(
            f"a board needs pynq ({error}): the image of a PYNQ board has it in the Python environment of its Jupyter"
        ) from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is none is told below
        try:
            devices = [device for device in pynq.Device.devices if not getattr(device, "simulated", False)]
        except Exception as error:  # whatever a probe raises, for example a remote board that is off
            raise BoardError(f"PYNQ finds no board ({type(error).__name__}: {error})") from error
    if not devices:
        raise BoardError("PYNQ finds no board: on a board, run as root in the Python environment of its Jupyter")
    return devices[0]
