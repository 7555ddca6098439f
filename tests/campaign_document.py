"""The campaign's document: what was compared with what, in sums, network by network, and the search for deadlocks."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from tests.comparisons import Line
from tests.stress import StressLine, table


def document(
    lines: Sequence[Line], stress: Sequence[StressLine], failed: Mapping[str, str], command: str, seconds: float
) -> str:
    """Markdown with the command that repeats it.

    Args:
        failed: parts that ended in an error, with it.
    """
    total = sum(line.comparison.values for line in lines)
    wrong = sum(line.comparison.mismatches for line in lines)
    subjects = len({line.subject for line in lines})
    day = f"{datetime.now().astimezone():%d %B %Y}"
    errors = "".join(f"**{name} ended in an error**: {error}\n\n" for name, error in failed.items())
    text = f"""# Verification

This page shows the comparison of every integer of every backend. Values are compared with `==`, without any tolerance.

    {command}

The campaign compared {total:,} values of {subjects} networks and graphs and found **{wrong} mismatches**, on
{platform.machine()}, under Python {platform.python_version()}. It ran on {day}, on the code of that day, in
{seconds / 60:.0f} minutes, without parts that had run before.

{errors}* *features, logits*: every segment is run by itself on all samples, without exits. Its input is the output of
  the segment before it.
* *records*: the whole accelerator is run with the exit policy. Every field except `cycles` is compared. "leaving
  60%/40%" are the exit rates. The thresholds are in the middle of the accuracy-cost curve of the criterion.
* *cycles*: latency and interval of every exit, as predicted by the compilation and as simulated.
* The reference is Brevitas in float64. It computes all exits and skips nothing. Its records use no control flow of the
  backends, and their scores are computed in Python. Graphs are compared with hls4ml's own C++.

## Totals

| backends | compared | networks | values | mismatches |
|---|---|---:|---:|---:|
"""
    text += "".join(_sums(lines))
    text += "\n## Each network\n\n| network | | compared | values | mismatches |\n|---|---|---|---:|---:|\n"
    for subject, group in groupby(lines, key=lambda line: line.subject):
        text += _row(subject, list(group))
    if stress:
        text += f"""
## Search for deadlocks

This part simulates whole accelerators whose conditional buffers hold one sample, in adaptive and in anytime mode, while
inputs and outputs stall. Every record is compared with that of the software backend, so none was lost, repeated or
exchanged. `python -m tests.stress` runs this part alone.

{table(stress)}
"""
    return text


def _kind(line: Line) -> str:
    """What a line compares, without its numbers."""
    return line.comparison.what.split(",")[0].split(":")[0]


def _sums(lines: Iterable[Line]) -> list[str]:
    sums: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        sums.setdefault((" = ".join(line.comparison.backends), _kind(line)), []).append(line)
    return [
        f"| {backends} | {what} | {len({line.subject for line in found})} "
        f"| {sum(line.comparison.values for line in found):,} | {sum(line.comparison.mismatches for line in found)} |\n"
        for (backends, what), found in sorted(sums.items())
    ]


def _row(subject: str, lines: Sequence[Line]) -> str:
    """A network's row: its comparisons by backend, records with the exit rates."""
    parts = dict.fromkeys(_comparison(line) for line in lines)
    values = sum(line.comparison.values for line in lines)
    wrong = sum(line.comparison.mismatches for line in lines)
    return f"| {subject} | {lines[0].detail} | {'; '.join(parts)} | {values:,} | {wrong} |\n"


def _comparison(line: Line) -> str:
    what = line.comparison.what
    return what.removeprefix("records, ") if what.startswith("records") else _kind(line)
