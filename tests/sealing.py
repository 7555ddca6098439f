"""New hashes for files that a test altered: what a project or a design would have, had it been written so."""

from __future__ import annotations

import json
from pathlib import Path

from hwcodesign.designs.stored import MANIFEST, SOURCES
from hwcodesign.simulation import project
from hwcodesign.storage.files import sha256_file


def seal_project(folder: Path) -> None:
    """Of a StreamRTL project."""
    path = folder / project.MANIFEST
    manifest = json.loads(path.read_text())
    manifest["sha256"] = {name: sha256_file(folder / name) for name in manifest["sha256"]}
    path.write_text(json.dumps(manifest))


def seal_design(folder: Path) -> None:
    """Of all sources of a design."""
    listed = json.loads((folder / SOURCES).read_text())
    (folder / SOURCES).write_text(json.dumps({name: sha256_file(folder / name) for name in listed}))
    seal_list(folder)


def seal_list(folder: Path) -> None:
    """Of the list of a design's sources alone."""
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["sources_sha256"] = sha256_file(folder / SOURCES)
    (folder / MANIFEST).write_text(json.dumps(manifest))
