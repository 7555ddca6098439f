"""This module builds and loads the native engine's C++, which is the same for all designs.

It is compiled for the processor that it runs on, at the first use on a machine, and kept in the cache. A machine
without g++ can keep a library that another one compiled for it.
"""

from __future__ import annotations

import ctypes
import platform
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hwcodesign.storage.cache import is_kept, kept
from hwcodesign.storage.files import sha256_file
from hwcodesign.tools.compiler import find_compiler, run_compiler

#: Folder of the engine's C++.
SOURCES = Path(__file__).parent / "cpp"
_FLAGS = ["-O3", "-std=c++17", "-fPIC", "-shared", "-pthread", "-fno-exceptions", "-fwrapv"]
_LIBRARY = "engine.so"
_KEPT_AS = "native-engine"
_ARMV8 = ("aarch64", "arm64")


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


def build_library(compiled: Path | None = None) -> Path:
    """Compiles the engine for this processor, unless that is done.

    Args:
        compiled: a library that `compile_library` made of the same sources for this machine; it is kept, and g++ is
            not asked for.

    Returns:
        The shared library.

    Raises:
        ToolError: g++ is missing or fails, or the cache belongs to somebody else.
    """

    def make(folder: Path) -> None:
        if compiled is not None:
            shutil.copyfile(compiled, folder / _LIBRARY)
        else:
            compile_library(folder / _LIBRARY, find_compiler("native"), machine())

    return kept(_KEPT_AS, _made_of(), make) / _LIBRARY


def compile_library(target: Path, compiler: str, wanted: str) -> None:
    """Compiles the engine for a machine.

    Args:
        target: the shared library.
        compiler: a g++ that compiles for that machine.
        wanted: name of the machine, see `machine`.

    Raises:
        ToolError: the compiler fails.
    """
    run_compiler([compiler, *flags(wanted), str(SOURCES / "engine.cpp"), "-o", str(target)], "native")


def is_available() -> bool:
    """Tells whether the engine can be used: g++ is there, or the engine was built before.

    Raises:
        ToolError: the cache belongs to somebody else, or others may write to it.
    """
    return shutil.which("g++") is not None or is_kept(_KEPT_AS, _made_of())


def machine() -> str:
    """Returns the name of the machine that Python was built for; a processor of 64 bits may run one of 32."""
    name = platform.machine()
    return "armv7l" if name in {*_ARMV8, "armv8l"} and sys.maxsize < 2**32 else name


def flags(wanted: str | None = None) -> list[str]:
    """Returns the compiler's flags for a machine.

    All ARM processors of a kind share their flags, so that another machine can compile for them.

    Args:
        wanted: name of the machine, see `machine`; by default this one.
    """
    wanted = wanted or machine()
    if wanted.startswith("armv7"):
        return [*_FLAGS, "-march=armv7-a", "-mfpu=neon", "-mtune=cortex-a9"]
    if wanted in _ARMV8:
        return [*_FLAGS, "-march=armv8-a", "-mtune=cortex-a53"]
    return [*_FLAGS, "-march=native"]


def _made_of() -> str:
    """Returns all that the library depends on, as text."""
    sources = sorted(SOURCES.iterdir())
    parts = [*flags(), machine(), _processor(), *(f"{path.name} {sha256_file(path)}" for path in sources)]
    return "\n".join(parts)


def _processor() -> str:
    """Returns what tells this processor's instructions from those of others, which may share a home folder."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(sorted({line for line in lines if line.split(":")[0].strip() in {"flags", "Features"}}))
