"""Margin: the difference of the two largest logits.

A logit margin needs no exponential; deciding on logits costs little accuracy (Kim and Park 2020).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hwcodesign.policies.criterion import Criterion, ScoreInputs, clamp_code, register, require_range
from hwcodesign.policies.tables import Integers


@register
class Margin(Criterion):
    name = "margin"
    unit = "difference of logits"

    def score(self, inputs: ScoreInputs) -> Integers:
        first, second = two_largest(inputs.logits)
        return first - second

    def float_leaves(self, inputs: ScoreInputs, threshold: float) -> NDArray[np.bool_]:
        top = np.sort(inputs.logits * inputs.scale, axis=1)[:, -2:]
        return np.asarray(top[:, 1] - top[:, 0] >= threshold)

    def threshold_code(self, threshold: float, inputs: ScoreInputs) -> int:
        return clamp_code(math.ceil(threshold / inputs.scale))

    def threshold_value(self, code: int, inputs: ScoreInputs) -> float:
        return code * inputs.scale

    def check(self, threshold: float, classes: int) -> None:
        require_range(threshold, 0.0, 2.0**31, self.name, self.unit)


def two_largest(logits: Integers) -> tuple[Integers, Integers]:
    """(N,) the largest and the second largest logit of each sample; equal where two are largest."""
    top = np.partition(logits, -2, axis=1)[:, -2:]
    return top[:, 1], top[:, 0]
