"""This module finds Vitis HLS, and runs it on the projects of a design."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from hwcodesign.errors import ToolError
from hwcodesign.progress import task
from hwcodesign.storage.sealed import SealedFiles

#: Folder of all projects, below a design's.
VITIS = "vitis"
_SEARCHED_TOOLS = ("vitis-run", "vitis_hls")
#: Of Vitis' output, in an error.
_SHOWN_LINES = 20


def require_vitis() -> str:
    """Returns the name of the installed Vitis HLS command.

    Raises:
        ToolError: there is none on PATH.
    """
    found = next((tool for tool in _SEARCHED_TOOLS if shutil.which(tool)), None)
    if found is None:
        raise ToolError(
            f"building needs Vitis HLS, and neither {' nor '.join(_SEARCHED_TOOLS)} is on PATH: source its "
            "settings64.sh first; compile without --build writes the projects all the same, and simulating them "
            "needs no vendor tool"
        )
    return found


def build_projects(files: SealedFiles, names: list[str]) -> None:
    """Runs Vitis on projects of a design, one after the other; its log goes to `<project>/vitis.log`.

    Args:
        files: files of the design.
        names: names of the projects.

    Raises:
        DesignError: a file of a project is not as it was written.
        ToolError: Vitis is missing, or a project failed; the message has the end of its log.
    """
    tool, folder = require_vitis(), files.folder / VITIS
    files.below(f"{VITIS}/").check()
    with task("building with Vitis HLS", len(names), "projects") as reported:
        for name in names:
            reported.advance(0, name)
            _build_project(tool, folder / name)
            reported.advance()


def _build_project(tool: str, folder: Path) -> None:
    log = folder / "vitis.log"
    script = "build_block.tcl" if (folder / "build_block.tcl").exists() else "build_prj.tcl"
    command = [tool, "--mode", "hls", "--tcl", script] if tool == "vitis-run" else [tool, "-f", script]
    with log.open("w") as stream:
        code = subprocess.run(command, cwd=folder, stdout=stream, stderr=subprocess.STDOUT, check=False).returncode
    if code:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-_SHOWN_LINES:])
        raise ToolError(f"Vitis failed on {folder.name} with status {code}; all of its output is in {log}:\n{end}")
