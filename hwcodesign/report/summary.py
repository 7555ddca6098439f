"""This module writes the report as titles, tables and sentences, once for the terminal and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hwcodesign.report.schema import REPORT, HardwareReport, Report, TakenReport

#: How a piece of text is to be read; each medium picks its own look for it.
Tone = Literal["plain", "strong", "good", "bad"]

_NOTHING = "-"
#: What levels take together, in a sentence.
_SUMS = {"multipliers": "multipliers", "lut": "LUTs", "dsp": "DSP blocks"}
_MORE = (
    "These are more than without exits: levels are faster than images reach them, or heads take more than exits save."
)


@dataclass(frozen=True)
class Cell:
    """A cell is a piece of text and its tone."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Table:
    """This is a table of texts.

    Attributes:
        title: title above it.
        headings: headings of the columns; the first `named` columns hold words, the others numbers.
        rows: each as long as `headings`.
        notes: sentences below it.
        named: number of columns that hold words.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[Cell, ...] = ()
    named: int = 1


def percent(fraction: float, digits: int = 2) -> str:
    """Returns 0.9725 as "97.25%"."""
    return f"{100 * fraction:.{digits}f}%"


def count(value: float) -> str:
    """Returns a number as text: in full, or from ten millions or ten thousand millions on in these units."""
    for limit, unit, letter in ((1e10, 1e9, " G"), (1e7, 1e6, " M")):
        if value >= limit:
            return f"{value / unit:.2f}{letter}"
    return f"{value:,.0f}"


def title(report: Report) -> str:
    """Returns the title of the report."""
    return f"{report['name']}: early exit on {report['dataset']}"


def subtitle(report: Report) -> str:
    """Returns one line about exits, classes, criterion and splits."""
    splits, exits = report["splits"], f"{report['exits']} exit{'s' if report['exits'] > 1 else ''}"
    return (
        f"{exits}, {report['classes']} classes, {report['policy']['criterion']} criterion, "
        f"seed {report['seed']}; {splits['training']:,} training, {splits['fitting']:,} fitting "
        f"and {splits['test']:,} test images. All results are on the test images."
    )


def simulated_images(report: Report) -> int:
    """Returns how many images were simulated, the first of the test split."""
    hardware, test = report["hardware"], report["splits"]["test"]
    return 0 if hardware is None else hardware.get("samples", test)


def simulated_text(report: Report) -> str:
    """Returns which images were simulated, as text."""
    count, test = simulated_images(report), report["splits"]["test"]
    return f"first {count:,} test images" if count < test else f"{test:,} test images"


def tables(report: Report) -> tuple[Table, ...]:
    """Returns all tables, in reading order."""
    return tuple(named_tables(report).values())


def named_tables(report: Report) -> dict[str, Table]:
    """Returns all tables by short names, in reading order."""
    hardware = report.get("hardware")
    built = (
        {}
        if hardware is None
        else {"cycles": _cycles(report, hardware), **_levels(hardware), "deadlines": _deadlines(hardware)}
    )
    found = {"gain": _bought(report), "exits": _exits(report), **built, "criteria": _criteria(report)}
    return found | {"comparisons": _comparisons(report)}


def footnotes(report: Report) -> tuple[str, ...]:
    """Returns times and versions; empty ones are left out."""
    seconds = ", ".join(f"{step} {value:.1f} s" for step, value in report["seconds"].items())
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    return tuple(f"{head}: {text}." for head, text in (("Time", seconds), ("Made with", versions)) if text)


def _bought(report: Report) -> Table:
    accuracy, macs = report["accuracy"], report["macs"]
    last = report["exits"] - 1
    best = accuracy["best_single_exit"]
    rows = [
        _result("with early exits", accuracy["early_exit"], macs["average"], report["macs_fraction"],
                _fractions(report["exit_rate"]), tone="strong"),
        _result("last exit alone", accuracy["last_exit"], macs["full"], 1.0, f"all at exit {last}"),
    ]  # fmt: skip
    if best is None:
        rows.append(
            (Cell("best single exit that needs no more MACs"), *[Cell(_NOTHING)] * 3, Cell("no exit needs so few MACs"))
        )
    else:
        rows.append(
            _result("best single exit that needs no more MACs", best["accuracy"], best["macs_fraction"] * macs["full"],
                    best["macs_fraction"], f"all at exit {best['exit']}")
        )  # fmt: skip
    headings = ("", "accuracy", "average MACs", "of full cost", _rates_heading(report))
    return Table("Gain of early exit", headings, tuple(rows), _bought_notes(report))


def _result(
    name: str, accuracy: float, macs: float, fraction: float, leaving: str, *, tone: Tone = "plain"
) -> tuple[Cell, ...]:
    texts = (name, percent(accuracy), count(macs), percent(fraction, 1), leaving)
    return tuple(Cell(text, tone) for text in texts)


def _bought_notes(report: Report) -> tuple[Cell, ...]:
    if report["exits"] == 1:
        return (Cell("This network has one exit: no image leaves early."),)
    accuracy, best = report["accuracy"], report["accuracy"]["best_single_exit"]
    fraction = report["macs_fraction"]
    first = f"With early exits the network is {_gap(accuracy['early_exit'], accuracy['last_exit'])} the last exit"
    first += f" and needs {percent(fraction, 1)} of its MACs."
    if best is not None:
        first += f" Exit {best['exit']} alone is {_gap(best['accuracy'], accuracy['early_exit'])} the early exits."
    thinking = report["overthinking"]
    verb = "image is" if thinking == 1 else "images are"
    second = f"Overthinking: {thinking:,} test {verb} classified correctly by an earlier exit and wrongly by the last."
    return Cell(first), Cell(second)


def _gap(accuracy: float, reference: float) -> str:
    """Compares one accuracy with another, in percentage points."""
    points = round(100 * (accuracy - reference), 2)
    if points == 0:
        return "as accurate as"
    return f"{abs(points):.2f} points {'more' if points > 0 else 'less'} accurate than"


def _exits(report: Report) -> Table:
    policy = report["policy"]
    thresholds = ["never leaves" if value is None else f"{value:.4g}" for value in policy["thresholds"]]
    rows = tuple(
        (
            Cell(f"exit {k}"),
            Cell(threshold),
            Cell(percent(report["exit_rate"][k], 1)),
            Cell(_NOTHING if right is None else percent(right)),
            Cell(percent(report["accuracy"]["each_exit"][k])),
            Cell(count(report["macs"]["at_exit"][k])),
        )
        for k, (threshold, right) in enumerate(zip([*thresholds, _NOTHING], report["exit_accuracy"], strict=True))
    )
    how = "given by hand" if policy["method"] == "given" else f"fitted to {policy['method']}"
    note = (
        f"The thresholds of {policy['criterion']} are in {policy['unit']}, {how}. The floating-point formula gives "
        f"another decision for {percent(policy['float_disagreement'])} of the samples at the early exits."
    )
    headings = (
        "",
        "threshold",
        "exit rate",
        "accuracy of these images",
        "accuracy if all leave here",
        "MACs per image",
    )
    return Table("Each exit", headings, rows, (Cell(note),) if thresholds else ())


def _cycles(report: Report, hardware: HardwareReport) -> Table:
    rows = tuple(
        (
            Cell(f"exit {k}"),
            Cell(f"{exit_['latency']:,}"),
            Cell(f"{exit_['latency_predicted']:,}"),
            Cell(_interval(exit_["interval"])),
            Cell(_interval(exit_["interval_predicted"])),
        )
        for k, exit_ in enumerate(hardware["exits"])
    )
    clock, rate = f"{hardware['clock_mhz']:g} MHz", hardware["images_per_second"]
    fraction = hardware["bound"] / hardware["cycles_per_image"]
    held = ", ".join(f"{most} of {depth}" for most, depth in hardware["buffers"])
    notes = [
        Cell(
            f"The {simulated_text(report)} in their own order take {hardware['cycles_per_image']:,.1f} cycles per "
            f"image. This is {percent(fraction, 1)} of the highest throughput that the exit rates and the intervals of "
            f"the stages allow, and {rate:,.0f} images per second at an assumed clock of {clock}.",
            "strong",
        )
    ]
    if held:
        notes.append(Cell(f"Most beats in each conditional buffer: {held}."))
    headings = ("", "latency, simulated", "predicted", "interval, simulated", "predicted")
    return Table("Cycles of the RTL if all images leave at this exit", headings, rows, tuple(notes))


def _levels(hardware: HardwareReport) -> dict[str, Table]:
    levels = hardware.get("levels")
    if not levels:
        return {}
    rows: list[tuple[Cell, ...]] = []
    for k, level in enumerate(levels):
        buffer = _NOTHING if k == len(levels) - 1 else f"{level['buffer_bits'] / 1024:,.0f}"
        texts = (
            (f"level {k}", percent(level["reached"], 1), *_taken(level["taken"]), buffer),
            ("  without exits", percent(1, 1), *_taken(level["without"]), _NOTHING),
        )
        rows += [tuple(map(Cell, row)) for row in texts]
    both = [(level["taken"], level["without"]) for level in levels if level["without"] is not None]
    notes = [
        Cell(
            "A level is a stage with its head, its decision and the conditional buffer behind it. Images reach it as "
            "on the fitting split."
        )
    ]
    if len(both) == len(levels):
        own, alone = (
            {name: sum(taken[name] for taken in side if taken) for name in ("multipliers", "lut", "dsp")}
            for side in zip(*both, strict=True)
        )
        sums = [f"{own[name]:,} {text} instead of {alone[name]:,}" for name, text in _SUMS.items()]
        notes.append(Cell(f"All levels take {', '.join(sums[:-1])} and {sums[-1]}.", "strong"))
        if own["multipliers"] > alone["multipliers"]:
            notes.append(Cell(_MORE))
    notes.append(
        Cell(
            "Without exits all images reach every stage, each of which is then chosen for the same throughput"
            f"{' (too slow: no choice is as fast)' if len(both) < len(levels) else ''}. Estimated, not synthesised."
        )
    )
    headings = ("", "images that reach it", "multipliers", "LUTs", "DSPs", "BRAM36", "buffer, Kibit")
    return {"levels": Table("What each level takes", headings, tuple(rows), tuple(notes))}


def _taken(taken: TakenReport | None) -> tuple[str, ...]:
    if taken is None:
        return ("too slow", *[_NOTHING] * 3)
    return f"{taken['multipliers']:,}", f"{taken['lut']:,}", f"{taken['dsp']:,}", f"{taken['bram18'] / 2:g}"


def _deadlines(hardware: HardwareReport) -> Table:
    rows = tuple(
        (Cell(f"exit {k}"), Cell(f"{d['cycles']:,.0f}"), Cell(percent(d["accuracy"])), Cell(percent(d["final"], 1)))
        for k, d in enumerate(hardware["deadlines"])
    )
    note = "Each image is run by itself, in anytime mode. Its newest answer changes only at the cycles above."
    headings = ("answers of", "cycles", "accuracy of the newest answer", "newest answer is final")
    return Table("Accuracy against deadline", headings, rows, (Cell(note),))


def _interval(cycles: float) -> str:
    return f"{cycles:,}" if isinstance(cycles, int) else f"{cycles:,.1f}"


def _criteria(report: Report) -> Table:
    chosen = report["policy"]["criterion"]
    rows = []
    for name, result in report["criteria"].items():
        texts = (
            f"{name} (used)" if name == chosen else name,
            percent(result["accuracy"]),
            percent(result["macs_fraction"], 1),
            percent(result["float_disagreement"]),
            _fractions(result["exit_rate"]),
        )
        rows.append(tuple(Cell(text, "strong" if name == chosen else "plain") for text in texts))
    notes = [Cell(f"{name}: {result['note']}") for name, result in report["criteria"].items() if result["note"]]
    notes += [Cell(f"{name} is left out: {reason}") for name, reason in report.get("left_out", {}).items()]
    headings = ("", "accuracy", "of full cost", "float disagreement", _rates_heading(report))
    return Table("Criteria, each at its own thresholds", headings, tuple(rows), tuple(notes))


def _comparisons(report: Report) -> Table:
    rows = tuple(
        (
            Cell(" = ".join(item["backends"]) if item["mismatches"] == 0 else " / ".join(item["backends"])),
            Cell(item["what"]),
            Cell(f"{item['samples']:,}"),
            Cell(f"{item['values']:,}"),
            Cell(f"{item['mismatches']:,}", "good" if item["mismatches"] == 0 else "bad"),
        )
        for item in report["comparisons"]
    )
    failed = [item for item in report["comparisons"] if item["mismatches"]]
    notes = tuple(
        Cell(
            f"MISMATCH: {' and '.join(item['backends'])} differ in {item['mismatches']:,} "
            f"of {item['values']:,} values of {item['what']}.",
            "bad",
        )
        for item in failed
    )
    if not report["comparisons"]:
        notes = (Cell("No backends were compared.", "bad"),)
    elif not failed:
        notes = (Cell("All compared backends agree in every bit.", "good"),)
    headings = ("backends", "compared", "samples", "values", "mismatches")
    return Table("Comparison of the backends", headings, rows, notes, named=2)


def _rates_heading(report: Report) -> str:
    return f"exit rate at exits 0 to {report['exits'] - 1}" if report["exits"] > 1 else "exit rate"


def _fractions(fractions: Sequence[float]) -> str:
    """Returns whole percents; a small fraction is shown as "<1%", not as 0."""
    return "  ".join("<1%" if 0 < fraction < 0.01 else f"{100 * fraction:.0f}%" for fraction in fractions)


def written_files(folder: Path) -> dict[str, Path]:
    """Returns the files that a reader may want to open after a run."""
    names = {
        "page": "report.html",
        "figures of this table": REPORT,
        "scores of each sample": "outcomes.npz",
        "timeline for Perfetto": "trace.json",
        "exit policy": "policy.json",
        "hardware sources": "design",
    }
    return {text: folder / name for text, name in names.items() if (folder / name).exists()}
