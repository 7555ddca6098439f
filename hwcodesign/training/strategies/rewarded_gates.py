"""This module trains gates by a reward on a frozen network (EPNet: X. Dai, X. Kong, T. Guo, "EPNet: learning to exit
with flexible multi-branch network", CIKM 2020).

At each exit the gate chooses between leaving and going on, a Markov decision process whose reward, when a sample leaves
at exit k, is what its answer is worth less what it cost: r_k = [the answer is right] - cost c_k. There are only K ways
through it and their probabilities are known, so the expected reward sum_k p_k r_k is computed instead of sampled; its
gradient is the policy gradient without its variance.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from hwcodesign.training.strategies.gates import GateBatch, GateTraining, require_setting
from hwcodesign.training.strategies.strategy import register


@register
@dataclass(frozen=True)
class RewardedGates(GateTraining):
    """The loss is -(sum_k p_k ([exit k is right] - cost c_k)) - exploration H(p).

    Attributes:
        cost: weight of the full cost, in right answers.
        exploration: weight of the entropy of p in nats, which keeps gates from closing before they have learned.

    Raises:
        SettingsError: a weight is negative.
    """

    cost: float = 0.1
    exploration: float = 0.01

    name = "rewarded_gates"
    whole_network = False

    def __post_init__(self) -> None:
        require_setting("cost", self.cost)
        require_setting("exploration", self.exploration)

    def gate_loss(self, batch: GateBatch) -> Tensor:
        """Returns the loss of the gates, a scalar."""
        log_leaving = batch.log_leaving
        leaving = log_leaving.exp()
        reward = (leaving * (batch.right - self.cost * batch.costs)).sum(dim=1)
        entropy = -(leaving * log_leaving).sum(dim=1)
        return -(reward + self.exploration * entropy).mean()
