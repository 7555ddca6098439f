"""This module hands arrays to compiled libraries: C pointers to their elements."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray


def pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    """Returns a pointer to the elements of an array, which must have a name as long as C++ uses them."""
    return ctypes.c_void_p(array.ctypes.data)


def pointers(arrays: Sequence[NDArray[Any]]) -> Any:
    """Returns a C array of pointers, one for each array; the same holds for their names."""
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
