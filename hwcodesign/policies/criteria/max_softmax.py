"""This module holds the maximum softmax probability (MSDNet, Huang et al. 2018), which hardware compares without
division.

p_max = 1 / sum_c e^(-u d_c) >= tau holds exactly when sum_c e^(-u d_c) <= 1 / tau. The sum is taken over the table's
integers, and the score is the negative sum. So hardware needs neither exponentials nor a division.

With a threshold above one half, this is also the rule of CDLN (Panda et al. 2016) that exactly one class is active,
since no two probabilities are above one half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.cplusplus import Config
from hwcodesign.policies.criterion import Criterion, ScoreInputs, clamp_code, register, require_range
from hwcodesign.policies.heads import Heads
from hwcodesign.policies.score_unit import ScoreUnit
from hwcodesign.policies.softmax import (
    Exponentials,
    exponential_tables,
    softmax,
    stored_exponentials,
    tables_struct,
    tables_to_json,
    unit_parameters,
    unit_roms,
)
from hwcodesign.policies.tables import Integers
from hwcodesign.storage.fields import Field

#: More bits than other criteria's tables have: most samples are surer than 99.9 %, where sums differ by little.
_FRACTION = 20


@register
@dataclass(frozen=True)
class MaxSoftmax(Criterion[Exponentials]):
    """The maximum softmax criterion has no settings."""

    name = "max_softmax"
    unit = "probability"
    softmax = True

    def parameters(self, heads: Heads) -> tuple[Exponentials, ...]:
        return tuple(map(Exponentials, exponential_tables(self.name, heads, _FRACTION)))

    def to_json(self, parameters: Sequence[Exponentials]) -> dict[str, Any]:
        return tables_to_json(parameters)

    def from_json(self, stored: Field, heads: Heads) -> tuple[Exponentials, ...]:
        fields = stored.fields(("exponential",))
        return tuple(map(Exponentials, stored_exponentials(fields["exponential"], self.name, heads, _FRACTION)))

    def score(self, inputs: ScoreInputs[Exponentials]) -> Integers:
        return -inputs.parameters.exponential.exponential_sums(inputs.logits)

    def float_leaves(self, inputs: ScoreInputs[Exponentials], threshold: float) -> NDArray[np.bool_]:
        return np.asarray(softmax(inputs).max(axis=1) >= threshold)

    def threshold_code(self, threshold: float, inputs: ScoreInputs[Exponentials]) -> int:
        one = 1 << inputs.parameters.exponential.fraction
        return clamp_code(-math.floor(one / max(threshold, 2.0**-32)))  # less would not fit the register

    def threshold_value(self, code: int, inputs: ScoreInputs[Exponentials]) -> float:
        # half a step inside, so that rounding cannot carry it over to the next code
        one = 1 << inputs.parameters.exponential.fraction
        return min(1.0, one / (-code + 0.5)) if code < -one else 1.0

    def check(self, threshold: float, classes: int) -> None:
        require_range(threshold, 0.0, 1.0, self.name, self.unit)

    def score_unit(self, heads: Heads, exit_index: int, parameters: Exponentials) -> ScoreUnit:
        return self.unit_of(
            depth=5, second_pass=True, parameters=unit_parameters(parameters), roms=unit_roms(parameters)
        )

    def config(self, heads: Heads, exit_index: int, parameters: Exponentials) -> Config:
        return Config(structs=(tables_struct(parameters, heads.steps[exit_index]),))
