"""This module reads a design from disk, and compares its files with their hashes. NumPy only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.boards import BOARDS, board_of
from hwcodesign.errors import DesignError, FieldError
from hwcodesign.hardware.implementation import CHOICES, MOST_PIXELS
from hwcodesign.policies import own_criteria
from hwcodesign.policies.own_criteria import require_registered
from hwcodesign.storage.arrays import check_size, open_arrays
from hwcodesign.storage.fields import Field, read_json, shown
from hwcodesign.storage.files import sha256_file, sha256_json, write_json
from hwcodesign.storage.sealed import SealedFiles

MANIFEST = "design.json"
WEIGHTS = "weights.npz"
#: The policy alone, for people and other programs.
POLICY = "policy.json"
#: Digests of all that is compiled or run of a design.
SOURCES = "sources.json"
DESIGN_VERSION = 10
_FIELDS = (
    *("design_version", "backend", "board", "settings", "network_sha256", "projects", "cycles", "tools"),
    *("accelerator", "policy_sha256", "weights_sha256", "sources_sha256", "criterion"),
)
#: Of what a manifest lists, and cycles.
_MOST, _MOST_CYCLES = 2**12, 2**53


def read_stored(folder: Path) -> tuple[Accelerator, Path, dict[str, Any]]:
    """Reads a design that `compile` wrote, or the design in a bundle: the accelerator, the folder, the manifest.

    Raises:
        DesignError: there is no design, it has another version, its files were altered, or it has fields or arrays that
            no design has.
    """
    path = folder / MANIFEST
    if folder.is_file():
        raise DesignError(f"{folder} is a file: unpack it, and give the folder with {MANIFEST} in it")
    if not path.exists():
        raise DesignError(
            f"{folder} has no {MANIFEST}: it is not a design, or its compilation was interrupted; compile it again"
        )
    try:
        manifest = read_json(path)
    except FieldError as error:
        raise DesignError(f"{path}: {error}; compile the design again") from None
    if not isinstance(manifest, dict) or manifest.get("design_version") != DESIGN_VERSION:
        raise DesignError(f"{path} is not a design of version {DESIGN_VERSION}: compile the design again")
    weights = folder / WEIGHTS
    if not _is_unaltered(weights, manifest.get("weights_sha256")):
        raise DesignError(f"{weights} is missing or was altered: compile the design again")
    try:
        fields = Field(manifest, "").fields(_FIELDS)
        require_registered(fields["criterion"], folder)
        with open_arrays(weights) as arrays:
            accelerator = Accelerator.from_json(fields["accelerator"].value, arrays)
        _check_manifest(fields, accelerator)
    except DesignError as error:
        raise DesignError(f"{folder}: {error}") from None
    except FieldError as error:
        raise DesignError(f"{folder}: {error}; compile the design again") from None
    if sha256_json(accelerator.policy.to_json()) != fields["policy_sha256"].value:
        raise DesignError(f"the policy in {path} was altered: give thresholds to run() instead, or compile again")
    return accelerator, folder, manifest


def load_criterion(folder: Path | str) -> None:
    """Executes the criterion of a design or bundle, unless it is registered already or comes with the package.

    Its file is held to the manifest's hash, and no more: load only folders that you would run as a program.

    Args:
        folder: of the design, or of the bundle.

    Raises:
        DesignError: there is no design, a file was altered, or executing it fails.
    """
    path = Path(folder) / MANIFEST
    try:
        manifest = read_json(path)
        stored = Field(manifest, "").fields(_FIELDS)["criterion"]
        own_criteria.load_criterion(Path(folder), stored)
    except (FieldError, OSError) as error:
        raise DesignError(f"{path}: {error}; compile the design again") from None


def write_sources(folder: Path) -> str:
    """Writes the hashes of all files of a folder into it; returns the hash of this list, which seals them."""
    (folder / SOURCES).unlink(missing_ok=True)
    write_json(folder / SOURCES, dict(SealedFiles.of(folder).digests))
    return sha256_file(folder / SOURCES)


def read_sources(folder: Path, digest: str) -> SealedFiles:
    """Reads the list of generated files of a design.

    Args:
        digest: that seals the list.

    Raises:
        DesignError: the folder is a bundle, which has no sources, or the list of hashes was altered.
    """
    path = folder / SOURCES
    if not path.exists():
        raise DesignError(
            f"{folder} has no generated sources, because a bundle has none: use the folder that compile wrote"
        )
    if not _is_unaltered(path, digest):
        raise DesignError(f"{path} was altered: compile the design again")
    try:
        return SealedFiles.from_json(folder, Field(read_json(path), "the file"))
    except FieldError as error:
        raise DesignError(f"{path}: {error}; compile the design again") from None


def _is_unaltered(path: Path, digest: object) -> bool:
    try:
        check_size(path)
        return sha256_file(path) == digest
    except (FieldError, OSError):
        return False


def _check_manifest(fields: dict[str, Field], accelerator: Accelerator) -> None:
    """Checks the types and ranges of the fields beside the accelerator's."""
    fields["design_version"].integer(DESIGN_VERSION, DESIGN_VERSION)
    fields["backend"].one_of(("streamrtl", "vitis"))
    _check_board(fields["board"])
    for name in ("network_sha256", "policy_sha256", "weights_sha256", "sources_sha256"):
        fields[name].sha256()
    projects = fields["projects"].tuple_of(Field.name, 1, _MOST)
    if len(set(projects)) != len(projects):
        raise FieldError("projects has a name twice")
    for tool in fields["tools"].mapping(_MOST).values():
        tool.text()
    settings = fields["settings"].fields(("reuse", *CHOICES, "layers", "buffer_samples", "fit"))
    if not settings["fit"].is_null:
        settings["fit"].text()
    named = tuple(own.fields(("reuse", *CHOICES, "pixels")) for own in settings["layers"].mapping(_MOST).values())
    for layer in named:
        layer["pixels"].integer(1, MOST_PIXELS)
    for layer in (settings, *named):
        layer["reuse"].integer(1, _MOST_CYCLES)
        for choice, known in CHOICES.items():
            if not layer[choice].is_null:
                layer[choice].one_of(known)
    buffered = accelerator.buffer_samples
    settings["buffer_samples"].integer(buffered, buffered)
    if not fields["cycles"].is_null:
        _check_cycles(fields["cycles"], accelerator.exits)


def _check_board(stored: Field) -> None:
    """Refuses a board that cannot be, or that is not as this version knows it."""
    board = board_of(stored)
    known = BOARDS.get(board.name)
    if known is not None and board != known:
        differing = next(name for name, value in known.to_json().items() if board.to_json()[name] != value)
        raise stored.fields(known.to_json())[differing].wrong(shown(known.to_json()[differing]))


def _check_cycles(stored: Field, exits: int) -> None:
    fields = stored.fields(("segments", "stages", "exits"))
    for segment in (
        fields["segments"].fields([f"{kind}{k}" for k in range(exits) for kind in ("stage", "head")]).values()
    ):
        for cycles in segment.fields(("latency", "interval")).values():
            cycles.integer(0, _MOST_CYCLES)
    fields["stages"].integers(1, _MOST_CYCLES, exits, exits)
    for item in fields["exits"].items(exits, exits):
        exit_ = item.fields(("latency", "interval", "settled", "period"))
        exit_["interval"].number(1, _MOST_CYCLES)
        for name in ("latency", "settled", "period"):
            exit_[name].integer(0, _MOST_CYCLES)
