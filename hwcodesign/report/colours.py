"""This module gives an exit its colour in drawings of notebooks; it needs nothing but Python."""

from __future__ import annotations

#: Exits from light to dark, as they lie deeper; steps of lightness that survive grey printing. Safe for colour-blind
#: readers.
_EXIT_COLOURS = ("#FCCB45", "#F08650", "#C9487B", "#7B2A9E", "#2B1A78", "#8A8A8A")


def exit_colour(index: int) -> str:
    """Returns the colour of an exit, the same in every drawing."""
    return _EXIT_COLOURS[index % len(_EXIT_COLOURS)]
