"""This module draws the designs that a search has found: what they give and take, and what one takes of the board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwcodesign.report.chart import ACCENT, FAINT, SERIES, TEXT, Chart, Column, Row, Spec, banded, quantity, spec
from hwcodesign.report.hardware_charts import RESOURCES


@dataclass(frozen=True)
class Explored:
    """This is a design that a search has found, with predicted figures.

    Attributes:
        number: by which it is compiled.
        on_front: whether no other design is better than it in everything.
        criterion: its exit criterion, or "none".
        settings: what else the search chose, as names and texts.
        thresholds: of each exit but the last, as texts.
        accuracy: fraction of right answers.
        exit_rate: fraction of samples that leave at each exit.
        macs_fraction: multiply-accumulates, as a fraction of those without exits.
        images_per_second: throughput.
        mean_us, p99_us: latency of a sample alone: the mean, and what 99 % of the samples have at most.
        resources: what it takes, by name; block RAMs are RAMB18.
        share: fraction of the board's scarcest resource that it takes.
    """

    number: int
    on_front: bool
    criterion: str
    settings: tuple[tuple[str, str], ...]
    thresholds: tuple[str, ...]
    accuracy: float
    exit_rate: tuple[float, ...]
    macs_fraction: float
    images_per_second: float
    mean_us: float
    p99_us: float
    resources: dict[str, float]
    share: float

    @property
    def rates(self) -> str:
        """Returns the exit rates in percent, as text."""
        return " / ".join(f"{100 * rate:.1f}" for rate in self.exit_rate)


@dataclass(frozen=True)
class _Axis:
    key: str
    title: str
    logarithmic: bool = False
    percents: bool = False

    def encoding(self, rows: Sequence[Row]) -> Spec:
        found = quantity(self.key, self.title, percents=self.percents, zoom=[row[self.key] for row in rows])
        if self.logarithmic:
            values = [row[self.key] for row in rows]
            found["scale"] = {"type": "log", "domain": [0.9 * min(values), 1.1 * max(values)], "nice": False}
            found["axis"] |= {"format": "~s", "labelOverlap": True}
        return found


_ACCURACY = _Axis("accuracy", "accuracy on the fitting split", percents=True)
_THROUGHPUT = _Axis("images_per_second", "images per second", logarithmic=True)
_LATENCY = _Axis("mean_us", "mean latency, microseconds", logarithmic=True)
_SHARE = _Axis("share", "fraction of the board's scarcest resource", percents=True)
_COLUMNS = (
    Column("number", "design", "count"),
    Column("criterion", "criterion"),
    Column("accuracy", "accuracy", "percent"),
    Column("images_per_second", "images per second", "count"),
    Column("mean_us", "mean us", "number"),
    Column("share", "of the scarcest resource", "share"),
)


def exploration_charts(
    designs: Sequence[Explored], chosen: int, board: str, capacity: dict[str, int], limit: float
) -> list[Chart]:
    """Returns two charts that are linked by brushing, and the board's budget.

    Args:
        designs: all that were found, those of the front first.
        chosen: number of the chosen design.
        board: the board's name.
        capacity: what its device has, by name.
        limit: fraction of each resource that a design may take.
    """
    rows = [_row(design) for design in designs]
    first = _linked(rows, chosen, ("throughput_accuracy", "Accuracy and throughput"), _THROUGHPUT, _ACCURACY)
    second = _linked(rows, chosen, ("share_latency", "Latency and resources"), _SHARE, _LATENCY)
    return [first, second, budget_chart(designs, chosen, board, capacity, limit)]


def _row(design: Explored) -> Row:
    return {
        "number": design.number,
        "front": design.on_front,
        "criterion": design.criterion,
        "accuracy": design.accuracy,
        "images_per_second": design.images_per_second,
        "mean_us": design.mean_us,
        "share": design.share,
    }


def _linked(rows: Sequence[Row], chosen: int, named: tuple[str, str], across: _Axis, up: _Axis) -> Chart:
    """One of the charts in which a rectangle selects designs in all of them; the page's script links them."""
    front = [row for row in rows if row["front"]]
    both = {"x": across.encoding(front), "y": up.encoding(front)}
    criteria = list(dict.fromkeys(row["criterion"] for row in front))
    colours = [SERIES[k % len(SERIES)] for k in range(len(criteria))]
    tooltip = [
        {"field": "number", "title": "design"},
        {"field": "criterion"},
        {"field": "accuracy", "format": ".2%"},
        {"field": "images_per_second", "title": "images per second", "format": ",.0f"},
        {"field": "mean_us", "title": "mean us", "format": ",.1f"},
        {"field": "share", "title": "of the board", "format": ".1%"},
    ]
    lit = {"condition": {"test": "indexof(selected, datum.number) >= 0", "value": 1}, "value": 0.15}
    layers: list[Spec] = [
        {
            "params": [{"name": "brush", "select": {"type": "interval", "mark": {"stroke": TEXT, "fill": FAINT}}}],
            "transform": [{"filter": "!datum.front"}],
            "mark": {"type": "point", "filled": True, "size": 22, "color": FAINT, "opacity": 0.55, "clip": True},
            "encoding": both | {"tooltip": tooltip},
        },
        {
            "transform": [{"filter": "datum.front"}],
            "mark": {"type": "point", "filled": True, "size": 80, "cursor": "pointer"},
            "encoding": both
            | {
                "color": {"field": "criterion", "type": "nominal", "scale": {"domain": criteria, "range": colours}},
                "opacity": lit,
                "tooltip": tooltip,
            },
        },
        {
            "transform": [{"filter": "datum.number === picked"}],
            "mark": {"type": "point", "size": 320, "strokeWidth": 2.5, "color": ACCENT},
            "encoding": both,
        },
    ]
    picked = next(row for row in rows if row["number"] == chosen)
    params = [{"name": "selected", "value": [row["number"] for row in front]}, {"name": "picked", "value": chosen}]
    return Chart(
        *named,
        "Small grey points are designs that another is better than in everything; those outside the axes are left "
        "out. The ring is the design below.",
        f"Scatter chart of {len(front)} designs on the front and {len(rows) - len(front)} others. Design {chosen} has "
        f"accuracy {picked['accuracy']:.2%}, {picked['images_per_second']:,.0f} images per second, "
        f"{picked['mean_us']:,.1f} microseconds and {picked['share']:.1%} of the scarcest resource.",
        spec(300, params=params, data={"values": list(rows)}, layer=layers),
        _COLUMNS,
        tuple(front),
        tuple(zip(criteria, colours, strict=True)),
    )


def budget_chart(designs: Sequence[Explored], chosen: int, board: str, capacity: dict[str, int], limit: float) -> Chart:
    """Returns what a design takes of each resource of the board; the page shows the one that is picked."""
    kinds = [(name, key, 2 if key == "bram18" else 1) for name, key in RESOURCES if capacity[key]]
    rows: list[Row] = [
        {
            "number": design.number,
            "resource": name,
            "taken": design.resources[key] / halves,
            "has": capacity[key] / halves,
            "share": design.resources[key] / capacity[key],
        }
        for design in designs
        if design.on_front
        for name, key, halves in kinds
    ]
    most = max([1.0, *(row["share"] for row in rows)])
    share = quantity("share", f"of what {board} has", percents=True) | {"scale": {"domain": [0, most]}}
    layers: list[Spec] = [
        {
            "transform": [{"filter": "datum.number === picked"}],
            "mark": {"type": "bar", "color": SERIES[0], "height": {"band": 0.6}},
            "encoding": {
                "y": {"field": "resource", "type": "nominal", "sort": [name for name, *_ in kinds], "title": None},
                "x": share,
                "tooltip": [
                    {"field": "resource"},
                    {"field": "taken", "format": ",.1f"},
                    {"field": "has", "title": f"{board} has", "format": ",.0f"},
                    {"field": "share", "format": ".1%"},
                ],
            },
        },
        {
            "data": {"values": [{"share": limit}]},
            "mark": {"type": "rule", "color": ACCENT, "strokeDash": [5, 4], "strokeWidth": 1.5},
            "encoding": {"x": share},
        },
    ]
    own = [row for row in rows if row["number"] == chosen]
    return Chart(
        "budget",
        f"What it takes of {board}",
        f"Estimated. The dashed line is the {limit:.0%} that a design may take, so that it can be placed and routed.",
        f"Bars. Design {chosen} takes " + ", ".join(f"{row['share']:.1%} of {row['resource']}" for row in own) + ".",
        banded(len(kinds), 30, params=[{"name": "picked", "value": chosen}], data={"values": rows}, layer=layers),
        (
            Column("number", "design", "count"),
            Column("resource", "resource"),
            Column("taken", "taken", "number"),
            Column("has", f"{board} has", "number"),
            Column("share", "share", "share"),
        ),
        tuple(rows),
    )
