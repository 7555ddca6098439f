"""Thresholds that differ by class, in one register (Bonato and Bouganis 2021).

An exit's threshold for samples of predicted class c is T_c. The register holds one T, and the score of a sample of
class c is lowered by T_c - T, its offset, so that moving the register moves all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwcodesign.errors import PolicyError
from hwcodesign.policies.criterion import CRITERIA, NEVER, Criterion

#: Offset of a class that never leaves: no score lowered by it reaches a threshold that a sample could.
FAR = 2**30
#: Most classes whose scores, lowered by an offset, fit 32 bits under every criterion.
MOST_CLASSES = 2**13


def require_offsets(criterion: Criterion[Any], classes: int = 2) -> None:
    """Refuse thresholds by class where a score cannot be lowered by an offset of one of so many classes.

    Raises:
        PolicyError: naming the criterion, or the number of classes.
    """
    if not criterion.takes_class_thresholds():
        others = ", ".join(name for name in sorted(CRITERIA) if CRITERIA[name].takes_class_thresholds())
        raise PolicyError(f"{criterion.name} has no thresholds by class: they go with {others}")
    if classes > MOST_CLASSES:
        raise PolicyError(f"thresholds by class are for at most {MOST_CLASSES} classes, not {classes}")


def median(codes: Sequence[int]) -> int:
    """Of the codes that let samples leave, the lower one of two; `NEVER` where there are none."""
    leaving = sorted(code for code in codes if code != NEVER)
    return leaving[(len(leaving) - 1) // 2] if leaving else NEVER


def split(codes: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """The register's threshold and each class' offset.

    Args:
        codes: threshold code of each class; `NEVER` among them.

    Returns:
        The median of the codes, and as many offsets as codes; `NEVER` and no difference where no class leaves.

    Raises:
        PolicyError: two codes are too far apart for a score.
    """
    middle = median(codes)
    if middle == NEVER:
        return NEVER, (0,) * len(codes)
    leaving = sorted(code for code in codes if code != NEVER)
    if max(leaving[-1] - middle, middle - leaving[0]) >= FAR:
        raise PolicyError(
            f"class thresholds {leaving[0]} and {leaving[-1]} are too far apart: differences stay below {FAR}"
        )
    return middle, tuple(FAR if code == NEVER else code - middle for code in codes)


def joined(code: int, offsets: Sequence[int]) -> tuple[int, ...]:
    """Threshold code of each class at a register's threshold."""
    return tuple(NEVER if code == NEVER or offset == FAR else code + offset for offset in offsets)
