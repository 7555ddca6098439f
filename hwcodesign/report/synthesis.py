"""This module keeps what synthesis has found for a design, so that the page shows it beside the estimate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hwcodesign.errors import DesignError, FieldError
from hwcodesign.report.schema import Report
from hwcodesign.report.summary import Cell, Table
from hwcodesign.storage.fields import Field, read_json
from hwcodesign.storage.files import write_json

#: Name of the file, in the folder of a run.
SYNTHESIS = "synthesis.json"
_KEYS = {"LUT": "lut", "FF": "ff", "DSP": "dsp", "BRAM36": "bram18"}
_MOST = 2**40


def write_synthesis(folder: Path, configuration_hash: str, found: dict[str, Any]) -> None:
    """Writes the resources of a whole accelerator.

    Args:
        folder: folder of the run.
        configuration_hash: hash of the design that was synthesised.
        found: its resources by name; others than those of the page are left out.
    """
    total = {key: int(found[key]) for key in _KEYS.values()}
    write_json(folder / SYNTHESIS, {"configuration_hash": configuration_hash, "total": total})


def read_synthesis(folder: Path, report: Report) -> dict[str, int] | None:
    """Returns the resources of the report's design; None if it was not synthesised.

    Raises:
        DesignError: the file is damaged.
    """
    path = folder / SYNTHESIS
    if not path.exists():
        return None
    try:
        fields = Field(read_json(path), "").fields(("configuration_hash", "total"))
        total = fields["total"].fields(tuple(_KEYS.values()))
        found = {key: item.integer(0, _MOST) for key, item in total.items()}
        hash_ = fields["configuration_hash"].sha256()
    except FieldError as error:
        raise DesignError(f"{path} is damaged ({error}): synthesise the design again, or remove the file") from None
    return found if hash_ == report["provenance"]["hashes"].get("configuration") else None


def synthesis_table(found: dict[str, int], report: Report) -> Table | None:
    """Returns estimated and synthesised resources side by side."""
    resources = report["resources"]
    if resources is None:
        return None
    rows = tuple(
        (
            Cell(name),
            *(Cell(_text(taken[key], key)) for taken in (resources["estimated"], found, resources["capacity"])),
        )
        for name, key in _KEYS.items()
    )
    note = Cell("Synthesised by Yosys, module by module; these are not Vivado's figures.")
    headings = ("whole accelerator", "estimated", "synthesised", f"{resources['board']} has")
    return Table("Estimated and synthesised", headings, rows, (note,))


def _text(taken: int, key: str) -> str:
    """Returns a number of resources; two RAMB18 are a RAMB36."""
    return f"{taken / 2:,g}" if key == "bram18" else f"{taken:,}"
