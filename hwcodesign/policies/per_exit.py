"""What is given for all exits or for each: checked, and one an exit."""

from __future__ import annotations

from collections.abc import Sequence

from hwcodesign.errors import PolicyError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies.cdln import activation_code
from hwcodesign.policies.criterion import Criterion
from hwcodesign.policies.scoring_function import LearnedWeights, ScoringFunction, quantise


def temperatures_of(temperature: float | Sequence[float], exits: int) -> tuple[float, ...]:
    """One per exit.

    Raises:
        PolicyError: one is not a positive number, or there are not as many as exits.
    """
    found = tuple(temperature) if isinstance(temperature, Sequence) else (temperature,) * exits
    if len(found) != exits:
        raise PolicyError(f"{len(found)} temperatures for {exits} exits: give one number, or one per exit")
    for value in found:
        if not 0 < value < float("inf"):
            raise PolicyError(f"temperature {value!r} is not a positive number")
    return found


def activations_of(
    criterion: Criterion, activation: float | Sequence[float] | None, formats: Sequence[FixedPoint]
) -> Sequence[int | None]:
    """One integer logit per exit, None where the criterion reads none."""
    if not criterion.needs_activation:
        if activation is not None:
            raise PolicyError(f"criterion {criterion.name} reads no activation: it is cdln's")
        return [None] * len(formats)
    if activation is None:
        raise PolicyError(
            f"criterion {criterion.name} needs the logit that a class must reach: give activation=…, or let fit_policy "
            "find it for an accuracy drop or a budget"
        )
    found = tuple(activation) if isinstance(activation, Sequence) else (activation,) * len(formats)
    if len(found) != len(formats):
        raise PolicyError(f"{len(found)} activations for {len(formats)} exits: give one number, or one per exit")
    return [activation_code(value, fmt) for value, fmt in zip(found, formats, strict=True)]


def scoring_of(
    criterion: Criterion, learned: Sequence[LearnedWeights] | None, classes: int, exits: int
) -> Sequence[ScoringFunction | None]:
    """One per exit, None where the criterion is not learned."""
    if not criterion.learned and learned is None:
        return [None] * exits
    if not criterion.learned or learned is None:
        raise PolicyError(
            f"criterion {criterion.name} is learned from a network's answers: fit_policy fits it to (images, labels)"
            if criterion.learned
            else f"criterion {criterion.name} has no weights to learn"
        )
    shapes = [(len(weights.classes), len(weights.earlier)) for weights in learned]
    if shapes != [(classes, k) for k in range(exits)]:
        raise PolicyError(
            f"weights of {shapes} classes and earlier exits are not those of {classes} classes and {exits} exits"
        )
    return quantise(learned, criterion.table_fraction(classes))
