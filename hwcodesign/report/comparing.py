"""This module compares the reports of several builds: their figures side by side, and what differs between them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hwcodesign.report.chart import wilson
from hwcodesign.report.hardware_charts import RESOURCES
from hwcodesign.report.schema import Report
from hwcodesign.report.summary import Cell, Table, count, percent

_NOTHING = "-"
#: Of a change from which on it is said how many times as much a figure is.
_TIMES = 10


@dataclass(frozen=True)
class Build:
    """A build is a report with the name that it has in a comparison."""

    name: str
    report: Report


@dataclass(frozen=True)
class Figure:
    """A figure is a number of a build.

    Attributes:
        name: what it is.
        value: the number; None where the build has none.
        text: the same as text.
    """

    name: str
    value: float | None
    text: str


def figures_of(report: Report) -> list[Figure]:
    """Returns the figures by which builds are compared, the same for all that have as many exits."""
    accuracy, hardware, resources = report["accuracy"], report["hardware"], report["resources"]
    low, high = wilson(accuracy["early_exit"], report["splits"]["test"])
    found = [
        Figure("accuracy", accuracy["early_exit"], percent(accuracy["early_exit"])),
        Figure("accuracy, 95% from", low, percent(low)),
        Figure("accuracy, 95% to", high, percent(high)),
        Figure("accuracy of the last exit", accuracy["last_exit"], percent(accuracy["last_exit"])),
        Figure("MACs, of the full cost", report["macs_fraction"], percent(report["macs_fraction"], 1)),
        Figure("average MACs", report["macs"]["average"], count(report["macs"]["average"])),
    ]
    found += [Figure(f"exit rate {k}", rate, percent(rate, 1)) for k, rate in enumerate(report["exit_rate"])]
    if hardware is not None:
        latency = sum(rate * e["latency"] for rate, e in zip(report["exit_rate"], hardware["exits"], strict=True))
        found += [
            Figure("cycles per image", hardware["cycles_per_image"], f"{hardware['cycles_per_image']:,.1f}"),
            Figure("least cycles per image", hardware["bound"], f"{hardware['bound']:,.1f}"),
            Figure("images per second", hardware["images_per_second"], f"{hardware['images_per_second']:,.0f}"),
            Figure("mean latency, cycles", latency, f"{latency:,.1f}"),
        ]
    if resources is not None:
        for name, key in RESOURCES:
            taken = resources["estimated"][key] / (2 if key == "bram18" else 1)
            if resources["capacity"][key] or taken:
                found.append(Figure(f"{name}, estimated", taken, f"{taken:,g}"))
    mismatches = sum(item["mismatches"] for item in report["comparisons"])
    checked = float(mismatches) if report["comparisons"] else None
    return [*found, Figure("mismatches", checked, _NOTHING if checked is None else f"{mismatches:,}")]


def figures_table(builds: Sequence[Build]) -> Table:
    """Returns the figures of builds side by side, each with its change against the first build."""
    columns = [{figure.name: figure for figure in figures_of(build.report)} for build in builds]
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = []
    for name in names:
        first = columns[0].get(name)
        cells = [Cell(name), Cell(first.text if first else _NOTHING)]
        for column in columns[1:]:
            cells.append(_beside(column.get(name), first))
        rows.append(tuple(cells))
    note = Cell(f"In brackets: the change against {builds[0].name}.")
    return Table("Figures", ("", *(build.name for build in builds)), tuple(rows), (note,))


def _beside(figure: Figure | None, first: Figure | None) -> Cell:
    if figure is None or figure.value is None:
        return Cell(_NOTHING)
    if first is None or first.value is None:
        return Cell(figure.text)
    return Cell(f"{figure.text} ({change(figure, first)})")


def change(figure: Figure, first: Figure) -> str:
    """Returns by how much a figure differs from that of the first build: fractions in points, others in percent or as a
    multiple.
    """
    if figure.value == first.value or figure.value is None or first.value is None:
        return "="
    if figure.text.endswith("%"):
        return f"{100 * (figure.value - first.value):+.2f} points"
    if first.value == 0:
        return f"{figure.value:+,g}"
    times = figure.value / first.value
    return f"{times:,.0f} times" if times >= _TIMES else f"{100 * (times - 1):+.1f}%"


def differences_table(builds: Sequence[Build]) -> Table:
    """Returns the settings in which builds differ: data, policy, layers and how they are built, board, versions."""
    facts = [dict(_facts(build.report)) for build in builds]
    names = list(dict.fromkeys(name for own in facts for name in own))
    rows = []
    for name in names:
        texts = [own.get(name, _NOTHING) for own in facts]
        if len(set(texts)) > 1:
            rows.append(tuple(Cell(text) for text in (name, *texts)))
    notes = () if rows else (Cell("The builds have the same data, network, policy, hardware and versions."),)
    headings = ("setting", *(build.name for build in builds))
    return Table("What differs", headings, tuple(rows), notes, named=len(headings))


def of_layers(table: Table) -> tuple[Table, Table]:
    """Returns the settings of a table in two: those of whole builds, and those of stages, heads and their layers."""
    own = tuple(row for row in table.rows if re.match(r"(stage|head)\d+[:,]", row[0].text))
    others = tuple(row for row in table.rows if row not in own)
    whole = dataclasses.replace(table, rows=others)
    return whole, dataclasses.replace(table, title="Layers that differ", rows=own, notes=())


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    """Yields all settings of a build, as text."""
    policy = report["policy"]
    yield "data set", report["dataset"]
    yield "seed", str(report["seed"])
    yield "images: training, fitting, test", ", ".join(f"{n:,}" for n in report["splits"].values())
    yield "exits", str(report["exits"])
    yield "criterion", policy["criterion"]
    yield "thresholds asked for by", policy["method"]
    for k, threshold in enumerate(policy["thresholds"]):
        yield f"threshold of exit {k}", "never leaves" if threshold is None else f"{threshold:.5g}"
    if report["resources"] is not None:
        yield "board", report["resources"]["board"]
    if report["hardware"] is not None:
        yield "clock", f"{report['hardware']['clock_mhz']:g} MHz"
        yield "samples in each buffer", str(report["hardware"]["buffer_samples"])
    yield from _layers(report)
    for name, version in report["versions"].items():
        yield f"version of {name}", version
    for name in ("recipe", "commit"):
        yield name, str(report["provenance"][name] or _NOTHING)  # type: ignore[literal-required]
    for name, value in report["provenance"]["hashes"].items():
        yield f"hash of {name}", value[:12]


def _layers(report: Report) -> Iterator[tuple[str, str]]:
    for segment in report["network"]:
        names = [kernel["name"] for kernel in segment["kernels"]]
        yield f"{segment['name']}: kernels", ", ".join(names)
        for kernel in segment["kernels"]:
            where = f"{segment['name']}, {kernel['name']}"
            yield f"{where}: output", kernel["writes"]
            if kernel["weights"]:
                yield f"{where}: weights", kernel["weights"]
            if kernel["unit"] is not None:
                yield f"{where}: unit", ", ".join(text for text in (kernel["unit"], kernel["folding"]) if text)


def comparison_json(builds: Sequence[Build]) -> dict[str, Any]:
    """Returns a comparison as plain data."""
    table = differences_table(builds)
    return {
        "builds": {build.name: {f.name: f.value for f in figures_of(build.report)} for build in builds},
        "differences": {
            row[0].text: {build.name: cell.text for build, cell in zip(builds, row[1:], strict=True)}
            for row in table.rows
        },
    }
