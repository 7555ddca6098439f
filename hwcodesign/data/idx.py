"""This module reads MNIST and Fashion-MNIST from their original files in IDX format.

The format is described at the end of the MNIST page of LeCun, Cortes and Burges: a magic number that holds type
and rank, the sizes as big-endian 32-bit integers, then the values.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.data.dataset import Dataset, Split
from hwcodesign.data.location import data_folder
from hwcodesign.errors import DataError
from hwcodesign.images import BYTES

INPUT_FORMAT = BYTES
_FITTING = 5000
_UNSIGNED_BYTE = 0x08


def mnist() -> Dataset:
    """Returns MNIST: 55,000 training, 5,000 fitting and 10,000 test images."""
    return _load("mnist")


def fashion_mnist() -> Dataset:
    """Returns Fashion-MNIST in the same split as MNIST."""
    return _load("fashion-mnist")


def read_idx(path: Path, rank: int) -> NDArray[np.uint8]:
    """Reads an IDX file of unsigned bytes, gzipped or not.

    Raises:
        DataError: the file is missing, truncated, or not an IDX file of this kind.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist: put the data set's original files there")
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}): download it again") from None
    head = 4 + 4 * rank
    if len(data) < head or data[:4] != bytes([0, 0, _UNSIGNED_BYTE, rank]):
        raise DataError(f"{path} is not an IDX file of rank {rank} with unsigned bytes: download it again")
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank)]
    if len(data) - head != math.prod(shape):
        raise DataError(f"{path} has {len(data) - head} values where its header says {shape}: download it again")
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)


def _load(name: str) -> Dataset:
    folder = data_folder(name)
    training, test = _part(folder, "train"), _part(folder, "t10k")
    kept = len(training) - _FITTING
    if kept < 1:
        raise DataError(
            f"{name} has {len(training)} training images, of which {_FITTING} are kept for fitting: "
            f"put the data set's original files into {folder}"
        )
    return Dataset(
        name,
        INPUT_FORMAT,
        training.take(kept),
        Split(training.images[kept:], training.labels[kept:]),
        test,
    )


def _part(folder: Path, prefix: str) -> Split:
    def find(stem: str, rank: int) -> NDArray[Any]:
        plain = folder / stem
        return read_idx(plain if plain.exists() else plain.with_name(f"{stem}.gz"), rank)

    images = find(f"{prefix}-images-idx3-ubyte", 3)[:, None]
    return Split(images, find(f"{prefix}-labels-idx1-ubyte", 1).astype(np.int64))
