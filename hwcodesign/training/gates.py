"""Learning when to leave: what all ways of training a network's gates have in common.

Exit k's gate g_k is the logarithm of the odds that a sample which reached the exit leaves there: with probability
s_k = sigmoid(g_k), and at the last exit always. So a sample leaves at exit k with probability

    p_k = s_k prod_{j<k} (1 - s_j),    p_K = prod_{j<K} (1 - s_j)

and costs sum_k p_k c_k on average, c_k the share of the full cost. Hardware compares the gate with a threshold instead
of tossing a coin, and thresholds are fitted after training (`fit_policy(criterion="gate")`).

One module per way: `joint_gates` trains network and gates together, `rewarded_gates` and `variational_gates` teach the
gates of a network whose answers stay as they are, bit for bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwcodesign.errors import SettingsError
from hwcodesign.network import MultiExitNetwork
from hwcodesign.training.strategies import Strategy, Weights


@dataclass(frozen=True)
class GateBatch:
    """What a loss of gates reads.

    Attributes:
        logits: K tensors (N, C).
        gates: (N, K); the last exit's says nothing, since every sample leaves there.
        labels: (N,).
        costs: (K,) of leaving at each exit, as shares of the full cost.
    """

    logits: list[Tensor]
    gates: Tensor
    labels: Tensor
    costs: Tensor

    @property
    def log_leaving(self) -> Tensor:
        """(N, K) logarithms of p_k."""
        early = self.gates[:, :-1]
        stayed = functional.pad(torch.cumsum(functional.logsigmoid(-early), dim=1), (1, 0))
        return stayed + functional.pad(functional.logsigmoid(early), (0, 1))

    @property
    def losses(self) -> Tensor:
        """(N, K) cross-entropy of each exit's answer."""
        return torch.stack([functional.cross_entropy(z, self.labels, reduction="none") for z in self.logits], dim=1)

    @property
    def right(self) -> Tensor:
        """(N, K) 1 where the exit's answer is right, else 0."""
        return torch.stack([(z.argmax(dim=1) == self.labels).float() for z in self.logits], dim=1)


class GateTraining(Protocol):
    """A way of training gates: a frozen dataclass of its settings.

    Attributes:
        whole_network: whether everything learns; otherwise the gates alone do.
    """

    whole_network: ClassVar[bool]

    def loss(self, batch: GateBatch) -> Tensor:
        """A scalar."""
        ...


def require_gates(training: GateTraining, network: MultiExitNetwork) -> None:
    """Refuse a network whose gates cannot be trained in this way; changes nothing.

    Raises:
        SettingsError: the network has no gates; or gates are to be trained alone, and a head does not end in the linear
            layer that gives its gate.
    """
    if not network.gates:
        raise SettingsError(
            f"{type(training).__name__} trains gates, and this network has none: build it with "
            "MultiExitNetwork(..., gates=True), one output more in each head"
        )
    if not training.whole_network:
        for k in range(network.exits - 1):
            _last_linear(network, k)


def gate_strategy(training: GateTraining, network: MultiExitNetwork) -> Strategy:
    """The strategy of one way of training one network's gates.

    Where gates are trained alone, rows of gates are cut to what the quantisers that they share with the classes hold.

    Raises:
        SettingsError: as `require_gates`.
    """
    require_gates(training, network)
    costs = torch.tensor(network.costs().shares)

    def loss(outputs: list[Tensor], labels: Tensor, _weights: Weights) -> Tensor:
        gates = torch.stack([z[:, -1] for z in outputs], dim=1)
        return training.loss(GateBatch([z[:, :-1] for z in outputs], gates, labels, costs))

    if training.whole_network:
        return Strategy(lambda trained: [trained], loss, reads_gates=True)
    rows = [_GateRow.of(_last_linear(network, k)) for k in range(network.exits - 1)]

    def keep_answers() -> None:
        for row in rows:
            row.keep_answers()

    keep_answers()
    parameters = [parameter for row in rows for parameter in row.parameters]
    return Strategy(lambda _: [], loss, reads_gates=True, parameters=parameters, after_step=keep_answers)


@dataclass(frozen=True)
class _GateRow:
    """The last row of a head's last linear layer, which gives its gate, beside the rows of the classes.

    Rows share a quantiser whose scale is the power of two that holds the largest of them. As long as the gate's row
    stays below that power, the integers of the classes' rows stay what they are.

    Attributes:
        parameters: weight, and bias where there is one; the gate's is the last row.
        kept: the classes' rows, as they were.
        limits: most that the gate's row may hold.
    """

    parameters: list[nn.Parameter]
    kept: list[Tensor] = field(repr=False)
    limits: list[float]

    @classmethod
    def of(cls, linear: nn.Linear) -> _GateRow:
        found = (linear.weight, linear.bias)
        parameters = [parameter for parameter in found if isinstance(parameter, nn.Parameter)]
        kept = [parameter.detach()[:-1].clone() for parameter in parameters]
        return cls(parameters, kept, [_power_above(float(rows.abs().max())) for rows in kept])

    def keep_answers(self) -> None:
        with torch.no_grad():
            for parameter, rows, limit in zip(self.parameters, self.kept, self.limits, strict=True):
                parameter[:-1] = rows
                parameter[-1].clamp_(-limit, limit)


def _last_linear(network: MultiExitNetwork, k: int) -> nn.Linear:
    """The layer of a head whose last output is the gate."""
    linear = [module for module in network.heads[k].modules() if isinstance(module, nn.Linear)]
    outputs = network.classes + 1
    if not linear or linear[-1].out_features != outputs:
        raise SettingsError(
            f"head {k} does not end in a linear layer of {outputs} outputs, the last of which is the gate: only such a "
            "gate can be trained while the classes stay as they are"
        )
    return linear[-1]


def _power_above(largest: float) -> float:
    """The least power of two that is not below a number; 0 of 0."""
    return 2.0 ** math.ceil(math.log2(largest)) if largest > 0 else 0.0


def require_setting(name: str, value: float, *, positive: bool = False) -> None:
    """Refuse a setting that is negative, or not a number.

    Raises:
        SettingsError: naming it.
    """
    if value < 0 or (positive and value == 0) or not math.isfinite(value):
        raise SettingsError(f"{name}={value} is not a {'positive' if positive else 'non-negative'} number")
