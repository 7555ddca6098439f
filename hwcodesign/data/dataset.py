"""A data set is split into three parts: training, fitting of policies, and test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import DataError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.storage.files import sha256


@dataclass(frozen=True, eq=False)
class Split:
    """A split holds images as codes, and their labels.

    Attributes:
        images: (N, C, H, W) integer codes of the data set's input format.
        labels: (N,) integers, the classes from 0.

    Raises:
        DataError: the numbers of images and labels differ, or a label is not a class.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise DataError(f"{len(self.images)} images but {len(self.labels)} labels")
        labels = np.asarray(self.labels)
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise DataError(f"labels {labels.shape} of {labels.dtype}: give one integer for each image, its class")
        if labels.size and labels.min() < 0:
            raise DataError(f"label {labels.min()} is negative: classes are numbered from 0")

    def __len__(self) -> int:
        return len(self.labels)

    def digest(self) -> str:
        """Returns the SHA-256 hash of images and labels."""
        return sha256(np.ascontiguousarray(self.images).tobytes() + self.labels.astype("<i8").tobytes())

    def take(self, count: int) -> Split:
        """Returns the first `count` samples."""
        return Split(self.images[:count], self.labels[:count])


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set holds its splits and the format of its images.

    Attributes:
        name: name in reports.
        input_format: format of the images' codes.
        training: the split that networks learn from.
        fitting: the split on which policies are fitted; networks are never trained on it.
        test: the split of which results are reported; neither training nor fitting uses it.
        personal: images of one user, for personalised heads; `fitting` and `test` are then also from this user.
    """

    name: str
    input_format: FixedPoint
    training: Split
    fitting: Split
    test: Split
    personal: Split | None = None
