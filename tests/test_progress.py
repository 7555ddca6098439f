"""Long work reports to whoever listens."""

from __future__ import annotations

from typing import Any

import pytest

from hwcodesign import progress


class Heard:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def begin(self, text: str, total: float | None, unit: str) -> str:
        self.told.append(("begin", text, total, unit))
        return text

    def advance(self, task: str, amount: float, note: str | None) -> None:
        self.told.append(("advance", task, amount, note))

    def end(self, task: str) -> None:
        self.told.append(("end", task))


def test_a_listener_hears_begin_advance_and_end() -> None:
    heard = Heard()
    with progress.shown_by(heard), progress.task("baking", total=2, unit="loaves") as task:
        task.advance(note="rye")
        task.advance(0.5)
    assert heard.told == [
        ("begin", "baking", 2, "loaves"),
        ("advance", "baking", 1, "rye"),
        ("advance", "baking", 0.5, None),
        ("end", "baking"),
    ]


def test_work_that_raises_has_ended() -> None:
    heard = Heard()
    with pytest.raises(ValueError, match="burnt"), progress.shown_by(heard), progress.task("baking"):
        raise ValueError("burnt")
    assert heard.told == [("begin", "baking", None, ""), ("end", "baking")]


def test_nobody_listens_before_and_after() -> None:
    heard = Heard()
    with progress.task("unheard") as task:
        task.advance()
    with progress.shown_by(heard):
        pass
    with progress.task("unheard") as task:
        task.advance()
    assert heard.told == []


def test_a_task_reports_to_the_listener_that_it_began_with() -> None:
    heard = Heard()
    with progress.task("unheard") as task, progress.shown_by(heard):
        task.advance()
    assert heard.told == []
