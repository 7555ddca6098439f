"""This module trains early heads further on one user's data (PersEPhonEE, Leontiadis et al., HotMobile 2021).

The backbone and the last head are frozen, so the last exit's answers do not change. If the user gives no labels, the
last exit is the teacher, and labels are not read:

    loss = sum_{k < K} w_k CE_k                        with the user's labels
    loss = sum_{k < K} w_k T^2 KL(p_K || p_k)          with the last exit as teacher, p = softmax(z / T)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor, nn

from hwcodesign.choices import not_known
from hwcodesign.data import Dataset, Split
from hwcodesign.errors import SettingsError
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.training.strategies.losses import distillation, weighted_cross_entropy, weighted_sum
from hwcodesign.training.strategies.strategy import Batch, Strategy, register

Teacher = Literal["labels", "last"]


@register
@dataclass(frozen=True)
class Personalised(Strategy):
    """Personalised training follows the phases that trained the network for everybody; it learns from
    `Dataset.personal`.

    Attributes:
        teacher: the user's "labels", or the "last" exit.
        temperature: temperature T; it is used with the last exit only.

    Raises:
        SettingsError: a setting is out of range.
    """

    teacher: Teacher = "last"
    temperature: float = 1.0

    name = "personalised"

    def __post_init__(self) -> None:
        if self.teacher not in get_args(Teacher):
            raise SettingsError(not_known(f"teacher={self.teacher!r}", self.teacher, get_args(Teacher)))
        if not 0 < self.temperature < math.inf:
            raise SettingsError(f"temperature={self.temperature} is not positive")

    def split(self, data: Dataset) -> Split:
        """Returns the user's own images.

        Raises:
            SettingsError: the data set has none.
        """
        if data.personal is None:
            raise SettingsError(
                f"{data.name} has no images of one user, from which strategy 'personalised' learns: "
                "give Dataset(..., personal=Split(images, labels))"
            )
        return data.personal

    def trained(self, network: MultiExitNetwork) -> list[nn.Module]:
        """Returns the early heads."""
        return list(network.heads)[:-1]

    def loss(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Returns the loss, and the logits."""
        logits = batch.network(batch.images)
        early, weights = logits[:-1], batch.weights[:-1]
        if self.teacher == "labels":
            return weighted_cross_entropy(early, batch.labels, weights), logits
        return weighted_sum([distillation(z, logits[-1], self.temperature) for z in early], weights), logits
