"""Names that a user may mistype, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def not_known(what: str, name: str, known: Iterable[str], *, short: Iterable[str] = ()) -> str:
    """The message of an error that refuses a name among known ones.

    Args:
        what: stands in the message for the name: "board 'pynq-z3'".
        name: as it was given.
        known: all that may be given; they are listed.
        short: other names of these, which are proposed and not listed.
    """
    listed = list(known)
    meant = _nearest(name, [*short, *listed])
    hint = f": did you mean {meant!r}?" if meant else "."
    return f"{what} is not known{hint} Known: {', '.join(listed)}"


def _nearest(name: str, known: Iterable[str]) -> str | None:
    by_lower_case = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower(), by_lower_case, n=1)
    return by_lower_case[matches[0]] if matches else None
