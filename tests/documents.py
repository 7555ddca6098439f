"""The Markdown files of the repository: their code blocks, and the commands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Pages that commands write hold commands of others, or patterns.
_FOREIGN = ("docs/hls4ml_compatibility.md", "docs/mutants.md")
_FENCED = re.compile(r"^ *```([\w+]*)[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^    (\S.*)$", re.MULTILINE)
_INLINE = re.compile(r"`([^`]+)`")
_PROGRAMS = ("hwcodesign ", "make ", "python -m ", "python3 -m ", "pytest ")


def documents() -> list[Path]:
    """Every Markdown file that people read."""
    folders = (ROOT, ROOT / "docs", ROOT / "rtl_sim", ROOT / "hls", ROOT / "notebooks")
    shallow = [path for folder in folders for path in folder.glob("*.md")]
    return sorted({*shallow, *(ROOT / "docs").rglob("*.md")})


def code_blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return [block for name, block in _FENCED.findall(text) if name == language]


def commands(path: Path) -> Iterator[str]:
    """Commands of ours in a file, one a line: in blocks, and within sentences."""
    if str(path.relative_to(ROOT)) in _FOREIGN:
        return
    text = path.read_text()
    prose = _FENCED.sub("", text)
    lines = [
        *_INDENTED.findall(prose),
        *(" ".join(found.split()) for found in _INLINE.findall(_INDENTED.sub("", prose))),
    ]
    for name, block in _FENCED.findall(text):
        lines += block.splitlines() if name in {"", "console", "sh"} else []
    for line in lines:
        command = re.sub(r"^(\w+=\S+ )+", "", line.strip())  # variables of the environment
        if command.startswith(_PROGRAMS):
            yield re.sub(r"  +\S.*$|\s+#.*$", "", command)
