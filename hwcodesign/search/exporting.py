"""This module exports the kernels of a trained network's variants, and keeps them for the next search."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hwcodesign.compilation import compile
from hwcodesign.data import Split
from hwcodesign.design import Design, load
from hwcodesign.designs.boards import Board
from hwcodesign.designs.stored import MANIFEST
from hwcodesign.errors import DesignError
from hwcodesign.fitting.network import fit_policy
from hwcodesign.hardware.offers import Catalogue
from hwcodesign.networks.leaving_out import with_early_exits
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.search.variants import Variants, folder_of


@dataclass(frozen=True)
class ExportedKernels:
    """Kernels that are exported when they are first asked for, unless they are kept.

    Attributes:
        network: the trained network, with all exits.
        folder: of all variants.
    """

    network: MultiExitNetwork
    folder: Path

    def design(self, early: tuple[int, ...]) -> Design:
        """Returns a design of a variant's network.

        Args:
            early: the early exits that stay.

        Raises:
            NetworkError, SettingsError, UnsupportedLayerError, FormatError: as `compile`.
        """
        folder, network = folder_of(self.folder, early), with_early_exits(self.network, early)
        if (folder / MANIFEST).exists():
            try:
                kept = load(folder)
            except DesignError:  # of an earlier version
                pass
            else:
                if kept.manifest["network_sha256"] == network.digest():
                    return kept
        policy = fit_policy(network, None, thresholds=(None,) * len(early), criterion="margin")
        return compile(network, policy, backend="vitis", out=folder, name="kernels")


def variants_of(
    network: MultiExitNetwork, fitting: Split, board: Board, folder: Path, catalogue: Catalogue | None = None
) -> Variants:
    """Returns the variants of a trained network.

    Args:
        network: with all exits.
        fitting: the fitting split.
        board: the board.
        folder: where kernels are kept for the next search.
        catalogue: what units of kernels take, where it is known from elsewhere.
    """
    kernels, every = ExportedKernels(network, folder), tuple(range(network.exits - 1))
    return Variants(kernels, every, fitting, board, catalogue or Catalogue())
