"""This module compiles C++ that Verilator wrote, and once on a machine what all of it needs: Verilator's runtime, and
its headers, which a unit reads first.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from hwcodesign.errors import ToolError
from hwcodesign.progress import task
from hwcodesign.simulation.wave_format import WaveFormat
from hwcodesign.storage.cache import kept
from hwcodesign.storage.files import sha256_file
from hwcodesign.storage.installed import shared_folder
from hwcodesign.tools.verilator import Verilator, include_folders

_FLAGS = ["-std=gnu++17", "-fPIC", "-w", "-fno-strict-aliasing", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0"]
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
#: What writes waves: a file of the runtime, and flags.
_RUNTIME_TRACE = {WaveFormat.VCD: "verilated_vcd_c.cpp", WaveFormat.FST: "verilated_fst_c.cpp"}
_TRACE_FLAGS = {
    None: ["-DVM_TRACE=0"],
    WaveFormat.VCD: ["-DVM_TRACE=1", "-DVM_TRACE_VCD=1"],
    WaveFormat.FST: ["-DVM_TRACE=1", "-DVM_TRACE_FST=1"],
}
_ARCHIVE, _FIRST = "runtime.a", "first.h"


class Effort(Enum):
    """The effort says how g++ optimises a unit.

    Verilator has optimised it before: -O2 and -O3 were measured to take longer to compile, and to run no faster.
    """

    EACH_CYCLE = "-O1"
    ONCE = "-O0"


@dataclass(frozen=True)
class Runtime:
    """A runtime is what models need of Verilator, compiled.

    Attributes:
        tool: the Verilator that it belongs to.
        trace: format of the waveforms that it can write.
        folder: where it is kept.
    """

    tool: Verilator
    trace: WaveFormat | None
    folder: Path

    @property
    def archive(self) -> Path:
        """Returns the archive that models are linked with."""
        return self.folder / _ARCHIVE

    def compiled(self, unit: Path, effort: Effort) -> Path:
        """Compiles a unit of C++.

        Returns:
            The object, beside the unit.

        Raises:
            ToolError: g++ is missing or fails.
        """
        target = unit.with_suffix(".o")
        first = _headers(self.folder, effort)
        reads = [f"-I{unit.parent}", "-include", str(first)]
        run([*_command(self.tool, self.trace, effort), *reads, "-c", str(unit), "-o", str(target)])
        return target


def runtime_of(tool: Verilator, trace: WaveFormat | None) -> Runtime:
    """Returns the runtime of a Verilator, compiled at the first use.

    Raises:
        ToolError: g++ is missing or fails.
    """
    root, _ = include_folders(tool)
    files = [root / name for name in (*_RUNTIME, *([] if trace is None else [_RUNTIME_TRACE[trace]]))]
    messages = _drives() / "messages.h"
    made_of = "\n".join([*map(sha256_file, [*files, messages, Path(__file__)]), tool.version, platform.machine()])

    def make(folder: Path) -> None:
        work = Path(tempfile.mkdtemp(dir=folder))
        with (
            task("compiling Verilator's runtime, once on this machine", len(files) + len(Effort), "units") as reported,
            ThreadPoolExecutor(2) as pool,
        ):
            of_runtime = _command(tool, trace, Effort.EACH_CYCLE)
            objects = {file: work / f"{file.stem}.o" for file in files}
            commands = [
                [*of_runtime, "-include", "messages.h", "-c", str(file), "-o", str(made)]
                for file, made in objects.items()
            ]
            for effort in Effort:
                header = _headers(folder, effort)
                header.parent.mkdir()
                header.write_text('#include "messages.h"\n#include "verilated.h"\n')
                made_header = ["-x", "c++-header", str(header), "-o", f"{header}.gch"]
                commands.append([*_command(tool, trace, effort), *made_header])
            for job in as_completed([pool.submit(run, command) for command in commands]):
                job.result()
                reported.advance()
        run(["ar", "rcs", str(folder / _ARCHIVE), *map(str, objects.values())])
        shutil.rmtree(work)

    return Runtime(tool, trace, kept("verilated", made_of, make))


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Runs a tool that makes a model.

    Raises:
        ToolError: it is missing or fails.
    """
    if shutil.which(command[0]) is None:
        raise ToolError(f"{command[0]} is not installed: simulating RTL needs it")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise ToolError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-6000:]}")


def _command(tool: Verilator, trace: WaveFormat | None, effort: Effort) -> list[str]:
    folders = (*include_folders(tool), _drives())
    return ["g++", *_FLAGS, effort.value, *_TRACE_FLAGS[trace], *(f"-I{path}" for path in folders)]


def _headers(folder: Path, effort: Effort) -> Path:
    """The header that units of an effort read first: g++ takes the precompiled one beside it if all flags are alike."""
    return folder / effort.name.lower() / _FIRST


def _drives() -> Path:
    return shared_folder("rtl_sim") / "drive"
