"""This module imports Brevitas' exporter to QONNX without the warnings that it greets everybody with, and shortens its
errors.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # it tells everybody that a package is missing which is for large language models alone
    warnings.filterwarnings(
        "ignore", "fast_hadamard_transform package not found", UserWarning, r"brevitas\.graph\.equalize"
    )
    from brevitas.export import export_qonnx

__all__ = ["export_qonnx", "first_sentence"]


def first_sentence(error: Exception) -> str:
    """Returns the message of an error without the pages that PyTorch's exporter appends."""
    text = " ".join(str(error).split()) or repr(error)
    return text.partition("[Caused by")[0].partition(". Please feel free")[0].strip().rstrip(".")
