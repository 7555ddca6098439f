"""SystemVerilog to a shared library: Verilator's C++ and a drive loop, compiled with g++.

Verilator's own make files would compile its runtime for every model; here it is compiled once and kept.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from hwcodesign.errors import ToolError
from hwcodesign.files import sha256, sha256_file, write_bytes
from hwcodesign.paths import check_folder
from hwcodesign.progress import Task, task
from hwcodesign.share import shared_folder
from hwcodesign.simulation.verilator import Verilator, find_verilator

_VERILATE = ["--cc", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert", "-Wno-lint", "-Wno-style"]
_FLAGS = ["-std=gnu++17", "-fPIC", "-w", "-fno-strict-aliasing", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0"]
#: Code that runs each cycle, and code that runs once. Verilator has optimised it before: -O2 and -O3 were measured to
#: take longer to compile, and to run no faster.
_FAST, _SLOW = ["-O1"], ["-O0"]
#: Verilator, two units of C++, the linker.
_STEPS = 4
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
_RUNTIME_TRACE = ("verilated_vcd_c.cpp",)


@dataclass(frozen=True)
class Verilation:
    """What a library is made of.

    Attributes:
        top: module.
        sources: SystemVerilog files, packages first.
        drives: C++ files of rtl_sim/drive.
        model: text of model.h, which tells them about the model; `Model` is its type there.
        parameters: of the top module, as Verilator's -G takes them.
        images: files that the model reads when it starts, by the paths that its parameters give.
        trace: whether it can write waveforms.
        assertions: whether the modules' assertions are checked.
    """

    top: str
    sources: tuple[Path, ...]
    drives: tuple[str, ...]
    model: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    images: tuple[Path, ...] = ()
    trace: bool = False
    assertions: bool = False


def verilate(what: Verilation, folder: Path) -> Path:
    """Make the library, unless it is made already.

    Args:
        folder: keeps libraries; their names hold a digest of everything they were made of.

    Raises:
        SettingsError: the sources lie where Verilator cannot read them.
        ToolError: Verilator or g++ is missing or fails.
    """
    check_folder(what.sources[0].parent)  # designs can be moved
    tool = find_verilator()
    library = folder / f"{what.top}-{_digest(what, tool)[:16]}.so"
    if library.exists():
        return library
    with task("compiling the generated SystemVerilog", _STEPS, "steps") as reported:
        runtime = _runtime(tool, trace=what.trace)
        with tempfile.TemporaryDirectory() as scratch:
            write_bytes(library, _built(what, tool, runtime, Path(scratch), reported).read_bytes())
    return library


def _built(what: Verilation, tool: Verilator, runtime: Path, work: Path, reported: Task) -> Path:
    """The library, in a folder for what comes before it."""
    reported.advance(0, "Verilator writes C++")
    _verilate(what, tool, work)
    (work / "model.h").write_text(f'#pragma once\n#include "Vmodel.h"\ntypedef Vmodel Model;\n{what.model}')
    reported.advance(note="g++ compiles what runs each cycle, and what runs once")
    jobs = []
    with ThreadPoolExecutor(2) as pool:
        for name, (files, flags) in _units(what, work).items():
            unit = work / f"{name}.cpp"
            unit.write_text("".join(f'#include "{file}"\n' for file in files))
            jobs.append(pool.submit(_compile, unit, flags, tool, what.trace))
        for job in as_completed(jobs):
            job.result()
            reported.advance()
    reported.advance(0, "linking")
    linked, objects = work / "model.so", [str(job.result()) for job in jobs]
    # -Bsymbolic: libraries of several models live in one process, each with its own runtime
    _run(["g++", "-shared", "-Wl,-Bsymbolic", *objects, str(runtime), "-o", str(linked), "-lpthread"])
    reported.advance()
    return linked


def _verilate(what: Verilation, tool: Verilator, work: Path) -> None:
    arguments = [*_VERILATE, "--Mdir", str(work), "--prefix", "Vmodel", "--top-module", what.top]
    arguments += ["--output-split", "0"]
    if what.assertions:
        arguments[arguments.index("--noassert")] = "--assert"
    if what.trace:
        arguments.append("--trace-vcd")
    arguments += [f"-G{name}={value}" for name, value in what.parameters.items()]
    _run([str(tool.folder / "verilator"), *arguments, *map(str, what.sources)], tool.environment)


def _units(what: Verilation, work: Path) -> dict[str, tuple[list[str], list[str]]]:
    """Files that are compiled together, and with which flags: code of every cycle, and code that runs once."""
    files = sorted(path.name for path in work.glob("Vmodel*.cpp"))
    slow = [name for name in files if "__Slow" in name or "__Syms" in name or "__Trace" in name]
    fast = [name for name in files if name not in slow]
    drives = [str(shared_folder("rtl_sim") / "drive" / name) for name in what.drives]
    return {"fast": ([*fast, *drives], _FAST), "slow": (slow, _SLOW)}


def _compile(unit: Path, flags: list[str], tool: Verilator, trace: bool) -> Path:
    target = unit.with_suffix(".o")
    includes = [f"-I{path}" for path in (unit.parent, *_include_folders(tool), shared_folder("rtl_sim") / "drive")]
    _run(["g++", *_FLAGS, *flags, f"-DVM_TRACE={int(trace)}", *includes, "-c", str(unit), "-o", str(target)])
    return target


def _include_folders(tool: Verilator) -> tuple[Path, Path]:
    for root in (tool.folder.parent / "include", tool.folder.parent / "share" / "verilator" / "include"):
        if (root / "verilated.h").exists():
            return root, root / "vltstd"
    raise ToolError(f"Verilator in {tool.folder} has no include folder with verilated.h: install it again")


def _runtime(tool: Verilator, *, trace: bool) -> Path:
    """Verilator's runtime as an archive, compiled at the first use."""
    root, _ = _include_folders(tool)
    files = [root / name for name in (*_RUNTIME, *(_RUNTIME_TRACE if trace else ()))]
    digest = sha256("".join([*map(sha256_file, files), *_FLAGS, tool.version, platform.machine()]).encode())
    archive = cache_folder() / f"verilated-{digest[:16]}.a"
    if archive.exists():
        return archive
    text = "compiling Verilator's runtime, once on this machine"
    with task(text, len(files), "units") as reported, tempfile.TemporaryDirectory() as scratch:
        units = []
        for file in files:
            unit = Path(scratch) / file.name
            unit.write_text(f'#include "{file}"\n')
            units.append(unit)
        with ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(_compile, unit, _FAST, tool, trace) for unit in units]
            for job in as_completed(jobs):
                job.result()
                reported.advance()
        objects = [job.result() for job in jobs]
        made = Path(scratch) / "runtime.a"
        _run(["ar", "rcs", str(made), *map(str, objects)])
        write_bytes(archive, made.read_bytes())
    return archive


def cache_folder() -> Path:
    """Where compiled parts that no design owns are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hwcodesign"


def _digest(what: Verilation, tool: Verilator) -> str:
    files = [*what.sources, *what.images, *sorted((shared_folder("rtl_sim") / "drive").glob("*"))]
    parts = [f"{path.name} {sha256_file(path)}" for path in files]
    parts += [what.top, *what.drives, what.model, f"{what.trace} {what.assertions}", tool.version, platform.machine()]
    parts += [f"{name}={value}" for name, value in sorted(what.parameters.items())]
    return sha256("\n".join([*parts, *_VERILATE, *_FLAGS, *_FAST]).encode())


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    if shutil.which(command[0]) is None:
        raise ToolError(f"{command[0]} is not installed: simulating RTL needs it")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise ToolError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-6000:]}")
