"""This module finds the folders of data sets, which are not part of hwcodesign."""

from __future__ import annotations

import os
from pathlib import Path

from hwcodesign.errors import DataError

#: Environment variable that names the folder with one folder per data set.
DATA_VARIABLE = "HWCODESIGN_DATA"


def data_folder(name: str) -> Path:
    """Returns the folder of a data set.

    Raises:
        DataError: the environment variable is not set, or the folder does not exist.
    """
    root = os.environ.get(DATA_VARIABLE)
    if not root:
        raise DataError(
            f"{name} is not part of hwcodesign: put its original files into a folder {name}/ and set {DATA_VARIABLE} "
            f"to the folder above it (or give --data)"
        )
    folder = Path(root) / name
    if not folder.is_dir():
        raise DataError(f"there is no data set at {folder}, where {DATA_VARIABLE}={root} says it is")
    return folder
