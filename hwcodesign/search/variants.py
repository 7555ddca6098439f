"""This module knows a trained network's variants, in which early exits are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hwcodesign.backends.streamrtl.choosing import Known
from hwcodesign.data import Split
from hwcodesign.design import Design, load
from hwcodesign.designs.boards import Board
from hwcodesign.designs.costs import ExitCosts
from hwcodesign.fitting.network import fit_policy
from hwcodesign.fitting.outputs import Curves
from hwcodesign.fitting.split import FittingSplit
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.choice import Chooser
from hwcodesign.hardware.offers import Catalogue
from hwcodesign.kernels.tensor import TensorType
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
        fitting: the fitting split, as its codes.
        logits: integer logits of the fitting split at each of its exits.
        known: what is known of its hardware.
        curves: what each criterion gives at which cost, where it was asked for.
    """

    design: Design
    fitting: FittingSplit
    logits: Sequence[NDArray[np.int64]]
    known: Known
    curves: Curves = field(default_factory=dict)


class Kernels(Protocol):
    """They are where the kernels of variants come from."""

    @property
    def folder(self) -> Path:
        """Returns where they are kept, those of each variant in a folder of its own."""

    def design(self, early: tuple[int, ...]) -> Design:
        """Returns a design of a variant's network, whatever its board: kernels do not depend on it.

        Args:
            early: the early exits that stay.
        """


@dataclass(frozen=True)
class KeptKernels:
    """Kernels that were exported before, all of them.

    Attributes:
        folder: of all variants.
    """

    folder: Path

    def design(self, early: tuple[int, ...]) -> Design:
        """Returns the design that is kept.

        Raises:
            DesignError: none is, or it is damaged.
        """
        return load(folder_of(self.folder, early))


def folder_of(folder: Path, early: tuple[int, ...]) -> Path:
    """Returns the folder of a variant's kernels, in that of all variants.

    Args:
        folder: of all variants.
        early: the early exits that stay.
    """
    return folder / "_".join(("exits", *map(str, early), "last"))


@dataclass(frozen=True)
class Variants:
    """Variants of one trained network. Other processes, which need not import PyTorch, read their kernels.

    Attributes:
        kernels: where they come from; in another process, all have been made.
        every: numbers of all early exits.
        fitting: the fitting split.
        board: the board.
        catalogue: what units of kernels take; variants share kernels.
        made: those that were asked for, by the early exits that stay.
    """

    kernels: Kernels
    every: tuple[int, ...]
    fitting: Split
    board: Board
    catalogue: Catalogue = field(default_factory=Catalogue)
    made: dict[tuple[int, ...], Variant] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        """Returns what passes to another process; what units take is known there at once."""
        return {**self.__dict__, "kernels": KeptKernels(self.kernels.folder), "made": {}}

    def with_exits(self, early: tuple[int, ...]) -> Variant:
        """Returns the variant in which some early exits stay.

        Raises:
            NetworkError, SettingsError, UnsupportedLayerError, FormatError, DesignError: as its kernels.
        """
        if early not in self.made:
            design = self.kernels.design(early)
            if early == self.every:
                network, data = Described(design), self.fitting
                split = FittingSplit.of(
                    data.images, data.labels, network.input_format, network.input_shape, network.classes
                )
                logits: Sequence[NDArray[np.int64]] = design.logits(data.images)
            else:
                whole = self.with_exits(self.every)
                split, logits = whole.fitting, [whole.logits[k] for k in (*early, len(self.every))]
            self.made[early] = Variant(design, split, logits, Known(Chooser(self.catalogue)))
        return self.made[early]

    def policy(self, point: Point) -> ExitPolicy:
        """Fits the policy of a point.

        Raises:
            PolicyError: its criterion cannot meet its request.
        """
        variant = self.with_exits(point.early_exits)
        network, logits = Described(variant.design), variant.logits
        return fit_policy(network, variant.fitting, point.request, logits=logits, curves=variant.curves)
