"""Normalised entropy of the softmax (BranchyNet, Teerapittayanon et al. 2016).

With S = sum_c e^(-u d_c), the entropy is H = ln S + (sum_c u d_c e^(-u d_c)) / S nats; a sample leaves
when H / ln C is at most the threshold. The score is -H at the tables' fraction bits, with S' reciprocal and logarithm
interpolated (`MantissaTable.interpolated`): without, sure samples would all look alike.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hwcodesign.policies.criterion import Criterion, ScoreInputs, clamp_code, register, require_range, softmax
from hwcodesign.policies.max_softmax import exponential_of
from hwcodesign.policies.tables import Integers

#: The tables' rounding may lift the integer entropy of equal logits a little above ln C.
_MOST = 1.01


@register
class Entropy(Criterion):
    name = "entropy"
    unit = "nats / ln C"
    needs_exponential = True
    needs_mantissa = True

    def score(self, inputs: ScoreInputs) -> Integers:
        if inputs.mantissa is None:
            raise TypeError("entropy reads a mantissa table and was given none")
        table = inputs.mantissa
        total, weighted = exponential_of(inputs).sums(inputs.logits)
        exponent, reciprocal, logarithm = table.interpolated(total)
        return np.asarray(-(logarithm + (reciprocal * weighted >> (table.fraction + exponent))))

    def float_leaves(self, inputs: ScoreInputs, threshold: float) -> NDArray[np.bool_]:
        p = softmax(inputs)
        entropy = -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=1)
        return np.asarray(entropy / math.log(inputs.logits.shape[1]) <= threshold)

    def threshold_code(self, threshold: float, inputs: ScoreInputs) -> int:
        return clamp_code(-math.floor(threshold * self._unit_code(inputs)))

    def threshold_value(self, code: int, inputs: ScoreInputs) -> float:
        # half a step inside, so that rounding cannot carry it over to the next code
        return (-code + 0.5) / self._unit_code(inputs)

    def check(self, threshold: float, classes: int) -> None:
        require_range(threshold, 0.0, _MOST, self.name, self.unit)

    @staticmethod
    def _unit_code(inputs: ScoreInputs) -> float:
        return math.log(inputs.logits.shape[1]) * 2.0 ** exponential_of(inputs).fraction
