"""This module simulates one user's handwriting: it rotates, slants and thickens images.

It replaces real data of a user, because the data sets here do not say who wrote an image. As with a real user, all
images of the user differ from those of other people in the same way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.data.dataset import Split


@dataclass(frozen=True)
class Handwriting:
    """A handwriting says how a user's images differ from those of other people.

    Attributes:
        rotation: degrees, counterclockwise.
        slant: pixels by which a stroke leans to the right for each pixel upwards.
        thickness: 0 keeps strokes as they are; 1 replaces each pixel by the largest of its 3x3 neighbours.
    """

    rotation: float = 0.0
    slant: float = 0.0
    thickness: float = 0.0

    def written(self, split: Split) -> Split:
        """Returns the split's images in this handwriting, with the same labels.

        Values between pixels are interpolated linearly, beyond the border they are 0; codes are rounded half to even.
        """
        images = split.images.astype(np.float64)
        thick = images + self.thickness * (_largest_neighbour(images) - images)
        written = np.rint(self._moved(thick)).astype(split.images.dtype)
        return Split(written, split.labels)

    def _moved(self, images: NDArray[np.float64]) -> NDArray[np.float64]:
        """Moves the images: each pixel reads the place that it comes from."""
        height, width = images.shape[2:]
        rows, columns = np.mgrid[:height, :width].astype(np.float64)
        up, right = (height - 1) / 2 - rows, columns - (width - 1) / 2
        angle = math.radians(self.rotation)
        upright_up = up * math.cos(angle) - right * math.sin(angle)
        upright_right = up * math.sin(angle) + right * math.cos(angle)
        from_rows = (height - 1) / 2 - upright_up
        from_columns = upright_right - self.slant * upright_up + (width - 1) / 2
        return _sampled(images, from_rows, from_columns)


def _largest_neighbour(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the largest of the 3x3 pixels around each pixel."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = images.shape[2:]
    shifted: list[NDArray[Any]] = [padded[:, :, r : r + height, c : c + width] for r in range(3) for c in range(3)]
    return np.asarray(np.max(shifted, axis=0))


def _sampled(
    images: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns the values at real positions, (H, W) each: linear between pixels, 0 beyond the border."""
    height, width = images.shape[2:]
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    rows, columns = np.clip(rows + 1, 0, height + 1), np.clip(columns + 1, 0, width + 1)
    top, left = np.minimum(rows.astype(int), height), np.minimum(columns.astype(int), width)
    down, right = rows - top, columns - left
    upper = padded[..., top, left] * (1 - right) + padded[..., top, left + 1] * right
    lower = padded[..., top + 1, left] * (1 - right) + padded[..., top + 1, left + 1] * right
    return np.asarray(upper * (1 - down) + lower * down)
