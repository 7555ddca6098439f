"""This module writes the page of a search for designs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hwcodesign.report.exploration_charts import Explored, exploration_charts
from hwcodesign.report.hardware_charts import RESOURCES
from hwcodesign.report.pages import Fact, write_page
from hwcodesign.report.summary import count, percent

#: Name of the page, in the folder of a search.
EXPLORATION = "explore.html"


@dataclass(frozen=True)
class Exploration:
    """An exploration is what a search has found, as its page shows it.

    Attributes:
        name: of the network.
        board: name of the board.
        capacity: what its device has, by name.
        limit: fraction of each resource that a design may take.
        clock_mhz: assumed clock.
        designs: all that were found.
        refused: number of points that are no design.
        chosen: number of the chosen design.
        wishes: what it had to meet, as names and texts.
        best: the objective by which it was chosen.
        command: what compiles a design, but for its number.
        origin: where all this comes from, as names and texts.
    """

    name: str
    board: str
    capacity: dict[str, int]
    limit: float
    clock_mhz: float
    designs: tuple[Explored, ...]
    refused: int
    chosen: int
    wishes: tuple[tuple[str, str], ...]
    best: str
    command: str
    origin: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Bound:
    """A bound is a slider that selects designs.

    Attributes:
        key: key of the values in the charts' rows.
        text: what it bounds.
        least: whether values must be at least it, or at most.
        steps: values that it offers, from no bound on.
        texts: the same as texts.
    """

    key: str
    text: str
    least: bool
    steps: tuple[float, ...]
    texts: tuple[str, ...]


def write_exploration_page(found: Exploration, path: Path) -> Path:
    """Writes the page, and returns its path."""
    front = sorted((d for d in found.designs if d.on_front), key=lambda d: -d.images_per_second)
    others = [design for design in found.designs if not design.on_front]
    charts = exploration_charts([*front, *others], found.chosen, found.board, found.capacity, found.limit)
    sliders = bounds(front)
    values = {
        "title": f"{found.name}: designs for {found.board}",
        "subtitle": (
            f"{len(found.designs)} designs were tried, and {found.refused} points that are no design. Of "
            f"{len(front)} designs none is better than another in everything: accuracy, throughput, mean latency and "
            f"the board's scarcest resource. All figures are predicted, on the fitting split and for "
            f"{found.clock_mhz:g} MHz; nothing of these designs was generated or simulated."
        ),
        "facts": _facts(found, next(design for design in front if design.number == found.chosen)),
        "found": found,
        "front": front,
        "linked": charts[:2],
        "budget": charts[2],
        "resources": [(name, key) for name, key in RESOURCES if found.capacity[key]],
        "settings": [name for name, _ in front[0].settings],
        "bounds": sliders,
        "bounds_data": [asdict(bound) for bound in sliders],
        "percent": percent,
        "count": count,
        "shown": {design.number: _shown(design) for design in front},
    }
    return write_page(path, "exploration.html", charts, values, ("page.js", "exploration.js"))


def _facts(found: Exploration, chosen: Explored) -> list[Fact]:
    rates = f"{chosen.rates} % leave at exits 0 to {len(chosen.exit_rate) - 1}"
    return [
        Fact("chosen design", f"{chosen.number}", f"it has the best {found.best.replace('_', ' ')}"),
        Fact("accuracy", percent(chosen.accuracy), rates),
        Fact("images per second", count(chosen.images_per_second), f"predicted, at {found.clock_mhz:g} MHz"),
        Fact("mean latency", f"{chosen.mean_us:,.1f} µs", f"99% of the images: {chosen.p99_us:,.1f} µs"),
        Fact("of the board", percent(chosen.share, 1), f"of its scarcest resource; {found.limit:.0%} may be taken"),
    ]


def bounds(front: Sequence[Explored]) -> list[Bound]:
    """Returns a slider for each objective; it stops at what the designs have."""
    every: tuple[tuple[str, str, bool, Callable[[float], str]], ...] = (
        ("accuracy", "accuracy, at least", True, lambda x: f"{x:.2%}"),
        ("images_per_second", "images per second, at least", True, lambda x: f"{x:,.0f}"),
        ("mean_us", "mean microseconds, at most", False, lambda x: f"{x:,.1f}"),
        ("share", "of the scarcest resource, at most", False, lambda x: f"{x:.1%}"),
    )
    found = []
    for key, text, least, written in every:
        steps = sorted({getattr(design, key) for design in front}, reverse=not least)
        found.append(Bound(key, text, least, tuple(steps), tuple(written(value) for value in steps)))
    return found


def _shown(design: Explored) -> list[tuple[str, str]]:
    """Returns what the page tells of a design that is picked."""
    exits = [("thresholds", ", ".join(design.thresholds))] if design.thresholds else []
    return [
        ("criterion", design.criterion),
        *exits,
        *design.settings,
        ("accuracy", percent(design.accuracy)),
        ("exit rates, %", design.rates),
        ("MACs, of those without exits", percent(design.macs_fraction, 1)),
        ("images per second", count(design.images_per_second)),
        ("latency, microseconds", f"{design.mean_us:,.1f} on average, {design.p99_us:,.1f} for 99% of the images"),
    ]
