"""This module precompiles headers of C++: of a small unit, to read them is the most of the work."""

from __future__ import annotations

import platform
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from hwcodesign.errors import ToolError
from hwcodesign.storage.cache import kept

_HEADER = "first.h"
#: Characters of what a compiler said, counted from the end: the last ones name the error.
_SAID = 4_000


def precompiled(name: str, headers: Sequence[str], command: Sequence[str], made_of: str) -> Path:
    """Returns a header that includes others, precompiled, for g++'s `-include`. It is kept between runs.

    Where flags or macros matter to it and are others than those of the command, g++ reads the header's text instead.

    Args:
        name: in the cache.
        headers: what it includes: names, or "<name>" of headers of the system.
        command: the compiler and its flags.
        made_of: all that the headers and the compiler depend on, beside these.

    Raises:
        ToolError: the compiler fails.
    """

    def make(folder: Path) -> None:
        header = folder / _HEADER
        lines = (f"#include {include}\n" if include[0] == "<" else f'#include "{include}"\n' for include in headers)
        header.write_text("".join(lines))
        whole = [*command, "-x", "c++-header", str(header), "-o", f"{header}.gch"]
        done = subprocess.run(whole, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ToolError(f"{shlex.join(whole)} failed:\n{done.stderr[-_SAID:]}")

    return kept(name, " ".join([made_of, platform.machine(), *headers]), make) / _HEADER
