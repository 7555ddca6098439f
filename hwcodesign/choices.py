"""This module writes errors about unknown names, with a guess of the intended name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def not_known(what: str, name: str, known: Iterable[str], *, short: Iterable[str] = ()) -> str:
    """Returns the message of an error about an unknown name.

    Args:
        what: what stands in the message for the name, for example "board 'pynq-z3'".
        name: the name as it was given.
        known: all names that may be given; the message lists them.
        short: short forms of these names, which the message proposes but does not list.
    """
    listed = list(known)
    meant = _nearest(name, [*short, *listed])
    hint = f": did you mean {meant!r}?" if meant else "."
    return f"{what} is not known{hint} Known: {', '.join(listed)}"


def _nearest(name: str, known: Iterable[str]) -> str | None:
    by_lower_case = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(str(name).lower(), by_lower_case, n=1)
    return by_lower_case[matches[0]] if matches else None
