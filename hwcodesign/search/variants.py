"""This module makes a trained network's variants, in which early exits are left out, and keeps their kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.backends.streamrtl.choosing import Known
from hwcodesign.compilation import compile
from hwcodesign.data import Split
from hwcodesign.design import Design, load
from hwcodesign.designs.boards import Board
from hwcodesign.designs.costs import ExitCosts
from hwcodesign.designs.stored import MANIFEST
from hwcodesign.errors import DesignError
from hwcodesign.fitting.network import fit_policy
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.choice import Chooser
from hwcodesign.hardware.offers import Catalogue
from hwcodesign.kernels.tensor import TensorType
from hwcodesign.networks.leaving_out import with_early_exits
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.policies import ExitPolicy
from hwcodesign.search.space import Point


@dataclass(frozen=True)
class Described:
    """A description of a network is what a policy is fitted by beside its logits, read from a design. Processes pass it
    on, which they cannot do with a network: Brevitas makes classes that have no name.

    Attributes:
        design: any design of the network.
    """

    design: Design

    @property
    def input_format(self) -> FixedPoint:
        """Returns the format of images."""
        return self.design.accelerator.input_format

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Returns the shape of images, (C, H, W)."""
        return self.design.accelerator.input_shape

    @property
    def exits(self) -> int:
        """Returns the number of exits."""
        return self.design.accelerator.exits

    @property
    def classes(self) -> int:
        """Returns the number of classes."""
        return self.design.accelerator.policy.classes

    @property
    def gates(self) -> bool:
        """Returns whether each head gives a gate behind its logits."""
        return self.boundaries()[1][0].elements > self.classes

    def boundaries(self) -> tuple[list[tuple[TensorType, ...]], list[TensorType]]:
        """Returns what each stage and each head gives."""
        accelerator = self.design.accelerator
        return [stage.results for stage in accelerator.stages], [head.results[0] for head in accelerator.heads]

    def logits(self, images: NDArray[Any]) -> list[NDArray[np.int64]]:
        """Returns the integer logits of images at each exit, by software."""
        return list(self.design.logits(images))

    def costs(self) -> ExitCosts:
        """Returns the multiply-accumulates up to each exit."""
        return self.design.costs()

    def digest(self) -> str:
        """Returns the digest of the network."""
        return str(self.design.manifest["network_sha256"])

    def check_calibrated(self) -> None:
        """Does nothing: a network that was not calibrated has no design."""


@dataclass(frozen=True)
class Variant:
    """A variant is the network with some of its early exits.

    Attributes:
        design: any design of it; its kernels are read, not its policy and hardware.
        logits: integer logits of the fitting split at each of its exits.
        known: what is known of its hardware.
    """

    design: Design
    logits: Sequence[NDArray[np.int64]]
    known: Known


@dataclass(frozen=True)
class Variants:
    """Variants of one trained network.

    Attributes:
        network: the trained network, with all exits; None in another process, for which all has been made.
        fitting: the fitting split.
        board: the board.
        folder: where kernels are kept for the next search, in a folder for each variant.
        catalogue: what units of kernels take; variants share kernels.
        made: those that were asked for, by the early exits that stay.
        every: numbers of all early exits; found from the network.
    """

    network: MultiExitNetwork | None
    fitting: Split
    board: Board
    folder: Path
    catalogue: Catalogue = field(default_factory=Catalogue)
    made: dict[tuple[int, ...], Variant] = field(default_factory=dict)
    every: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.network is not None:
            object.__setattr__(self, "every", tuple(range(self.network.exits - 1)))

    def __getstate__(self) -> dict[str, Any]:
        """Returns what passes to another process; what units take is known there at once."""
        return {**self.__dict__, "network": None, "made": {}}

    def with_exits(self, early: tuple[int, ...]) -> Variant:
        """Returns the variant in which some early exits stay.

        Raises:
            NetworkError, SettingsError, UnsupportedLayerError, FormatError: as `compile`.
        """
        if early not in self.made:
            design = self._design(early)
            if early == self.every:
                logits: Sequence[NDArray[np.int64]] = design.logits(self.fitting.images)
            else:
                whole = self.with_exits(self.every).logits
                logits = [whole[k] for k in (*early, len(self.every))]
            self.made[early] = Variant(design, logits, Known(Chooser(self.catalogue)))
        return self.made[early]

    def policy(self, point: Point) -> ExitPolicy:
        """Fits the policy of a point.

        Raises:
            PolicyError: its criterion cannot meet its request.
        """
        variant, data = self.with_exits(point.early_exits), (self.fitting.images, self.fitting.labels)
        return fit_policy(Described(variant.design), data, point.request, logits=variant.logits)

    def _design(self, early: tuple[int, ...]) -> Design:
        """Returns a design of a variant's network, whatever its board: kernels do not depend on it."""
        folder = self.folder / "_".join(("exits", *map(str, early), "last"))
        if self.network is None:
            return load(folder)
        network = with_early_exits(self.network, early)
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
