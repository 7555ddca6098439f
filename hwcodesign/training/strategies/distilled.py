"""This module implements self-distillation: later exits teach earlier ones while all learn.

From the last exit: Zhang et al., "Be Your Own Teacher" (ICCV 2019), without its term on features, which needs layers
that hardware would not use; Phuong and Lampert, "Distillation-Based Training for Multi-Exit Architectures" (ICCV 2019),
with a temperature that stays. From every later exit: the latter's more general set of teachers. With exits k of K,
teachers t(k), weights w, temperature T and p = softmax(z / T),

    loss = sum_k w_k ((1 - alpha) CE_k + alpha T^2 mean_{j in t(k)} KL(p_j || p_k)),    the last exit's is w_K CE_K

Teachers are constants to the gradient: none is pulled towards its pupils.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from hwcodesign.choices import not_known
from hwcodesign.errors import SettingsError
from hwcodesign.training.strategies.losses import distillation, weighted_sum
from hwcodesign.training.strategies.strategy import Batch, Strategy, Weights, register

Teacher = Literal["last", "later"]


@register
@dataclass(frozen=True)
class Distilled(Strategy):
    """Self-distillation adds to each early exit's loss the divergence from its teachers.

    Attributes:
        teacher: the "last" exit, or every "later" one.
        temperature: temperature T, which softens both sides.
        alpha: weight of the teachers in the loss of an early exit; the rest is the weight of the labels.

    Raises:
        SettingsError: a setting is out of range.
    """

    teacher: Teacher = "last"
    temperature: float = 3.0
    alpha: float = 0.5

    name = "distilled"

    def __post_init__(self) -> None:
        if self.teacher not in get_args(Teacher):
            raise SettingsError(not_known(f"teacher={self.teacher!r}", self.teacher, get_args(Teacher)))
        if not 0 < self.temperature < math.inf or not 0 <= self.alpha <= 1:
            raise SettingsError(
                f"temperature={self.temperature}, alpha={self.alpha}: the first must be positive, the second in 0..1"
            )

    def loss(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Returns the loss, and the logits."""
        logits = batch.network(batch.images)
        return self.of(logits, batch.labels, batch.weights), logits

    def of(self, logits: list[Tensor], labels: Tensor, weights: Weights) -> Tensor:
        """Computes the formula above from K tensors (N, classes), (N,) labels and K weights."""
        losses = []
        for k, z in enumerate(logits[:-1]):
            teachers = logits[-1:] if self.teacher == "last" else logits[k + 1 :]
            taught = torch.stack([distillation(z, teacher, self.temperature) for teacher in teachers]).mean()
            losses.append((1 - self.alpha) * F.cross_entropy(z, labels) + self.alpha * taught)
        return weighted_sum([*losses, F.cross_entropy(logits[-1], labels)], weights)
