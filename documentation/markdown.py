"""Markdown of texts from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence


def plain(text: str) -> str:
    """Text in which Markdown finds no marks of its own but backquotes."""
    parts = text.split("`")
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"([*_\[\]])", r"\\\1", parts[i]).replace("<", "&lt;")
    return "`".join(parts)


def code(text: str) -> str:
    """A cell of a table with a piece of code; empty where there is none."""
    return f"`{text}`".replace("|", r"\|") if text else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with the column names of `head`."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"
