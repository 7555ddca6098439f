"""Policies for tests of decision units: any criterion, with random weights or activations where it has any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import CRITERIA, NEVER, ExitPolicy
from hwcodesign.policies.criteria.cdln import CDLN
from hwcodesign.policies.criteria.eenet import EENet
from hwcodesign.policies.criteria.eenet.integers import LearnedWeights
from hwcodesign.policies.criterion import Criterion


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


def drawn_activations(logits: Sequence[FixedPoint], seed: int) -> list[float]:
    """Logits that a class must reach, all over each exit's range."""
    rng = np.random.default_rng(seed)
    return [int(rng.integers(fmt.min_code + 1, fmt.max_code, endpoint=True)) * fmt.scale for fmt in logits]


def drawn_criterion(name: str, logits: Sequence[FixedPoint], classes: int, seed: int = 0) -> Criterion[Any]:
    """The criterion of a name, with random settings where it is fitted to answers."""
    if name == EENet.name:
        return EENet(weights=drawn_weights(classes, len(logits), seed))
    if name == CDLN.name:
        return CDLN(activation=tuple(drawn_activations(logits, seed)))
    return CRITERIA[name]()


def drawn_policy(
    criterion: str,
    logits: Sequence[FixedPoint],
    classes: int,
    *,
    temperature: float | Sequence[float] = 1.0,
    by_class: bool = False,
    gated: bool = False,
    seed: int = 0,
) -> ExitPolicy:
    """A policy without thresholds; or with one of its own for each class, where a tenth of them never leaves.

    Args:
        gated: whether heads give a gate; they do where the criterion reads it.
    """
    known = drawn_criterion(criterion, logits, classes, seed)
    policy = ExitPolicy.build(known, logits, classes, temperature=temperature, gated=gated or known.reads_gate)
    if not by_class:
        return policy
    rng = np.random.default_rng(seed)
    low, high = (-(2**17), -(2**10)) if known.softmax else (0, 4)
    codes = rng.integers(low, high, (len(logits) - 1, classes))
    return policy.with_class_codes(np.where(rng.random(codes.shape) < 0.1, NEVER, codes).tolist())
