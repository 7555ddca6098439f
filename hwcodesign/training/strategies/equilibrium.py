"""This module implements gradient equilibrium (Li et al., "Improved Techniques for Training Adaptive Deep Networks",
arXiv 1908.06294).

Under a sum of K exits' losses the first stage is pulled by K gradients, the last by one. Here gradients are rescaled on
their way back, values stay as they are: with exits counted from i = 1, what exit i's head sends to its stage is
multiplied by 1 / (K - i + 1), what stage i + 1 sends to stage i by (K - i) / (K - i + 1). Stage i then learns from the
mean of the gradients of the K - i + 1 exits behind it, whose size no longer grows with their number:

    g_i = 1 / (K - i + 1) * sum_{j >= i} d L_j / d f_i

Heads get the gradients of their own losses, as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.training.strategies.losses import weighted_cross_entropy
from hwcodesign.training.strategies.strategy import Batch, Strategy, register


@register
@dataclass(frozen=True)
class GradientEquilibrium(Strategy):
    """Gradient equilibrium is joint training in which each stage's gradient is the mean of those of the exits behind
    it.
    """

    name = "equilibrium"

    def loss(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Returns the loss, and the logits."""
        with gradients_in_equilibrium(batch.network):
            logits = batch.network(batch.images)
        return weighted_cross_entropy(logits, batch.labels, batch.weights), logits


@contextmanager
def gradients_in_equilibrium(network: MultiExitNetwork) -> Iterator[None]:
    """Rescales gradients of passes within the block; the forward passes are those of the network, in every bit."""
    hooks = []
    for i, head in enumerate(network.heads):
        exits = network.exits - i
        hooks.append(head.register_forward_pre_hook(_rescaling(1 / exits)))
        if exits > 1:
            hooks.append(network.stages[i + 1].register_forward_pre_hook(_rescaling((exits - 1) / exits)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _rescaling(factor: float) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        apply = cast(Callable[[Tensor, float], Tensor], _Rescaled.apply)
        return tuple(apply(tensor, factor) for tensor in inputs)

    return hook


class _Rescaled(torch.autograd.Function):
    """Returns its input; the gradient is multiplied by a factor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.factor, None
