"""A listener for tests: what work reported, task by task."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock


@dataclass(eq=False)
class Told:
    """A task as it was reported; `within` are the texts of those that it began in."""

    text: str
    total: float | None
    unit: str
    within: tuple[str, ...]
    amounts: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def done(self) -> float:
        return sum(self.amounts)


class Listening:
    """Keeps all tasks in the order of their beginnings."""

    def __init__(self) -> None:
        self.tasks: list[Told] = []
        self._open: list[Told] = []
        self._lock = Lock()

    def begin(self, text: str, total: float | None, unit: str) -> Told:
        with self._lock:
            told = Told(text, total, unit, tuple(task.text for task in self._open))
            self.tasks.append(told)
            self._open.append(told)
            return told

    def advance(self, task: Told, amount: float, note: str | None) -> None:
        with self._lock:
            task.amounts.append(amount)
            if note is not None:
                task.notes.append(note)

    def end(self, task: Told) -> None:
        with self._lock:
            self._open.remove(task)

    @property
    def over(self) -> bool:
        """Whether all that began has ended."""
        return not self._open

    def task(self, text: str) -> Told:
        """The only task of this text."""
        [found] = [task for task in self.tasks if task.text == text]
        return found
