"""Long work reports what it does and its progress to a listener. By default there is no listener, and nothing is
shown.

A library must not print, and functions deep in the call tree should not need an argument for this. So work reports
here, as programs report to `logging`, and the command line installs a listener.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol


class Listener(Protocol):
    """A listener shows tasks. Its methods may be called from several threads at once; tasks may lie within tasks."""

    def begin(self, text: str, total: float | None, unit: str) -> Any:
        """Notes the start of a task; returns a handle for it.

        Args:
            text: what is done.
            total: total amount in `unit`; None if it is not known.
            unit: unit of `total`, in the plural.
        """
        ...

    def advance(self, task: Any, amount: float, note: str | None) -> None:
        """Notes that `amount` of the task's total is done, and replaces its note unless `note` is None.

        Args:
            task: handle of the task.
            amount: amount in the task's unit.
            note: what is at work now or has just ended.
        """
        ...

    def end(self, task: Any) -> None:
        """Notes the end of a task, whether it succeeded or raised."""
        ...


class _Silence:
    """This listener shows nothing."""

    def begin(self, text: str, total: float | None, unit: str) -> None: ...

    def advance(self, task: None, amount: float, note: str | None) -> None: ...

    def end(self, task: None) -> None: ...


@dataclass(frozen=True)
class Task:
    """This is a piece of work in progress."""

    _listener: Listener
    _known_as: Any

    def advance(self, amount: float = 1, note: str | None = None) -> None:
        """Reports that `amount` more is done.

        Args:
            amount: amount in the task's unit; 0 to change only the note.
            note: what is at work now or has just ended; None keeps the previous note.
        """
        self._listener.advance(self._known_as, amount, note)


_listener: Listener = _Silence()


@contextmanager
def task(text: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
    """Reports work that lasts as long as the context.

    Args:
        text: what is done, for example "compiling the generated C++".
        total: total amount in `unit`; None if it is not known.
        unit: unit of `total`, in the plural: "images".
    """
    listener = _listener
    known_as = listener.begin(text, total, unit)
    try:
        yield Task(listener, known_as)
    finally:
        listener.end(known_as)


@contextmanager
def shown_by(listener: Listener) -> Iterator[None]:
    """Installs a listener, in all threads, for as long as the context lasts."""
    global _listener  # noqa: PLW0603  # one per process, as for logging: work in all threads reports to it
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before
