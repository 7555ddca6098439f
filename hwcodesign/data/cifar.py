"""This module reads CIFAR-10: 32x32 pixels in colour, in ten classes."""

from __future__ import annotations

from hwcodesign.data.dataset import Dataset
from hwcodesign.data.image_folders import image_folders
from hwcodesign.data.location import data_folder

#: Of the 50,000 training images.
_FITTING = 5000


def cifar10_jpeg() -> Dataset:
    """Returns CIFAR-10 as it is passed around in JPEG files: 45,000 training, 5,000 fitting and 10,000 test images.

    JPEG has changed their pixels, so results on them are not results on CIFAR-10.

    Raises:
        DataError: cifar-10-jpeg.zip is not there, or damaged.
    """
    folder = data_folder("cifar-10-jpeg")
    return image_folders(folder / "cifar-10-jpeg.zip", "CIFAR-10 (JPEG)", fitting=_FITTING)
