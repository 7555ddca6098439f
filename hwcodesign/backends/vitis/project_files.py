"""This module writes Vitis HLS projects: one per segment, through hls4ml, and one per block."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hwcodesign.backends.vitis.blocks import blocks_of
from hwcodesign.backends.vitis.model import model_source
from hwcodesign.backends.vitis.own_layers import copy_kernels
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.boards import Board
from hwcodesign.errors import ToolError
from hwcodesign.policies.own_criteria import files_of
from hwcodesign.progress import task
from hwcodesign.storage.files import sha256, write_text
from hwcodesign.storage.installed import shared_folder
from hwcodesign.storage.sealed import SealedFiles

#: Folder of all projects, below a design's.
VITIS = "vitis"
_SEARCHED_TOOLS = ("vitis-run", "vitis_hls")
#: What hls4ml asserts of the windows of a pooling.
_SIDE_BY_SIDE = r"(?m)^ *assert\(CONFIG_T::pool_\w+ == CONFIG_T::stride_\w+( && CONFIG_T::\w+ == CONFIG_T::\w+)?\);\n"
#: Of Vitis' output, in an error.
_SHOWN_LINES = 20


def write_segment(graph: Any, name: str, folder: Path) -> None:
    """Writes hls4ml's project of one converted segment into `folder`.

    hls4ml stamps each project with a random identifier and with the folder's path. Both would make equal designs
    differ, so the stamp is made from the segment's name, and the path is left out.
    """
    graph.config.config["OutputDir"] = str(folder)
    graph.config.config["Stamp"] = sha256(name.encode())[:8]
    with contextlib.redirect_stdout(io.StringIO()):
        graph.config.backend.writer.write_hls(graph)
    copy_kernels(graph, folder)
    config = folder / "hls4ml_config.yml"
    write_text(config, re.sub(r"(?m)^OutputDir: .*$", f"OutputDir: {name}", config.read_text()))
    _let_windows_overlap(folder / "firmware" / "nnet_utils" / "nnet_pooling_stream.h")
    shutil.rmtree(folder / "tb_data", ignore_errors=True)
    (folder / "tb_data").mkdir()


def _let_windows_overlap(header: Path) -> None:
    """Takes out of hls4ml's pooling that windows lie side by side: it asserts that, but computes those that overlap."""
    write_text(header, re.sub(_SIDE_BY_SIDE, "", header.read_text()))


def write_blocks(accelerator: Accelerator, board: Board, folder: Path) -> list[str]:
    """Writes every block's project, and the kernels in hls/ that they instantiate; returns their names."""
    hls = shared_folder("hls")
    ignore = shutil.ignore_patterns("kernels", "instances", "stalling", "tcl", "README.md", "__pycache__")
    shutil.copytree(hls, folder / "hls", ignore=ignore, copy_function=shutil.copyfile)
    own = files_of(accelerator.policy.criterion_name)
    if own:
        own.check()
        shutil.copyfile(own.header, folder / "hls" / "criteria" / own.header.name)
    names = []
    for block in blocks_of(accelerator, board):
        for name, text in block.files.items():
            write_text(folder / block.name / name, text)
        shutil.copyfile(hls / "tcl" / "build_block.tcl", folder / block.name / "build_block.tcl")
        names.append(block.name)
    return names


def write_model(accelerator: Accelerator, folder: Path) -> None:
    """Writes the C++ simulation model that composes segments and blocks."""
    write_text(folder / "accelerator.cpp", model_source(accelerator))


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
