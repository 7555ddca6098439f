"""This module counts the registers of a tree of adders with a register behind each of its levels."""

from __future__ import annotations

from collections.abc import Iterator


def tree_levels(leaves: int, width: int) -> Iterator[tuple[int, bool]]:
    """Yields bits, and whether it adds, of each register of a tree of adders.

    Args:
        leaves: number of terms.
        width: bits of a term.
    """
    widths, level = [width] * leaves, 0
    while len(widths) > 1:
        level += 1
        merged = []
        for i in range(0, len(widths), 2):
            added = i + 1 < len(widths)
            merged.append(width + level if added else widths[i])
            yield merged[-1], added
        widths = merged


def passes(leaves: int) -> int:
    """Returns the number of levels that the last term passes before it is added to another."""
    passed = 0
    while leaves % 2 == 1 and leaves > 1:
        leaves, passed = (leaves + 1) // 2, passed + 1
    return passed
