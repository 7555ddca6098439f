"""This module writes the Vivado project of a design (sources, settings and scripts), and runs Vivado to build it.

The scripts in `tcl/` are written by hand and copied as they are. The settings of a design are in settings.tcl. The
scripts have not been through Vivado; a stub that knows its commands checks them (tests/vivado_stub).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hwcodesign.deployment.exported_ip import ExportedIp, write_with_exported_ips
from hwcodesign.deployment.packaged_top import packaged_top, packaged_top_name
from hwcodesign.deployment.tcl_text import Value, word
from hwcodesign.design import Design
from hwcodesign.errors import DesignError, SettingsError, ToolError
from hwcodesign.interface.block_design import (
    DMA_LENGTH_BITS,
    DMA_REALIGNS,
    DMA_WIDTH,
    LIBRARY,
    VENDOR,
    VERSION,
    BlockDesign,
)
from hwcodesign.interface.register_map import REGISTERS
from hwcodesign.interface.registers import Count, Register
from hwcodesign.progress import task
from hwcodesign.simulation.project import Project
from hwcodesign.storage.cache import scratch_folder
from hwcodesign.storage.files import replaced_folder

SETTINGS, BUILD_SCRIPT = "settings.tcl", "build.tcl"
_SCRIPTS = Path(__file__).parent / "tcl"
#: The packaged IP, its sources, and IPs that Vitis HLS exported, below the project's folder.
_IP, _SOURCES, _EXPORTED_IPS = "ip", "ip/src", "exported_ips"
_TYPED_TEXT = re.compile(r"\b(parameter |localparam )string ")
_ACCESS = {"r": "read-only", "w": "write-only", "rw": "read-write"}
#: Characters of Vivado's output that an error shows.
_SHOWN = 4000


@dataclass(frozen=True)
class Bitstream:
    """These are the files that Vivado built for a board.

    Attributes:
        bit, hwh: what PYNQ loads; they lie beside each other under one name.
        xsa: the same for AMD's software tools.
        reports: folder with utilisation.rpt and timing.rpt.
    """

    bit: Path
    hwh: Path
    xsa: Path
    reports: Path


def write_vivado(design: Design, folder: Path | str, *, exported: Sequence[str] = ()) -> BlockDesign:
    """Writes the Vivado project. The previous content of the folder is replaced as a whole.

    Args:
        folder: folder of the project. It refers to no file outside it, so that it can be copied.
        exported: segments ("stage0") for which the project uses the IPs that Vitis HLS exported, behind adapters.
            `backends.streamrtl.vitis_segment` says how they must be built.

    Returns:
        What the scripts will draw.

    Raises:
        DesignError: the design has no RTL, or a segment has not been exported.
        SettingsError: two source files have the same name.
    """
    folder = Path(folder)
    described = design.block_design
    ips = [ExportedIp.of(design, segment) for segment in exported]
    with replaced_folder(folder) as written, _rtl(design, ips) as project:
        sources = _copy_sources(project, written / _SOURCES, described.accelerator)
        for ip in ips:
            shutil.copytree(ip.folder, written / _EXPORTED_IPS / ip.segment)
        for script in _SCRIPTS.glob("*.tcl"):
            shutil.copyfile(script, written / script.name)
        images = [Path(name).name for name in project.images]
        (written / SETTINGS).write_text(settings_text(described, design.accelerator.exits, sources, images, ips))
    return described


@contextmanager
def _rtl(design: Design, ips: Sequence[ExportedIp]) -> Iterator[Project]:
    """Returns the accelerator's SystemVerilog: the design's own, or one with exported IPs."""
    own = design.rtl_project
    if not ips:
        yield own
        return
    with scratch_folder() as scratch:
        yield write_with_exported_ips(design, ips, scratch)


def _copy_sources(project: Project, folder: Path, accelerator: str) -> list[str]:
    """Copies modules and ROM images into one folder, with the top module; returns the modules in order."""
    folder.mkdir(parents=True)
    modules = [name for name in project.modules if name.endswith((".sv", ".v"))]
    for name in (*modules, *project.images):
        copy = folder / Path(name).name
        if copy.exists():
            raise SettingsError(f"two files of the design are called {copy.name}: give the accelerator another name")
        copy.write_text(typeless(project.files.text(name)))
    top = f"{packaged_top_name(accelerator)}.v"
    if (folder / top).exists():
        raise SettingsError(f"the design has a file {top} already: give the accelerator another name")
    (folder / top).write_text(packaged_top(accelerator))
    return [*(Path(name).name for name in modules), top]


def typeless(source: str) -> str:
    """Returns SystemVerilog without the type `string`. Vivado's synthesis refuses it ([Synth 8-27]), and parameters
    that are texts do not need it.
    """
    return _TYPED_TEXT.sub(r"\1", source)


def settings_text(
    described: BlockDesign, exits: int, sources: Sequence[str], images: Sequence[str], ips: Sequence[ExportedIp] = ()
) -> str:
    """Returns the text of settings.tcl, which holds everything that the scripts need to know about this design.

    Args:
        exits: number of exits of the accelerator.
        sources, images: names of files in ip/src, in the order in which they are read.
        ips: IPs that Vitis HLS exported.
    """
    board = described.board
    values: dict[str, Value] = {
        "accelerator": described.accelerator,
        "configuration_hash": described.configuration_hash,
        "vendor": VENDOR,
        "library": LIBRARY,
        "version": VERSION,
        "top": packaged_top_name(described.accelerator),
        "design": f"{described.accelerator}_system",
        "part": board.part,
        "board_part": board.board_part,
        "processor_kind": board.processor.value,
        "clock_mhz": board.clock_mhz,
        "cells": described.cells,
        "processor": described.processor,
        "resets": described.resets,
        "dma": described.dma,
        "interrupts": described.interrupts,
        "interrupt_lines": described.interrupt_lines,
        "control_bus": described.control_bus,
        "memory_bus": described.memory_bus,
        "interrupt_pins": described.interrupt_pins,
        "dma_length_bits": DMA_LENGTH_BITS,
        "dma_width": DMA_WIDTH,
        "dma_realigns": DMA_REALIGNS,
        "addresses": _addresses(described),
        "register_range": next(r.size for r in described.addresses if r.cell == described.accelerator),
        "registers": [_register(item, k) for item in REGISTERS for k in range(item.count.of(exits))],
        "sources": sources,
        "images": images,
        "exported_ips": [
            {"module": ip.module, "vlnv": ip.vlnv, "folder": f"{_EXPORTED_IPS}/{ip.segment}"} for ip in ips
        ],
    }
    lines = [
        f"# What package_ip.tcl and build.tcl make: {described.accelerator} on {board.name}. Generated.",
        "",
        "namespace eval settings {",
        "    variable folder [file dirname [file normalize [info script]]]",
        f"    variable ip_folder [file join $folder {_IP}]",
        *(textwrap.indent(f"variable {name} {word(value)}", "    ") for name, value in values.items()),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _addresses(described: BlockDesign) -> list[Value]:
    return [
        {
            "cell": place.cell,
            "interface": place.interface,
            "base": f"0x{place.base:08X}",
            "size": f"0x{place.size:X}",
            "segment": place.segment,
        }
        for place in described.addresses
    ]


def _register(register: Register, index: int) -> dict[str, Value]:
    accesses = {field.access for field in register.fields}
    return {
        "name": register.name if register.count is Count.ONE else f"{register.name}_{index}",
        "offset": f"0x{register.address(index):X}",
        "access": _ACCESS[accesses.pop() if len(accesses) == 1 else "rw"],
        "description": register.description,
        "fields": [
            {
                "name": field.name,
                "low": field.low,
                "width": field.width,
                "access": _ACCESS[field.access],
                "description": field.description,
            }
            for field in register.fields
        ],
    }


def build_bitstream(folder: Path | str, *, jobs: int = 2) -> Bitstream:
    """Runs Vivado on a project that was written; this takes minutes to hours.

    Args:
        folder: folder that `write_vivado` wrote.
        jobs: number of parallel processes.

    Raises:
        DesignError: the folder has no project.
        SettingsError: `jobs` is less than 1.
        ToolError: Vivado is not on PATH, or failed: a run did not complete, timing is not met, or a ROM is empty.
    """
    if jobs < 1:
        raise SettingsError(f"jobs={jobs} is not a number of processes: give 1 or more")
    folder = Path(folder).resolve()
    for name in (BUILD_SCRIPT, SETTINGS):
        if not (folder / name).exists():
            raise DesignError(f"{folder} is not a Vivado project, because it has no {name}: call write_vivado first")
    vivado = require_vivado(folder)
    command = [vivado, "-mode", "batch", "-nojournal", "-log", "vivado.log", "-source", BUILD_SCRIPT]
    lines = []
    with (
        task("building the bitstream with Vivado: minutes to hours") as reported,
        subprocess.Popen(
            [*command, "-tclargs", f"jobs={jobs}"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as running,
    ):
        assert running.stdout is not None
        for line in running.stdout:
            lines.append(line)
            reported.advance(0, line.strip())
    if running.returncode:
        shown = "".join(lines)[-_SHOWN:]
        raise ToolError(f"Vivado failed; all of its output is in {folder / 'vivado.log'}:\n{shown}")
    return _bitstream(folder / "out")


def require_vivado(folder: Path | str = "the project's folder") -> str:
    """Returns the path of Vivado.

    Args:
        folder: folder of a project, for the advice in the error.

    Raises:
        ToolError: Vivado is not on PATH.
    """
    vivado = shutil.which("vivado")
    if vivado is None:
        raise ToolError(
            f"Vivado is not on PATH: source its settings64.sh, or run `vivado -mode batch -source {BUILD_SCRIPT}` in "
            f"{folder} where it is installed"
        )
    return vivado


def _bitstream(out: Path) -> Bitstream:
    found = sorted(out.glob("*.bit"))
    if len(found) != 1:
        raise ToolError(f"Vivado ended without an error, but {out} has {len(found)} bitstreams instead of one")
    bit = found[0]
    return Bitstream(bit, bit.with_suffix(".hwh"), bit.with_suffix(".xsa"), out)
