"""This module trains all exits and the backbone together (BranchyNet, Teerapittayanon et al. 2016; MSDNet, Huang et al.
2018).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from hwcodesign.training.strategies.losses import weighted_cross_entropy
from hwcodesign.training.strategies.strategy import Batch, Strategy, register


@register
@dataclass(frozen=True)
class Joint(Strategy):
    """Joint training uses fixed weights of the exits, those of the settings."""

    name = "joint"

    def loss(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Returns the loss, and the logits."""
        logits = batch.network(batch.images)
        return weighted_cross_entropy(logits, batch.labels, batch.weights), logits
