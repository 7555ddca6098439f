"""This module prints the report in a terminal or a log, with rich."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from hwcodesign.report import summary
from hwcodesign.report.schema import Report
from hwcodesign.report.summary import Cell, Table, Tone

#: Longer rows of numbers, those of many exits, may be broken between two numbers.
_UNBROKEN = 30
_STYLES: dict[Tone, str] = {"plain": "", "strong": "bold", "good": "bold green", "bad": "bold red"}


def print_report(report: Report, console: Console, files: Mapping[str, Path] | None = None) -> None:
    """Prints everything in the report.

    Args:
        report: results of the run.
        console: console to print to; words are wrapped to its width, numbers are never broken.
        files: written files, each with a few words about it; they are listed last.
    """
    console.print(Text(summary.title(report), style="bold"))
    console.print(Text(summary.subtitle(report), style="dim"))
    for table in summary.tables(report):
        print_table(table, console)
    console.print()
    for note in summary.footnotes(report):
        console.print(Text(note, style="dim"))
    if files:
        print_files(files, console)


def print_table(table: Table, console: Console) -> None:
    """Prints a table with its title and its notes."""
    console.print()
    console.print(Text(table.title, style="bold cyan"))
    if table.rows:
        grid = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
        for k, heading in enumerate(table.headings):
            _add_column(grid, heading, [row[k].text for row in table.rows], words=k < table.named)
        for row in table.rows:
            grid.add_row(*(_text(cell) for cell in row))
        console.print(Padding(grid, (0, 0, 0, 1), expand=False))
    for note in table.notes:
        console.print(Padding(_text(note), (0, 0, 0, 1), expand=False))


def _add_column(grid: RichTable, heading: str, texts: Sequence[str], *, words: bool) -> None:
    """A column of words may be narrowed, one of numbers is as narrow as its longest and stays so."""
    longest = max(map(len, texts))
    if not words:
        heading = textwrap.fill(heading, max(10, longest, *map(len, heading.split())), break_long_words=False)
    grid.add_column(
        Text(heading),
        justify="left" if words else "right",
        vertical="top" if words else "bottom",
        no_wrap=not words and longest <= _UNBROKEN,
        overflow="fold",
    )


def _text(cell: Cell) -> Text:
    """As `Text`, so that brackets in names are not taken for markup."""
    return Text(cell.text, style=_STYLES[cell.tone])


def print_files(files: Mapping[str, Path], console: Console) -> None:
    """Prints where files are, each with a few words about it."""
    console.print()
    console.print(Text("Files", style="bold cyan"))
    width = max(len(what) for what in files)
    for what, path in files.items():
        # never folded: a path is there to be copied
        console.print(Text(f" {what:<{width}}  {path}"), soft_wrap=True)
