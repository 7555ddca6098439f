"""Puts the section of a benchmark into a document that has sections of others, too."""

from __future__ import annotations

from pathlib import Path

_HEADING = "\n## "


def write_section(document: Path, section: str, following: str | None = None) -> None:
    """Put a section in the place of the one with its heading.

    Args:
        document: the document.
        section: its text, which begins with its heading ("## …").
        following: heading of the section before which it stands where there is none of its heading; by default it is
            the last one.
    """
    text, heading = document.read_text(), section.splitlines()[0]
    before, own, rest = text.partition(f"\n{heading}\n")
    if own:
        _, next_heading, others = rest.partition(_HEADING)
    else:
        before, next_heading, others = text.partition(f"\n{following}\n") if following else (text, "", "")
    parts = [before, section, f"{next_heading}{others}"]
    document.write_text("\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n")
