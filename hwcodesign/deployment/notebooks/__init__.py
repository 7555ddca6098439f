"""The notebooks, where somebody wants a copy: a bundle, or whoever asks `pynq get-notebooks` for them.

This is a package because PYNQ takes entry points of `pynq.notebooks` for folders; it is empty, and PYNQ calls
`deliver_notebooks`, because the notebooks lie where `share` finds them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from hwcodesign.storage.installed import shared_folder

_FOLDER = "notebooks"


def copy_notebooks(folder: Path) -> None:
    """Copy all notebooks and their index into a new folder.

    Raises:
        DesignError: this installation carries none.
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
    """What `pynq get-notebooks hwcodesign` calls in place of `pynqutils.setup_utils.deliver_notebooks`.

    Args:
        device_name: of the board; None where overlays are not looked up.
        src_path: of this package.
        dst_path: where PYNQ puts notebooks.
        name: of the entry point.
        folder: whether to make a folder of that name in it.
        overlays_res_lookup: whether PYNQ looks for overlays beside the notebooks; there are none.

    Raises:
        DesignError: this installation carries no notebooks.
    """
    from pynqutils.setup_utils import deliver_notebooks as deliver  # noqa: PLC0415  # which PYNQ brings

    deliver(device_name, str(shared_folder(_FOLDER)), dst_path, name, folder, overlays_res_lookup)
