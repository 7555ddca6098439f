"""This module knows the formats of wave files, and what each needs on this machine."""

from __future__ import annotations

import subprocess
from enum import Enum
from pathlib import Path

from hwcodesign.choices import not_known
from hwcodesign.errors import SettingsError, ToolError

#: Headers of libraries that Verilator's writer of FST includes.
_HEADERS = ("zlib.h", "lz4.h")


class WaveFormat(Enum):
    """The format of a wave file is the ending of its name. FST files are small, and know the names of states."""

    VCD = ".vcd"
    FST = ".fst"


def wave_format(waves: Path) -> WaveFormat:
    """Returns the format that a file's name asks for.

    Raises:
        SettingsError: the ending is none of them.
    """
    endings = [known.value for known in WaveFormat]
    if waves.suffix not in endings:
        raise SettingsError(not_known(f"format {waves.suffix!r} of wave file {waves}", waves.suffix, endings))
    return WaveFormat(waves.suffix)


def require_writer(asked: WaveFormat) -> None:
    """Raises an error if this machine cannot compile what writes a format.

    Raises:
        ToolError: it names the packages that are missing.
    """
    if asked is WaveFormat.VCD:
        return
    text = "".join(f"#include <{name}>\n" for name in _HEADERS)
    command = ["g++", "-x", "c++", "-fsyntax-only", "-"]
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ToolError("g++ is not installed: simulating RTL needs it") from None
    if done.returncode:
        raise ToolError(
            f"FST files need the headers {' and '.join(_HEADERS)} (Debian and Ubuntu: apt install zlib1g-dev "
            "liblz4-dev), or name the file *.vcd"
        )
