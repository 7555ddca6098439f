"""Compiled designs of small accelerators made by hand, without a network and without what trains one."""

from __future__ import annotations

from pathlib import Path

from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.project_files import write_accelerator
from hwcodesign.design import Design
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.boards import board_named
from hwcodesign.designs.stored import write_sources
from hwcodesign.simulation.rtl import FOLDER


def hand_made(accelerator: Accelerator, folder: Path, board: str = "pynq-z2") -> Design:
    """A design with RTL, as far as running it needs; it is not one that `load` could read."""
    hardware, target = Hardware.of(accelerator), board_named(board)
    write_accelerator(hardware, folder / FOLDER)
    manifest = {
        "board": target.to_json(),
        "cycles": hardware.to_json(),
        "sources_sha256": write_sources(folder),
    }
    return Design(accelerator, folder, manifest)
