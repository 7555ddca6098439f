"""This module trains with hierarchical labels: early exits learn coarse classes first, later ones the fine classes.

B-CNN (Zhu and Bain, "Branch Convolutional Neural Network for Hierarchical Classification", arXiv 1709.09890) gives an
early branch one output per coarse class. Here every exit answers the same question, has C logits and may be the last
one that a sample sees; so an exit's probability of a coarse class is the sum of those of its fine classes, and its loss
mixes both, from the weight `fine` at the first exit to 1 at the last:

    loss = sum_k w_k ((1 - m_k) CE_coarse,k + m_k CE_k),      m_k = fine + (1 - fine) k / (K - 1),  k = 0 .. K - 1
    CE_coarse = -log sum_{c in group of the label} p_c

The coarse loss is indifferent to how probability spreads within a group, so that a narrow early stage spends what it
has on telling groups apart; the weight `fine` makes the label that leaves there more than a guess within its group. Its
coarse answer is the group of that label. A criterion of the fine probabilities lets a sample leave when the fine class
is sure; where coarse answers do, take a small threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from hwcodesign.errors import SettingsError
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.training.strategies.losses import weighted_sum
from hwcodesign.training.strategies.strategy import Batch, Strategy, Weights, register


@register
@dataclass(frozen=True)
class Hierarchical(Strategy):
    """Hierarchical training mixes the losses of coarse and of fine classes, with a weight that depends on the exit.

    Attributes:
        coarse: group of each class, counted from 0.
        fine: weight of the fine loss at the first exit.

    Raises:
        SettingsError: there are fewer than two groups, a group has no class, or a weight is outside 0..1.
    """

    coarse: tuple[int, ...]
    fine: float = 0.25

    name = "hierarchical"

    def __post_init__(self) -> None:
        groups = set(self.coarse)
        if len(groups) < 2 or groups != set(range(len(groups))):
            raise SettingsError(
                f"coarse={self.coarse}: give each class its group, counted from 0 without gaps, and two groups or more"
            )
        if not 0 <= self.fine <= 1:
            raise SettingsError(f"fine={self.fine} is not in 0..1")

    def check(self, network: MultiExitNetwork, weights: Weights) -> None:  # noqa: ARG002  # strategies share signatures
        """Raises an error if there is not one group for each class of the network."""
        if len(self.coarse) != network.classes:
            raise SettingsError(
                f"coarse has groups of {len(self.coarse)} classes, the network has {network.classes}: "
                "give one group per class"
            )

    def loss(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Returns the loss, and the logits."""
        logits = batch.network(batch.images)
        return self.of(logits, batch.labels, batch.weights), logits

    def of(self, logits: list[Tensor], labels: Tensor, weights: Weights) -> Tensor:
        """Computes the formula above from K tensors (N, classes), (N,) labels and K weights."""
        losses = []
        for k, z in enumerate(logits):
            weight = self.fine + (1 - self.fine) * k / (len(logits) - 1)
            coarse = coarse_cross_entropy(z, labels, self.coarse)
            losses.append((1 - weight) * coarse + weight * F.cross_entropy(z, labels))
        return weighted_sum(losses, weights)


def coarse_cross_entropy(logits: Tensor, labels: Tensor, coarse: tuple[int, ...]) -> Tensor:
    """Returns the mean over samples of -log of the probability that the softmax gives to the label's group.

    Args:
        logits: (N, C) logits.
        labels: (N,) fine classes.
        coarse: group of each of the C classes.
    """
    group = torch.tensor(coarse, device=logits.device)
    others = group[None, :] != group[labels][:, None]
    within = logits.masked_fill(others, -torch.inf).logsumexp(dim=1)
    return (logits.logsumexp(dim=1) - within).mean()
