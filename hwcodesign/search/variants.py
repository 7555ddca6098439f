"""This module makes a trained network's variants, in which early exits are left out, and keeps their kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwcodesign.backends.streamrtl.choosing import Known
from hwcodesign.compilation import compile
from hwcodesign.data import Split
from hwcodesign.design import Design, load
from hwcodesign.designs.boards import Board
from hwcodesign.designs.stored import MANIFEST
from hwcodesign.errors import DesignError
from hwcodesign.fitting.network import fit_policy
from hwcodesign.hardware.choice import Chooser
from hwcodesign.hardware.offers import Catalogue
from hwcodesign.networks.leaving_out import with_early_exits
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.policies import ExitPolicy
from hwcodesign.search.space import Point


@dataclass(frozen=True)
class Variant:
    """A variant is the network with some of its early exits.

    Attributes:
        network: its network.
        design: any design of it; its kernels are read, not its policy and hardware.
        logits: integer logits of the fitting split at each of its exits.
        known: what is known of its hardware.
    """

    network: MultiExitNetwork
    design: Design
    logits: Sequence[NDArray[np.int64]]
    known: Known


@dataclass(frozen=True)
class Variants:
    """Variants of one trained network.

    Attributes:
        network: the trained network, with all exits.
        fitting: the fitting split.
        board: the board.
        folder: where kernels are kept for the next search, in a folder for each variant.
        catalogue: what units of kernels take; variants share kernels.
        made: those that were asked for, by the early exits that stay.
    """

    network: MultiExitNetwork
    fitting: Split
    board: Board
    folder: Path
    catalogue: Catalogue = field(default_factory=Catalogue)
    made: dict[tuple[int, ...], Variant] = field(default_factory=dict)

    def with_exits(self, early: tuple[int, ...]) -> Variant:
        """Returns the variant in which some early exits stay.

        Raises:
            NetworkError, SettingsError, UnsupportedLayerError, FormatError: as `compile`.
        """
        if early not in self.made:
            every = tuple(range(self.network.exits - 1))
            network = with_early_exits(self.network, early)
            design = self._design(network, early)
            if early == every:
                logits: Sequence[NDArray[np.int64]] = design.logits(self.fitting.images)
            else:
                whole = self.with_exits(every).logits
                logits = [whole[k] for k in (*early, len(every))]
            self.made[early] = Variant(network, design, logits, Known(Chooser(self.catalogue)))
        return self.made[early]

    def policy(self, point: Point) -> ExitPolicy:
        """Fits the policy of a point.

        Raises:
            PolicyError: its criterion cannot meet its request.
        """
        variant, data = self.with_exits(point.early_exits), (self.fitting.images, self.fitting.labels)
        return fit_policy(variant.network, data, point.request, logits=variant.logits)

    def _design(self, network: MultiExitNetwork, early: tuple[int, ...]) -> Design:
        """Returns a design of a variant's network, whatever its board: kernels do not depend on it."""
        folder = self.folder / "_".join(("exits", *map(str, early), "last"))
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
