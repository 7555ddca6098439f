"""This module finds the sources that are not Python: hls/, models/ and others.

A checkout has them at its top, where hardware people look; a built wheel carries them in the package.
"""

from __future__ import annotations

from pathlib import Path

from hwcodesign.errors import DesignError

_PACKAGE = Path(__file__).resolve().parent.parent


def shared_folder(name: str) -> Path:
    """Returns the folder `name` of an editable install's source code, or of the wheel.

    Raises:
        DesignError: the installation has neither.
    """
    for folder in (_PACKAGE / "_share" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise DesignError(f"this installation of hwcodesign has no {name}/ folder: install the wheel or a checkout again")
