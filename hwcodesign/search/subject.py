"""This module makes the subject of a search: a trained network with its kernels, which are the same for all designs."""

from __future__ import annotations

from pathlib import Path

from hwcodesign.compilation import compile
from hwcodesign.data import Split
from hwcodesign.design import load
from hwcodesign.designs.boards import Board
from hwcodesign.designs.stored import MANIFEST
from hwcodesign.errors import DesignError
from hwcodesign.fitting.network import fit_policy
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.search.evaluation import Subject
from hwcodesign.search.space import NO_EXITS, Point


def subject_of(network: MultiExitNetwork, fitting: Split, board: Board, folder: Path) -> Subject:
    """Returns the subject; its kernels are read from a folder, in which they are kept for the next search.

    Args:
        network: a trained network.
        fitting: the fitting split.
        board: the board.
        folder: of a design without hardware.

    Raises:
        NetworkError, SettingsError, UnsupportedLayerError, FormatError: as `compile`.
    """
    if (folder / MANIFEST).exists():
        try:
            kept = load(folder)
        except DesignError:  # of an earlier version
            pass
        else:
            if kept.manifest["network_sha256"] == network.digest():
                return Subject(network, kept, fitting, board)
    policy = fit_policy(network, None, Point(NO_EXITS, 0.0, 1.0).request(network.exits))
    made = compile(network, policy, backend="vitis", board=board.name, out=folder, name="kernels")
    return Subject(network, made, fitting, board)
