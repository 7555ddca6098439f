"""This module says what is searched: the exits that stay, the criterion, how much accuracy early exits may cost, and
the throughput for which layers and conditional buffers are chosen, which may be all that the board has room for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
#: Steps from no accuracy drop to the largest: continuous ones would hardly ever be none at all.
_DROPS = 20
#: Names of a trial's parameters; that of an exit is followed by its number, and says whether it stays.
_CRITERION, _DROP, _RATE, _FILLS, _EXIT = "criterion", "accuracy_drop", "images_per_second", "fills_board", "exit"


@dataclass(frozen=True)
class Point:
    """A point is one design of the space.

    Attributes:
        criterion: name of the exit criterion, or `NO_EXITS`.
        accuracy_drop: accuracy on the fitting split that early exits may cost, as a fraction.
        images_per_second: throughput for which layers and buffers are chosen; None for the highest that the board has
            room for.
        early_exits: numbers of the early exits that stay, as in the trained network; none with `NO_EXITS`. Hardware has
            no head, decision and buffer for others.
    """

    criterion: str
    accuracy_drop: float
    images_per_second: float | None
    early_exits: tuple[int, ...]

    @classmethod
    def without_exits(cls, images_per_second: float | None) -> Point:
        """Returns the point of the network without early exits."""
        return cls(NO_EXITS, 0.0, images_per_second, ())

    @property
    def request(self) -> PolicyRequest:
        """Returns what a policy is asked for, of the network with the exits that stay."""
        if not self.early_exits:
            return PolicyRequest(criterion=_ANY, thresholds=())
        return PolicyRequest(criterion=self.criterion, accuracy_drop=self.accuracy_drop)

    @property
    def text(self) -> str:
        """Returns the point in words, for progress."""
        wished = (
            "the board filled" if self.images_per_second is None else f"{self.images_per_second:,.0f} images/s wished"
        )
        return f"{self.criterion}, {wished}"

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
        early_exits: number of early exits of the trained network; each may be left out.

    Raises:
        SettingsError: a criterion is not known, or a range is empty.
    """

    criteria: tuple[str, ...]
    largest_drop: float
    slowest: float
    fastest: float
    early_exits: int

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
        trial.suggest_categorical(_CRITERION, self.criteria)
        trial.suggest_float(_DROP, 0.0, self.largest_drop, step=self.largest_drop / _DROPS)
        trial.suggest_float(_RATE, self.slowest, self.fastest, log=True)
        trial.suggest_categorical(_FILLS, (False, True))
        for k in range(self.early_exits if self._has_exits else 0):
            trial.suggest_categorical(f"{_EXIT}{k}", (True, False))
        return point_of(trial.params)

    @property
    def _has_exits(self) -> bool:
        return set(self.criteria) != {NO_EXITS}


def point_of(parameters: Mapping[str, Any]) -> Point:
    """Returns the point of a trial's parameters.

    With a criterion at least one exit stays: where all would be left out, none is.
    """
    asked = [parameters[f"{_EXIT}{k}"] for k in range(len(parameters)) if f"{_EXIT}{k}" in parameters]
    early = tuple(k for k, stays in enumerate(asked) if stays or not any(asked))
    criterion = str(parameters[_CRITERION])
    rate = None if parameters[_FILLS] else float(parameters[_RATE])
    if criterion == NO_EXITS:
        return Point.without_exits(rate)
    return Point(criterion, float(parameters[_DROP]), rate, early)
