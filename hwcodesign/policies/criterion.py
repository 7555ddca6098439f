"""What an exit criterion is, and the registry of all of them.

A criterion gives each sample at each exit one signed 32-bit score, larger is surer, from integer
logits alone; the sample leaves when score >= threshold code. The same integers decide in
Python, C++ and SystemVerilog.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hwcodesign.choices import not_known
from hwcodesign.errors import PolicyError
from hwcodesign.policies.scoring_function import ScoringFunction
from hwcodesign.policies.tables import FRACTION_BITS, ExponentialTable, Integers, MantissaTable

#: Threshold code that no score reaches; the reset value of the threshold registers.
NEVER = 2**31 - 1
#: Threshold code that every score reaches: leave here, always.
ALWAYS = -(2**31)

#: A threshold in a criterion's own unit; None means never.
Threshold = float | None


@dataclass(frozen=True)
class History:
    """What k exits before this one left of N samples, the first exit first.

    Attributes:
        labels: (N, k) classes that they chose.
        scores: (N, k) their scores; floats in a float formula.
    """

    labels: Integers
    scores: NDArray[Any]

    @classmethod
    def empty(cls, samples: int) -> History:
        """Before the first exit."""
        return cls(np.zeros((samples, 0), np.int64), np.zeros((samples, 0), np.int64))

    @classmethod
    def concatenate(cls, parts: Sequence[History]) -> History:
        """Of the samples of all parts, one after the other."""
        labels, scores = [part.labels for part in parts], [part.scores for part in parts]
        return cls(np.concatenate(labels), np.concatenate(scores))

    def then(self, labels: Integers, scores: NDArray[Any]) -> History:
        """With one more exit, its labels and scores (N,)."""
        return History(np.column_stack([self.labels, labels]), np.column_stack([self.scores, scores]))

    def where(self, kept: NDArray[np.bool_]) -> History:
        """Of some of the samples."""
        return History(self.labels[kept], self.scores[kept])


@dataclass(frozen=True)
class ScoreInputs:
    """What one exit's score may be computed from.

    Attributes:
        logits: (N, C) integer logits of the classes.
        agreements: (N,) how many exits in a row, up to this one, gave the same label as the exit before them.
        history: of the exits before; empty for criteria that are not learned.
        scale: real value of one logit step.
        temperature: divides the logits before a softmax.
        exponential: this exit's table, for criteria that need it.
        mantissa: the logarithm and reciprocal tables, for criteria that need them.
        scoring: the weights of a learned criterion.
        gate: (N,) integer gate values, where the network has gates.
        activation: integer logit that a class must reach, for criteria that need it.
    """

    logits: Integers
    agreements: Integers
    history: History
    scale: float
    temperature: float
    exponential: ExponentialTable | None = None
    mantissa: MantissaTable | None = None
    scoring: ScoringFunction | None = None
    gate: Integers | None = None
    activation: int | None = None


class Criterion:
    """Base of the exit criteria; a subclass is one file and one `register` line.

    Attributes:
        name: as users and policy files spell it.
        unit: what a threshold counts, for tables and axis labels.
        needs_exponential, needs_mantissa: which tables its score reads.
        shared_threshold: whether all exits share one threshold by definition.
        needs_gate: whether its score is made of the gate values of a network that has them.
        needs_activation: whether its score reads a logit that a class must reach.
        learned: whether its score has weights, which are fitted to a network's answers, and reads labels and scores
            of the exits before, which then travel with each sample.
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    needs_exponential: ClassVar[bool] = False
    needs_mantissa: ClassVar[bool] = False
    shared_threshold: ClassVar[bool] = False
    needs_gate: ClassVar[bool] = False
    needs_activation: ClassVar[bool] = False
    learned: ClassVar[bool] = False

    def table_fraction(self, classes: int) -> int:  # of those that need not ask
        """Bits after the point of its tables' entries."""
        return FRACTION_BITS

    def score(self, inputs: ScoreInputs) -> Integers:
        """(N,) integer scores, each in the signed 32-bit range."""
        raise NotImplementedError

    def float_leaves(self, inputs: ScoreInputs, threshold: float) -> NDArray[np.bool_]:
        """(N,) the float formula's own verdict on the same logits, for the report of disagreement."""
        raise NotImplementedError

    def float_score(self, inputs: ScoreInputs) -> NDArray[np.float64]:
        """(N,) the float formula's score in steps of the integer one; learned criteria alone, for their history."""
        raise NotImplementedError

    def threshold_code(self, threshold: float, inputs: ScoreInputs) -> int:
        """Least score that a threshold in the criterion's unit lets leave."""
        raise NotImplementedError

    def threshold_value(self, code: int, inputs: ScoreInputs) -> float:
        """A threshold in the criterion's unit whose code is `code`."""
        raise NotImplementedError

    def check(self, threshold: float, classes: int) -> None:
        """Refuse a threshold outside the criterion's range.

        Raises:
            PolicyError: naming the threshold and the range.
        """
        raise NotImplementedError


CRITERIA: dict[str, Criterion] = {}


def register(criterion: type[Criterion]) -> type[Criterion]:
    """Class decorator: make a criterion known by its name."""
    CRITERIA[criterion.name] = criterion()
    return criterion


def criterion_named(name: str) -> Criterion:
    """Look a criterion up.

    Raises:
        PolicyError: no such criterion; lists those there are.
    """
    try:
        return CRITERIA[name]
    except KeyError:
        raise PolicyError(not_known(f"criterion {name!r}", name, sorted(CRITERIA))) from None


def require_range(threshold: float, low: float, high: float, name: str, unit: str) -> None:
    """Shared range check of `Criterion.check`."""
    if not low <= threshold <= high:
        raise PolicyError(
            f"threshold {threshold!r} is outside {name}'s range {low:g} to {high:g} ({unit}); None means never leave"
        )


def softmax(inputs: ScoreInputs) -> NDArray[np.float64]:
    """(N, C) probabilities of the real logits over the temperature, in float64."""
    values = inputs.logits * (inputs.scale / inputs.temperature)
    exponentials = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def clamp_code(code: int) -> int:
    """A threshold code inside the register, clear of the code that means never."""
    return int(min(max(code, ALWAYS), NEVER - 1))


def agreements_after(labels: Sequence[Integers]) -> list[Integers]:
    """Agreements in a row at each exit, from the labels of every exit up to it (each (N,)); saturates at 255."""
    counts = [np.zeros_like(labels[0])]
    for before, now in pairwise(labels):
        counts.append(np.where(now == before, np.minimum(counts[-1] + 1, 255), 0))
    return counts
