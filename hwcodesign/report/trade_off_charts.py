"""This module draws accuracy against what it costs: multiply-accumulates, latency, and time until an answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hwcodesign.report.chart import ACCENT, FAINT, SERIES, TEXT, Chart, Column, Row, quantity, spec, wilson
from hwcodesign.report.schema import HardwareReport, Report

_SHAPES = ("circle", "triangle-up", "diamond", "square", "cross", "triangle-down", "triangle-right")
#: Of the accuracies that are shown: those of poor exits may lie below.
_SHOWN = 0.12
#: Points that are shown cost at most so many times the policy in use.
_WIDER = 2.0
_ALONE = "one exit alone"
_EXPLAINED = (
    "Each point has thresholds from the fitting split, and accuracy and cost on the {samples:,} test images. Bars are "
    "intervals of 95% confidence (Wilson) of the fitted points. The ring is the policy in use, the dashed line the "
    "accuracy of the last exit; the orange cross follows the sliders, within the axes."
)


def trade_off_charts(report: Report) -> list[Chart]:
    """Returns accuracy against cost, and where there is RTL against latency and by deadline."""
    rows = _rows(report)
    found = [_chart(report, rows, "cost", "average MACs, as a fraction of the full cost")]
    hardware = report["hardware"]
    if hardware is not None:
        found += [_chart(report, rows, "latency", "mean cycles of an image by itself"), _deadlines(hardware)]
    return found


def _rows(report: Report) -> list[Row]:
    """Returns the points of all curves, and of exits alone."""
    chosen, samples = report["policy"]["criterion"], report["splits"]["test"]
    rows: list[Row] = []
    for name, curve in report["curves"].items():
        fitted = report["criteria"][name]
        for point in curve:
            is_fitted = (point["accuracy"], point["macs_fraction"]) == (fitted["accuracy"], fitted["macs_fraction"])
            what = ("in use" if name == chosen else "fitted") if is_fitted else "other thresholds"
            rows.append(
                _row(report, name, what, point["accuracy"], point["macs_fraction"], point["exit_rate"], samples)
            )
    single = _single_costs(report)
    for k, accuracy in enumerate(report["accuracy"]["each_exit"]):
        rates = [float(j == k) for j in range(report["exits"])]
        rows.append(_row(report, _ALONE, f"exit {k}", accuracy, single[k], rates, samples))
    return rows


def _single_costs(report: Report) -> list[float]:
    """Returns what each exit costs alone, without the heads before it, as fractions of the full cost."""
    macs = [sum(kernel["macs"] for kernel in segment["kernels"]) for segment in report["network"]]
    stages, heads = macs[0::2], macs[1::2]
    return [(sum(stages[: k + 1]) + heads[k]) / report["macs"]["full"] for k in range(report["exits"])]


def _row(
    report: Report, name: str, what: str, accuracy: float, cost: float, rates: Sequence[float], samples: int
) -> Row:
    low, high = wilson(accuracy, samples)
    hardware = report["hardware"]
    latency = None
    if hardware is not None:
        latency = sum(rate * exit_["latency"] for rate, exit_ in zip(rates, hardware["exits"], strict=True))
    return {
        "criterion": name,
        "what": what,
        "accuracy": accuracy,
        "low": low,
        "high": high,
        "cost": cost,
        "latency": latency,
    }


def _chart(report: Report, rows: Sequence[Row], key: str, title: str) -> Chart:
    best = max(row["accuracy"] for row in rows)
    least = min(report["accuracy"]["last_exit"], report["accuracy"]["early_exit"])
    in_use = next(row for row in rows if row["what"] == "in use")
    dearest = _WIDER * in_use[key]
    shown = [row for row in rows if row["accuracy"] >= min(least, best - _SHOWN) and row[key] <= dearest]
    far = Counter(row["criterion"] for row in rows if row not in shown)
    names = [*report["curves"], _ALONE]
    colours = [*(SERIES[k % len(SERIES)] for k in range(len(names) - 1)), FAINT]
    shapes = [*(_SHAPES[k % len(_SHAPES)] for k in range(len(names) - 1)), "square"]
    ends = [end for row in shown if row["what"] in {"in use", "fitted"} for end in (row["low"], row["high"])]
    tooltip = [
        {"field": "criterion"},
        {"field": "what", "title": "point"},
        {"field": "accuracy", "format": ".2%"},
        {"field": "low", "format": ".2%", "title": "95% from"},
        {"field": "high", "format": ".2%", "title": "to"},
        {"field": key, "format": ".1%" if key == "cost" else ",.1f"},
    ]
    across = quantity(key, title, percents=key == "cost", zoom=[row[key] for row in shown])
    up = quantity("accuracy", "accuracy", percents=True, zoom=[*(row["accuracy"] for row in shown), *ends])
    colour = {"field": "criterion", "type": "nominal", "scale": {"domain": names, "range": colours}}
    shape = {"field": "criterion", "type": "nominal", "scale": {"domain": names, "range": shapes}}
    both: dict[str, Any] = {"x": across, "y": up}
    fitted = {"filter": "datum.what === 'in use' || datum.what === 'fitted'"}
    last = report["accuracy"]["last_exit"]
    layers = [
        {
            "data": {"values": [{"accuracy": last}]},
            "mark": {"type": "rule", "strokeDash": [6, 4], "clip": True},
            "encoding": {"y": up},
        },
        {
            "transform": [{"filter": f"datum.criterion !== '{_ALONE}'"}],
            "mark": {"type": "line", "strokeWidth": 1.5, "opacity": 0.6},
            "encoding": both | {"color": colour},
        },
        {
            "transform": [fitted],
            "mark": {"type": "rule", "strokeWidth": 1.5, "opacity": 0.6},
            "encoding": {"x": across, "y": up | {"field": "low"}, "y2": {"field": "high"}, "color": colour},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
            "encoding": both | {"color": colour, "shape": shape, "tooltip": tooltip},
        },
        {
            "transform": [{"filter": f"datum.criterion === '{_ALONE}'"}],
            "mark": {"type": "text", "dy": 13, "color": FAINT},
            "encoding": both | {"text": {"field": "what"}},
        },
        {
            "transform": [{"filter": "datum.what === 'in use'"}],
            "mark": {"type": "point", "shape": "circle", "size": 320, "strokeWidth": 2.5, "color": TEXT},
            "encoding": both | {"tooltip": tooltip},
        },
        {
            "data": {"name": "live", "values": []},
            "mark": {"type": "point", "shape": "cross", "filled": True, "size": 260, "color": ACCENT, "clip": True},
            "encoding": both,
        },
    ]
    left_out = ", ".join(f"{number} of {name}" for name, number in far.items())
    text = "The same points against the mean cycles from an image's first word to its record."
    if key == "cost":
        text = _EXPLAINED.format(samples=report["splits"]["test"])
    if not up["scale"]["domain"][0] <= last <= up["scale"]["domain"][1]:
        text += f" The last exit has {last:.2%}, outside the axis."
    if far:
        text += f" Points that lie far away are only in the table: {left_out}."
    alt = f"Scatter chart of accuracy against {key}. In use: {in_use['criterion']} with {in_use['accuracy']:.2%}."
    unit: Column = (
        Column("cost", "MACs of full cost", "share") if key == "cost" else Column("latency", "cycles", "number")
    )
    columns = (
        Column("criterion", "criterion"),
        Column("what", "point"),
        Column("accuracy", "accuracy", "percent"),
        Column("low", "95% from", "percent"),
        Column("high", "to", "percent"),
        unit,
    )
    name = f"accuracy_{key}"
    legend = tuple(zip(names, colours, strict=True))
    drawn = spec(340, data={"name": "points", "values": list(shown)}, layer=layers)
    return Chart(name, f"Accuracy against {key}", text, alt, drawn, columns, tuple(rows), legend, tuple(shapes))


def _deadlines(hardware: HardwareReport) -> Chart:
    what = {"accuracy": "newest answer right", "final": "newest answer final"}
    rows: list[Row] = [
        {"exit": f"exit {k}", "cycles": d["cycles"], "accuracy": d["accuracy"], "final": d["final"]}
        for k, d in enumerate(hardware["deadlines"])
    ]
    end = 1.1 * rows[-1]["cycles"]
    steps = [
        {"cycles": cycles, "fraction": fraction, "what": name}
        for key, name in what.items()
        for cycles, fraction in [
            (0, 0.0),
            *((row["cycles"], row[key]) for row in rows),
            (end, rows[-1][key]),
        ]
    ]
    drawn = [row[key] for row in rows for key in what]
    names = list(what.values())
    colour = {"field": "what", "type": "nominal", "scale": {"domain": names, "range": [SERIES[0], SERIES[1]]}}
    encoding = {
        "x": quantity("cycles", "cycles since the first word of an image"),
        "y": quantity("fraction", "fraction of the images", percents=True, zoom=[1.0, *drawn]),
        "color": colour,
        "strokeDash": {"field": "what", "type": "nominal", "scale": {"domain": names, "range": [[1, 0], [5, 3]]}},
    }
    line = {"type": "line", "interpolate": "step-after", "strokeWidth": 2, "clip": True}
    return Chart(
        "deadline",
        "Accuracy by a deadline",
        "In anytime mode, each image by itself; the newest answer changes only at the cycles in the table. Before the "
        "first there is none.",
        "Step chart: " + "; ".join(f"{row['exit']} after {row['cycles']:,.0f} cycles" for row in rows) + ".",
        spec(220, data={"values": steps}, mark=line, encoding=encoding),
        (
            Column("exit", "answers of"),
            Column("cycles", "cycles", "count"),
            Column("accuracy", "newest answer right", "percent"),
            Column("final", "newest answer final", "percent"),
        ),
        tuple(rows),
        ((names[0], SERIES[0]), (f"{names[1]} (dashed)", SERIES[1])),
    )
