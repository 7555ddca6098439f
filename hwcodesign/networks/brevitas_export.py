"""This module imports Brevitas' exporter to QONNX without the warnings that it greets everybody with."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # it tells everybody that a package is missing which is for large language models alone
    warnings.filterwarnings(
        "ignore", "fast_hadamard_transform package not found", UserWarning, r"brevitas\.graph\.equalize"
    )
    from brevitas.export import export_qonnx

__all__ = ["export_qonnx"]
