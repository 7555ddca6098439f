"""What EENet's score is made of, in floating point, and the votes that its integers count, too."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hwcodesign.policies.criterion import History
from hwcodesign.policies.tables import Integers

#: Confidences beside the probabilities of the classes.
FEATURES = 3


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
    vote = most_votes(history, logits.argmax(axis=1)) / (history.labels.shape[1] + 1)
    return np.column_stack([y, y.max(axis=1), certainty, vote])


def most_votes(history: History, labels: Integers) -> Integers:
    """(N,) how many exits up to this one chose the class that most of them chose; labels (N,) are this one's."""
    chosen = np.concatenate([history.labels, labels[:, None]], axis=1)
    return np.asarray((chosen[:, :, None] == chosen[:, None, :]).sum(axis=2).max(axis=1))
