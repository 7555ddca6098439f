"""This package simulates a board: PYNQ's own classes work on simulated registers, memory and interrupts.

    with SimulatedBoard(design) as board:
        overlay = pynq.Overlay(str(board.bitfile))

Its registers reach a model of AXI DMA and AXI INTC, and the Verilated accelerator. Faults can be planted.
"""

from __future__ import annotations

from hwcodesign.errors import MissingExtraError

try:
    import pynq as _pynq  # noqa: F401 - what everything below needs
except ImportError as error:
    raise MissingExtraError(
        f"the simulated board runs PYNQ's own classes, and pynq cannot be imported ({error}): "
        "pip install 'hwcodesign[pynq]'"
    ) from error

from hwcodesign.simulated_board.board import SimulatedBoard
from hwcodesign.simulated_board.faults import Fault, FaultKind, Side, random_fault

__all__ = ["Fault", "FaultKind", "Side", "SimulatedBoard", "random_fault"]
