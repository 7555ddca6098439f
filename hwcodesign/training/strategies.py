"""Training strategies: which parameters learn, and from what loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwcodesign.errors import SettingsError
from hwcodesign.network import MultiExitNetwork

Weights = Sequence[float] | None


@dataclass(frozen=True)
class Strategy:
    """Attributes:
    trained: modules whose parameters learn; all others are frozen, in evaluation mode.
    loss: of all exits' logits (K tensors (N, classes)), labels (N,) and per-exit weights, a scalar.
    reads_gates: whether the loss gets the heads' whole outputs (K tensors (N, classes + 1)), gates last.
    """

    trained: Callable[[MultiExitNetwork], list[nn.Module]]
    loss: Callable[[list[Tensor], Tensor, Weights], Tensor]
    reads_gates: bool = False


def weighted_cross_entropy(logits: list[Tensor], labels: Tensor, weights: Weights) -> Tensor:
    """Sum over exits of weight times cross-entropy (BranchyNet, equation 1)."""
    used = [1.0] * len(logits) if weights is None else weights
    losses = [w * F.cross_entropy(z, labels) for w, z in zip(used, logits, strict=True)]
    return torch.stack(losses).sum()


def early_cross_entropy(logits: list[Tensor], labels: Tensor, weights: Weights) -> Tensor:
    """The same over all exits but the last."""
    return weighted_cross_entropy(logits[:-1], labels, None if weights is None else weights[:-1])


STRATEGIES = {
    # all exits and the backbone together (BranchyNet, Teerapittayanon et al. 2016)
    "joint": Strategy(lambda network: [network], weighted_cross_entropy),
    # the early heads on a frozen backbone, whose last exit stays as it is (SDN, Kaya et al. 2019)
    "heads_only": Strategy(lambda network: list(network.heads)[:-1], early_cross_entropy),
}


def strategy_named(name: str) -> Strategy:
    """Look a strategy up.

    Raises:
        SettingsError: no such strategy; lists those there are.
    """
    try:
        return STRATEGIES[name]
    except KeyError:
        raise SettingsError(f"no training strategy is called {name!r}; there are {', '.join(STRATEGIES)}") from None
