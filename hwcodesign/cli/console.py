"""This module shows the progress of long work: bars on a terminal, plain lines in a pipe or a file.

It writes to standard error, so that results can be piped. Of tasks within tasks, a pipe shows only the outermost ones.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum

from rich.console import Console, RenderableType
from rich.progress import Progress, ProgressColumn, TaskID
from rich.progress import Task as Row
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Column
from rich.text import Text

from hwcodesign import progress

#: Seconds from which on a step's duration is worth a word, and from which on a rate means something.
_LONG, _STEADY = 2.0, 0.5
#: Of a bar, in letters.
_BAR = 12
_FRAMES_PER_SECOND = 8


class Verbosity(Enum):
    """The verbosity says what is shown of the work: nothing, the start of a task, or also its end and its inner
    tasks.
    """

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


@dataclass(eq=False)
class _Shown:
    """This is a task in progress.

    Attributes:
        depth: number of tasks that it lies within.
        done: amount done, in the unit of the total.
        row: its row in the live part of the terminal.
    """

    text: str
    total: float | None
    unit: str
    depth: int
    begin: float = field(default_factory=time.perf_counter)
    done: float = 0.0
    row: TaskID | None = None

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.begin


class TerminalListener:
    """The listener receives the events of `hwcodesign.progress`, and draws if standard error is a terminal."""

    def __init__(self, verbosity: Verbosity = Verbosity.NORMAL) -> None:
        self._verbosity = verbosity
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._lock = threading.RLock()  # a generator that is thrown away may end its task within any of our lines
        self._open: list[_Shown] = []
        self._rows: Progress | None = None

    def begin(self, text: str, total: float | None, unit: str) -> _Shown:
        """Shows that a task begins; returns a handle for the task."""
        with self._lock:
            shown = _Shown(text, total, unit, len(self._open))
            self._open.append(shown)
            if self._verbosity is not Verbosity.QUIET:
                if not shown.depth and (self._verbosity is Verbosity.VERBOSE or not self._live):
                    self._print(text, bullet=True)
                if self._live:
                    self._rows = self._rows or _started()
                    indented = "  " * shown.depth + text
                    shown.row = self._rows.add_task(indented, total=total, unit=unit, note="", reached=0.0)
            return shown

    def advance(self, task: _Shown, amount: float, note: str | None) -> None:
        """Shows that `amount` more of a task is done, and replaces its note unless `note` is None."""
        with self._lock:
            task.done += amount
            if self._rows is not None and task.row is not None:
                if amount:
                    self._rows.update(task.row, advance=amount, reached=task.seconds)
                if note is not None:
                    self._rows.update(task.row, note=note)

    def end(self, task: _Shown) -> None:
        """Removes a task from the display, and prints its time if this is wanted."""
        with self._lock:
            self._open.remove(task)
            if self._rows is not None and task.row is not None:
                self._rows.remove_task(task.row)
                if not self._rows.task_ids:
                    self._rows.stop()
                    self._rows = None
            if self._verbosity is Verbosity.VERBOSE:
                self._print(f"{'  ' * (task.depth + 1)}{_summary(task)}")
            elif self._verbosity is Verbosity.NORMAL and self._live and not task.depth:
                self._print(task.text, bullet=True, seconds=task.seconds)

    def _print(self, text: str, *, bullet: bool = False, seconds: float = 0.0) -> None:
        """Prints one line, above the bars if there are any."""
        if not self._live:
            print(f"· {text}" if bullet else text, file=sys.stderr, flush=True)
            return
        line = Text.assemble(("· ", "bold cyan") if bullet else "", text)
        if seconds >= _LONG:
            line.append(f"  {_duration(seconds)}", style="dim")
        (self._rows.console if self._rows else _console()).print(line, soft_wrap=True)


@contextmanager
def show_progress(verbosity: Verbosity = Verbosity.NORMAL) -> Iterator[None]:
    """Shows what hwcodesign does within the block, and its progress: bars on a terminal, plain lines elsewhere.

    Args:
        verbosity: how much is shown.
    """
    with progress.shown_by(TerminalListener(verbosity)):
        yield


class _Rows(Progress):
    """This is the live part of the display: a row for each task, and below them the note of the innermost task."""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        notes = [task.fields["note"] for task in self.tasks if task.fields["note"]]
        if notes:
            yield Text(f"    {notes[-1]}", style="dim", no_wrap=True, overflow="ellipsis")


class _Description(ProgressColumn):
    """This column shows what is done; it is cut if the terminal is narrow."""

    def render(self, task: Row) -> Text:
        return Text(f"  {task.description}", no_wrap=True, overflow="ellipsis")


class _Bar(ProgressColumn):
    """This column shows a bar, or a spinner if the total is not known."""

    def __init__(self) -> None:
        super().__init__()
        self._spinner = Spinner("dots", style="cyan")

    def render(self, task: Row) -> RenderableType:
        if task.total is None:
            return self._spinner.render(task.get_time())
        return ProgressBar(total=max(task.total, 1), completed=task.completed, width=_BAR)


class _Amount(ProgressColumn):
    """This column shows how much is done and how fast, for example "200/400  812 images/s"."""

    def render(self, task: Row) -> Text:
        if task.total is None:
            return Text()
        unit, rate = task.fields["unit"], _rate(task.completed, task.fields["reached"])
        amount = f"{task.completed:,.0f}/{task.total:,.0f}"
        return Text(f"{amount} {unit}" if rate is None else f"{amount}  {rate} {unit}/s", style="green")


class _Time(ProgressColumn):
    """This column shows the time passed, and the time left if the work continues at the same rate."""

    def render(self, task: Row) -> Text:
        elapsed, reached = task.elapsed or 0.0, float(task.fields["reached"])
        text = _clock(elapsed)
        if task.total and task.completed and elapsed >= _LONG:
            left = reached * task.total / task.completed - elapsed
            text += f", {_clock(left)} left" if left > 0 else ""
        return Text(text, style="cyan")


def _started() -> Progress:
    rows = _Rows(
        _Description(Column()),  # what may not be cut says so
        _Bar(),
        _Amount(Column(no_wrap=True)),
        _Time(Column(no_wrap=True)),
        console=_console(),
        transient=True,
        refresh_per_second=_FRAMES_PER_SECOND,
        redirect_stdout=sys.stdout.isatty(),
    )
    rows.start()
    return rows


def _console() -> Console:
    return Console(file=sys.stderr, force_terminal=True, highlight=False)


def _summary(task: _Shown) -> str:
    """Returns a line such as "compiling the generated C++: 12 units in 34.1 s"."""
    seconds = task.seconds
    if task.total is None:
        return f"{task.text}: {_duration(seconds)}"
    whole = task.done >= task.total
    amount = f"{task.done:,.0f}" if whole else f"{task.done:,.0f} of {task.total:,.0f}"
    rate = _rate(task.done, seconds) if task.unit == "images" else None
    return f"{task.text}: {amount} {task.unit} in {_duration(seconds)}" + (f", {rate} {task.unit}/s" if rate else "")


def _rate(done: float, seconds: float) -> str | None:
    """Returns a rate as text; None below one a second, or if almost nothing is done yet."""
    rate = done / seconds if seconds >= _STEADY else 0.0
    return None if rate < 1 else f"{rate:.1f}" if rate < 10 else f"{rate:,.0f}"


def _duration(seconds: float) -> str:
    """Returns a duration as text: "34.1 s", and from two minutes on "2 min 5 s"."""
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def _clock(seconds: float) -> str:
    """Returns a time as text: "0:34", and from one hour on "1:02:34"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
