"""This module holds the margin: the difference of the two largest logits.

A logit margin needs no exponential; deciding on logits costs little accuracy (Kim and Park 2020).
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
from hwcodesign.policies.tables import Integers, two_largest


@register
@dataclass(frozen=True)
class Margin(WithoutParameters):
    """The margin criterion has no settings."""

    name = "margin"
    unit = "difference of logits"

    def score(self, inputs: ScoreInputs[None]) -> Integers:
        first, second = two_largest(inputs.logits)
        return first - second

    def float_leaves(self, inputs: ScoreInputs[None], threshold: float) -> NDArray[np.bool_]:
        top = np.sort(inputs.logits * inputs.scale, axis=1)[:, -2:]
        return np.asarray(top[:, 1] - top[:, 0] >= threshold)

    def threshold_code(self, threshold: float, inputs: ScoreInputs[None]) -> int:
        return clamp_code(math.ceil(threshold / inputs.scale))

    def threshold_value(self, code: int, inputs: ScoreInputs[None]) -> float:
        return code * inputs.scale

    def check(self, threshold: float, classes: int) -> None:
        require_range(threshold, 0.0, 2.0**31, self.name, self.unit)

    def score_unit(self, heads: Heads, exit_index: int, parameters: None) -> ScoreUnit:
        return self.unit_of(second=True)
