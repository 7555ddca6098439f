"""This module checks that tools can read a folder, because shells and Tcl treat some characters of a path specially."""

from __future__ import annotations

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
