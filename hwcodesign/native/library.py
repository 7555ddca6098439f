"""This module builds and loads the native engine's C++, which is the same for all designs.

It is compiled for the processor that it runs on, at the first use on a machine, and kept in the cache.
"""

from __future__ import annotations

import ctypes
import platform
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hwcodesign.errors import ToolError
from hwcodesign.storage.cache import kept
from hwcodesign.storage.files import sha256_file

#: Folder of the engine's C++.
SOURCES = Path(__file__).parent / "cpp"
_FLAGS = ["-O3", "-std=c++17", "-fPIC", "-shared", "-pthread", "-fno-exceptions", "-fwrapv"]
_LIBRARY = "engine.so"


@dataclass(frozen=True)
class NativeLibrary:
    """A native library is the compiled engine, and what it found on this processor.

    Attributes:
        functions: its functions.
        lanes: 32-bit sums of one vector.
        has_bytes: whether the processor multiplies unsigned bytes by signed ones in one instruction.
    """

    functions: ctypes.CDLL
    lanes: int
    has_bytes: bool


@cache
def native_library() -> NativeLibrary:
    """Builds the engine, unless that is done, and loads it.

    Raises:
        ToolError: g++ is missing or fails, or the cache belongs to somebody else.
    """
    functions = ctypes.CDLL(str(build_library()))
    functions.hwc_program.restype = ctypes.c_void_p
    return NativeLibrary(functions, int(functions.hwc_lanes()), bool(functions.hwc_has_bytes()))


def build_library() -> Path:
    """Compiles the engine for this processor, unless that is done.

    Returns:
        The shared library.

    Raises:
        ToolError: g++ is missing or fails, or the cache belongs to somebody else.
    """
    compiler = find_compiler()
    sources = sorted(SOURCES.iterdir())
    made_of = [*flags(), platform.machine(), _processor(), *(f"{path.name} {sha256_file(path)}" for path in sources)]

    def make(folder: Path) -> None:
        command = [compiler, *flags(), str(SOURCES / "engine.cpp"), "-o", str(folder / _LIBRARY)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ToolError(f"{' '.join(command)} failed, so that on='numpy' alone runs:\n{done.stderr[-4000:]}")

    return kept("native-engine", "\n".join(made_of), make) / _LIBRARY


def find_compiler() -> str:
    """Returns the path of g++.

    Raises:
        ToolError: it is not installed.
    """
    compiler = shutil.which("g++")
    if compiler is None:
        raise ToolError("on='native' needs g++ (Debian and Ubuntu: apt install g++); on='numpy' does not")
    return compiler


def flags() -> list[str]:
    """Returns the compiler's flags on this machine."""
    if platform.machine().startswith("armv7"):
        return [*_FLAGS, "-march=armv7-a", "-mfpu=neon"]
    return [*_FLAGS, "-mcpu=native" if platform.machine() in {"aarch64", "arm64"} else "-march=native"]


def _processor() -> str:
    """Returns what tells this processor's instructions from those of others, which may share a home folder."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(sorted({line for line in lines if line.split(":")[0].strip() in {"flags", "Features"}}))
