"""The backbone with its last exit alone, as without early ones (the first stage of DeeBERT, Xin et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.training.strategies.losses import weighted_cross_entropy
from hwcodesign.training.strategies.strategy import Batch, Strategy, register


@register
@dataclass(frozen=True)
class LastExit(Strategy):
    """Early heads stay as they are; a phase of `HeadsOnly` teaches them."""

    name = "last_exit"

    def trained(self, network: MultiExitNetwork) -> list[nn.Module]:
        return [*network.stages, network.heads[-1]]

    def loss(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        logits = batch.network(batch.images)
        return weighted_cross_entropy(logits[-1:], batch.labels, batch.weights[-1:]), logits
