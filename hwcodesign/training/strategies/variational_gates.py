"""This module trains gates by variational inference of the exit (X. Chen, H. Dai, Y. Li, X. Gao, L. Song, "Learning to
stop while learning to predict", ICML 2020).

The exit t at which a sample leaves is a hidden variable with a prior and the likelihood exp(-l_t), l_t the exit's
cross-entropy. The distribution q that maximises the beta-weighted bound E_q[-l_t] - beta KL(q, prior) is known in
closed form; with a prior that falls with the cost, exp(-cost c_t / beta), it is

    q_t = softmax_t(-(l_t + cost c_t) / beta)

The first stage trains the network to predict where an oracle that knows q would stop it; the second, on the network as
it then is, teaches gates, which do not see the label, to imitate the oracle.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hwcodesign.training.strategies.gates import GateBatch, GateTraining, require_setting
from hwcodesign.training.strategies.strategy import register


@register
@dataclass(frozen=True)
class OracleExits(GateTraining):
    """The loss of the first stage is sum_t q_t l_t, with q held fixed; gates do not learn.

    Attributes:
        cost: weight of the full cost, in nats.
        beta: in nats; the smaller it is, the more each sample counts at its best exit alone.

    Raises:
        SettingsError: `cost` is negative, or `beta` is not positive.
    """

    cost: float = 0.3
    beta: float = 1.0

    name = "oracle_exits"
    whole_network = True

    def __post_init__(self) -> None:
        require_setting("cost", self.cost)
        require_setting("beta", self.beta, positive=True)

    def gate_loss(self, batch: GateBatch) -> Tensor:
        """Returns the loss, a scalar."""
        losses = batch.losses
        posterior = _log_posterior(batch, self.cost, self.beta).exp()
        return (posterior * losses).sum(dim=1).mean()


@register
@dataclass(frozen=True)
class VariationalGates(GateTraining):
    """The loss of the second stage is KL(q, p) = sum_t q_t (log q_t - log p_t), on a frozen network.

    Attributes:
        cost, beta: as in the first stage.

    Raises:
        SettingsError: `cost` is negative, or `beta` is not positive.
    """

    cost: float = 0.3
    beta: float = 0.1

    name = "variational_gates"
    whole_network = False

    def __post_init__(self) -> None:
        require_setting("cost", self.cost)
        require_setting("beta", self.beta, positive=True)

    def gate_loss(self, batch: GateBatch) -> Tensor:
        """Returns the loss of the gates, a scalar."""
        log_posterior = _log_posterior(batch, self.cost, self.beta)
        return (log_posterior.exp() * (log_posterior - batch.log_leaving)).sum(dim=1).mean()


def _log_posterior(batch: GateBatch, cost: float, beta: float) -> Tensor:
    """Returns (N, K) log q_t; no gradient flows through it."""
    return torch.log_softmax(-(batch.losses.detach() + cost * batch.costs) / beta, dim=1)
