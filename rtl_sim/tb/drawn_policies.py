"""Policies for tests of decision units: any criterion, with random weights where it is learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import CRITERIA, ExitPolicy
from hwcodesign.policies.scoring_function import LearnedWeights


def drawn_weights(classes: int, exits: int, seed: int) -> tuple[LearnedWeights, ...]:
    """Weights of either sign, over three decades from network to network."""
    rng = np.random.default_rng(seed)
    size = 10 ** rng.uniform(-1, 2)

    def draw(count: int) -> tuple[float, ...]:
        return tuple((rng.standard_normal(count) * size).tolist())

    found = []
    for k in range(exits):
        top, certainty, vote, bias = draw(4)
        earlier = tuple(rng.uniform(-0.7, 0.7, k).tolist())
        found.append(LearnedWeights(draw(classes), top, certainty, vote, earlier, bias))
    return tuple(found)


def drawn_policy(
    criterion: str,
    logits: Sequence[FixedPoint],
    classes: int,
    *,
    temperature: float | Sequence[float] = 1.0,
    seed: int = 0,
) -> ExitPolicy:
    """A policy without thresholds."""
    learned = drawn_weights(classes, len(logits), seed) if CRITERIA[criterion].learned else None
    return ExitPolicy.build(criterion, logits, classes, temperature=temperature, learned=learned)
