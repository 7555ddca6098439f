"""This module trains gates together with the network, end to end (Scardapane et al. 2020).

S. Scardapane, D. Comminiello, M. Scarpiniti, E. Baccarelli, A. Uncini, "Differentiable branching in deep networks for
fast inference", ICASSP 2020: each branch's hard decision is replaced by a soft one, so that the network's answer is

    y_k = s_k softmax(z_k) + (1 - s_k) y_{k+1},    y_K = softmax(z_K)

from the last exit back to the first, which is sum_k p_k softmax(z_k); and its cross-entropy is regularised by what
leaving late costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hwcodesign.training.strategies.gates import GateBatch, GateTraining, require_setting
from hwcodesign.training.strategies.strategy import register


@register
@dataclass(frozen=True)
class JointGates(GateTraining):
    """The strategy trains network and gates with one loss.

    It is -log sum_k p_k softmax(z_k)_y + cost sum_k p_k c_k + exits sum_k -log softmax(z_k)_y + calm sum_{k<K} g_k^2.

    Attributes:
        cost: weight of the full cost, in nats.
        exits: weight of every exit's own cross-entropy, so that an exit at which no sample leaves yet also learns.
        calm: weight of an L2 penalty on the gates. While exits still learn, the deepest one is the best for all
            samples. Without the penalty, gates would close for good before the early exits have learned: where the
            sigmoid or the quantiser saturates, the gradient is zero.

    Raises:
        SettingsError: a weight is negative.
    """

    cost: float = 0.3
    exits: float = 1.0
    calm: float = 0.01

    name = "joint_gates"
    whole_network = True

    def __post_init__(self) -> None:
        require_setting("cost", self.cost)
        require_setting("exits", self.exits)
        require_setting("calm", self.calm)

    def gate_loss(self, batch: GateBatch) -> Tensor:
        """Returns the loss of the gates, a scalar."""
        leaving, losses = batch.log_leaving, batch.losses
        mixed = -torch.logsumexp(leaving - losses, dim=1)
        average = (leaving.exp() * batch.costs).sum(dim=1)
        squares = batch.gates[:, :-1].square().sum(dim=1)
        return (mixed + self.cost * average + self.exits * losses.sum(dim=1) + self.calm * squares).mean()
