"""This module reads fields of JSON files with their types and ranges, and refuses a wrong one with its place.

A stored file may have been edited, truncated or made by someone else. Readers therefore ask a `Field` for what they
want, with its range, instead of indexing what `json` returns.
"""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hwcodesign.choices import not_known
from hwcodesign.errors import FieldError

#: Of a JSON file; a design of ten exits and thousands of classes has a third of it.
MOST_BYTES = 16 * 2**20
#: Depth of nested objects and lists; a design has ten.
MOST_NESTED = 32
#: Digits of an integer; 64 bits have 20.
_MOST_DIGITS = 20
_LONGEST_TEXT = 256

_T = TypeVar("_T")


@dataclass(frozen=True)
class Field:
    """A field is a value of a JSON file that is not yet checked.

    Attributes:
        value: value as `json` returned it.
        place: for example "exits[1].threshold_code"; for a whole file, a word for it.
    """

    value: Any
    place: str

    @property
    def is_null(self) -> bool:
        """Tells whether the value is null."""
        return self.value is None

    def wrong(self, wanted: str) -> FieldError:
        """Returns the error that says what the value is and what it must be."""
        return FieldError(f"{self.place or 'the file'} is {shown(self.value)}, and must be {wanted}")

    def integer(self, low: int, high: int) -> int:
        """Returns a whole number from `low` to `high`; neither 1.0 nor true is one."""
        if type(self.value) is not int or not low <= self.value <= high:
            raise self.wrong(f"a whole number from {low} to {high}")
        return self.value

    def number(self, low: float, high: float) -> float:
        """Returns a number from `low` to `high`, whole or not."""
        if type(self.value) not in {int, float} or not low <= self.value <= high:
            raise self.wrong(f"a number from {low:g} to {high:g}")
        return self.value  # type: ignore[no-any-return]  # as it was written, so that it is written so again

    def flag(self) -> bool:
        """Returns true or false."""
        if type(self.value) is not bool:
            raise self.wrong("true or false")
        return self.value

    def text(self, longest: int = _LONGEST_TEXT) -> str:
        """Returns a text of at least one character, all of which can be shown."""
        if not (isinstance(self.value, str) and 0 < len(self.value) <= longest and self.value.isprintable()):
            raise self.wrong(f"a text of 1 to {longest} characters that can be shown")
        return self.value

    def note(self, longest: int = 2**16) -> str:
        """Returns a text for people; it may be empty, and have several lines."""
        text = self.value
        if not (isinstance(text, str) and len(text) <= longest and text.replace("\n", " ").isprintable()):
            raise self.wrong(f"a text of at most {longest} characters that can be shown")
        return text

    def name(self) -> str:
        """Returns a name that a file or a module could have: letters, digits and underscores."""
        text = self.text()
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", text):
            raise self.wrong("a name of letters, digits and underscores")
        return text

    def sha256(self) -> str:
        """Returns a hash in hexadecimal digits."""
        text = self.text()
        if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
            raise self.wrong("a SHA-256, 64 hexadecimal digits")
        return text

    def one_of(self, known: Collection[str]) -> str:
        """Returns one of some names."""
        text = self.text()
        if text not in known:
            raise FieldError(not_known(f"{self.place} {shown(text)}", text, sorted(known)))
        return text

    def fields(self, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Field]:
        """Returns the fields of an object: all of `required`, some of `optional`, no others."""
        if not isinstance(self.value, dict):
            raise self.wrong(f"an object with {', '.join(required)}")
        for name in required:
            if name not in self.value:
                raise FieldError(f"{self._below(name)} is missing: {name!r} must be there")
        for name in self.value:
            if name not in required and name not in optional:
                known = ", ".join((*required, *optional))
                raise FieldError(f"{self.place or 'the file'} has {shown(name)}, which is none of {known}")
        return {name: Field(value, self._below(name)) for name, value in self.value.items()}

    def mapping(self, most: int) -> dict[str, Field]:
        """Returns the fields of an object with any names that can be shown."""
        if not isinstance(self.value, dict) or len(self.value) > most:
            raise self.wrong(f"an object of at most {most} fields")
        names = [Field(name, f"a name in {self.place}").text() for name in self.value]
        return {name: Field(self.value[name], self._below(name)) for name in names}

    def items(self, least: int, most: int) -> list[Field]:
        """Returns the items of a list of `least` to `most`; a tuple counts as a list, which it becomes when it is
        written.
        """
        if not isinstance(self.value, list | tuple) or not least <= len(self.value) <= most:
            long = f"{least}" if least == most else f"{least} to {most}"
            raise self.wrong(f"a list of {long}")
        return [Field(value, f"{self.place}[{index}]") for index, value in enumerate(self.value)]

    def tuple_of(self, read: Callable[[Field], _T], least: int, most: int) -> tuple[_T, ...]:
        """Returns what `read` makes of each item of a list of `least` to `most`."""
        return tuple(read(item) for item in self.items(least, most))

    def integers(self, low: int, high: int, least: int, most: int) -> tuple[int, ...]:
        """Returns a list of `least` to `most` whole numbers from `low` to `high`."""
        return self.tuple_of(lambda item: item.integer(low, high), least, most)

    def numbers(self, low: float, high: float, least: int, most: int) -> tuple[float, ...]:
        """Returns a list of `least` to `most` numbers from `low` to `high`."""
        return self.tuple_of(lambda item: item.number(low, high), least, most)

    def _below(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name


def shown(value: Any) -> str:
    """Returns a value as text for an error; the text is never long."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict | list | tuple):
        kind = "an object" if isinstance(value, dict) else "a list"
        return f"{kind} of {len(value)}"
    if isinstance(value, int) and abs(value) >= 10**_MOST_DIGITS:  # Python itself refuses to print some
        return f"a whole number of {value.bit_length()} bits"
    return reprlib.repr(value)


def read_json(path: Path) -> Any:
    """Returns the content of a JSON file.

    Raises:
        FieldError: it cannot be read, is too large, is not JSON, or is something that `parse_json` refuses.
    """
    try:
        large = path.stat().st_size > MOST_BYTES
        text = "" if large else path.read_text(encoding="utf-8")
    except OSError as error:
        raise FieldError(f"it cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FieldError("it is not a text in UTF-8") from None
    if large:
        raise FieldError(f"it has more than {MOST_BYTES} bytes")
    return parse_json(text)


def parse_json(text: str) -> Any:
    """Returns plain data from JSON, in which every number is finite and every name occurs once in its object.

    Raises:
        FieldError: it is not JSON, has NaN, infinities, huge integers or a name twice, or is nested too deeply.
    """
    try:
        data = json.loads(
            text, parse_constant=_constant, parse_int=_whole, parse_float=_finite, object_pairs_hook=_once
        )
    except json.JSONDecodeError as error:
        raise FieldError(f"it is not JSON: {error}") from None
    except RecursionError:
        raise FieldError(f"it is nested more than {MOST_NESTED} deep") from None
    inner = [data]
    for _ in range(MOST_NESTED):
        inner = [
            item
            for value in inner
            if isinstance(value, dict | list)
            for item in (value.values() if isinstance(value, dict) else value)
        ]
        if not inner:
            return data
    raise FieldError(f"it is nested more than {MOST_NESTED} deep")


def _constant(text: str) -> Any:
    raise FieldError(f"it has {text}, which is not a number")


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise FieldError(f"it has a whole number of {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise FieldError(f"it has the number {reprlib.repr(text)}, which is beyond what 64 bits hold")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise FieldError(f"it has {shown(twice)} twice in an object")
    return data
