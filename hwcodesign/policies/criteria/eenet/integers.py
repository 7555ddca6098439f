"""This module holds EENet's score of one exit, g_k (arXiv 2301.07099): as learned, and as integers for the hardware.

The score has learned weights, which are then rounded to what the integers hold. It reads the softmax y of C classes,
and from each earlier exit j of the sample the label and the score s_j:

    s_k = sum_c classes_c y_c + top a_max + certainty a_entropy + vote a_vote + sum_j earlier_j s_j + bias

    a_max = max_c y_c,  a_entropy = 1 + sum_c y_c ln y_c / ln C,  a_vote = n / k, n the exits 1..k that chose the class
    which most of them chose

and sigmoid(s_k) is the probability that exit k is right. The sigmoid rises, so s_k is compared without it.

The integers use the tables of `policies.tables` at F bits. S = sum_c E[d_c], e is its exponent, R' and L' are its
interpolated reciprocal and logarithm (`MantissaTable.interpolated`; without interpolation, all samples with high scores
would look alike). W = sum_c G[d_c], and n is as above:

    D     = sum_c classes_c E[d_c] + top 2^F + nats W
    own   = ((D R' >> (F + e)) + nats L') >> drop
    score = own + votes[n - 1] + sum_j (earlier_j score_j >> V)

This holds because y_c = E[d_c] / S, a_max = 2^F / S, and the entropy in nats is ln(S / 2^F) + W / S. `nats` is
-certainty / ln C; what remains of certainty, vote and bias is in `votes`. Shifts round toward minus infinity.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hwcodesign.errors import FieldError, PolicyError
from hwcodesign.storage.fields import Field

#: Of a weight, its sign included: the narrower input of a DSP48's multiplier.
WEIGHT_BITS = 18
#: Most classes whose sums stay in 64 bits everywhere, at `LEAST_FRACTION`.
MOST_CLASSES = 2047
LEAST_FRACTION, _MOST_FRACTION = 16, 20
#: A score is below 2^30, which leaves the codes for never and always free, and the report's sums in 32 bits.
_SCORE_BITS = 30
#: More bits after a weight's point than this make no score more exact.
_FINEST = 24
#: No score of 32 bits has such weights.
_LARGEST_WEIGHT = 2.0**40


@dataclass(frozen=True)
class LearnedWeights:
    """The learned weights are those of s_k in the formula of this module."""

    classes: tuple[float, ...]
    top: float
    certainty: float
    vote: float
    earlier: tuple[float, ...]
    bias: float

    @property
    def nats(self) -> float:
        """Returns the weight of the entropy in nats."""
        return -self.certainty / math.log(len(self.classes))

    @property
    def votes(self) -> tuple[float, ...]:
        """Returns the part of the score that does not depend on the logits, for n = 1, 2, … votes."""
        exits = len(self.earlier) + 1
        return tuple(self.bias + self.certainty + self.vote * n / exits for n in range(1, exits + 1))


@dataclass(frozen=True)
class ScoringFunction:
    """A scoring function holds the integers of one exit's score.

    Attributes:
        learned: the weights that these integers stand for.
        weight_fraction: fraction bits of `classes`, `top` and `nats`.
        earlier_fraction: V, the fraction bits of `earlier`.
        fraction: fraction bits of the score and of `votes`.
        classes, top, nats, votes, earlier: integers of the formula of this module.
    """

    learned: LearnedWeights
    weight_fraction: int
    earlier_fraction: int
    fraction: int
    classes: tuple[int, ...]
    top: int
    nats: int
    votes: tuple[int, ...]
    earlier: tuple[int, ...]

    def drop(self, table_fraction: int) -> int:
        """Returns how many low bits of weight times table entry the score leaves out."""
        return self.weight_fraction + table_fraction - self.fraction

    def to_json(self) -> dict[str, Any]:
        """Returns plain data: the integers, their fraction bits and the learned weights."""
        return dataclasses.asdict(self)

    @property
    def stands_for_learned(self) -> bool:
        """Returns whether the integers are those of the learned weights, at the fractions that they have."""
        learned, votes = self.learned, _codes(self.learned.votes, self.fraction)
        own = _codes((*learned.classes, learned.top, learned.nats), self.weight_fraction)
        earlier = _codes(learned.earlier, self.earlier_fraction)
        # what certainty lost to rounding went into the bias, so that their sum may round otherwise
        near = all(abs(vote - code) <= 1 for vote, code in zip(self.votes, votes, strict=True))
        return near and own == (*self.classes, self.top, self.nats) and earlier == self.earlier

    @classmethod
    def from_json(cls, stored: Field, classes: int, exit_index: int) -> ScoringFunction:
        """Reads what `to_json` wrote, for an exit with `classes` classes behind `exit_index` others.

        Raises:
            FieldError: a field is missing, out of range or of another length, or integers are not those of the weights.
        """
        fields = stored.fields([field.name for field in dataclasses.fields(cls)])
        most = 1 << (WEIGHT_BITS - 1)
        found = cls(
            _learned_from_json(fields["learned"], classes, exit_index),
            fields["weight_fraction"].integer(0, _FINEST),
            fields["earlier_fraction"].integer(0, _FINEST),
            fields["fraction"].integer(0, _SCORE_BITS + _FINEST),
            fields["classes"].integers(1 - most, most - 1, classes, classes),
            fields["top"].integer(1 - most, most - 1),
            fields["nats"].integer(1 - most, most - 1),
            fields["votes"].integers(-(2**31), 2**31, exit_index + 1, exit_index + 1),
            fields["earlier"].integers(1 - most, most - 1, exit_index, exit_index),
        )
        if not found.stands_for_learned:
            raise FieldError(f"{stored.place} has integers that are not those of its learned weights")
        return found


def _learned_from_json(stored: Field, classes: int, exit_index: int) -> LearnedWeights:
    fields = stored.fields([field.name for field in dataclasses.fields(LearnedWeights)])
    most = _LARGEST_WEIGHT
    top, certainty, vote, bias = (fields[name].number(-most, most) for name in ("top", "certainty", "vote", "bias"))
    own = fields["classes"].numbers(-most, most, classes, classes)
    return LearnedWeights(
        own, top, certainty, vote, fields["earlier"].numbers(-most, most, exit_index, exit_index), bias
    )


def scores_fit(functions: Sequence[ScoringFunction], table_fraction: int) -> bool:
    """Returns whether all exits' scores have the same fraction bits, no more than the tables, and fit 32 bits."""
    fractions = {(f.weight_fraction, f.earlier_fraction, f.fraction) for f in functions}
    largest = max(_bounds([function.learned for function in functions]))
    dropped = all(function.drop(table_fraction) >= 0 for function in functions)
    return len(fractions) == 1 and dropped and largest * 2.0 ** functions[0].fraction < 2.0**31


def finest_fraction(classes: int) -> int:
    """Returns the largest number of fraction bits of the tables' entries, F, with which D R' fits 64 bits.

    D has 18 + F bits plus those of C + 1, R' has F + 2; each has one bit to spare.
    """
    return max(LEAST_FRACTION, min(_MOST_FRACTION, (64 - WEIGHT_BITS - 3 - classes.bit_length()) // 2))


def quantise(learned: Sequence[LearnedWeights], table_fraction: int) -> tuple[ScoringFunction, ...]:
    """Computes the integers of all exits: weights of `WEIGHT_BITS`, and scores with the same fraction bits at all
    exits.

    The score is from then on what these rounded weights stand for. Weights that differ by a little more than the tables
    resolve would put right answers of one class before those of another.

    Args:
        learned: weights of each exit, first exit first.
        table_fraction: F, the fraction bits of the tables.

    Raises:
        PolicyError: a weight is not finite, scores would not fit 32 bits, or there are too many classes.
    """
    for k, weights in enumerate(learned):
        if not all(map(math.isfinite, (*weights.classes, weights.top, weights.nats, *weights.votes, *weights.earlier))):
            raise PolicyError(f"a weight of exit {k}'s score is not finite: fit the policy again")
    classes = len(learned[0].classes)
    if classes > MOST_CLASSES:
        raise PolicyError(f"eenet scores at most {MOST_CLASSES} classes exactly, and the network has {classes}")
    weight_fraction = _finest(v for weights in learned for v in (*weights.classes, weights.top, weights.nats))
    earlier_fraction = _finest(v for weights in learned for v in weights.earlier)
    largest = max(_bounds(learned))
    fraction = min(weight_fraction + table_fraction, _SCORE_BITS - math.frexp(largest)[1])
    if fraction < 0 or min(weight_fraction, earlier_fraction) < 0:
        raise PolicyError(f"scores up to {largest:.3g} leave no bits after the point: fit the policy again")
    return tuple(_quantised(weights, weight_fraction, earlier_fraction, fraction) for weights in learned)


def _quantised(weights: LearnedWeights, weight_fraction: int, earlier_fraction: int, fraction: int) -> ScoringFunction:
    """One exit's integers, and the weights that they stand for; the terms of votes stay as they are."""
    classes, earlier = _codes(weights.classes, weight_fraction), _codes(weights.earlier, earlier_fraction)
    top, nats = _codes((weights.top, weights.nats), weight_fraction)
    step, earlier_step = 2.0**-weight_fraction, 2.0**-earlier_fraction
    certainty = -nats * step * math.log(len(classes))
    held = LearnedWeights(
        tuple(code * step for code in classes),
        top * step,
        certainty,
        weights.vote,
        tuple(code * earlier_step for code in earlier),
        weights.bias + weights.certainty - certainty,
    )
    votes = _codes(weights.votes, fraction)
    return ScoringFunction(held, weight_fraction, earlier_fraction, fraction, classes, top, nats, votes, earlier)


def _bounds(learned: Sequence[LearnedWeights]) -> list[float]:
    """Largest magnitude of each exit's score, the tables' rounding included."""
    bounds: list[float] = []
    for weights in learned:
        entropy = abs(weights.nats) * math.log(len(weights.classes))
        own = 1.02 * (max(map(abs, weights.classes)) + abs(weights.top) + entropy) + max(map(abs, weights.votes))
        past = sum(abs(weight) * bound for weight, bound in zip(weights.earlier, bounds, strict=True))
        bounds.append(own + past + 2.0**-_FINEST)
    return bounds


def _finest(values: Any) -> int:
    """Most bits after the point with which all values fit `WEIGHT_BITS`."""
    largest = max((abs(value) for value in values), default=0.0)
    bits = WEIGHT_BITS - 1 - math.frexp(largest)[1] if largest else _FINEST
    # rounding may carry the largest up to the next power of two
    bits -= round(largest * 2.0**bits) >= 1 << (WEIGHT_BITS - 1)
    return min(bits, _FINEST)


def _codes(values: Sequence[float], fraction: int) -> tuple[int, ...]:
    return tuple(round(value * 2.0**fraction) for value in values)
