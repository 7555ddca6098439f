"""This module learns the weights of the exits' losses together with the network.

DynExit (Wang et al., "DynExit: A Dynamic Early-Exit Strategy for Deep Residual Networks", SiPS 2019) makes them
trainable. Free weights w_k of a sum of w_k L_k would all shrink to nothing, so that something has to hold them; what
does here is the term of Kendall, Gal and Cipolla ("Multi-Task Learning Using Uncertainty to Weigh Losses", CVPR 2018),
not DynExit's own. With s_k = log(variance_k),

    loss = sum_k exp(-s_k) L_k + s_k / 2,        w_k = exp(-s_k)

and w_k settles at 1 / (2 L_k): an exit that learns well counts for more, and none is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwcodesign.errors import SettingsError
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.training.strategies.strategy import Batch, Strategy, Weights, register

#: Name of s among the learned parameters.
LOG_VARIANCE = "log_variance"


@register
@dataclass(frozen=True)
class LearnedWeights(Strategy):
    """The weights of the exits are learned; `exit_weights` are their initial values."""

    name = "learned_weights"

    def check(self, network: MultiExitNetwork, weights: Weights) -> None:  # noqa: ARG002  # strategies share signatures
        """Raises an error if an initial weight is not positive."""
        if min(weights) <= 0:
            raise SettingsError(
                f"exit_weights={weights}: learned weights start from these and stay positive, so give positive ones"
            )

    def learned(self, network: MultiExitNetwork, weights: Weights) -> nn.ParameterDict:  # noqa: ARG002
        """Returns the learned parameters, one for each exit."""
        return nn.ParameterDict({LOG_VARIANCE: nn.Parameter(-torch.tensor(weights).log())})

    def loss(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Returns the loss, and the logits."""
        logits = batch.network(batch.images)
        losses = torch.stack([F.cross_entropy(z, batch.labels) for z in logits])
        return uncertainty_weighted(losses, batch.learned[LOG_VARIANCE]), logits


def uncertainty_weighted(losses: Tensor, log_variance: Tensor) -> Tensor:
    """Returns the sum over exits of exp(-s_k) L_k + s_k / 2; both arguments are (K,)."""
    return (torch.exp(-log_variance) * losses + log_variance / 2).sum()
