"""This module checks folders before long work: that tools can read them, because shells and Tcl treat some characters
of a path specially, and that they can be written.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from hwcodesign.errors import SettingsError

#: What Verilator's launcher gives to a shell, and what ends a string or a line in the sources that it reads.
_READ_OTHERWISE = '"$`\\'


def check_folder(folder: Path) -> None:
    """Raises an error if a tool cannot be given the path of a folder.

    Raises:
        SettingsError: it names the character.
    """
    path = str(folder.resolve())
    for char in path:
        if char in _READ_OTHERWISE or not char.isprintable():
            raise SettingsError(
                f"the path {path!r} has the character {char!r}, which tools treat specially: choose a folder without it"
            )


def check_writable(folder: Path, option: str) -> None:
    """Makes a folder if it does not exist, and writes a file into it that is removed at once.

    Args:
        option: option of the command line that names another folder.

    Raises:
        SettingsError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingsError(f"{folder} cannot be written ({error.strerror}): name another place, {option}") from None
