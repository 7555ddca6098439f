"""This module compiles SystemVerilog to a shared library: Verilator's C++ and a drive loop, compiled with g++.

Verilator's own make files would compile its runtime for every model; here it is compiled once and kept.
"""

from __future__ import annotations

import ctypes
import platform
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from hwcodesign.progress import Task, task
from hwcodesign.simulation import verilated_units
from hwcodesign.simulation.project import ROMS, Project
from hwcodesign.simulation.stream_checks import Beats, bindings, checker_source
from hwcodesign.simulation.verilated_units import Effort, Runtime, run, runtime_of
from hwcodesign.simulation.wave_format import WaveFormat, require_writer
from hwcodesign.storage.cache import cache_folder, entry_of, is_kept, kept
from hwcodesign.storage.files import sha256_file
from hwcodesign.storage.installed import shared_folder
from hwcodesign.storage.paths import check_folder
from hwcodesign.tools.verilator import Verilator, find_verilator, sound_arguments

_VERILATE = ["--cc", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert", "-Wno-lint", "-Wno-style"]
#: Verilator, two units of C++, the linker.
_STEPS = 4
_TRACE_OPTION = {WaveFormat.VCD: "--trace-vcd", WaveFormat.FST: "--trace-fst"}
_TRACE_LIBRARIES = {None: [], WaveFormat.VCD: [], WaveFormat.FST: ["-lz", "-llz4"]}
#: What is kept, beside the ROM images that it reads when it starts.
_LIBRARY = "model.so"
#: The copy of a project that is compiled.
_PROJECT = "project"
#: What a drive loop returns where a check failed; `said` has the messages.
FAILED = -3
_MESSAGES = 1 << 14


@dataclass(frozen=True)
class Verilation:
    """A Verilation lists what a library is made of.

    Attributes:
        project: project that is compiled.
        modules: paths in it of the SystemVerilog files, packages first.
        drives: C++ files of rtl_sim/drive.
        model: text of model.h, which tells them about the model; `Model` is its type there.
        top: top module; its parameter `RomFolder` names the folder of the project's ROM images.
        trace: format of the waveforms that it can write.
        shown: SystemVerilog that a waveform needs beside the project: signals made for looking at.
        checked: whether the modules' assertions are checked, and every stream by a `stream_checker`. A run in which one
            fails goes on, and returns `FAILED`.
        beats: of a sample, in streams that have the same number in every one; for the checks.
    """

    project: Project
    modules: tuple[str, ...]
    drives: tuple[str, ...]
    model: str
    top: str
    trace: WaveFormat | None = None
    shown: str = ""
    checked: bool = False
    beats: Beats = field(default_factory=dict)


def verilate(what: Verilation) -> Path:
    """Makes the library, unless it is already in the cache.

    Raises:
        DesignError: a file was altered.
        SettingsError: the path of the cache is one that Verilator cannot read.
        ToolError: Verilator or g++ is missing or fails.
    """
    check_folder(cache_folder())
    tool = find_verilator()
    if what.trace is not None:
        require_writer(what.trace)
    name, made_of = f"{what.top}-rtl", _made_of(what, tool)

    def make(folder: Path) -> None:
        with task("compiling the generated SystemVerilog", _STEPS, "steps") as reported:
            runtime = runtime_of(tool, what.trace)
            # a folder of its own: the compiler of a killed process may still be writing into the one before
            work = Path(tempfile.mkdtemp(dir=folder))
            what.project.files.copy(work / _PROJECT)
            roms = entry_of(name, made_of) / ROMS
            _build(what, runtime, roms, work, reported).replace(folder / _LIBRARY)
            (work / _PROJECT / ROMS).mkdir(exist_ok=True)  # there may be no images
            (work / _PROJECT / ROMS).replace(folder / ROMS)
            shutil.rmtree(work)

    return kept(name, made_of, make) / _LIBRARY


def said(library: ctypes.CDLL) -> str:
    """Takes what the runtime of a library has said in this thread: messages of checks that failed."""
    text = ctypes.create_string_buffer(_MESSAGES)
    library.hwc_said(text, ctypes.c_long(_MESSAGES))
    return text.value.decode(errors="replace")


def is_verilated(what: Verilation) -> bool:
    """Tells whether its library is already in the cache."""
    return is_kept(f"{what.top}-rtl", _made_of(what, find_verilator()))


def _build(what: Verilation, runtime: Runtime, roms: Path, work: Path, reported: Task) -> Path:
    """Builds the library in the folder that holds the copied project.

    Args:
        roms: folder in which its ROM images will be.
    """
    reported.advance(0, "Verilator writes C++")
    _verilate(what, runtime.tool, roms, work)
    (work / "model.h").write_text(f'#pragma once\n#include "Vmodel.h"\ntypedef Vmodel Model;\n{what.model}')
    reported.advance(note="g++ compiles what runs each cycle, and what runs once")
    jobs = []
    with ThreadPoolExecutor(2) as pool:
        for effort, files in _units(what, work).items():
            unit = work / f"{effort.name.lower()}.cpp"
            unit.write_text("".join(f'#include "{file}"\n' for file in files))
            jobs.append(pool.submit(runtime.compiled, unit, effort))
        for job in as_completed(jobs):
            job.result()
            reported.advance()
    reported.advance(0, "linking")
    linked, objects = work / _LIBRARY, [str(job.result()) for job in jobs]
    # -Bsymbolic: libraries of several models live in one process, each with its own runtime
    run(
        [
            "g++",
            "-shared",
            "-Wl,-Bsymbolic",
            *objects,
            str(runtime.archive),
            "-o",
            str(linked),
            "-lpthread",
            *_TRACE_LIBRARIES[what.trace],
        ]
    )
    reported.advance()
    return linked


def _verilate(what: Verilation, tool: Verilator, roms: Path, work: Path) -> None:
    arguments = [*_VERILATE, *sound_arguments(), "--Mdir", str(work), "--prefix", "Vmodel", "--top-module", what.top]
    # one file, for one run of g++; and short functions, since g++'s time grows faster than a function does (an affine
    # layer of 4,096 channels: one minute instead of more than ten)
    arguments += ["--output-split", "0", "--output-split-cfuncs", "500"]
    modules = [str(work / _PROJECT / name) for name in what.modules]
    if what.checked:
        arguments[arguments.index("--noassert")] = "--assert"
        checks = work / "checks.sv"
        checks.write_text(bindings([Path(name).read_text() for name in modules if name.endswith(".sv")], what.beats))
        modules += [str(checker_source()), str(checks)]
    if what.trace is not None:
        arguments.append(_TRACE_OPTION[what.trace])
    if what.shown:
        shown = work / "shown.sv"
        shown.write_text(what.shown)
        modules.append(str(shown))
    arguments.append(f'-GRomFolder="{roms}/"')
    run([str(tool.folder / "verilator"), *arguments, *modules], tool.environment)


def _units(what: Verilation, work: Path) -> dict[Effort, list[str]]:
    """Returns the files that are compiled together."""
    files = sorted(path.name for path in work.glob("Vmodel*.cpp"))
    slow = [name for name in files if "__Slow" in name or "__Syms" in name or "__Trace" in name]
    fast = [name for name in files if name not in slow]
    drives = [str(shared_folder("rtl_sim") / "drive" / name) for name in ("messages.cpp", *what.drives)]
    return {Effort.EACH_CYCLE: [*fast, *drives], Effort.ONCE: slow}


def _made_of(what: Verilation, tool: Verilator) -> str:
    drives = [*sorted((shared_folder("rtl_sim") / "drive").glob("*")), checker_source()]
    parts = [what.project.files.digest, *what.modules, *(f"{path.name} {sha256_file(path)}" for path in drives)]
    parts += [
        what.top,
        *what.drives,
        what.model,
        what.shown,
        f"{what.trace} {what.checked} {what.beats}",
        tool.version,
        platform.machine(),
    ]
    # The path of the ROM images is in the model, which would read zeros where the cache was moved; these files say
    # how models are made, and with which flags
    makers = [sha256_file(Path(file)) for file in (__file__, verilated_units.__file__)]
    return "\n".join([*parts, str(cache_folder()), *makers])
