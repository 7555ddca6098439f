"""Patience (PABEE, Zhou et al. 2020): leave once enough exits in a row gave the same label.

t agreements need t + 1 exits, so with two exits nothing ever leaves early.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import PolicyError
from hwcodesign.policies.criterion import Criterion, ScoreInputs, register, require_range
from hwcodesign.policies.tables import Integers


@register
class Patience(Criterion):
    name = "patience"
    unit = "agreements in a row"
    shared_threshold = True

    def score(self, inputs: ScoreInputs) -> Integers:
        return inputs.agreements

    def float_leaves(self, inputs: ScoreInputs, threshold: float) -> NDArray[np.bool_]:
        return np.asarray(inputs.agreements >= threshold)

    def threshold_code(self, threshold: float, inputs: ScoreInputs) -> int:
        return int(threshold)

    def threshold_value(self, code: int, inputs: ScoreInputs) -> float:
        return float(code)

    def check(self, threshold: float, classes: int) -> None:
        require_range(threshold, 1, 255, self.name, self.unit)
        if threshold != int(threshold):
            raise PolicyError(f"patience counts agreements: threshold {threshold!r} is not a whole number")
