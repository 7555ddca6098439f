"""This module writes Python values as Tcl words, so that Tcl reads any content as data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from hwcodesign.errors import SettingsError

Value = str | int | float | bool | Sequence["Value"] | Mapping[str, "Value"]

_PLAIN = re.compile(r"[A-Za-z0-9_./:+,=@%-]+")
#: What braces keep as it is, whatever encoding Tcl reads files in.
_BRACED = re.compile(r"[ -z|~]*")

#: The last character that Tcl 8 knows.
_LAST = 0xFFFF


def word(value: Value) -> str:
    """Returns one Tcl word.

    Args:
        value: the value; sequences become lists, mappings become dictionaries, truth values become 1 and 0.

    Raises:
        SettingsError: a text has a character beyond U+FFFF.
    """
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    return _nested(value)


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    if _BRACED.fullmatch(text) and "\\" not in text:
        return f"{{{text}}}"
    beyond = next((char for char in text if ord(char) > _LAST), None)
    if beyond is not None:
        raise SettingsError(f"{text!r} has the character {beyond!r}, which Tcl 8 does not know: leave it out")
    return "".join(char if _PLAIN.fullmatch(char) else f"\\u{ord(char):04x}" for char in text)


def _nested(value: Sequence[Value] | Mapping[str, Value]) -> str:
    """Returns a list or dictionary; nested elements are on lines of their own."""
    if isinstance(value, Mapping):
        words = [f"{word(name)} {word(item)}" for name, item in value.items()]
        items: Sequence[Value] = tuple(value.values())
    else:
        words, items = [word(item) for item in value], value
    deep = any(not isinstance(item, str) and isinstance(item, Sequence | Mapping) for item in items)
    if not deep:
        return f"{{{' '.join(words)}}}"
    lines = "".join(f"    {line}\n" for entry in words for line in entry.split("\n"))
    return f"{{\n{lines}}}"
