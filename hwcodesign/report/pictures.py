"""This module shows the easiest and the hardest images of each exit, as small pictures within the page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hwcodesign.report.outcomes import Outcomes


@dataclass(frozen=True)
class Picture:
    """A picture is an image of the test split.

    Attributes:
        data: PNG as a data URI.
        sample: number of the image.
        truth: its class.
        right: whether the answer was right.
        text: the answer, and the class where it is another.
    """

    data: str
    sample: int
    truth: int
    right: bool
    text: str


@dataclass(frozen=True)
class PictureGroup:
    """A picture group is the pictures of one exit: rows of a name and pictures."""

    title: str
    rows: tuple[tuple[str, tuple[Picture, ...]], ...]


def picture_groups(outcomes: Outcomes, exits: int) -> list[PictureGroup]:
    """Returns the pictures of each exit."""
    shown, found = outcomes.pictures, []
    for k in range(exits):
        here = outcomes.taken[shown.samples] == k
        rows = tuple(
            (name, tuple(_picture(outcomes, int(m)) for m in np.flatnonzero(here & (shown.hardest == hardest))))
            for name, hardest in (("easiest: the highest scores", 0), ("hardest: the lowest scores", 1))
        )
        left = int((outcomes.taken == k).sum())
        text = f"{left:,} of {len(outcomes.taken):,} images left here" if left else "no image left here"
        found.append(PictureGroup(f"exit {k}: {text}", tuple(row for row in rows if row[1])))
    return found


def _picture(outcomes: Outcomes, m: int) -> Picture:
    sample = int(outcomes.pictures.samples[m])
    answer, truth = int(outcomes.test.labels[outcomes.taken[sample], sample]), int(outcomes.test.truth[sample])
    text = f"✓ {answer}" if answer == truth else f"✗ {answer}, is {truth}"
    return Picture(_data_uri(outcomes.pictures.pixels[m]), sample, truth, answer == truth, text)


def _data_uri(pixels: NDArray[Any]) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
