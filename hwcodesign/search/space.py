"""This module says what is searched: the criterion, how much accuracy early exits may cost, and the throughput for
which layers and conditional buffers are chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

from optuna import Trial

from hwcodesign.choices import not_known
from hwcodesign.errors import SettingsError
from hwcodesign.fitting.request import PolicyRequest
from hwcodesign.frontend.settings import Fit
from hwcodesign.policies import CRITERIA

#: In the place of a criterion: no sample leaves early.
NO_EXITS = "none"
#: The criterion whose thresholds then say so; which one it is changes nothing.
_ANY = "margin"


@dataclass(frozen=True)
class Point:
    """A point is one design of the space.

    Attributes:
        criterion: name of the exit criterion, or `NO_EXITS`.
        accuracy_drop: accuracy on the fitting split that early exits may cost, as a fraction.
        images_per_second: throughput for which layers and buffers are chosen.
    """

    criterion: str
    accuracy_drop: float
    images_per_second: float

    def request(self, exits: int) -> PolicyRequest:
        """Returns what a policy is asked for, of a network with so many exits."""
        if self.criterion == NO_EXITS:
            return PolicyRequest(criterion=_ANY, thresholds=(None,) * (exits - 1))
        return PolicyRequest(criterion=self.criterion, accuracy_drop=self.accuracy_drop)

    @property
    def fit(self) -> Fit:
        """Returns the wish by which layers are chosen."""
        return Fit(images_per_second=self.images_per_second)


@dataclass(frozen=True)
class Space:
    """A space is all points that a search may try.

    Attributes:
        criteria: names of criteria, and `NO_EXITS`.
        largest_drop: largest accuracy drop.
        slowest, fastest: least and greatest throughput.

    Raises:
        SettingsError: a criterion is not known, or a range is empty.
    """

    criteria: tuple[str, ...]
    largest_drop: float
    slowest: float
    fastest: float

    def __post_init__(self) -> None:
        known = [*sorted(CRITERIA), NO_EXITS]
        for name in self.criteria or ("",):
            if name not in known:
                raise SettingsError(not_known(f"criterion {name!r}", name, known))
        if not 0 < self.largest_drop < 1:
            raise SettingsError(f"largest_drop={self.largest_drop:g} is not a fraction between 0 and 1")
        if not 0 < self.slowest < self.fastest:
            raise SettingsError(f"no throughput lies between {self.slowest:g} and {self.fastest:g} images/s")

    def suggested(self, trial: Trial) -> Point:
        """Returns the point that a trial is to try."""
        return Point(
            str(trial.suggest_categorical("criterion", self.criteria)),
            trial.suggest_float("accuracy_drop", 0.0, self.largest_drop),
            trial.suggest_float("images_per_second", self.slowest, self.fastest, log=True),
        )
