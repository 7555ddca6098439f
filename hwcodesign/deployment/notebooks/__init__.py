"""This package copies the notebooks into a bundle, or to a user of `pynq get-notebooks`.

This is a package because PYNQ takes entry points of `pynq.notebooks` for folders; it is empty, and PYNQ calls
`deliver_notebooks`, because the notebooks lie where `share` finds them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from hwcodesign.storage.installed import shared_folder

_FOLDER = "notebooks"


def copy_notebooks(folder: Path) -> None:
    """Copies all notebooks and their index into a new folder.

    Raises:
        DesignError: this installation has no notebooks.
    """
    folder.mkdir()
    source = shared_folder(_FOLDER)
    for path in (*source.glob("*.ipynb"), source / "README.md"):
        shutil.copyfile(path, folder / path.name)


def deliver_notebooks(
    device_name: str | None,
    src_path: str,  # noqa: ARG001  # of this package, where they are not
    dst_path: str,
    name: str,
    folder: bool = False,
    overlays_res_lookup: bool = True,
) -> None:
    """Copies the notebooks for `pynq get-notebooks`, in place of `pynqutils.setup_utils.deliver_notebooks`.

    Args:
        device_name: name of the board; None if overlays are not looked up.
        src_path: path of this package.
        dst_path: folder where PYNQ keeps notebooks.
        name: name of the entry point.
        folder: whether to make a folder of that name.
        overlays_res_lookup: whether PYNQ looks for overlays beside the notebooks; there are none.

    Raises:
        DesignError: this installation has no notebooks.
    """
    from pynqutils.setup_utils import deliver_notebooks as deliver  # noqa: PLC0415  # which PYNQ brings

    deliver(device_name, str(shared_folder(_FOLDER)), dst_path, name, folder, overlays_res_lookup)
