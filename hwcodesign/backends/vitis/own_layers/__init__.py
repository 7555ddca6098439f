"""This package writes the C++ of layers that hls4ml has not (`frontend/own_layers`), one module each.

Each is a config struct and a call of a kernel in hls/kernels. Importing the package tells hls4ml's Vitis backend of
them.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from hwcodesign.backends.vitis.own_layers import (  # noqa: F401  # tell hls4ml of templates
    border_pool,
    code_function,
    upsampling,
    whole_average,
)
from hwcodesign.frontend import own_layers
from hwcodesign.storage.installed import shared_folder

#: Where hls4ml's projects have their kernels.
_KERNELS = "firmware/nnet_utils"


def copy_kernels(graph: Any, project: Path) -> None:
    """Copies the kernels of our own layers into a project that hls4ml wrote, if its graph has such layers."""
    if any(layer.class_name in own_layers.__all__ for layer in graph.get_layers()):
        hls = shared_folder("hls")
        for header in (hls / "raw_code.h", *sorted((hls / "kernels").glob("*.h"))):
            shutil.copyfile(header, project / _KERNELS / header.name)
