"""Trust score (Jiang et al. 2018): is a sample nearer to the class that an exit chose than to any other?

In software only: it looks for nearest neighbours among thousands of training features, which no small device holds.
It is here as a measure to hold the criteria against, on the same exits and with the same fitting of thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from hwcodesign.errors import PolicyError
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.policies import ExitStatistics
from hwcodesign.policies.tables import Integers

#: Bits after the point of the integers that scores are compared as.
FRACTION = 16
_LARGEST = 2**30


@dataclass(frozen=True)
class TrustScore:
    """Training features of one exit, by class, without those where the class is thin.

    Attributes:
        nearest: of each class.
    """

    nearest: tuple[NearestNeighbors, ...]

    @classmethod
    def fit(
        cls, features: NDArray[Any], labels: Integers, classes: int, *, neighbours: int = 10, alpha: float = 0.0
    ) -> TrustScore:
        """Keeps the dense part of each class.

        Args:
            features: (N, D).
            labels: (N,) true classes.
            neighbours: the distance to the how many-th of its class says how thin a class is at a sample.
            alpha: fraction of each class' samples that is left out, where it is thinnest.

        Raises:
            PolicyError: alpha out of range, or a class with no more samples than neighbours.
        """
        if not 0 <= alpha < 1:
            raise PolicyError(f"alpha {alpha!r} is not in 0..1: it is the fraction of samples that is left out")
        kept = []
        for c in range(classes):
            own = features[labels == c]
            if len(own) <= neighbours:
                raise PolicyError(
                    f"class {c} has {len(own)} samples: a trust score with {neighbours} neighbours needs more"
                )
            if alpha > 0:
                # the nearest of all is the sample itself
                radius = NearestNeighbors(n_neighbors=neighbours + 1).fit(own).kneighbors(own)[0][:, -1]
                own = own[np.argsort(radius, kind="stable")[: len(own) - int(alpha * len(own))]]
            kept.append(NearestNeighbors(n_neighbors=1).fit(own))
        return cls(tuple(kept))

    def score(self, features: NDArray[Any], chosen: Integers) -> NDArray[np.float64]:
        """Computes the distance to the nearest class other than the chosen one, divided by that to the chosen one,
        (N,).

        Args:
            features: (N, D).
            chosen: (N,) classes that the exit chose.

        Returns:
            Positive; infinite on a training sample of the chosen class, and 1 on one of both.
        """
        distances = np.stack([nearest.kneighbors(features)[0][:, 0] for nearest in self.nearest], axis=1)
        rows = np.arange(len(chosen))
        own = distances[rows, chosen].copy()
        distances[rows, chosen] = np.inf
        other = distances.min(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where((own == 0) & (other == 0), 1.0, other / own)


def trust_statistics(
    network: MultiExitNetwork,
    training: tuple[NDArray[Any], NDArray[Any]],
    samples: tuple[NDArray[Any], NDArray[Any]],
    costs: Sequence[float],
    *,
    neighbours: int = 10,
    alpha: float = 0.0,
) -> ExitStatistics:
    """Returns every exit's labels, with trust scores in the place of a criterion's, for `fit` and `evaluate`.

    Args:
        network: trained.
        training, samples: images and labels; of the former are the neighbours.
        costs: (K,) of leaving at each exit, as fractions of the full cost.

    Returns:
        Scores are in units of 2^-16 and at most 2^30.
    """
    known, _ = network.integers(training[0])
    features, logits = network.integers(samples[0])
    truth = np.asarray(training[1], np.int64)
    classes = network.classes
    labels = np.stack([z[:, :classes].argmax(axis=1) for z in logits])  # behind the logits there may be a gate
    scores = []
    for k in range(network.exits):
        reads = network.reads_of(k, len(features[k]))
        trust = TrustScore.fit(_flat(known[k], reads), truth, classes, neighbours=neighbours, alpha=alpha)
        ratio = trust.score(_flat(features[k], reads), labels[k])
        scores.append(np.minimum(ratio * 2.0**FRACTION, _LARGEST).astype(np.int64))
    return ExitStatistics(np.stack(scores), labels, np.asarray(samples[1]), np.asarray(costs, np.float64))


def _flat(tensors: Sequence[NDArray[Any]], reads: Sequence[int]) -> NDArray[Any]:
    """Returns (N, D) features: all that the head of an exit reads."""
    return np.concatenate([tensors[i].reshape(len(tensors[i]), -1) for i in reads], axis=1)
