"""This module precompiles headers of C++: of a small unit, to read them is the most of the work."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

from hwcodesign.storage.cache import kept
from hwcodesign.tools.compiler import Backend, run_compiler

_HEADER = "first.h"


def precompiled(
    name: str, headers: Sequence[str], command: Sequence[str], made_of: str, on: Backend | None = None
) -> Path:
    """Returns a header that includes others, precompiled, for g++'s `-include`. It is kept between runs.

    Where flags or macros matter to it and are others than those of the command, g++ reads the header's text instead.

    Args:
        name: in the cache.
        headers: what it includes: names, or "<name>" of headers of the system.
        command: the compiler and its flags.
        made_of: all that the headers and the compiler depend on, beside these.
        on: as of `run_compiler`.

    Raises:
        ToolError: the compiler fails.
    """

    def make(folder: Path) -> None:
        header = folder / _HEADER
        lines = (f"#include {include}\n" if include[0] == "<" else f'#include "{include}"\n' for include in headers)
        header.write_text("".join(lines))
        run_compiler([*command, "-x", "c++-header", str(header), "-o", f"{header}.gch"], on)

    return kept(name, " ".join([made_of, platform.machine(), *headers]), make) / _HEADER
