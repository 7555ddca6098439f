"""This module holds the gate: one more output of each head that is trained to say whether the sample should leave.

The score is the gate's code as the head's quantiser gives it, so that the decision takes no arithmetic at all. A
threshold is the gate's real value: the logarithm of the odds of leaving. A sigmoid would make the probability of
leaving from it; 0 means one half. `hwcodesign.training.strategies.gates` says how gates are trained.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwcodesign.policies.criterion import (
    ScoreInputs,
    WithoutParameters,
    clamp_code,
    register,
    require_range,
)
from hwcodesign.policies.heads import Heads
from hwcodesign.policies.score_unit import ScoreUnit
from hwcodesign.policies.tables import Integers


@register
@dataclass(frozen=True)
class Gate(WithoutParameters):
    """The gate criterion has no settings."""

    name = "gate"
    unit = "log odds of leaving"
    reads_gate = True

    def score(self, inputs: ScoreInputs[None]) -> Integers:
        return _gate(inputs)

    def float_leaves(self, inputs: ScoreInputs[None], threshold: float) -> NDArray[np.bool_]:
        return np.asarray(_gate(inputs) * inputs.scale >= threshold)

    def threshold_code(self, threshold: float, inputs: ScoreInputs[None]) -> int:
        return clamp_code(math.ceil(threshold / inputs.scale))

    def threshold_value(self, code: int, inputs: ScoreInputs[None]) -> float:
        return code * inputs.scale

    def check(self, threshold: float, classes: int) -> None:
        require_range(threshold, -(2.0**31), 2.0**31, self.name, self.unit)

    def score_unit(self, heads: Heads, exit_index: int, parameters: None) -> ScoreUnit:
        return self.unit_of(parameters=[("IsSigned", heads.formats[exit_index].signed)])


def _gate(inputs: ScoreInputs[None]) -> Integers:
    if inputs.gate is None:
        raise TypeError("gate reads a gate's value and was given none")
    return inputs.gate
