"""This module opens an accelerator on the simulated board: PYNQ's own classes, its real registers and its Verilated
RTL.
"""

from __future__ import annotations

from contextlib import ExitStack

from hwcodesign.design import Design
from hwcodesign.runtime.driven import DrivenRunner
from hwcodesign.runtime.transports import rtl
from hwcodesign.runtime.transports.board import open_board
from hwcodesign.runtime.transports.board_device import BoardDevice
from hwcodesign.runtime.transports.board_transport import BoardTransport
from hwcodesign.runtime.transports.clock import Clock
from hwcodesign.runtime.transports.transport import TransferSettings
from hwcodesign.simulated_board import SimulatedBoard

#: How much longer a wait may take beyond what the hardware needs: nothing else runs on the simulated processor.
_SLACK_SECONDS = 1e-3
#: Simulated time that passes where an interrupt was awaited in vain: as long as the simulation had cause to go on by
#: itself, it has.
_IN_VAIN_SECONDS = 1e-3


def check() -> None:
    """Raises an error if it cannot run here: it needs what the simulation of the RTL needs, beside PYNQ."""
    rtl.check()


def open_transport(design: Design, settings: TransferSettings) -> BoardTransport:
    """Opens a simulated board of its own for this transport.

    Raises:
        MissingExtraError: no pynq.
        ToolError: no Verilator, or no g++.
        BoardError: see `open_board`.
    """
    held = ExitStack()
    return open_simulated(held.enter_context(SimulatedBoard(design)), design, settings, held)


def open_runner(design: Design) -> DrivenRunner:
    """Opens a simulated board that `Design.run` uses for one run."""
    return DrivenRunner(design, "board-sim")


def open_simulated(
    board: SimulatedBoard, design: Design, settings: TransferSettings, held: ExitStack | None = None
) -> BoardTransport:
    """Opens a transport on an existing simulated board, for example one with faults."""
    clock = Clock(lambda: board.seconds, board.sleep, lambda _: board.sleep(_IN_VAIN_SECONDS), _SLACK_SECONDS)
    device = BoardDevice("board-sim", board.device, board.bitfile, board.bitfile.with_suffix(".lock"), clock)
    return open_board(device, design, settings, held)
