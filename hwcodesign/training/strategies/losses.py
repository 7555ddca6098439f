"""This module holds losses on logits that strategies share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hwcodesign.training.strategies.strategy import Weights


def weighted_cross_entropy(logits: list[Tensor], labels: Tensor, weights: Weights) -> Tensor:
    """Returns the sum over exits of weight times cross-entropy (BranchyNet, Teerapittayanon et al. 2016, equation
    1).

    Args:
        logits: K tensors (N, classes).
        labels: (N,) classes.
        weights: K weights.
    """
    return weighted_sum([F.cross_entropy(z, labels) for z in logits], weights)


def weighted_sum(losses: list[Tensor], weights: Weights) -> Tensor:
    """Returns the sum of weight times loss, for lists of equal length."""
    return torch.stack([w * loss for w, loss in zip(weights, losses, strict=True)]).sum()


def distillation(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Returns T^2 KL(softmax(teacher / T) || softmax(student / T)), averaged over samples (Hinton et al. 2015).

    The teacher is a constant to the gradient; T^2 keeps the gradient's size whatever the temperature T is.

    Args:
        student, teacher: (N, classes) logits.
        temperature: T > 0.
    """
    target = F.log_softmax(teacher.detach() / temperature, dim=1)
    own = F.log_softmax(student / temperature, dim=1)
    return temperature**2 * F.kl_div(own, target, reduction="batchmean", log_target=True)
