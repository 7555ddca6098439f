"""The command line in a Python of its own, as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
#: In a folder that has it, nothing is compiled before the verbs do it.
CACHE = "cache"


def hwcodesign(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hwcodesign.cli", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment_of(folder, environment), capture_output=True, text=True, check=False
    )


def environment_of(folder: Path, more: dict[str, str]) -> dict[str, str]:
    """The environment of a command in a folder."""
    env = {**os.environ, "PYTHONPATH": str(_ROOT), "COLUMNS": "100", **more}
    if (folder / CACHE).is_dir():
        env["XDG_CACHE_HOME"] = str(folder / CACHE)
    return env
