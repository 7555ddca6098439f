"""This module holds the normalised entropy of the softmax (BranchyNet, Teerapittayanon et al. 2016).

With S = sum_c e^(-u d_c), the entropy is H = ln S + (sum_c u d_c e^(-u d_c)) / S nats. A sample leaves when H / ln C is
at most the threshold. The score is -H with the fraction bits of the tables. The reciprocal and the logarithm of S are
interpolated (`MantissaTable.interpolated`); without it, all samples with a low entropy would look alike.
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
    Logarithms,
    exponential_tables,
    softmax,
    stored_exponentials,
    stored_mantissa,
    tables_struct,
    tables_to_json,
    unit_parameters,
    unit_roms,
)
from hwcodesign.policies.tables import FRACTION_BITS, Integers, MantissaTable
from hwcodesign.storage.fields import Field

#: The tables' rounding may lift the integer entropy of equal logits a little above ln C.
_MOST = 1.01


@register
@dataclass(frozen=True)
class Entropy(Criterion[Logarithms]):
    """The entropy criterion has no settings."""

    name = "entropy"
    unit = "nats / ln C"
    softmax = True

    def parameters(self, heads: Heads) -> tuple[Logarithms, ...]:
        mantissa = MantissaTable.build(fraction=FRACTION_BITS)
        return tuple(Logarithms(table, mantissa) for table in exponential_tables(self.name, heads, FRACTION_BITS))

    def to_json(self, parameters: Sequence[Logarithms]) -> dict[str, Any]:
        return tables_to_json(parameters)

    def from_json(self, stored: Field, heads: Heads) -> tuple[Logarithms, ...]:
        fields = stored.fields(("mantissa", "exponential"))
        mantissa = stored_mantissa(fields["mantissa"], FRACTION_BITS)
        tables = stored_exponentials(fields["exponential"], self.name, heads, FRACTION_BITS)
        return tuple(Logarithms(table, mantissa) for table in tables)

    def score(self, inputs: ScoreInputs[Logarithms]) -> Integers:
        table = inputs.parameters.mantissa
        total, weighted = inputs.parameters.exponential.sums(inputs.logits)
        exponent, reciprocal, logarithm = table.interpolated(total)
        return np.asarray(-(logarithm + (reciprocal * weighted >> (table.fraction + exponent))))

    def float_leaves(self, inputs: ScoreInputs[Logarithms], threshold: float) -> NDArray[np.bool_]:
        p = softmax(inputs)
        entropy = -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=1)
        return np.asarray(entropy / math.log(inputs.logits.shape[1]) <= threshold)

    def threshold_code(self, threshold: float, inputs: ScoreInputs[Logarithms]) -> int:
        return clamp_code(-math.floor(threshold * self._unit_code(inputs)))

    def threshold_value(self, code: int, inputs: ScoreInputs[Logarithms]) -> float:
        # half a step inside, so that rounding cannot carry it over to the next code
        return (-code + 0.5) / self._unit_code(inputs)

    def check(self, threshold: float, classes: int) -> None:
        require_range(threshold, 0.0, _MOST, self.name, self.unit)

    def score_unit(self, heads: Heads, exit_index: int, parameters: Logarithms) -> ScoreUnit:
        return self.unit_of(
            depth=18, second_pass=True, parameters=unit_parameters(parameters), roms=unit_roms(parameters)
        )

    def config(self, heads: Heads, exit_index: int, parameters: Logarithms) -> Config:
        return Config(structs=(tables_struct(parameters, heads.steps[exit_index]),))

    @staticmethod
    def _unit_code(inputs: ScoreInputs[Logarithms]) -> float:
        return math.log(inputs.logits.shape[1]) * 2.0**inputs.parameters.exponential.fraction
