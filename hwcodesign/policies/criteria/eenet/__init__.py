"""This package holds EENet (Ilhan et al., arXiv 2301.07099): a learned score of how likely an exit's answer is right.

The module `integers` says what the score is and in which integers it is computed; `training` learns the weights, with
PyTorch. A threshold is the logarithm of the odds that the answer is right.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.cplusplus import Config, Constant, Struct, Table
from hwcodesign.errors import FieldError, PolicyError
from hwcodesign.policies.criteria.eenet.features import features, most_votes
from hwcodesign.policies.criteria.eenet.integers import (
    WEIGHT_BITS,
    LearnedWeights,
    ScoringFunction,
    finest_fraction,
    quantise,
    scores_fit,
)
from hwcodesign.policies.criterion import (
    Candidate,
    Criterion,
    ScoreInputs,
    clamp_code,
    register,
    require_range,
)
from hwcodesign.policies.heads import Heads
from hwcodesign.policies.score_unit import ScoreUnit
from hwcodesign.policies.softmax import (
    Logarithms,
    exponential_tables,
    stored_exponentials,
    stored_mantissa,
    tables_struct,
    tables_to_json,
    unit_parameters,
    unit_roms,
)
from hwcodesign.policies.tables import Integers, MantissaTable
from hwcodesign.storage.fields import Field
from hwcodesign.systemverilog import Bits, PackedStruct, Parameter


@dataclass(frozen=True)
class WeightedTables(Logarithms):
    """The weighted tables are those of one exit: its softmax tables and the integers of its weights."""

    scoring: ScoringFunction


@register
@dataclass(frozen=True)
class EENet(Criterion[WeightedTables]):
    """EENet is the criterion; its settings say how g and f are trained (see `criteria.eenet.training`).

    Attributes:
        steps: number of steps of the Adam optimiser.
        batch: samples per step, drawn anew for each; all samples if there are no more.
        rate: learning rate of the first step; it falls to zero along a half cosine.
        hidden: number of units of f's hidden layer.
        assignment, budget: weights of L_assign and L_budget.
        restraint: weight of the sum of squares of g's weights, without that of a_max.
        decay: weight of the sum of squares of all of g's weights; it keeps scores finite if an exit is always right.
        seed: seed of f's first weights and of the batches.
        weights: weights of each exit's score; None: they are trained.
    """

    name = "eenet"
    unit = "log odds of a right answer"
    softmax = True
    reads_past = True
    learned = True

    steps: int = 600
    batch: int = 1024
    rate: float = 0.05
    hidden: int = 32
    assignment: float = 1.0
    budget: float = 1.0
    restraint: float = 0.1
    decay: float = 1e-5
    seed: int = 0
    weights: tuple[LearnedWeights, ...] | None = None

    @property
    def is_fitted(self) -> bool:
        return self.weights is not None

    def check_heads(self, heads: Heads) -> None:
        super().check_heads(heads)
        exponential_tables(self.name, heads, finest_fraction(heads.classes))

    def fit(
        self, heads: Heads, logits: Sequence[Integers], truth: Integers, costs: Sequence[float], budget: float | None
    ) -> list[Candidate]:
        """Returns the weights that training finds, with its assignment of samples to exits."""
        from hwcodesign.policies.criteria.eenet.training import mean_assignment, train_scorer

        scorer = train_scorer(logits, heads.steps, truth, costs, budget, self)

        def exit_rates(others: Sequence[Integers]) -> NDArray[np.float64]:
            return mean_assignment(scorer, others, heads.steps)

        return [Candidate(dataclasses.replace(self, weights=scorer.weights()), exit_rates)]

    def parameters(self, heads: Heads) -> tuple[WeightedTables, ...]:
        if self.weights is None:
            raise PolicyError(
                f"criterion {self.name} is learned from a network's answers: fit_policy fits it to (images, labels)"
            )
        shapes = [(len(weights.classes), len(weights.earlier)) for weights in self.weights]
        if shapes != [(heads.classes, k) for k in range(heads.exits)]:
            raise PolicyError(
                f"weights of {shapes} classes and earlier exits are not those of {heads.classes} classes and "
                f"{heads.exits} exits"
            )
        fraction = finest_fraction(heads.classes)
        functions, mantissa = quantise(self.weights, fraction), MantissaTable.build(fraction=fraction)
        tables = exponential_tables(self.name, heads, fraction)
        return tuple(WeightedTables(own, mantissa, scoring) for own, scoring in zip(tables, functions, strict=True))

    def to_json(self, parameters: Sequence[WeightedTables]) -> dict[str, Any]:
        return {**tables_to_json(parameters), "scoring": [own.scoring.to_json() for own in parameters]}

    def from_json(self, stored: Field, heads: Heads) -> tuple[WeightedTables, ...]:
        fields, fraction = stored.fields(("mantissa", "exponential", "scoring")), finest_fraction(heads.classes)
        mantissa = stored_mantissa(fields["mantissa"], fraction)
        tables = stored_exponentials(fields["exponential"], self.name, heads, fraction)
        functions = tuple(
            ScoringFunction.from_json(item, heads.classes, k)
            for k, item in enumerate(fields["scoring"].items(heads.exits, heads.exits))
        )
        if not scores_fit(functions, fraction):
            raise FieldError(f"{fields['scoring'].place} has different fractions, or scores that do not fit 32 bits")
        return tuple(WeightedTables(own, mantissa, scoring) for own, scoring in zip(tables, functions, strict=True))

    def score(self, inputs: ScoreInputs[WeightedTables]) -> Integers:
        function, tables, table = _function(inputs), inputs.parameters.mantissa, inputs.parameters.exponential
        exponentials, weighted = table.entries(inputs.logits)
        exponent, reciprocal, nats = tables.interpolated(exponentials.sum(axis=1))
        dot = exponentials @ np.asarray(function.classes, np.int64)
        dot += (function.top << table.fraction) + function.nats * weighted.sum(axis=1)
        quotient = (dot * reciprocal) >> (table.fraction + exponent)
        own = (quotient + function.nats * nats) >> function.drop(table.fraction)
        past = inputs.history.scores * np.asarray(function.earlier, np.int64) >> function.earlier_fraction
        most = most_votes(inputs.history, inputs.logits.argmax(axis=1))
        votes = np.asarray(function.votes, np.int64)[most - 1]
        return np.asarray(own + votes + past.sum(axis=1))

    def float_score(self, inputs: ScoreInputs[WeightedTables]) -> NDArray[np.float64]:
        function = _function(inputs)
        learned = function.learned
        weights = np.array([*learned.classes, learned.top, learned.certainty, learned.vote])
        own = features(inputs.logits, inputs.scale / inputs.temperature, inputs.history) @ weights + learned.bias
        past = inputs.history.scores @ np.asarray(learned.earlier, np.float64)
        return np.asarray(own * 2.0**function.fraction + past)

    def float_leaves(self, inputs: ScoreInputs[WeightedTables], threshold: float) -> NDArray[np.bool_]:
        return np.asarray(self.float_score(inputs) >= threshold * 2.0 ** _function(inputs).fraction)

    def threshold_code(self, threshold: float, inputs: ScoreInputs[WeightedTables]) -> int:
        return clamp_code(math.ceil(threshold * 2.0 ** _function(inputs).fraction))

    def threshold_value(self, code: int, inputs: ScoreInputs[WeightedTables]) -> float:
        return code * 2.0 ** -_function(inputs).fraction

    def check(self, threshold: float, classes: int) -> None:
        require_range(threshold, -(2.0**31), 2.0**31, self.name, self.unit)

    def score_unit(self, heads: Heads, exit_index: int, parameters: WeightedTables) -> ScoreUnit:
        scoring = parameters.scoring
        weights: list[tuple[str, Parameter]] = [
            ("Weights", _shared_weights(parameters)),
            ("ClassWeights", Bits.pack(scoring.classes, WEIGHT_BITS)),
            ("Votes", Bits.pack(scoring.votes, 32)),
            ("EarlierWeights", Bits.pack((*scoring.earlier, 0), WEIGHT_BITS)),  # a parameter cannot be empty
        ]
        return self.unit_of(
            depth=18,
            second_pass=True,
            parameters=[*unit_parameters(parameters), *weights],
            roms=unit_roms(parameters),
        )

    def config(self, heads: Heads, exit_index: int, parameters: WeightedTables) -> Config:
        scoring = parameters.scoring
        drop = scoring.drop(parameters.exponential.fraction)
        members = (
            Constant("unsigned", "drop", drop, "low bits of weight times table entry that are left out"),
            Constant("unsigned", "earlier_fraction", scoring.earlier_fraction, "bits after the point of `earlier`"),
            Constant("int", "top", scoring.top, "weight of the largest probability"),
            Constant("int", "nats", scoring.nats, "weight of the entropy in nats"),
            Table("classes", "c", scoring.classes, "weight of each class' probability", "int"),
            Table("votes", "n", scoring.votes, "term of the score for n + 1 votes", "int"),
            Table("earlier", "k", scoring.earlier or (0,), "weight of exit k's score", "int"),
        )
        return Config(structs=(tables_struct(parameters, heads.steps[exit_index]), Struct("scoring", members)))


def _shared_weights(parameters: WeightedTables) -> PackedStruct:
    """The eenet_t of score_eenet."""
    scoring = parameters.scoring
    return PackedStruct(
        "eenet_t",
        (
            ("top_weight", scoring.top),
            ("nats_weight", scoring.nats),
            ("drop", scoring.drop(parameters.exponential.fraction)),
            ("earlier_fraction", scoring.earlier_fraction),
        ),
    )


def _function(inputs: ScoreInputs[WeightedTables]) -> ScoringFunction:
    scoring = inputs.parameters.scoring
    if inputs.history.scores.shape[1] != len(scoring.earlier):
        raise TypeError(
            f"this exit's score reads {len(scoring.earlier)} earlier ones, "
            f"and was given {inputs.history.scores.shape[1]}"
        )
    return scoring
