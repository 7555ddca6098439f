"""A written StreamRTL project, as simulation and synthesis find it on disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwcodesign.errors import DesignError
from hwcodesign.fields import Field
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.simulation.verilated import VerilatedSegment

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Project:
    """A written project.

    Attributes:
        folder: that holds it.
        top: module.
        sources: SystemVerilog files in the order in which they are to be read.
    """

    folder: Path
    top: str
    sources: tuple[Path, ...]

    @property
    def roms(self) -> Path:
        return self.folder / "roms"

    @property
    def rom_texts(self) -> dict[str, str]:
        """ROM images by the paths that the modules' default parameters give."""
        return {f"roms/{path.name}": path.read_text() for path in sorted(self.roms.glob("*.hex"))}


def read_segment(folder: Path) -> VerilatedSegment:
    """A segment's project from disk, ready to be simulated.

    Raises:
        DesignError: no project there.
    """
    data = _manifest(folder)
    formats = [FixedPoint.from_json(Field(data[key]["format"], f"{key}.format")) for key in ("input", "output")]
    return VerilatedSegment(
        data["top"],
        tuple(folder / name for name in data["sources"]),
        folder / "roms",
        formats[0],
        tuple(data["input"]["shape"]),
        formats[1],
        tuple(data["output"]["shape"]),
        folder / "build",
    )


def read_project(folder: Path) -> Project:
    """A project from disk, of a segment or an accelerator.

    Raises:
        DesignError: no project there.
    """
    data = _manifest(folder)
    return Project(folder, data["top"], tuple(folder / name for name in data["sources"]))


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        data = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise DesignError(f"{folder} holds no StreamRTL project ({error}): write or compile it again") from None
    if not isinstance(data, dict) or "top" not in data:
        raise DesignError(f"{folder / MANIFEST} is damaged: write or compile the project again")
    return data
