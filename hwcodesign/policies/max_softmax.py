"""Maximum softmax probability (MSDNet, Huang et al. 2018), without exponentials or division in hardware.

p_max = 1 / sum_c e^(-u d_c) >= tau exactly when sum_c e^(-u d_c) <= 1 / tau; the sum is that of the
table's integers, the score its negative.

With a threshold above one half it is the rule of CDLN (Panda et al. 2016) too, that one class is as sure as asked and
no other is, since no two probabilities are above one half.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hwcodesign.policies.criterion import Criterion, ScoreInputs, clamp_code, register, require_range, softmax
from hwcodesign.policies.tables import ExponentialTable, Integers

_FRACTION = 20


def exponential_of(inputs: ScoreInputs) -> ExponentialTable:
    """The exit's table, which every policy with a softmax criterion carries."""
    if inputs.exponential is None:
        raise TypeError("this criterion reads an exponential table and was given none")
    return inputs.exponential


@register
class MaxSoftmax(Criterion):
    name = "max_softmax"
    unit = "probability"
    needs_exponential = True

    def table_fraction(self, classes: int) -> int:
        """More than others have: most samples are surer than 99.9 %, where sums differ by little."""
        return _FRACTION

    def score(self, inputs: ScoreInputs) -> Integers:
        return -exponential_of(inputs).exponential_sums(inputs.logits)

    def float_leaves(self, inputs: ScoreInputs, threshold: float) -> NDArray[np.bool_]:
        return np.asarray(softmax(inputs).max(axis=1) >= threshold)

    def threshold_code(self, threshold: float, inputs: ScoreInputs) -> int:
        one = 1 << exponential_of(inputs).fraction
        return clamp_code(-math.floor(one / max(threshold, 2.0**-32)))  # less would not fit the register

    def threshold_value(self, code: int, inputs: ScoreInputs) -> float:
        # half a step inside, so that rounding cannot carry it over to the next code
        one = 1 << exponential_of(inputs).fraction
        return min(1.0, one / (-code + 0.5)) if code < -one else 1.0

    def check(self, threshold: float, classes: int) -> None:
        require_range(threshold, 0.0, 1.0, self.name, self.unit)
