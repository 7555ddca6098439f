"""This module holds a path of thresholds, from the cheapest to the most expensive, along which samples leave ever
later.

A controller that changes thresholds while an accelerator runs needs one direction. Along a path, the code of every exit
only rises. So each sample leaves at the same exit as before or at a later one, and the average cost can only rise.
Everything is in integers; NumPy is enough to follow the path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import FieldError, PolicyError
from hwcodesign.policies.criterion import ALWAYS, NEVER
from hwcodesign.storage.fields import Field

#: Of a stored path.
_MOST_POINTS, _MOST_SAMPLES = 2**16, 2**40


@dataclass(frozen=True)
class PathPoint:
    """A path point holds thresholds, and what they gave on the samples that the path was fitted on.

    Attributes:
        codes: integer thresholds, one per exit but the last.
        leaving: number of samples that left at each exit.
        right: number of samples with a right answer.
    """

    codes: tuple[int, ...]
    leaving: tuple[int, ...]
    right: int

    @property
    def accuracy(self) -> float:
        """Returns the fraction of samples with a right answer."""
        return self.right / sum(self.leaving)

    @property
    def exit_rate(self) -> tuple[float, ...]:
        """Returns the fraction of samples that leave at each exit."""
        return tuple(count / sum(self.leaving) for count in self.leaving)


@dataclass(frozen=True)
class ThresholdPath:
    """A threshold path is a list of points with ever stricter thresholds, the cheapest first.

    Attributes:
        points: at least two; no code ever falls, and no two points have the same numbers of leaving samples.

    Raises:
        PolicyError: the points are no such path; the message names the first wrong one.
    """

    points: tuple[PathPoint, ...]

    def __post_init__(self) -> None:
        if len(self.points) < 2:
            raise PolicyError(f"a path of {len(self.points)} points leads nowhere: give two at least")
        exits = len(self.points[0].leaving)
        for k, point in enumerate(self.points):
            if len(point.codes) != exits - 1 or len(point.leaving) != exits or sum(point.leaving) != self.samples:
                raise PolicyError(
                    f"point {k} of the path has {len(point.codes)} codes and {point.leaving} samples leaving: "
                    f"give one code per exit but the last of {exits}, and {self.samples} samples in all"
                )
            wrong = [code for code in point.codes if not ALWAYS <= code <= NEVER]
            if wrong:
                raise PolicyError(f"point {k} of the path has code {wrong[0]}, outside {ALWAYS} to {NEVER}")
        for k, (before, after) in enumerate(pairwise(self.points)):
            if any(high < low for low, high in zip(before.codes, after.codes, strict=True)):
                raise PolicyError(f"codes fall from point {k} to {k + 1} of the path: {before.codes}, {after.codes}")
            if before.leaving == after.leaving:
                raise PolicyError(f"points {k} and {k + 1} of the path let {before.leaving} samples leave, both")

    def __len__(self) -> int:
        return len(self.points)

    @property
    def samples(self) -> int:
        """Returns the number of samples that the path was fitted on."""
        return sum(self.points[0].leaving)

    @cached_property
    def leaving(self) -> NDArray[np.int64]:
        """Returns the number of samples that left at each exit, at each point: (P, K)."""
        return np.array([point.leaving for point in self.points], np.int64)

    def costs(self, at_exit: Sequence[float]) -> NDArray[np.float64]:
        """Computes the average cost at each point on the samples of the fit, (P,); it strictly rises.

        Args:
            at_exit: cost of leaving at each exit, in any one unit; must rise.

        Raises:
            PolicyError: the costs do not rise, or there is not one per exit.
        """
        if len(at_exit) != self.leaving.shape[1] or any(high <= low for low, high in pairwise(at_exit)):
            raise PolicyError(f"costs {tuple(at_exit)} are not {self.leaving.shape[1]} rising ones, one per exit")
        return np.asarray(self.leaving @ np.asarray(at_exit, np.float64) / self.samples)

    def first_as_accurate_as(self, accuracy: float) -> int:
        """Returns the first point from which on all have at least this accuracy on the samples of the fit.

        Raises:
            PolicyError: the last point has less; the message names the most accurate one.
        """
        found = len(self)
        while found and self.points[found - 1].accuracy >= accuracy:
            found -= 1
        if found == len(self):
            raise PolicyError(
                f"accuracy {accuracy:g} is above {self.points[-1].accuracy:g}, that of the path's dearest point; "
                f"the most that any has is {max(point.accuracy for point in self.points):g}"
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """Returns plain integers."""
        return {
            "codes": [list(point.codes) for point in self.points],
            "leaving": [list(point.leaving) for point in self.points],
            "right": [point.right for point in self.points],
        }

    @classmethod
    def from_json(cls, stored: Field, exits: int) -> ThresholdPath:
        """Reads what `to_json` wrote, of a policy with `exits` exits.

        Raises:
            FieldError: a field is missing, of another type or length, or out of its range.
            PolicyError: the points are no path.
        """
        fields = stored.fields(("codes", "leaving", "right"))
        codes = fields["codes"].tuple_of(lambda row: row.integers(ALWAYS, NEVER, exits - 1, exits - 1), 2, _MOST_POINTS)
        points = len(codes)
        leaving = fields["leaving"].tuple_of(lambda row: row.integers(0, _MOST_SAMPLES, exits, exits), points, points)
        if not sum(leaving[0]):
            raise FieldError(f"{stored.place}.leaving[0] has no samples: a path is fitted on one at least")
        right = fields["right"].integers(0, sum(leaving[0]), points, points)
        return cls(tuple(PathPoint(*point) for point in zip(codes, leaving, right, strict=True)))
