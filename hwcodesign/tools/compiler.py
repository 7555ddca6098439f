"""This module finds and runs the C++ compiler."""

from __future__ import annotations

import shutil
import subprocess
from typing import Literal

from hwcodesign.errors import ToolError

#: Backends that need it.
Backend = Literal["csim", "native"]
#: Those that compute the same without it.
_INSTEAD: dict[Backend, str] = {"csim": "software", "native": "numpy"}
#: Characters of what a compiler said, counted from the end: the last ones name the error.
_SAID = 4_000


def find_compiler(on: Backend) -> str:
    """Returns the path of g++.

    Args:
        on: backend that needs it.

    Raises:
        ToolError: it is not installed.
    """
    compiler = shutil.which("g++")
    if compiler is None:
        raise ToolError(f"on={on!r} needs g++ (Debian and Ubuntu: apt install g++); on={_INSTEAD[on]!r} does not")
    return compiler


def compiler_version(compiler: str) -> str:
    """Returns the version of a g++, as it says it.

    Raises:
        ToolError: it says none.
    """
    return run_compiler([compiler, "-dumpfullversion"]).strip()


def run_compiler(command: list[str], on: Backend | None = None) -> str:
    """Runs a compiler, and returns what it prints.

    Args:
        on: backend that needs it, if there is another one that computes the same.

    Raises:
        ToolError: it fails.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        instead = f"; on={_INSTEAD[on]!r} does not need it" if on else ""
        raise ToolError(f"{' '.join(command)} failed{instead}:\n{done.stderr[-_SAID:]}")
    return done.stdout
