"""This module reads arrays of a .npz file: first their headers, and their data only on request. NumPy only.

A small file may claim that an array is huge. Readers therefore compare shapes with the expected ones before memory is
allocated.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import FieldError
from hwcodesign.storage.fields import shown

#: Of all arrays of a file together: 32 million weights in float64.
MOST_BYTES = 2**28
_MOST_ARRAYS = 2**12
#: Of the list of arrays at a file's end.
_MOST_DIRECTORY_BYTES = 2**20
#: Of what stands in a file beside its arrays' data.
_MOST_OVERHEAD = 2**22
#: Of the text before an array's data, which has its type and shape.
_MOST_HEADER_BYTES = 2**10
_TYPES = {"float32", "float64", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}
_HEADER_START = b"\x93NUMPY\x01\x00"
#: What `zipfile` raises at damaged files.
_DAMAGED = (OSError, ValueError, RuntimeError, EOFError, struct.error, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class StoredArray:
    """This is an array of an open file whose header has been read.

    Attributes:
        name: name in the file.
        shape, dtype: shape and dtype in the header.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    _file: zipfile.ZipFile = field(repr=False)

    def read(self) -> NDArray[Any]:
        """Returns its data.

        Raises:
            FieldError: they are damaged.
        """
        try:
            with self._file.open(f"{self.name}.npy") as stream:
                data = np.lib.format.read_array(stream, allow_pickle=False)  # type: ignore[no-untyped-call]
                return np.asarray(data)
        except _DAMAGED as error:
            raise FieldError(f"array {shown(self.name)} is damaged: {error}") from None


@contextmanager
def open_arrays(path: Path) -> Iterator[dict[str, StoredArray]]:
    """Opens the arrays of a .npz file by their names; they can be read within the block.

    Raises:
        FieldError: the file is missing or does not hold numeric arrays, or the arrays are larger than `MOST_BYTES` in
            total or do not match the space that they take in the file.
    """
    try:
        _check_directory(path)
        file = zipfile.ZipFile(path)
    except _DAMAGED as error:
        raise FieldError(f"it is not a file of arrays: {error}") from None
    with file:
        members = file.infolist()
        if len(members) > _MOST_ARRAYS or len({member.filename for member in members}) != len(members):
            raise FieldError(f"it has {len(members)} arrays: at most {_MOST_ARRAYS}, each name once, can be")
        if sum(member.file_size for member in members) > MOST_BYTES:
            raise FieldError(f"its arrays take more than {MOST_BYTES} bytes")
        arrays = [_header(file, member) for member in members]
        yield {array.name: array for array in arrays}


def check_size(path: Path) -> None:
    """Raises an error if a file is larger than its arrays could be.

    Raises:
        FieldError: the file is too large, or cannot be read.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise FieldError(f"it cannot be read: {error.strerror}") from None
    if size > MOST_BYTES + _MOST_OVERHEAD:
        raise FieldError(f"it has {size} bytes: at most {MOST_BYTES + _MOST_OVERHEAD} can be")


def _check_directory(path: Path) -> None:
    """Raises an error for a list of arrays that would take much memory, because `zipfile` reads all of it.

    NumPy writes its end record last and short: 22 bytes, and no longer one before it.
    """
    check_size(path)
    with path.open("rb") as stream:
        stream.seek(-min(42, path.stat().st_size), io.SEEK_END)
        end = stream.read()
    if end[-22:-18] != b"PK\x05\x06" or end[:-22].startswith(b"PK\x06\x07"):
        raise FieldError("its end is not that of a file that NumPy wrote")
    (size,) = struct.unpack("<I", end[-10:-6])
    if size > _MOST_DIRECTORY_BYTES:
        raise FieldError(f"its list of arrays has {size} bytes: at most {_MOST_DIRECTORY_BYTES} can be")


def _header(file: zipfile.ZipFile, member: zipfile.ZipInfo) -> StoredArray:
    name = member.filename.removesuffix(".npy")
    what = f"array {shown(name)}"
    if name == member.filename or member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise FieldError(f"{what} is not one that NumPy wrote")
    try:
        with file.open(member) as stream:
            start = stream.read(10)
            length = int.from_bytes(start[8:], "little")
            if start[:8] != _HEADER_START or length > _MOST_HEADER_BYTES:
                raise FieldError(f"{what} has another header than arrays of numbers have")
            text = io.BytesIO(start[8:] + stream.read(length))
        shape, _, dtype = np.lib.format.read_array_header_1_0(text)  # type: ignore[no-untyped-call]
    except FieldError:
        raise
    except Exception as error:  # NumPy parses the text as Python: whatever that may raise
        raise FieldError(f"{what} has a damaged header: {shown(str(error))}") from None
    if dtype.name not in _TYPES:
        raise FieldError(f"{what} is of type {shown(str(dtype))}, and must be of {', '.join(sorted(_TYPES))}")
    if member.file_size != 10 + length + math.prod(shape) * dtype.itemsize:
        raise FieldError(f"{what} of shape {shape} takes {member.file_size} bytes, which is not its size")
    return StoredArray(name, shape, dtype, file)
