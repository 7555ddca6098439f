"""This module draws where samples leave: by class, and compared with the first exit that would have been right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.report.chart import ACCENT, EXITS, TEXT, Chart, Column, Row, banded
from hwcodesign.report.outcomes import Outcomes
from hwcodesign.report.schema import Report

#: Classes up to which bars are wide.
_FEW = 20
#: Part of all images from which on a cell's colour is full, and its text in the colour of the page.
_FULL = 0.3


def sample_charts(report: Report, outcomes: Outcomes) -> list[Chart]:
    """Returns the exit rates of each class, and the confusion of exits."""
    return [class_chart(outcomes.taken, outcomes.test.truth, report), confusion_chart(outcomes, report["exits"])]


def class_chart(taken: NDArray[Any], truth: NDArray[Any], report: Report) -> Chart:
    """Returns the exit rates of all images and of each class."""
    exits, classes = report["exits"], report["classes"]
    groups = [("all", taken), *((f"class {c}", taken[truth == c]) for c in range(classes))]
    rows: list[Row] = []
    for name, left in groups:
        counts = np.bincount(left, minlength=exits)
        rates = counts / max(1, counts.sum())
        rows.append({"class": name, "images": int(counts.sum()), **{f"exit{k}": float(r) for k, r in enumerate(rates)}})
    bars = [
        {"class": row["class"], "images": row["images"], "exit": f"exit {k}", "rate": row[f"exit{k}"], "number": k}
        for row in rows
        for k in range(exits)
    ]
    encoding = {
        "y": {"field": "class", "type": "nominal", "sort": None, "title": None},
        "x": {
            "field": "rate",
            "type": "quantitative",
            "title": "fraction of the images",
            "axis": {"format": "%"},
            "scale": {"domain": [0, 1]},
        },
        "color": {"field": "exit", "type": "nominal", "scale": exit_scale(exits)},
        "order": {"field": "number"},
        "tooltip": [
            {"field": "class"},
            {"field": "images", "format": ","},
            {"field": "exit"},
            {"field": "rate", "format": ".1%"},
        ],
    }
    hardest = max(rows[1:], key=lambda row: row[f"exit{exits - 1}"], default=rows[0])
    return Chart(
        "classes",
        "Exit rates of each class",
        "Each bar is the images of one true class of the test split.",
        f"Stacked bars. {hardest['class']} goes to the last exit most often: {hardest[f'exit{exits - 1}']:.1%}.",
        banded(
            len(rows),
            22 if classes <= _FEW else 14,
            data={"values": bars},
            mark={"type": "bar", "stroke": "var(--page)", "strokeWidth": 1},
            encoding=encoding,
        ),
        (
            Column("class", "class"),
            Column("images", "images", "count"),
            *(Column(f"exit{k}", f"exit {k}", "share") for k in range(exits)),
        ),
        tuple(rows),
        exit_legend(exits),
    )


def exit_scale(exits: int) -> dict[str, Any]:
    """Returns the colours of the exits, the same in every chart."""
    names = [f"exit {k}" for k in range(exits)]
    return {"domain": names, "range": [EXITS[k % len(EXITS)] for k in range(exits)]}


def exit_legend(exits: int) -> tuple[tuple[str, str], ...]:
    """Returns the names of the exits and their colours."""
    return tuple((f"exit {k}", EXITS[k % len(EXITS)]) for k in range(exits))


def confusion_chart(outcomes: Outcomes, exits: int) -> Chart:
    """Returns how many images left at each exit, by the first exit that is right about them."""
    correct = outcomes.test.correct
    first = np.where(correct.any(axis=0), correct.argmax(axis=0), exits)
    firsts, lefts = [*(f"exit {k}" for k in range(exits)), "none"], [f"exit {k}" for k in range(exits)]
    rows: list[Row] = []
    cells = []
    for j, name in enumerate(firsts):
        counts = np.bincount(outcomes.taken[first == j], minlength=exits).tolist()
        rows.append({"first": name, **{f"exit{k}": count for k, count in enumerate(counts)}})
        cells += [
            {"first": name, "left": left, "images": count, "share": count / len(first)}
            for left, count in zip(lefts, counts, strict=True)
        ]
    axes = {
        "x": {"field": "left", "type": "nominal", "sort": lefts, "title": "left at", "axis": {"labelAngle": 0}},
        "y": {"field": "first", "type": "nominal", "sort": firsts, "title": "first right at"},
    }
    fill = {"field": "share", "type": "quantitative", "legend": None, "scale": {"type": "sqrt", "range": [0.04, 0.85]}}
    layers = [
        {
            "mark": {"type": "rect", "color": ACCENT, "stroke": "var(--line)"},
            "encoding": axes | {"fillOpacity": fill, "tooltip": _cell_tooltip()},
        },
        {
            "mark": {"type": "text", "fontSize": 13},
            "encoding": axes
            | {
                "text": {"field": "images", "format": ","},
                "color": {"condition": {"test": f"datum.share > {_FULL}", "value": "var(--page)"}, "value": TEXT},
            },
        },
    ]
    early = sum(int(((outcomes.taken < first) & (first == j)).sum()) for j in range(exits))
    late = int((outcomes.taken > first).sum())
    text = (
        "Test images by the first exit whose answer is right, and by the exit at which they left. On the diagonal they "
        f"left as early as they could. {late:,} went further than they had to; {early:,} left before the first exit "
        "that would have been right."
    )
    return Chart(
        "confusion",
        "Confusion of exits",
        text,
        f"Matrix of {exits + 1} by {exits} counts; the table has them.",
        banded(exits + 1, 38, data={"values": cells}, layer=layers),
        (Column("first", "first right at"), *(Column(f"exit{k}", f"left at exit {k}", "count") for k in range(exits))),
        tuple(rows),
    )


def _cell_tooltip() -> Sequence[dict[str, str]]:
    return [
        {"field": "first", "title": "first right at"},
        {"field": "left", "title": "left at"},
        {"field": "images", "format": ","},
        {"field": "share", "format": ".1%"},
    ]
