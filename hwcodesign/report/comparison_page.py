"""This module writes the page that compares several builds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hwcodesign.report.chart import EXITS, FAINT, SERIES, Chart, Column, Row, Spec, banded, quantity, spec, wilson
from hwcodesign.report.comparing import Build, differences_table, figures_table, of_layers
from hwcodesign.report.hardware_charts import RESOURCES
from hwcodesign.report.pages import write_page
from hwcodesign.report.sample_charts import exit_legend, exit_scale

COMPARISON = "comparison.html"
#: Times the least of some values, above which they are shown on a logarithmic axis.
_FAR = 20


def write_comparison_page(builds: Sequence[Build], path: Path) -> Path:
    """Writes the page, and returns its path."""
    charts = comparison_charts(builds)
    differences, layers = of_layers(differences_table(builds))
    names = " and ".join(build.name for build in builds) if len(builds) == 2 else f"{len(builds)} builds"
    values = {
        "title": f"Comparison of {names}",
        "subtitle": "Each build's figures are those of its own report, on its own test images.",
        "drawn_charts": charts,
        "figures": figures_table(builds),
        "differences": differences,
        "layers": layers,
        "builds": [
            {"name": build.name, "date": build.report["provenance"]["date"], "data": build.report["dataset"]}
            for build in builds
        ],
    }
    return write_page(path, "comparison.html", charts, values, ("page.js",))


def comparison_charts(builds: Sequence[Build]) -> list[Chart]:
    """Returns accuracy against cost and against cycles, exit rates, and resources."""
    rows = [_row(build) for build in builds]
    found = [_trade_off(rows, "cost", "MACs, as a fraction of the full cost")]
    simulated = [row for row in rows if row["cycles"] is not None]
    if simulated:
        found.append(_trade_off(simulated, "cycles", "simulated cycles per image"))
    found.append(_exit_rates(builds))
    resources = [build for build in builds if build.report["resources"] is not None]
    return [*found, _resources(resources)] if resources else found


def _row(build: Build) -> Row:
    report, hardware = build.report, build.report["hardware"]
    accuracy = report["accuracy"]["early_exit"]
    low, high = wilson(accuracy, report["splits"]["test"])
    cycles = hardware["cycles_per_image"] if hardware is not None else None
    cost = report["macs_fraction"]
    return {"build": build.name, "accuracy": accuracy, "low": low, "high": high, "cost": cost, "cycles": cycles}


def _colours(names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, SERIES[k % len(SERIES)]) for k, name in enumerate(names))


def _trade_off(rows: Sequence[Row], key: str, title: str) -> Chart:
    legend = _colours([row["build"] for row in rows])
    scale = {"domain": [name for name, _ in legend], "range": [colour for _, colour in legend]}
    values = [row[key] for row in rows]
    across = quantity(key, title, percents=key == "cost", zoom=values)
    if 0 < _FAR * min(values) < max(values):
        across["scale"] = {"type": "log", "nice": False, "domain": [0.8 * min(values), 1.25 * max(values)]}
    ends = [end for row in rows for end in (row["low"], row["high"])]
    up = quantity("accuracy", "accuracy", percents=True, zoom=ends)
    colour: Spec = {"field": "build", "type": "nominal", "scale": scale}
    tooltip = [
        {"field": "build"},
        {"field": "accuracy", "format": ".2%"},
        {"field": key, "format": ".1%" if key == "cost" else ",.1f"},
    ]
    layers = [
        {
            "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.6},
            "encoding": {"x": across, "y": up | {"field": "low"}, "y2": {"field": "high"}, "color": colour},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
            "encoding": {"x": across, "y": up, "color": colour, "tooltip": tooltip},
        },
    ]
    unit = Column("cost", "MACs of full cost", "share") if key == "cost" else Column("cycles", "cycles", "number")
    best = max(rows, key=lambda row: row["accuracy"])
    return Chart(
        f"accuracy_{key}",
        f"Accuracy against {'cost' if key == 'cost' else 'cycles per image'}",
        "Bars are intervals of 95% confidence (Wilson) on each build's own test images.",
        f"Scatter chart of {len(rows)} builds; {best['build']} is the most accurate with {best['accuracy']:.2%}.",
        spec(300, data={"values": list(rows)}, layer=layers),
        (
            Column("build", "build"),
            Column("accuracy", "accuracy", "percent"),
            Column("low", "95% from", "percent"),
            Column("high", "to", "percent"),
            unit,
        ),
        tuple(rows),
        legend,
    )


def _exit_rates(builds: Sequence[Build]) -> Chart:
    exits = max(build.report["exits"] for build in builds)
    rows: list[Row] = [
        {"build": build.name, **{f"exit{k}": rate for k, rate in enumerate(build.report["exit_rate"])}}
        for build in builds
    ]
    bars = [
        {"build": build.name, "exit": f"exit {k}", "number": k, "rate": rate}
        for build in builds
        for k, rate in enumerate(build.report["exit_rate"])
    ]
    encoding = {
        "y": {"field": "build", "type": "nominal", "sort": None, "title": None},
        "x": quantity("rate", "fraction of the images", percents=True) | {"scale": {"domain": [0, 1]}},
        "color": {"field": "exit", "type": "nominal", "scale": exit_scale(exits)},
        "order": {"field": "number"},
        "tooltip": [{"field": "build"}, {"field": "exit"}, {"field": "rate", "format": ".1%"}],
    }
    first = ", ".join(f"{row['build']} {row['exit0']:.1%}" for row in rows)
    return Chart(
        "exit_rates",
        "Exit rates",
        "",
        f"Stacked bars. At exit 0 leave: {first}.",
        banded(len(builds), 28, data={"values": bars}, mark={"type": "bar"}, encoding=encoding),
        (Column("build", "build"), *(Column(f"exit{k}", f"exit {k}", "share") for k in range(exits))),
        tuple(rows),
        exit_legend(exits)[: len(EXITS)],
    )


def _resources(builds: Sequence[Build]) -> Chart:
    rows: list[Row] = []
    for build in builds:
        resources = build.report["resources"]
        assert resources is not None
        for name, key in RESOURCES:
            capacity, halves = resources["capacity"][key], 2 if key == "bram18" else 1
            if capacity:
                taken = resources["estimated"][key]
                rows.append(
                    {
                        "build": build.name,
                        "resource": name,
                        "taken": taken / halves,
                        "has": capacity / halves,
                        "share": taken / capacity,
                        "board": resources["board"],
                    }
                )
    legend = _colours([build.name for build in builds])
    scale = {"domain": [name for name, _ in legend], "range": [colour for _, colour in legend]}
    bars = {
        "mark": {"type": "bar"},
        "encoding": {
            "y": {"field": "resource", "type": "nominal", "sort": None, "title": None},
            "yOffset": {"field": "build", "type": "nominal", "sort": [build.name for build in builds]},
            "x": quantity("share", "of the board", percents=True),
            "color": {"field": "build", "type": "nominal", "scale": scale},
            "tooltip": [{"field": "build"}, {"field": "resource"}, {"field": "share", "format": ".1%"}],
        },
    }
    whole = {
        "data": {"values": [{"share": 1}] if any(row["share"] > 0.8 for row in rows) else []},
        "mark": {"type": "rule", "color": FAINT, "strokeDash": [5, 4]},
        "encoding": {"x": quantity("share", "of the board", percents=True)},
    }
    most = max(rows, key=lambda row: row["share"])
    return Chart(
        "resources",
        "Resources",
        "Estimated, not synthesised, as a fraction of what each build's board has.",
        f"Grouped bars. The largest is {most['resource']} of {most['build']} with {most['share']:.1%}.",
        banded(len(builds) * len({row["resource"] for row in rows}), 18, data={"values": rows}, layer=[bars, whole]),
        (
            Column("build", "build"),
            Column("resource", "resource"),
            Column("taken", "taken", "number"),
            Column("has", "the board has", "number"),
            Column("share", "share", "share"),
            Column("board", "board"),
        ),
        tuple(rows),
        legend,
    )
