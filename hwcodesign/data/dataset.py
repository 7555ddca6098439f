"""A data set split in three: training, fitting of policies, and test."""

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
    """Images as codes, and their labels.

    Attributes:
        images: (N, C, H, W) integer codes of the data set's input format.
        labels: (N,) integers, the classes from 0.

    Raises:
        DataError: more images than labels or fewer, or labels that are no classes.
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
        """SHA-256 of images and labels."""
        return sha256(np.ascontiguousarray(self.images).tobytes() + self.labels.astype("<i8").tobytes())

    def take(self, count: int) -> Split:
        """The first `count` samples."""
        return Split(self.images[:count], self.labels[:count])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Attributes:
    name: for reports.
    input_format: of the images' codes.
    training: what networks learn from.
    fitting: what policies are fitted on; never trained on.
    test: what results are reported on; touched by neither.
    personal: one user's own images, which heads are personalised on; a data set of one user's then has `fitting` and
        `test` from that user, too.
    """

    name: str
    input_format: FixedPoint
    training: Split
    fitting: Split
    test: Split
    personal: Split | None = None
