"""Long work says what it does and how far it is; who listens decides what is shown, and nobody listens by default.

A library must not print, and a function five calls below the command line should not carry an argument for it. So work
reports here, as programs report to `logging`, and the command line installs a listener.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol


class Listener(Protocol):
    """Shows tasks. Its methods may be called from several threads at once; tasks may lie within tasks."""

    def begin(self, text: str, total: float | None, unit: str) -> Any:
        """Note a task's beginning; returns what the listener knows it by."""
        ...

    def advance(self, task: Any, amount: float, note: str | None) -> None:
        """Note that `amount` of the task's total is done, and replace what stands beside it unless `note` is None."""
        ...

    def end(self, task: Any) -> None:
        """Note a task's end, whether it succeeded or raised."""
        ...


class _Silence:
    """The listener that shows nothing."""

    def begin(self, text: str, total: float | None, unit: str) -> None: ...

    def advance(self, task: None, amount: float, note: str | None) -> None: ...

    def end(self, task: None) -> None: ...


@dataclass(frozen=True)
class Task:
    """A piece of work under way."""

    _listener: Listener
    _known_as: Any

    def advance(self, amount: float = 1, note: str | None = None) -> None:
        """Report that so much more is done.

        Args:
            amount: in the task's unit; 0 to change the note alone.
            note: what is at work now or has just ended; None leaves the former one.
        """
        self._listener.advance(self._known_as, amount, note)


_listener: Listener = _Silence()


@contextmanager
def task(text: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
    """Report work that lasts as long as the context.

    Args:
        text: what is done, as a participle: "compiling the generated C++".
        total: how much there is to do; None where that is not known.
        unit: of `total`, in the plural: "images".
    """
    listener = _listener
    known_as = listener.begin(text, total, unit)
    try:
        yield Task(listener, known_as)
    finally:
        listener.end(known_as)


@contextmanager
def shown_by(listener: Listener) -> Iterator[None]:
    """Install a listener, in all threads, for as long as the context lasts."""
    global _listener  # noqa: PLW0603  # one per process, as for logging: work in all threads reports to it
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before
