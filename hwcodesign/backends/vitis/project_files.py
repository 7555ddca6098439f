"""This module writes Vitis HLS projects: one per segment, through hls4ml, and one per block."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
from pathlib import Path
from typing import Any

from hwcodesign.backends.vitis.blocks import blocks_of
from hwcodesign.backends.vitis.model import model_source
from hwcodesign.backends.vitis.own_layers import copy_kernels
from hwcodesign.backends.vitis.segment_writer import SegmentWriter
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.boards import Board
from hwcodesign.policies.own_criteria import files_of
from hwcodesign.storage.files import sha256, write_text
from hwcodesign.storage.installed import shared_folder

#: What hls4ml asserts of the windows of a pooling.
_SIDE_BY_SIDE = r"(?m)^ *assert\(CONFIG_T::pool_\w+ == CONFIG_T::stride_\w+( && CONFIG_T::\w+ == CONFIG_T::\w+)?\);\n"


def write_segment(graph: Any, name: str, folder: Path) -> None:
    """Writes hls4ml's project of one converted segment into `folder`.

    hls4ml stamps each project with a random identifier and with the folder's path. Both would make equal designs
    differ, so the stamp is made from the segment's name, and the path is left out.
    """
    graph.config.config["OutputDir"] = str(folder)
    graph.config.config["Stamp"] = sha256(name.encode())[:8]
    graph.config.config["OnnxModel"] = f"../../qonnx/{name}.onnx"  # not the model itself, with all its weights
    with contextlib.redirect_stdout(io.StringIO()):
        SegmentWriter().write_hls(graph)
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
