"""This module reads CIFAR-10 and CIFAR-100: 32x32 pixels in colour, in 10 or 100 classes.

The originals' binary version has one record per image: its label as a byte (in CIFAR-100 two, a coarse and a fine one),
then 32x32 red, green and blue pixels.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hwcodesign.data.dataset import Dataset, Split
from hwcodesign.data.image_folders import INPUT_FORMAT, image_folders
from hwcodesign.data.location import data_folder
from hwcodesign.data.splitting import fitting_kept
from hwcodesign.errors import DataError

SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32
#: Of the 50,000 training images.
_FITTING = 5000


def cifar10() -> Dataset:
    """Returns CIFAR-10 from its binary version: 45,000 training, 5,000 fitting and 10,000 test images.

    Raises:
        DataError: a file is missing from cifar-10-batches-bin/, or damaged.
    """
    folder = data_folder("cifar-10-batches-bin")
    parts = [read_batch(folder / f"data_batch_{i}.bin", classes=10) for i in range(1, 6)]
    return _dataset("CIFAR-10", parts, read_batch(folder / "test_batch.bin", classes=10))


def cifar100() -> Dataset:
    """Returns CIFAR-100 with its fine labels, in the same split as CIFAR-10.

    Raises:
        DataError: a file is missing from cifar-100-binary/, or damaged.
    """
    folder = data_folder("cifar-100-binary")
    training, test = (read_batch(folder / f"{part}.bin", classes=100, labels=2) for part in ("train", "test"))
    return _dataset("CIFAR-100", [training], test)


def cifar10_jpeg() -> Dataset:
    """Returns CIFAR-10 as it is passed around in JPEG files, in the same split by other images.

    JPEG has changed their pixels, so results on them are not results on CIFAR-10.

    Raises:
        DataError: cifar-10-jpeg/cifar-10-jpeg.zip is not there, or damaged.
    """
    path = data_folder("cifar-10-jpeg") / "cifar-10-jpeg.zip"
    return image_folders(path, "CIFAR-10 (JPEG)", fitting=_FITTING)


def read_batch(path: Path, *, classes: int, labels: int = 1) -> Split:
    """Reads a file of the binary version.

    Args:
        path: for example data_batch_1.bin.
        classes: number of classes.
        labels: labels in front of each image; the last of them counts.

    Raises:
        DataError: the file is missing, truncated, or has a label that is no class.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist: put the binary version's original files there")
    record, data = labels + _PIXELS, np.fromfile(path, np.uint8)
    if not data.size or data.size % record:
        raise DataError(f"{path} has {data.size} bytes, not records of {record} each: download it again")
    records = data.reshape(-1, record)
    found = records[:, labels - 1].astype(np.int64)
    if found.max() >= classes:
        where = int(np.argmax(found >= classes))
        raise DataError(
            f"{path} has label {found[where]} at image {where}, and classes are 0 to {classes - 1}: download it again"
        )
    return Split(records[:, labels:].reshape(-1, *SHAPE), found)


def _dataset(name: str, training: list[Split], test: Split) -> Dataset:
    images, labels = (np.concatenate([getattr(part, what) for part in training]) for what in ("images", "labels"))
    return Dataset(name, INPUT_FORMAT, *fitting_kept(Split(images, labels), _FITTING, name), test)
