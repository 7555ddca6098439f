"""Opening an accelerator on the simulated board: PYNQ's own classes, its real registers, its Verilated RTL."""

from __future__ import annotations

from contextlib import ExitStack

from hwcodesign.runtime.transport import TransferSettings
from hwcodesign.runtime.transports.board import open_board
from hwcodesign.runtime.transports.board_transport import BoardTransport
from hwcodesign.runtime.transports.clock import Clock
from hwcodesign.runtime.transports.place import Place
from hwcodesign.simulation.board import SimulatedBoard
from hwcodesign.stored_design import StoredDesign

#: Cycles that a wait may take beyond what the hardware needs: nothing else runs on the simulated processor.
_SLACK = 20_000


def open_transport(design: StoredDesign, settings: TransferSettings) -> BoardTransport:
    """A board of its own for this transport.

    Raises:
        MissingExtraError: no pynq.
        ToolError: no Verilator, or no g++.
        BoardError: see `open_board`.
    """
    held = ExitStack()
    return open_simulated(held.enter_context(SimulatedBoard(design)), design, settings, held)


def open_simulated(
    board: SimulatedBoard, design: StoredDesign, settings: TransferSettings, held: ExitStack | None = None
) -> BoardTransport:
    """A transport on a simulated board that is there already, for example one with faults."""
    hertz = float(design.manifest["board"]["clock_mhz"]) * 1e6
    clock = Clock(lambda: board.cycles / hertz, lambda _: None, _SLACK / hertz)
    place = Place("board-sim", board.device, board.bitfile, board.bitfile.with_suffix(".lock"), clock)
    return open_board(place, design, settings, held)
