"""This module compares designs: which of them no other is better than in everything, and which one a wish asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from hwcodesign.backends.streamrtl.choosing import SHARE
from hwcodesign.choices import not_known
from hwcodesign.errors import SettingsError
from hwcodesign.search.evaluation import Evaluated, Figures
from hwcodesign.search.study import OBJECTIVES

#: Figures by which a design may be best, and whether more is better.
MERITS = {**OBJECTIVES, "p99_us": False, "stream_p99_us": False, "energy_nj": False}


def fitting_designs(designs: Mapping[int, Evaluated], share: float = SHARE) -> dict[int, Evaluated]:
    """Returns the designs that fit the board.

    Args:
        designs: by number.
        share: fraction of each of the board's resources that a design may take.
    """
    return {number: found for number, found in designs.items() if found.figures.share <= share}


def pareto_front(designs: Mapping[int, Evaluated], share: float = SHARE) -> dict[int, Evaluated]:
    """Returns the designs that fit the board and that no other of these is better than in all objectives; of designs
    with the same figures, the first.

    Args:
        designs: by number.
        share: fraction of each of the board's resources that a design may take.
    """
    fitting = fitting_designs(designs, share)
    values = {number: _values(found.figures) for number, found in fitting.items()}
    first = {value: number for number, value in sorted(values.items(), reverse=True)}  # of designs that are alike
    return {
        number: found
        for number, found in sorted(fitting.items())
        if first[values[number]] == number and not any(_is_better(other, values[number]) for other in first)
    }


def _values(figures: Figures) -> tuple[float, ...]:
    """The objectives, so that more is better."""
    return tuple(merit(figures, name) for name in OBJECTIVES)


def _is_better(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a != b and all(x >= y for x, y in zip(a, b, strict=True))


@dataclass(frozen=True)
class Wishes:
    """Wishes are bounds on a design's figures; None is no bound.

    Attributes:
        accuracy: at least, as a fraction.
        images_per_second: at least.
        mean_us, p99_us: of an image alone, at most.
        stream_p99_us: of images in a stream, which wait for others, at most.
        share: of the board's scarcest resource, at most.
        energy_nj: counted, at most.

    Raises:
        SettingsError: a bound is not above zero.
    """

    accuracy: float | None = None
    images_per_second: float | None = None
    mean_us: float | None = None
    p99_us: float | None = None
    share: float | None = None
    energy_nj: float | None = None
    stream_p99_us: float | None = None

    def __post_init__(self) -> None:
        for name, wished in self.given.items():
            if not wished > 0:
                raise SettingsError(f"{name}={wished:g} must be above 0")

    @property
    def given(self) -> dict[str, float]:
        """Returns the bounds that there are, by name."""
        named = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: wished for name, wished in named if wished is not None}

    def unmet(self, figures: Figures) -> dict[str, float]:
        """Returns by how much wishes are missed, as fractions of what is wished."""
        missed = {}
        for name, wished in self.given.items():
            found = getattr(figures, name)
            short = (wished - found) / wished if MERITS[name] else (found - wished) / wished
            if short > 0:
                missed[name] = short
        return missed


def check_merit(name: str) -> None:
    """Refuses a name that is no figure by which a design may be best.

    Raises:
        SettingsError: naming the nearest, and all.
    """
    if name not in MERITS:
        raise SettingsError(not_known(f"by={name!r}", name, MERITS))


def merit(figures: Figures, by: str) -> float:
    """Returns the figure of a name, of those in `MERITS`, so that more is better."""
    return float(getattr(figures, by)) * (1 if MERITS[by] else -1)


def best_designs(designs: Mapping[int, Evaluated], wishes: Wishes, by: str, most: int = 1) -> list[int]:
    """Returns the numbers of the designs that meet the wishes and have the best of one figure, the best first; of those
    that are alike, the first.

    Args:
        designs: designs that fit, by number.
        wishes: bounds.
        by: name of the figure.
        most: number of designs at most.

    Raises:
        SettingsError: the figure is not known, or no design meets the wishes; the message then names the nearest
            one and what it misses, and for each wish that binds how far one can go if all others are kept.
    """
    check_merit(by)
    if not designs:
        raise SettingsError("no design was found that fits the board: search longer, or choose a larger board")
    meeting = {number: found.figures for number, found in designs.items() if not wishes.unmet(found.figures)}
    if not meeting:
        raise SettingsError(_why(designs, wishes))
    order = sorted(meeting, key=lambda number: (-merit(meeting[number], by), number))
    return [number for i, number in enumerate(order) if meeting[number] not in [meeting[n] for n in order[:i]]][:most]


def _why(designs: Mapping[int, Evaluated], wishes: Wishes) -> str:
    """What to say where no design meets the wishes."""
    figures = {number: found.figures for number, found in designs.items()}
    unmet = {number: wishes.unmet(found) for number, found in figures.items()}
    nearest = min(unmet, key=lambda number: max(unmet[number].values()))
    missed = ", ".join(
        f"{name} {getattr(figures[nearest], name):,.6g} instead of {wishes.given[name]:,.6g}" for name in unmet[nearest]
    )
    text = f"no design of {len(designs)} meets all wishes; the nearest, number {nearest}, has {missed}"
    binding = []
    for name in wishes.given:
        others = [number for number, missing in unmet.items() if set(missing) == {name}]
        if others:
            best = min(others, key=lambda number: unmet[number][name])
            binding.append(f"{name} can be {getattr(figures[best], name):,.6g}, number {best}")
    alone = "; with all other wishes kept, "
    return text + (alone + ", or ".join(binding) if binding else "; no wish alone binds: give up two or more")
