"""This module trains all exits together on attacked images (Triple Wins, Hu et al., ICLR 2020).

Each step attacks its batch as `training.attack` does, against all exits at once, and learns from both:

    loss = sum_k w_k ((1 - a) CE_k(x) + a CE_k(x_attacked))

The paper's loss is the one with equal weights, twice as large. The attack is computed in evaluation mode, so that
quantisers observe no ranges on the way to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from hwcodesign.errors import SettingsError
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.training.attack import Attack, attacked
from hwcodesign.training.strategies.losses import weighted_cross_entropy
from hwcodesign.training.strategies.strategy import Batch, Strategy, Weights, register


@register
@dataclass(frozen=True)
class Adversarial(Strategy):
    """Adversarial training learns from images as they are and from attacked ones.

    Attributes:
        attack: attack that changes the images.
        attacked_weight: weight a of the loss on attacked images; that of the images as they are is 1 - a.

    Raises:
        SettingsError: `attacked_weight` is outside 0..1.
    """

    attack: Attack = field(default_factory=Attack)
    attacked_weight: float = 0.5

    name = "adversarial"

    def __post_init__(self) -> None:
        if not 0 < self.attacked_weight <= 1:
            raise SettingsError(f"attacked_weight={self.attacked_weight} is not above 0 and at most 1")

    def check(self, network: MultiExitNetwork, weights: Weights) -> None:  # noqa: ARG002  # strategies share signatures
        """Raises an error if the attack does not fit the network's input format."""
        self.attack.check(network.input_format)

    def loss(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Returns the loss, and the logits on the images as they are."""
        changed = attacked(batch.network, batch.images, batch.labels, self.attack)
        logits = batch.network(batch.images)
        clean = weighted_cross_entropy(logits, batch.labels, batch.weights)
        under_attack = weighted_cross_entropy(batch.network(changed), batch.labels, batch.weights)
        return (1 - self.attacked_weight) * clean + self.attacked_weight * under_attack, logits
