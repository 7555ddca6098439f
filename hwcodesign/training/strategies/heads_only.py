"""This module trains the early heads on a frozen backbone; the last exit does not change (SDN, Kaya et al. 2019; HAPI,
2020).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.training.strategies.losses import weighted_cross_entropy
from hwcodesign.training.strategies.strategy import Batch, Strategy, register


@register
@dataclass(frozen=True)
class HeadsOnly(Strategy):
    """Heads-only training is the second of DeeBERT's two stages (Xin et al. 2020), behind a phase of `LastExit`."""

    name = "heads_only"

    def trained(self, network: MultiExitNetwork) -> list[nn.Module]:
        """Returns the early heads."""
        return list(network.heads)[:-1]

    def loss(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Returns the loss, and the logits."""
        logits = batch.network(batch.images)
        return weighted_cross_entropy(logits[:-1], batch.labels, batch.weights[:-1]), logits
