"""This module reads a written StreamRTL project from disk, for simulation and synthesis."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hwcodesign.errors import DesignError, FieldError
from hwcodesign.storage.fields import Field, read_json
from hwcodesign.storage.sealed import SealedFiles

MANIFEST = "manifest.json"
#: Folder of the ROM images, below a project's.
ROMS = "roms"
#: Folder of what only simulation needs, below an accelerator's.
SIMULATION = "simulation"
_MOST_MODULES = 2**12
#: A segment's streams; of an accelerator, what identifies it and which segments are not its own.
_OPTIONAL = ("inputs", "outputs", "configuration_hash", "replaced")


@dataclass(frozen=True)
class Project:
    """This is a written project.

    Attributes:
        files: all files that were written, except the manifest.
        top: top module.
        modules: paths of the SystemVerilog files, in the order in which they are to be read.
    """

    files: SealedFiles
    top: str
    modules: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Returns the folder of the project."""
        return self.files.folder

    @property
    def sources(self) -> tuple[Path, ...]:
        """Returns the SystemVerilog files."""
        return tuple(self.folder / name for name in self.modules)

    @property
    def roms(self) -> Path:
        """Returns the folder of the ROM images."""
        return self.folder / ROMS

    @property
    def images(self) -> tuple[str, ...]:
        """Returns the paths of the ROM images."""
        return tuple(sorted(name for name in self.files.digests if name.startswith(f"{ROMS}/")))

    @property
    def rom_texts(self) -> dict[str, str]:
        """Returns the texts of the ROM images, by the paths that the modules' default parameters give."""
        return {name: self.files.text(name) for name in self.images}


def read_project(folder: Path) -> Project:
    """Reads a project of a segment or an accelerator from disk.

    Raises:
        DesignError: there is no project, or one of its files was altered.
    """
    fields = read_manifest(folder)
    try:
        files = SealedFiles.from_json(folder, fields["sha256"])
        modules = fields["sources"].tuple_of(lambda item: item.one_of(files.digests), 1, _MOST_MODULES)
        project = Project(files, fields["top"].name(), modules)
    except FieldError as error:
        raise damaged(folder, error) from None
    files.check()
    return project


def read_manifest(folder: Path) -> dict[str, Field]:
    """Reads the manifest of a project.

    Raises:
        DesignError: there is no project.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise DesignError(
            f"{folder} is not a StreamRTL project, because it has no {MANIFEST}: write or compile it again"
        )
    try:
        return Field(read_json(path), "").fields(("top", "sources", "sha256"), _OPTIONAL)
    except FieldError as error:
        raise damaged(folder, error) from None


def damaged(folder: Path, error: FieldError) -> DesignError:
    """Returns the error for a wrong field of a project's manifest."""
    return DesignError(f"{folder / MANIFEST}: {error}; write or compile the project again")
