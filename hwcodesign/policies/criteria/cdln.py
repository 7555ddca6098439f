"""This module holds CDLN: a sample leaves when exactly one class is active.

The source is Panda, Sengupta and Roy, "Conditional deep learning", DATE 2016. A class is active when its logit reaches
the exit's activation, an integer D. The score is min(z_1 - D, D - 1 - z_2) of the two largest logits z_1 and z_2. It is
not negative where z_1 >= D > z_2, which is CDLN's rule. A larger threshold is stricter: it asks for a larger distance
from D of both logits; a negative threshold is less strict. So the rule remains one comparison of a score with a
threshold, as for every other criterion.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.cplusplus import Config, Constant
from hwcodesign.errors import PolicyError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies.criterion import (
    Candidate,
    Criterion,
    ScoreInputs,
    clamp_code,
    register,
    require_range,
)
from hwcodesign.policies.heads import Heads
from hwcodesign.policies.score_unit import ScoreUnit
from hwcodesign.policies.tables import Integers, two_largest
from hwcodesign.storage.fields import Field

#: Steps between the quantiles at which activations are looked for.
_STEPS = 8


@register
@dataclass(frozen=True)
class CDLN(Criterion[int]):
    """CDLN keeps for each exit the activation, an integer that the logit of a class must reach.

    Attributes:
        activation: the logit that a class must reach, one for all exits or one per exit; None: it is fitted to an
            accuracy drop or a budget.
    """

    name = "cdln"
    unit = "logit beyond the activation, both ways"

    activation: float | tuple[float, ...] | None = None

    @property
    def is_fitted(self) -> bool:
        return self.activation is not None

    def fit(
        self, heads: Heads, logits: Sequence[Integers], truth: Integers, costs: Sequence[float], budget: float | None
    ) -> list[Candidate]:
        """Returns one candidate for every activation that is worth trying on these logits."""
        grid = activation_grid(logits, heads.formats)
        values = [tuple(code * fmt.scale for code, fmt in zip(codes, heads.formats, strict=True)) for codes in grid]
        return [Candidate(dataclasses.replace(self, activation=own)) for own in values]

    def parameters(self, heads: Heads) -> tuple[int, ...]:
        if self.activation is None:
            raise PolicyError(
                f"criterion {self.name} needs the logit that a class must reach: give CDLN(activation=…), or let "
                "fit_policy find it for an accuracy drop or a budget"
            )
        found = tuple(self.activation) if isinstance(self.activation, Sequence) else (self.activation,) * heads.exits
        if len(found) != heads.exits:
            raise PolicyError(f"{len(found)} activations for {heads.exits} exits: give one number, or one per exit")
        return tuple(activation_code(value, fmt) for value, fmt in zip(found, heads.formats, strict=True))

    def to_json(self, parameters: Sequence[int]) -> dict[str, Any]:
        return {"activation": list(parameters)}

    def from_json(self, stored: Field, heads: Heads) -> tuple[int, ...]:
        items = stored.fields(("activation",))["activation"].items(heads.exits, heads.exits)
        return tuple(
            item.integer(fmt.min_code + 1, fmt.max_code) for item, fmt in zip(items, heads.formats, strict=True)
        )

    def score(self, inputs: ScoreInputs[int]) -> Integers:
        activation = inputs.parameters
        first, second = two_largest(inputs.logits)
        return np.minimum(first - activation, activation - 1 - second)

    def float_leaves(self, inputs: ScoreInputs[int], threshold: float) -> NDArray[np.bool_]:
        activation = inputs.parameters * inputs.scale
        first, second = (z * inputs.scale for z in two_largest(inputs.logits))
        # "less than" is a step of the logits' grid, at which both thresholds are met at once
        return np.asarray((first - activation >= threshold) & (activation - inputs.scale - second >= threshold))

    def threshold_code(self, threshold: float, inputs: ScoreInputs[int]) -> int:
        return clamp_code(math.ceil(threshold / inputs.scale))

    def threshold_value(self, code: int, inputs: ScoreInputs[int]) -> float:
        return code * inputs.scale

    def check(self, threshold: float, classes: int) -> None:
        require_range(threshold, -(2.0**31), 2.0**31, self.name, self.unit)

    def score_unit(self, heads: Heads, exit_index: int, parameters: int) -> ScoreUnit:
        # in hardware logits are unsigned codes in the same order
        lowest = heads.formats[exit_index].min_code
        return self.unit_of(depth=2, second=True, parameters=[("Activation", parameters - lowest)])

    def config(self, heads: Heads, exit_index: int, parameters: int) -> Config:
        return Config((Constant("int", "activation", parameters, "the logit from which a class is active"),))


def activation_code(activation: float, logits: FixedPoint) -> int:
    """Returns the least integer logit that reaches an activation.

    Raises:
        PolicyError: no logit of this format reaches it, or all do.
    """
    low, high = (code * logits.scale for code in (logits.min_code, logits.max_code))
    if not low < activation <= high:
        raise PolicyError(
            f"activation {activation!r} is a logit that a class must reach, and these logits lie in {low:g} to "
            f"{high:g}: give one above {low:g} and up to {high:g}"
        )
    return math.ceil(activation / logits.scale)


def activation_grid(logits: Sequence[Integers], formats: Sequence[FixedPoint]) -> list[tuple[int, ...]]:
    """Returns the activations that are worth trying, one per exit in each tuple.

    They are quantiles of the two largest logits, the same quantile at every exit. An activation separates the largest
    logit from the second; at the lower end of the grid only the second matters, at the upper end only the largest.

    Args:
        logits: (N, C) integers of each exit.
        formats: fixed-point format of each exit's logits.
    """
    pools = [np.concatenate(two_largest(z)) for z in logits]
    found = []
    for step in range(_STEPS + 1):
        codes = [int(np.quantile(pool, step / _STEPS, method="nearest")) for pool in pools]
        found.append(tuple(max(code, fmt.min_code + 1) for code, fmt in zip(codes, formats, strict=True)))
    return list(dict.fromkeys(found))
