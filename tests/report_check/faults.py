"""Faults that are planted in a page: each must be found, or the check shows nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """A fault is a change of a page's text, and how what is found of it begins."""

    name: str
    old: str
    new: str
    found: str


_END = "</main>"
_EMPTY = "name === 'classes' ? { ...spec, data: { values: [] } } : spec"
FAULTS = (
    Fault("a sample too many counts as right", "let right = 0;", "let right = 1;", "sliders"),
    Fault(
        "exit rates are rounded down",
        "put(`${split}-rate-${k}`, share(rate))",
        "put(`${split}-rate-${k}`, share(rate - 0.002))",
        "sliders",
    ),
    Fault("queues have no decision", "const decided = start + stage.decision;", "const decided = start;", "sliders"),
    Fault("an error on the console", _END, "<script>console.error('planted')</script></main>", "console"),
    Fault("a picture from elsewhere", _END, "<img alt='' src='http://localhost:9/planted.png'></main>", "network"),
    Fault("a block that is too wide", _END, "<div style='width:1500px'>planted</div></main>", "tooWide"),
    Fault(
        "a text that is cut",
        _END,
        "<p style='width:3rem;overflow:hidden;white-space:nowrap'>planted, and long</p></main>",
        "cutText",
    ),
    Fault("a chart without data", "vegaEmbed(place, spec,", f"vegaEmbed(place, {_EMPTY},", "notDrawn"),
    Fault(
        "a line far below the axes",
        '"mark": {"clip": true, "strokeDash": [6, 4], "type": "rule"}',
        '"mark": {"strokeDash": [6, 4], "type": "rule", "yOffset": 900}',
        "notDrawn",
    ),
    Fault("a button without a name", _END, "<button></button></main>", "accessibility"),
    Fault("tables that stay folded on paper", "table.open = true", "table.open = false", "paper"),
    Fault("rates that are rounded up", "return between && ", "return false && ", "sliders"),
    Fault("kernels that tell nothing", "chip.dataset.details", "''", "keyboard"),
)


def not_found(page: Path, look: Callable[[Path], Iterable[str]]) -> list[str]:
    """Plants each fault in a copy beside a page that is well, and returns those of which nothing is found.

    Args:
        page: the page.
        look: yields what is wrong with a page.
    """
    text, missed = page.read_text(), []
    copy = page.with_name("planted.html")
    for fault in FAULTS:
        assert fault.old in text, f"{fault.name}: {fault.old!r} is not in {page}"
        copy.write_text(text.replace(fault.old, fault.new))
        if not any(found.startswith(fault.found) for found in look(copy)):
            missed.append(fault.name)
    copy.unlink()
    return missed
