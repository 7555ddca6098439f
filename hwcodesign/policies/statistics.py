"""This module holds what fitting knows of a set of samples: every exit's label and score, as the hardware computes
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import PolicyError
from hwcodesign.policies.policy import ExitPolicy
from hwcodesign.policies.tables import Integers


@dataclass(frozen=True)
class ExitStatistics:
    """The exit statistics are scores and labels of N samples at all K exits, all exits computed.

    Attributes:
        scores: (K, N) integers.
        labels: (K, N) predicted classes.
        truth: (N,) true classes.
        costs: (K,) cost of leaving at exit k, as a fraction of the full cost.
    """

    scores: Integers
    labels: Integers
    truth: Integers
    costs: NDArray[np.float64]

    @classmethod
    def of(
        cls, policy: ExitPolicy, logits: Sequence[Integers], truth: Integers, costs: Sequence[float]
    ) -> ExitStatistics:
        """Computes scores and labels from integer outputs of the heads: K arrays of (N, C), or of (N, C + 1) with
        gates.

        Raises:
            PolicyError: the number of costs is not the number of exits, or logits are not integers with one row per
                sample.
        """
        if len(costs) != len(logits):
            raise PolicyError(f"{len(costs)} costs for {len(logits)} exits: give one per exit")
        for k, z in enumerate(logits):
            if not np.issubdtype(z.dtype, np.integer):
                raise PolicyError(f"logits of exit {k} are {z.dtype}: a policy decides on integers, and NaN is none")
            if z.shape != (len(truth), policy.columns) or not len(truth):
                raise PolicyError(
                    f"logits of exit {k} have shape {z.shape}: give {policy.columns} for each of {len(truth)} labels, "
                    "and one sample at least"
                )
        labels, scores = policy.score_exits(logits)
        return cls(scores, labels, np.asarray(truth), np.asarray(costs, np.float64))

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Returns which labels are right, (K, N)."""
        return np.asarray(self.labels == self.truth)

    def exits_taken(self, codes: Sequence[int]) -> Integers:
        """Returns the exit at which each sample leaves under threshold codes, (N,); there is one code per exit but the
        last.
        """
        leaves = self.scores[:-1] >= np.asarray(codes, np.int64)[:, None]
        last = np.ones((1, self.scores.shape[1]), dtype=np.bool_)
        return np.asarray(np.concatenate([leaves, last]).argmax(axis=0))
