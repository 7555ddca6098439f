"""CDLN (Panda, Sengupta and Roy, "Conditional deep learning", DATE 2016): leave when exactly one class is active.

A class is active when its logit reaches the exit's activation, an integer D. The score is min(z_1 - D, D - 1 - z_2) of
the two largest logits z_1 and z_2: not negative where z_1 >= D > z_2, which is CDLN's rule. Larger thresholds are
stricter: they want that much more of the active class and that much less of all others; negative ones are laxer. So the
rule remains one comparison of a score with a threshold, as it is for every other criterion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import PolicyError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies.criterion import Criterion, ScoreInputs, clamp_code, register, require_range
from hwcodesign.policies.margin import two_largest
from hwcodesign.policies.tables import Integers

#: Steps between the quantiles at which activations are looked for.
_STEPS = 8


@register
class CDLN(Criterion):
    name = "cdln"
    unit = "logit beyond the activation, both ways"
    needs_activation = True

    def score(self, inputs: ScoreInputs) -> Integers:
        activation = _activation(inputs)
        first, second = two_largest(inputs.logits)
        return np.minimum(first - activation, activation - 1 - second)

    def float_leaves(self, inputs: ScoreInputs, threshold: float) -> NDArray[np.bool_]:
        activation = _activation(inputs) * inputs.scale
        first, second = (z * inputs.scale for z in two_largest(inputs.logits))
        # "less than" is a step of the logits' grid, at which both thresholds are met at once
        return np.asarray((first - activation >= threshold) & (activation - inputs.scale - second >= threshold))

    def threshold_code(self, threshold: float, inputs: ScoreInputs) -> int:
        return clamp_code(math.ceil(threshold / inputs.scale))

    def threshold_value(self, code: int, inputs: ScoreInputs) -> float:
        return code * inputs.scale

    def check(self, threshold: float, classes: int) -> None:
        require_range(threshold, -(2.0**31), 2.0**31, self.name, self.unit)


def activation_code(activation: float, logits: FixedPoint) -> int:
    """Least logit, as an integer, that reaches an activation.

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
    """Activations worth trying, one per exit each: quantiles of the two largest logits, the same at every exit.

    An activation separates the largest logit from the second; at the lower end of the grid only the second matters, at
    the upper end only the largest.

    Args:
        logits: (N, C) integers of each exit.
        formats: theirs.
    """
    pools = [np.concatenate(two_largest(z)) for z in logits]
    found = []
    for step in range(_STEPS + 1):
        codes = [int(np.quantile(pool, step / _STEPS, method="nearest")) for pool in pools]
        found.append(tuple(max(code, fmt.min_code + 1) for code, fmt in zip(codes, formats, strict=True)))
    return list(dict.fromkeys(found))


def _activation(inputs: ScoreInputs) -> int:
    if inputs.activation is None:
        raise TypeError("cdln reads an activation and was given none")
    return inputs.activation
