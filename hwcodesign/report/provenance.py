"""This module notes where results come from: recipe, commit, computer, date and hashes."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from hwcodesign.design import Design
from hwcodesign.report.schema import Provenance, Surroundings
from hwcodesign.storage.files import sha256_file

#: Seconds that git is given.
_PATIENCE = 10


def provenance(design: Design, recipe: Path | None) -> Provenance:
    """Returns the provenance of results of a design, as of now.

    Args:
        design: the design.
        recipe: file of the recipe, if there is one.
    """
    manifest, where = design.manifest, _where(recipe)
    hashes = {name: manifest.get(f"{name}_sha256") for name in ("network", "policy", "weights", "sources")}
    hashes["configuration"] = design.accelerator.configuration_hash
    return {**where, "hashes": {name: str(value) for name, value in hashes.items() if value}}


def surroundings(recipe: Path | None) -> dict[str, str]:
    """Returns recipe, commit, computer and date as texts, as of now; what is not known is left out."""
    where = _where(recipe)
    rows = {
        "recipe": where["recipe"],
        "recipe, SHA-256": where["recipe_sha256"],
        "commit": where["commit"],
        "host": f"{where['host']}, {where['machine']}, {where['cores']} cores",
        "date": where["date"],
    }
    return {name: value for name, value in rows.items() if value}


def _where(recipe: Path | None) -> Surroundings:
    return {
        "recipe": recipe.name if recipe else "",
        "recipe_sha256": sha256_file(recipe) if recipe else None,
        "commit": _commit(recipe.resolve().parent) if recipe else None,
        "host": platform.node(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count() or 1,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _commit(folder: Path) -> str | None:
    """Returns the commit that is checked out in a folder, with "+" where tracked files differ from it."""
    if shutil.which("git") is None:
        return None
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (subprocess.SubprocessError, OSError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=_PATIENCE
    )
    return done.stdout.strip()
