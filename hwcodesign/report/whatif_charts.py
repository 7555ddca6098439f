"""This module draws what becomes of a design if samples are other than fitted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hwcodesign.report.chart import ACCENT, CONFIG, SERIES, Chart, Column, Row, Spec, quantity, spec
from hwcodesign.storage.files import write_text

_STYLE = Path(__file__).parent / "page_files" / "style.css"


def order_chart(per_second: Mapping[str, float]) -> Chart:
    """Returns the throughput of each order of the same samples."""
    rows: list[Row] = [{"order": name, "rate": rate} for name, rate in per_second.items()]
    slowest = min(per_second, key=per_second.__getitem__)
    bars = {
        "mark": {"type": "bar", "color": SERIES[0], "height": {"band": 0.65}},
        "encoding": {
            "y": {"field": "order", "type": "nominal", "title": None, "sort": None},
            "x": quantity("rate", "images/s"),
        },
    }
    return Chart(
        "orders",
        "The same images in other orders",
        "Conditional buffers hold images that wait for later stages; those that come in long bursts fill them.",
        f"Bars of {len(rows)} orders; {slowest} is slowest.",
        spec(30 * len(rows), data={"values": rows}, **bars),
        (Column("order", "order"), Column("rate", "images/s", "count")),
        tuple(rows),
    )


def depth_chart(per_second: Mapping[str, Mapping[int, float]]) -> Chart:
    """Returns the throughput by the depth of conditional buffers, a line for each order."""
    rows = [{"order": o, "depth": d, "rate": rate} for o, found in per_second.items() for d, rate in found.items()]
    names = list(per_second)
    lines = {
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": {**quantity("depth", "images that each buffer holds"), "scale": {"type": "log", "base": 2}},
            "y": quantity("rate", "images/s"),
            "color": {"field": "order", "type": "nominal", "scale": {"domain": names, "range": SERIES[: len(names)]}},
        },
    }
    return Chart(
        "depths",
        "Depth of conditional buffers",
        "Deeper buffers help where images come by chance, and hardly where they are sorted.",
        f"Lines of {len(names)} orders over the depth of buffers.",
        spec(260, data={"values": rows}, **lines),
        (Column("order", "order"), Column("depth", "depth"), Column("rate", "images/s", "count")),
        tuple(rows),
        tuple(zip(names, SERIES, strict=False)),
    )


def cascade_chart(cascades: Sequence[tuple[float, float]], exits: tuple[float, float]) -> Chart:
    """Returns the throughput of cascades over their accuracy, beside a design with early exits.

    Args:
        cascades: accuracy and images/s of each.
        exits: those of the design.
    """
    both = {"a smaller network first": cascades, "early exits": [exits]}
    rows: list[Row] = [{"of": name, "accuracy": a, "rate": rate} for name, found in both.items() for a, rate in found]
    points = {
        "mark": {"type": "line", "point": {"size": 60}},
        "encoding": {
            "x": quantity("accuracy", "right answers", percents=True),
            "y": quantity("rate", "images/s"),
            "order": {"field": "rate"},
            "color": {"field": "of", "type": "nominal", "scale": {"domain": list(both), "range": SERIES[:2]}},
        },
    }
    return Chart(
        "cascade",
        "A smaller network first",
        "The smaller network answers all images; those of which it is least sure go to the larger one.",
        f"A line of {len(cascades)} cascades, and one point with early exits.",
        spec(260, data={"values": rows}, **points),
        (Column("of", "of"), Column("accuracy", "right", "percent"), Column("rate", "images/s", "count")),
        tuple(rows),
        tuple(zip(both, SERIES, strict=False)),
    )


def line_chart(name: str, title: str, axis: str, per_second: Mapping[Any, float], *, percents: bool = False) -> Chart:
    """Returns the throughput over one number.

    Args:
        name, title: of the chart.
        axis: title of the axis of that number.
        per_second: images/s by that number.
        percents: whether it is a fraction.
    """
    rows: list[Row] = [{"x": x, "rate": rate} for x, rate in per_second.items()]
    ends = list(per_second.values())
    line = {
        "mark": {"type": "line", "point": {"color": ACCENT}, "color": ACCENT},
        "encoding": {"x": quantity("x", axis, percents=percents), "y": quantity("rate", "images/s")},
    }
    return Chart(
        name,
        title,
        "",
        f"A line from {ends[0]:,.0f} to {ends[-1]:,.0f} images/s.",
        spec(240, data={"values": rows}, **line),
        (Column("x", axis, "share" if percents else "number"), Column("rate", "images/s", "count")),
        tuple(rows),
    )


def write_chart(folder: Path, chart: Chart) -> Path:
    """Writes a chart as a picture, NAME.svg, and its specification beside it, and returns the picture's path."""
    import vl_convert  # noqa: PLC0415  # of an extra

    whole: Spec = {**chart.spec, "config": {**CONFIG, "legend": {}}, "width": 560, "title": chart.title}
    drawn = json.dumps(whole)
    for name, colour in _colours().items():
        drawn = drawn.replace(f"var({name})", colour)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / f"{chart.name}.vl.json", drawn)
    path = folder / f"{chart.name}.svg"
    write_text(path, vl_convert.vegalite_to_svg(drawn))
    return path


def _colours() -> dict[str, str]:
    """Returns the colours of a light page, by name."""
    light = _STYLE.read_text(encoding="utf-8").partition("@media")[0]
    return dict(re.findall(r"(--\w+): (#[0-9a-f]{6});", light))
