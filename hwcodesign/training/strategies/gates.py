"""This module holds what all ways of training a network's gates have in common.

Exit k's gate g_k is the logarithm of the odds that a sample which reached the exit leaves there: with probability
s_k = sigmoid(g_k), and at the last exit always. So a sample leaves at exit k with probability

    p_k = s_k prod_{j<k} (1 - s_j),    p_K = prod_{j<K} (1 - s_j)

and costs sum_k p_k c_k on average, c_k the fraction of the full cost. Hardware compares the gate with a threshold
instead of tossing a coin, and thresholds are fitted after training (`fit_policy(criterion="gate")`).

One module per way: `joint_gates` trains network and gates together, `rewarded_gates` and `variational_gates` teach the
gates of a network whose answers stay as they are, bit for bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwcodesign.errors import SettingsError
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.training.strategies.strategy import Batch, Strategy, Weights


@dataclass(frozen=True)
class GateBatch:
    """A gate batch holds what a loss of gates reads.

    Attributes:
        logits: K tensors (N, C).
        gates: (N, K) gates; the last exit's has no meaning, because every sample leaves there.
        labels: (N,).
        costs: (K,) costs of leaving at each exit, as fractions of the full cost.
    """

    logits: list[Tensor]
    gates: Tensor
    labels: Tensor
    costs: Tensor

    @property
    def log_leaving(self) -> Tensor:
        """Returns (N, K) logarithms of p_k."""
        early = self.gates[:, :-1]
        stayed = functional.pad(torch.cumsum(functional.logsigmoid(-early), dim=1), (1, 0))
        return stayed + functional.pad(functional.logsigmoid(early), (0, 1))

    @property
    def losses(self) -> Tensor:
        """Returns the (N, K) cross-entropies of each exit's answer."""
        return torch.stack([functional.cross_entropy(z, self.labels, reduction="none") for z in self.logits], dim=1)

    @property
    def right(self) -> Tensor:
        """Returns (N, K): 1 if the exit's answer is right, else 0."""
        return torch.stack([(z.argmax(dim=1) == self.labels).float() for z in self.logits], dim=1)


@dataclass(frozen=True)
class GateTraining(Strategy):
    """This is the base class of the strategies that train gates; they do not use weights of exits.

    Attributes:
        whole_network: whether the whole network learns; otherwise only the gates do.
    """

    whole_network: ClassVar[bool]
    weighted = False

    def gate_loss(self, batch: GateBatch) -> Tensor:
        """Returns the loss of the gates, a scalar."""
        raise NotImplementedError

    def check(self, network: MultiExitNetwork, weights: Weights) -> None:  # noqa: ARG002
        """Raises an error if the network's gates cannot be trained in this way.

        Raises:
            SettingsError: the network has no gates; or only gates are to be trained, and a head has no layers for them.
        """
        if not network.gates:
            raise SettingsError(
                f"{type(self).__name__} trains gates, and this network has none: build it with "
                "MultiExitNetwork(..., gates=True), one output more in each head"
            )
        if not self.whole_network:
            _gates_of(network)

    def trained(self, network: MultiExitNetwork) -> list[nn.Module]:
        """Returns the modules that learn."""
        return [network] if self.whole_network else _gates_of(network)

    def costs(self, network: MultiExitNetwork) -> tuple[float, ...]:
        """Returns the costs of leaving at each exit, as fractions of the full cost."""
        return network.costs().fractions

    def loss(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Returns the loss, and the logits."""
        outputs = batch.network.head_outputs(batch.images)
        logits = [batch.network.class_logits(z) for z in outputs]
        gates = torch.stack([z[:, -1] for z in outputs], dim=1)
        return self.gate_loss(
            GateBatch(logits, gates, batch.labels, torch.tensor(batch.costs, device=batch.images.device))
        ), logits


def _gates_of(network: MultiExitNetwork) -> list[nn.Module]:
    """Returns the layers of the early exits' gates; the gate of the last exit is never read."""
    gates = []
    for k, head in enumerate(list(network.heads)[:-1]):
        gate = getattr(head, "gate", None)
        if not isinstance(gate, nn.Module):
            raise SettingsError(
                f"head {k} has no layers that only its gate uses, and only such layers can learn while the answers "
                "stay as they are: make it a hwcodesign.layers.GatedHead, or a module with its gate's layers in `gate`"
            )
        gates.append(gate)
    return gates


def require_setting(name: str, value: float, *, positive: bool = False) -> None:
    """Raises an error if a setting is negative, or not a number.

    Raises:
        SettingsError: it names the setting.
    """
    if value < 0 or (positive and value == 0) or not math.isfinite(value):
        raise SettingsError(f"{name}={value} is not a {'positive' if positive else 'non-negative'} number")
