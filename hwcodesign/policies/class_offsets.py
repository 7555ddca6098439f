"""This module holds thresholds that differ by class, in one register (Bonato and Bouganis 2021).

An exit's threshold for samples of predicted class c is T_c. The register holds one T, and the score of a sample of
class c is lowered by T_c - T, its offset. If software changes the register, all thresholds change by the same amount.
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
    """Refuses thresholds by class if no offset can lower the criterion's score, or if there are too many classes.

    Raises:
        PolicyError: an offset is not possible; the message names the criterion or the number of classes.
    """
    if not criterion.takes_class_thresholds():
        others = ", ".join(name for name in sorted(CRITERIA) if CRITERIA[name].takes_class_thresholds())
        raise PolicyError(f"{criterion.name} has no thresholds by class: they go with {others}")
    if classes > MOST_CLASSES:
        raise PolicyError(f"thresholds by class are for at most {MOST_CLASSES} classes, not {classes}")


def median(codes: Sequence[int]) -> int:
    """Returns the median of the codes that let samples leave, of two the lower one; `NEVER` if there are none."""
    leaving = sorted(code for code in codes if code != NEVER)
    return leaving[(len(leaving) - 1) // 2] if leaving else NEVER


def split(codes: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """Computes the threshold of the register and the offset of each class.

    Args:
        codes: threshold code of each class; `NEVER` is allowed.

    Returns:
        The median of the codes, and one offset per code. If no class leaves, `NEVER` and offsets of zero.

    Raises:
        PolicyError: two codes differ by more than a score can.
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
    """Returns the threshold code of each class when the register holds `code`."""
    return tuple(NEVER if code == NEVER or offset == FAR else code + offset for offset in offsets)
