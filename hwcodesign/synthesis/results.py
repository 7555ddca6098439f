"""This module keeps results of synthesis in this machine's cache, by all that they depend on: what one design has
synthesised, every other design has, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hwcodesign.storage.cache import is_kept, kept
from hwcodesign.storage.fields import read_json
from hwcodesign.storage.files import write_json

_RESULT = "result.json"


def known_result(name: str, made_of: str) -> Any:
    """Returns a result that is kept, as plain data; None if there is none.

    Args:
        name: what it is, for people who look at the cache.
        made_of: all that it depends on, as text.

    Raises:
        ToolError: the cache belongs to somebody else, or others may write to it.
    """
    return read_json(kept(name, made_of, _nothing) / _RESULT) if is_kept(name, made_of) else None


def keep_result(name: str, made_of: str, result: Any) -> None:
    """Keeps a result, which is plain data and not None.

    Args:
        name, made_of: as for `known_result`.

    Raises:
        ToolError: the cache belongs to somebody else, or others may write to it.
    """
    kept(name, made_of, lambda folder: write_json(folder / _RESULT, result))


def _nothing(_: Path) -> None:
    """Makes nothing: the result is there."""
