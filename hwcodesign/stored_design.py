"""A design as it lies on disk: read, and held to its hashes. NumPy only."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hwcodesign.accelerator import Accelerator
from hwcodesign.errors import DesignError
from hwcodesign.files import sha256_file, sha256_json

MANIFEST = "design.json"
WEIGHTS = "weights.npz"
DESIGN_VERSION = 1


class CompiledDesign(Protocol):
    """What runs a design needs of it: `Design` is one, and so is `StoredDesign`."""

    @property
    def accelerator(self) -> Accelerator: ...

    @property
    def folder(self) -> Path: ...

    @property
    def manifest(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class StoredDesign:
    """An accelerator and the folder with everything that was made for it.

    Attributes:
        accelerator: kernels, decisions, buffers.
        folder: of `compile`, or a bundle; has design.json.
        manifest: settings, tool versions and hashes.
    """

    accelerator: Accelerator
    folder: Path
    manifest: dict[str, Any] = field(repr=False)


def read_design(folder: Path | str) -> StoredDesign:
    """Read a design that `compile` made, or the one in a bundle.

    Raises:
        DesignError: no design there, another version, or files that are not those it was made with.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    if folder.is_file():
        raise DesignError(f"{folder} is a file: unpack it, and give the folder with {MANIFEST} in it")
    if not path.exists():
        raise DesignError(f"{folder} has no {MANIFEST}: it is not a design, or was left half-made; compile it again")
    try:
        manifest = json.loads(path.read_text())
    except ValueError as error:
        raise DesignError(f"{path} is not JSON ({error}): compile the design again") from None
    if not isinstance(manifest, dict) or manifest.get("design_version") != DESIGN_VERSION:
        raise DesignError(f"{path} is not a design of version {DESIGN_VERSION}: compile the design again")
    weights = folder / WEIGHTS
    if not weights.exists() or sha256_file(weights) != manifest.get("weights_sha256"):
        raise DesignError(f"{weights} is missing or was altered: compile the design again")
    with np.load(weights, allow_pickle=False) as arrays:
        accelerator = Accelerator.from_json(manifest.get("accelerator", {}), dict(arrays))
    if sha256_json(accelerator.policy.to_json()) != manifest.get("policy_sha256"):
        raise DesignError(f"the policy in {path} was altered: give thresholds to run() instead, or compile again")
    return StoredDesign(accelerator, folder, manifest)
