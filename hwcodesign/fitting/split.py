"""This module checks the images and labels that a policy is fitted on."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import PolicyError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.images import encode_images
from hwcodesign.storage.files import sha256


@dataclass(frozen=True, eq=False)
class FittingSplit:
    """It holds the data that a policy is fitted on, checked; many policies may be fitted on it.

    Attributes:
        codes: of the images (N, C, H, W), int64.
        labels: (N,), int64.
        digest: SHA-256 of both.
    """

    codes: NDArray[np.int64]
    labels: NDArray[np.int64]
    digest: str

    @classmethod
    def of(
        cls, images: NDArray[Any], labels: NDArray[Any], fmt: FixedPoint, shape: Sequence[int], classes: int
    ) -> FittingSplit:
        """Encodes images and checks labels.

        Args:
            images: as `encode_images` has them.
            labels: one an image.
            fmt, shape: those of the network's input.
            classes: number of classes.

        Raises:
            ImagesError: as `encode_images`.
            PolicyError: there is no image, not one label an image, or a label is not a class.
        """
        codes = np.asarray(encode_images(images, fmt, shape), np.int64)
        labels = np.asarray(labels, np.int64)
        if labels.shape != (len(codes),) or not len(codes):
            raise PolicyError(
                f"{len(codes)} fitting images and labels of shape {labels.shape}: give one label an image, at least one"
            )
        wrong = labels[(labels < 0) | (labels >= classes)]
        if len(wrong):
            raise PolicyError(f"fitting label {wrong[0]} is not a class: the network has classes 0 to {classes - 1}")
        _warn_of_missing(labels, classes)
        return cls(codes, labels, sha256(codes.astype("<i8").tobytes() + labels.astype("<i8").tobytes()))


def _warn_of_missing(labels: NDArray[np.int64], classes: int) -> None:
    missing = sorted(set(range(classes)) - set(labels.tolist()))
    if missing:
        names = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        warnings.warn(
            f"{len(missing)} of {classes} classes are not in the fitting split ({names}): nothing is known of "
            "how sure the network may be of them",
            stacklevel=5,
        )
