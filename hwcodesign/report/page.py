"""This module writes the report of a run as one HTML file, from the files that the run has left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from hwcodesign.errors import DesignError, FieldError
from hwcodesign.report import summary
from hwcodesign.report.chart import wilson
from hwcodesign.report.diagram import NARROW, diagram, kernel_details
from hwcodesign.report.exit_costs import exit_costs_chart
from hwcodesign.report.explorer import explorer_data
from hwcodesign.report.gantt import gantt_charts
from hwcodesign.report.hardware_charts import hardware_charts
from hwcodesign.report.outcomes import OUTCOMES, Outcomes, read_outcomes
from hwcodesign.report.pages import Fact, write_page
from hwcodesign.report.pictures import picture_groups
from hwcodesign.report.results import TIMELINE
from hwcodesign.report.sample_charts import sample_charts
from hwcodesign.report.schema import Comparison, Report
from hwcodesign.report.summary import Cell, Table, percent, simulated_images
from hwcodesign.report.synthesis import read_synthesis, synthesis_table
from hwcodesign.report.trade_off_charts import trade_off_charts
from hwcodesign.simulation.timeline import Timeline
from hwcodesign.simulation.timeline_file import read_timeline

PAGE = "report.html"
_SCRIPTS = ("explore.js", "page.js")


def write_report_page(report: Report, folder: Path) -> Path:
    """Writes the page into the folder of a run, which holds its outcomes and, with RTL, its timeline.

    Returns:
        The page's path.

    Raises:
        DesignError: a file of the run is missing or damaged.
    """
    outcomes, timeline = _outcomes(folder, report), _timeline(folder, report)
    groups = {
        "exit_costs": [exit_costs_chart(report)] if report["exits"] > 1 else [],
        "trade_offs": trade_off_charts(report),
        "samples": sample_charts(report, outcomes),
        "timeline": gantt_charts(timeline) if timeline else [],
        **hardware_charts(report),
    }
    synthesis, scores = read_synthesis(folder, report), explorer_data(report, outcomes)
    values: dict[str, Any] = groups | {
        "title": summary.title(report),
        "subtitle": summary.subtitle(report),
        "facts": _facts(report),
        "tables": summary.named_tables(report),
        "drawn": diagram(report),
        "drawn_narrow": diagram(report, NARROW),
        "segments": [
            {"name": segment["name"], "kernels": [kernel_details(kernel) for kernel in segment["kernels"]]}
            for segment in report["network"]
        ],
        "scores": scores,
        "explorer_note": _explorer_note(scores),
        "unit": report["policy"]["unit"],
        "exits": report["exits"],
        "synthesis_hint": f"hwcodesign compile {report['name']} --resources",
        "early": range(report["exits"] - 1),
        "pictures": picture_groups(outcomes, report["exits"]),
        "counters": _counters(timeline) if timeline else None,
        "shown_samples": len(timeline.exits) if timeline else 0,
        "synthesis": synthesis_table(synthesis, report) if synthesis else None,
        "matrix": verification_matrix(report, timeline),
        "provenance": _provenance(report),
        "sections": _sections(groups | {"thresholds": [] if report["exits"] == 1 else ["sliders"]}),
    }
    return write_page(folder / PAGE, "report.html", list(chain(*groups.values())), values, _SCRIPTS)


def _sections(groups: Mapping[str, Sequence[object]]) -> list[tuple[str, str]]:
    every = {
        "gain": "Gain",
        "network": "Network",
        "accuracy": "Accuracy",
        "thresholds": "Thresholds",
        "samples": "Samples",
        "cycles": "Cycles",
        "timeline": "Timeline",
        "resources": "Resources",
        "operations": "Operations",
        "verification": "Verification",
        "provenance": "Provenance",
    }
    return [(name, text) for name, text in every.items() if groups.get(name, True)]


def _outcomes(folder: Path, report: Report) -> Outcomes:
    path = folder / OUTCOMES
    try:
        return read_outcomes(path, report["exits"])
    except FieldError as error:
        raise DesignError(f"{path} does not belong to the report ({error}): run the recipe again") from None


def _timeline(folder: Path, report: Report) -> Timeline | None:
    path = folder / TIMELINE
    if report["hardware"] is None or not path.exists():
        return None
    try:
        return read_timeline(path)
    except FieldError as error:
        raise DesignError(f"{path} is damaged ({error}): run the recipe again") from None


def _facts(report: Report) -> list[Fact]:
    accuracy, hardware = report["accuracy"], report["hardware"]
    low, high = wilson(accuracy["early_exit"], report["splits"]["test"])
    points = 100 * (accuracy["early_exit"] - accuracy["last_exit"])
    values, failed = sum(item["values"] for item in report["comparisons"]), _mismatches(report)
    found = [
        Fact("accuracy", percent(accuracy["early_exit"]), f"95% from {percent(low, 1)} to {percent(high, 1)}"),
        Fact("against last exit", f"{points:+.2f}", f"points; it alone has {percent(accuracy['last_exit'])}"),
        Fact("MACs", percent(report["macs_fraction"], 1), "of the full cost, on average"),
    ]
    if hardware is not None:
        clock, cycles = f"{hardware['clock_mhz']:g} MHz", hardware["cycles_per_image"]
        count = simulated_images(report)
        where = "simulated" if count == report["splits"]["test"] else f"{count:,} images simulated"
        found.append(Fact("images per second", f"{hardware['images_per_second']:,.0f}", f"{where}, at {clock}"))
        share = percent(hardware["bound"] / cycles, 1)
        found.append(Fact("cycles per image", f"{cycles:,.1f}", f"{share} of the highest throughput"))
    if report["comparisons"]:
        found.append(Fact("mismatches", f"{failed:,}", f"in {summary.count(values)} compared values"))
    return found


def _mismatches(report: Report) -> int:
    return sum(item["mismatches"] for item in report["comparisons"])


def _explorer_note(scores: dict[str, Any]) -> str:
    cut = [
        f"The page has the first {split['samples']:,} samples of the {name} split."
        for name, split in scores["splits"].items()
        if not split["whole"]
    ]
    return " ".join(cut)


def _counters(timeline: Timeline) -> Table:
    totals = timeline.totals()
    rows = tuple(
        (Cell(name), Cell(f"{total:,}"), Cell(f"{timeline.counters[name]:,}")) for name, total in totals.items()
    )
    same = totals == timeline.counters
    note = (
        Cell("The totals of the timeline are what the registers count.", "good")
        if same
        else Cell("The totals of the timeline are not what the registers count.", "bad")
    )
    return Table("Totals", ("register", "in the timeline", "counted by the register"), rows, (note,))


def verification_matrix(report: Report, timeline: Timeline | None = None) -> Table:
    """Returns what was compared, with a column for each backend that was held to Brevitas; below these, what the RTL
    was compared with beside it.
    """
    backends = list(dict.fromkeys(name for item in report["comparisons"] for name in item["backends"]))
    reference = "brevitas"
    columns = [name for name in backends if name != reference]
    rows = []
    for what in dict.fromkeys(item["what"] for item in report["comparisons"]):
        cells = [Cell(what)]
        for name in columns:
            found = [c for c in report["comparisons"] if c["what"] == what and set(c["backends"]) == {reference, name}]
            cells.append(_verdict(found[0]) if found else Cell("not compared"))
        rows.append(tuple(cells))
    for text, same in _held_to(report, timeline).items():
        verdict = Cell("=", "good") if same else Cell("differ", "bad")
        rows.append((Cell(text), *(verdict if name == "rtl" else Cell("-") for name in columns)))
    notes = summary.named_tables(report)["comparisons"].notes
    headings = ("compared with Brevitas, if nothing else is said", *columns)
    return Table("What was verified against what", headings, tuple(rows), notes)


def _held_to(report: Report, timeline: Timeline | None) -> dict[str, bool]:
    """Returns what the cycles of the RTL were compared with, and whether they are equal."""
    hardware, found = report["hardware"], {}
    if hardware is not None:
        exits = hardware["exits"]
        found["latency of each exit, with the prediction"] = all(e["latency"] == e["latency_predicted"] for e in exits)
        found["interval of each exit, with the prediction"] = all(
            e["interval"] == e["interval_predicted"] for e in exits
        )
    if timeline is not None:
        found["totals of the timeline, with the registers"] = timeline.totals() == timeline.counters
    return found


def _verdict(found: Comparison) -> Cell:
    if found["mismatches"]:
        return Cell(f"{found['mismatches']:,} of {found['values']:,} differ", "bad")
    return Cell(f"= {found['values']:,} values\nof {found['samples']:,} images", "good")


def _provenance(report: Report) -> list[tuple[str, str]]:
    found = report["provenance"]
    rows = {
        "recipe": found["recipe"],
        "recipe, SHA-256": found["recipe_sha256"],
        "commit": found["commit"],
        "seed": str(report["seed"]),
        "data set": report["dataset"],
        "host": f"{found['host']}, {found['machine']}, {found['cores']} cores",
        "date": found["date"],
        **{f"{name}, SHA-256": value for name, value in found["hashes"].items()},
        "seconds": ", ".join(f"{step} {value:.1f}" for step, value in report["seconds"].items()),
        "made with": ", ".join(f"{name} {version}" for name, version in report["versions"].items()),
    }
    return [(name, value) for name, value in rows.items() if value]
