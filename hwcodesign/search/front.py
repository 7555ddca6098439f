"""This module compares designs: which of them no other is better than in everything, and which one a wish asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from hwcodesign.backends.streamrtl.choosing import SHARE
from hwcodesign.choices import not_known
from hwcodesign.errors import SettingsError
from hwcodesign.search.evaluation import Evaluated, Figures
from hwcodesign.search.study import OBJECTIVES


def pareto_front(designs: Mapping[int, Evaluated], share: float = SHARE) -> dict[int, Evaluated]:
    """Returns the designs that fit the board and that no other of these is better than in all objectives; of designs
    with the same figures, the first.

    Args:
        designs: by number.
        share: fraction of each of the board's resources that a design may take.
    """
    fitting = {number: found for number, found in designs.items() if found.figures.share <= share}
    values = {number: _values(found.figures) for number, found in fitting.items()}
    first = {value: number for number, value in sorted(values.items(), reverse=True)}  # of designs that are alike
    return {
        number: found
        for number, found in sorted(fitting.items())
        if first[values[number]] == number and not any(_is_better(other, values[number]) for other in first)
    }


def _values(figures: Figures) -> tuple[float, ...]:
    """The objectives, so that more is better."""
    return tuple(getattr(figures, name) * (1 if more else -1) for name, more in OBJECTIVES.items())


def _is_better(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a != b and all(x >= y for x, y in zip(a, b, strict=True))


@dataclass(frozen=True)
class Wishes:
    """Wishes are bounds on a design's figures; None is no bound.

    Attributes:
        accuracy: at least, as a fraction.
        images_per_second: at least.
        mean_us, p99_us: at most.
        share: of the board's scarcest resource, at most.

    Raises:
        SettingsError: a bound is not above zero.
    """

    accuracy: float | None = None
    images_per_second: float | None = None
    mean_us: float | None = None
    p99_us: float | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            wished = getattr(self, field.name)
            if wished is not None and not wished > 0:
                raise SettingsError(f"{field.name}={wished:g} must be above 0")

    def unmet(self, figures: Figures) -> dict[str, float]:
        """Returns by how much wishes are missed, as fractions of what is wished."""
        missed = {}
        for field in fields(self):
            wished, found = getattr(self, field.name), getattr(figures, field.name)
            if wished is not None:
                short = (wished - found) / wished if OBJECTIVES.get(field.name) else (found - wished) / wished
                if short > 0:
                    missed[field.name] = short
        return missed


def check_objective(name: str) -> None:
    """Refuses a name that is none of the objectives.

    Raises:
        SettingsError: naming the nearest, and all.
    """
    if name not in OBJECTIVES:
        raise SettingsError(not_known(f"best={name!r}", name, OBJECTIVES))


def best_design(front: Mapping[int, Evaluated], wishes: Wishes, most: str) -> int:
    """Returns the number of the design that has the best of one objective among those that meet the wishes.

    Args:
        front: designs by number.
        wishes: bounds.
        most: name of the objective.

    Raises:
        SettingsError: the objective is not known, or no design meets the wishes; the message then names the nearest
            one, and what it misses.
    """
    check_objective(most)
    if not front:
        raise SettingsError("no design was found that fits the board: search longer, or choose a larger board")
    meeting = [number for number, found in front.items() if not wishes.unmet(found.figures)]
    if not meeting:
        nearest = min(front, key=lambda number: max(wishes.unmet(front[number].figures).values()))
        missed = ", ".join(
            f"{name} {getattr(front[nearest].figures, name):,.6g} instead of {getattr(wishes, name):,.6g}"
            for name in wishes.unmet(front[nearest].figures)
        )
        raise SettingsError(f"no design of {len(front)} meets all wishes; the nearest, number {nearest}, has {missed}")
    better = 1 if OBJECTIVES[most] else -1
    return max(meeting, key=lambda number: (better * getattr(front[number].figures, most), -number))
