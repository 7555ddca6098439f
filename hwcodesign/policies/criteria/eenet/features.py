"""This module computes the features that EENet's score reads, in floating point, and the votes for its integers."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hwcodesign.policies.criterion import History
from hwcodesign.policies.tables import Integers

#: Confidences beside the probabilities of the classes.
FEATURES = 3


def features(logits: Integers, step: float, history: History) -> NDArray[np.float64]:
    """Computes what g and f read of one exit: y, a_max, a_entropy and a_vote side by side, (N, C + 3) float64.

    Args:
        logits: (N, C) integers.
        step: nats per logit step, divided by the temperature.
        history: labels and scores of the earlier exits.
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
    """Counts how many exits up to this one chose the most frequent class; (N,) integers.

    Args:
        history: labels and scores of the earlier exits.
        labels: (N,) labels of this exit.
    """
    chosen = np.concatenate([history.labels, labels[:, None]], axis=1)
    return np.asarray((chosen[:, :, None] == chosen[:, None, :]).sum(axis=2).max(axis=1))
