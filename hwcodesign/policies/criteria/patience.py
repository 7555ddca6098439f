"""This module holds patience (PABEE, Zhou et al. 2020): a sample leaves once enough exits in a row gave the same label.

t agreements need t + 1 exits, so with two exits nothing ever leaves early.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import PolicyError
from hwcodesign.policies.criterion import ScoreInputs, WithoutParameters, register, require_range
from hwcodesign.policies.heads import Heads
from hwcodesign.policies.score_unit import ScoreUnit
from hwcodesign.policies.tables import Integers


@register
@dataclass(frozen=True)
class Patience(WithoutParameters):
    """The patience criterion has no settings."""

    name = "patience"
    unit = "agreements in a row"
    shared_threshold = True

    def note(self, heads: Heads) -> str:
        if heads.exits > 2:
            return ""
        return "patience with two exits never leaves early: one agreement needs two exits, and the second is the last"

    def score(self, inputs: ScoreInputs[None]) -> Integers:
        return inputs.agreements

    def float_leaves(self, inputs: ScoreInputs[None], threshold: float) -> NDArray[np.bool_]:
        return np.asarray(inputs.agreements >= threshold)

    def threshold_code(self, threshold: float, inputs: ScoreInputs[None]) -> int:
        return int(threshold)

    def threshold_value(self, code: int, inputs: ScoreInputs[None]) -> float:
        return float(code)

    def check(self, threshold: float, classes: int) -> None:
        require_range(threshold, 1, 255, self.name, self.unit)
        if threshold != int(threshold):
            raise PolicyError(f"patience counts agreements: threshold {threshold!r} is not a whole number")

    def score_unit(self, heads: Heads, exit_index: int, parameters: None) -> ScoreUnit:
        return self.unit_of()
