"""This module trains the backbone with its last exit alone (the first stage of DeeBERT, Xin et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.training.strategies.losses import weighted_cross_entropy
from hwcodesign.training.strategies.strategy import Batch, Strategy, register


@register
@dataclass(frozen=True)
class LastExit(Strategy):
    """Early heads do not change; a later phase of `HeadsOnly` trains them."""

    name = "last_exit"

    def trained(self, network: MultiExitNetwork) -> list[nn.Module]:
        """Returns the stages and the last head."""
        return [*network.stages, network.heads[-1]]

    def loss(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Returns the loss, and the logits."""
        logits = batch.network(batch.images)
        return weighted_cross_entropy(logits[-1:], batch.labels, batch.weights[-1:]), logits
