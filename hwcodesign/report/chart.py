"""This module says what a chart of a page is: a Vega-Lite specification, words about it, and the same as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any, Literal

from hwcodesign.report.summary import count, percent

Kind = Literal["text", "percent", "share", "count", "number"]
Row = Mapping[str, Any]
Spec = dict[str, Any]

#: Colours by meaning; the page's style sheet gives them values for light, for dark and for print.
EXITS = tuple(f"var(--exit{k})" for k in range(8))
SERIES = tuple(f"var(--series{k})" for k in range(7))
TEXT, FAINT, ACCENT, GOOD, BAD = "var(--text)", "var(--faint)", "var(--accent)", "var(--good)", "var(--bad)"
#: Marks of a legend: outlines within 12 by 12 pixels, by Vega's names of shapes.
_OUTLINES = {
    "square": "M-5 -5h10v10h-10z",
    "circle": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
    "triangle-up": "M0 -5L5 4H-5z",
    "triangle-down": "M0 5L5 -4H-5z",
    "triangle-right": "M5 0L-4 5V-5z",
    "diamond": "M0 -6L4 0L0 6L-4 0z",
    "cross": "M-2 -6h4v4h4v4h-4v4h-4v-4h-4v-4h4z",
}
#: Of intervals of fractions.
CONFIDENCE = 0.95
#: What all charts have in common.
CONFIG: Spec = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": TEXT,
        "titleColor": TEXT,
        "gridColor": "var(--line)",
        "domainColor": FAINT,
        "tickColor": FAINT,
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "labelLimit": 140,
        "labelSeparation": 8,
    },
    "legend": {"disable": True},  # the page writes them itself: they wrap, and are read aloud
    "text": {"color": TEXT, "fontSize": 11},
    "rule": {"color": FAINT},
    "aria": False,  # the place of a chart is an image with a text, beside a table
}


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        key: key of its values in the rows.
        heading: heading above it.
        kind: how its values are written.
    """

    key: str
    heading: str
    kind: Kind = "text"

    def text(self, row: Row) -> str:
        """Returns a row's value as text."""
        value = row.get(self.key)
        if value is None:
            return "-"
        if self.kind == "text":
            return str(value)
        return {"percent": percent, "share": lambda x: percent(x, 1), "count": count, "number": _number}[self.kind](
            value
        )


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


@dataclass(frozen=True)
class Chart:
    """A chart is drawn in the page, and has a table with the same values below it.

    Attributes:
        name: an identifier.
        title: title above it.
        text: sentences below the title; may be empty.
        alt: what a reader who does not see it must know.
        spec: Vega-Lite specification.
        columns, rows: the table.
        legend: names and their colours.
        shapes: the shape of each name's marks, as Vega calls it; empty where all are alike.
    """

    name: str
    title: str
    text: str
    alt: str
    spec: Spec
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    legend: tuple[tuple[str, str], ...] = ()
    shapes: tuple[str, ...] = ()

    @property
    def marks(self) -> tuple[tuple[str, str, str], ...]:
        """Returns name, colour and outline of each mark of the legend."""
        shapes = self.shapes or ("square",) * len(self.legend)
        return tuple((*named, _OUTLINES[shape]) for named, shape in zip(self.legend, shapes, strict=True))

    @property
    def table(self) -> tuple[tuple[str, ...], ...]:
        """Returns the cells of the table as text, row by row."""
        return tuple(tuple(column.text(row) for column in self.columns) for row in self.rows)


def spec(height: int, **parts: Any) -> Spec:
    """Returns a Vega-Lite specification that is as wide as its place in the page, and so many pixels high."""
    schema = "https://vega.github.io/schema/vega-lite/v6.json"  # a name; nothing is read from there
    return {"$schema": schema, "width": "container", "height": height, **parts}


def banded(bands: int, step: int, **parts: Any) -> Spec:
    """Returns a specification of rows, each so many pixels high, with axes beside them."""
    return spec(max(1, bands) * step, autosize={"type": "fit-x", "contains": "padding"}, **parts)


def quantity(key: str, title: str, *, percents: bool = False, zoom: Sequence[float] | None = None) -> Spec:
    """Returns the encoding of a number on an axis.

    Args:
        key: key of the values.
        title: title of the axis.
        percents: whether the values are fractions that are shown in percent.
        zoom: values that must be within the axis, which then does not begin at zero.
    """
    found: Spec = {"field": key, "type": "quantitative", "title": title, "axis": {"tickCount": 6}}
    if percents:
        found["axis"]["format"] = ".4~%"  # without zeros at its end
    if zoom is not None:
        found["scale"] = {"domain": zoomed(zoom), "nice": False, "zero": False}
    return found


def zoomed(values: Sequence[float]) -> list[float]:
    """Returns the ends of an axis on which some values fill the middle nine tenths."""
    low, high = min(values), max(values)
    room = 0.06 * max(high - low, 0.005 * abs(high), 1e-9)
    return [low - room, high + room]


def wilson(right: float, samples: int) -> tuple[float, float]:
    """Returns the confidence interval of a fraction by Wilson's score.

    Args:
        right: fraction that was observed.
        samples: number of samples.
    """
    z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    centre = (right + z * z / (2 * samples)) / (1 + z * z / samples)
    half = z / (1 + z * z / samples) * sqrt(right * (1 - right) / samples + z * z / (4 * samples * samples))
    return max(0.0, centre - half), min(1.0, centre + half)
