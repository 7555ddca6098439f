"""EENet (Ilhan et al., arXiv 2301.07099): a learned score of how likely an exit's answer is right.

What is scored, and in which integers, stands in `policies.scoring_function`; `hwcodesign.fitting.eenet` learns the
weights. A threshold is the logarithm of the odds that the answer is right.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hwcodesign.policies.criterion import Criterion, History, ScoreInputs, clamp_code, register, require_range
from hwcodesign.policies.max_softmax import exponential_of
from hwcodesign.policies.scoring_function import ScoringFunction, finest_fraction
from hwcodesign.policies.tables import Integers

#: Confidences beside the probabilities of the classes.
FEATURES = 3


@register
class EENet(Criterion):
    name = "eenet"
    unit = "log odds of a right answer"
    needs_exponential = True
    needs_mantissa = True
    learned = True

    def table_fraction(self, classes: int) -> int:
        return finest_fraction(classes)

    def score(self, inputs: ScoreInputs) -> Integers:
        function, tables, table = _function(inputs), inputs.mantissa, exponential_of(inputs)
        if tables is None:
            raise TypeError("eenet reads a mantissa table and was given none")
        exponentials, weighted = table.entries(inputs.logits)
        exponent, reciprocal, nats = tables.interpolated(exponentials.sum(axis=1))
        dot = exponentials @ np.asarray(function.classes, np.int64)
        dot += (function.top << table.fraction) + function.nats * weighted.sum(axis=1)
        quotient = (dot * reciprocal) >> (table.fraction + exponent)
        own = (quotient + function.nats * nats) >> function.drop(table.fraction)
        past = inputs.history.scores * np.asarray(function.earlier, np.int64) >> function.earlier_fraction
        most = _most_votes(inputs.history, inputs.logits.argmax(axis=1))
        votes = np.asarray(function.votes, np.int64)[most - 1]
        return np.asarray(own + votes + past.sum(axis=1))

    def float_score(self, inputs: ScoreInputs) -> NDArray[np.float64]:
        function = _function(inputs)
        learned = function.learned
        weights = np.array([*learned.classes, learned.top, learned.certainty, learned.vote])
        own = features(inputs.logits, inputs.scale / inputs.temperature, inputs.history) @ weights + learned.bias
        past = inputs.history.scores @ np.asarray(learned.earlier, np.float64)
        return np.asarray(own * 2.0**function.fraction + past)

    def float_leaves(self, inputs: ScoreInputs, threshold: float) -> NDArray[np.bool_]:
        return np.asarray(self.float_score(inputs) >= threshold * 2.0 ** _function(inputs).fraction)

    def threshold_code(self, threshold: float, inputs: ScoreInputs) -> int:
        return clamp_code(math.ceil(threshold * 2.0 ** _function(inputs).fraction))

    def threshold_value(self, code: int, inputs: ScoreInputs) -> float:
        return code * 2.0 ** -_function(inputs).fraction

    def check(self, threshold: float, classes: int) -> None:
        require_range(threshold, -(2.0**31), 2.0**31, self.name, self.unit)


def features(logits: Integers, step: float, history: History) -> NDArray[np.float64]:
    """(N, C + 3) what g and f read of one exit: y, a_max, a_entropy, a_vote.

    Args:
        logits: (N, C) integers.
        step: nats that one logit step is worth, the temperature absorbed.
        history: labels of the exits before.
    """
    values = (logits - logits.max(axis=1, keepdims=True)) * step
    exponentials = np.exp(values)
    total = exponentials.sum(axis=1, keepdims=True)
    y = exponentials / total
    entropy = np.log(total[:, 0]) - (y * values).sum(axis=1)
    certainty = 1 - entropy / math.log(logits.shape[1])
    vote = _most_votes(history, logits.argmax(axis=1)) / (history.labels.shape[1] + 1)
    return np.column_stack([y, y.max(axis=1), certainty, vote])


def _most_votes(history: History, labels: Integers) -> Integers:
    """(N,) how many exits up to this one chose the class that most of them chose; labels (N,) are this one's."""
    chosen = np.concatenate([history.labels, labels[:, None]], axis=1)
    return np.asarray((chosen[:, :, None] == chosen[:, None, :]).sum(axis=2).max(axis=1))


def _function(inputs: ScoreInputs) -> ScoringFunction:
    if inputs.scoring is None:
        raise TypeError("eenet reads a scoring function and was given none")
    if inputs.history.scores.shape[1] != len(inputs.scoring.earlier):
        raise TypeError(
            f"this exit's score reads {len(inputs.scoring.earlier)} earlier ones, "
            f"and was given {inputs.history.scores.shape[1]}"
        )
    return inputs.scoring
