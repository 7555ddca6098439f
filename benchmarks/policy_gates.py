"""Gates for networks that were trained without: learned from their answers alone, by reward (EPNet).

The gates are `layers.GatedHead`'s, on the network's own logits; what they read is known for every image, so that no
image has to go through the network again. Outputs are those that the network with these gates would give.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hwcodesign import layers
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.training.strategies.gates import GateBatch
from hwcodesign.training.strategies.rewarded_gates import RewardedGates

PRECISION = layers.Precision(weights=8, activations=8)
HIDDEN = 16
STEPS, BATCH, RATE = 600, 1024, 0.02

Integers = NDArray[np.int64]


def gate_macs(classes: int) -> int:
    """Multiply-accumulates of one gate."""
    return HIDDEN * (classes + 1)


def learned_gates(
    logits: Sequence[Integers],
    formats: Sequence[FixedPoint],
    labels: Integers,
    costs: Sequence[float],
    training: RewardedGates,
    *,
    quantised: bool,
    seed: int,
) -> list[nn.Module]:
    """One gate for each exit but the last, trained on these samples.

    Args:
        logits: (N, C) integers of each exit.
        formats: of them.
        labels: (N,) true classes.
        costs: of leaving at each exit, as fractions of the full cost.
        training: the reward.
        quantised: whether the gates' layers are.
        seed: of their first weights and of the batches.
    """
    torch.manual_seed(seed)
    gates = [_gate(logits[0].shape[1], quantised=quantised) for _ in logits[:-1]]
    inputs = [_values(z, fmt) for z, fmt in zip(logits, formats, strict=True)]
    truth, price = torch.from_numpy(labels), torch.tensor(list(costs), dtype=torch.float32)
    optimiser = torch.optim.Adam([p for gate in gates for p in gate.parameters()], RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        rows = torch.randperm(len(truth))[:BATCH]
        batch = [z[rows] for z in inputs]
        values = [layers.value_of(gate(z)) for gate, z in zip(gates, batch, strict=False)]
        last = torch.zeros_like(values[0])
        loss = training.gate_loss(GateBatch(batch, torch.cat([*values, last], dim=1), truth[rows], price))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return [gate.eval() for gate in gates]


def with_gates(logits: Sequence[Integers], formats: Sequence[FixedPoint], gates: Sequence[nn.Module]) -> list[Integers]:
    """(N, C + 1) outputs of each exit: the logits, and the gate in their format; the last exit's gate is 0."""
    found = []
    for k, (z, fmt) in enumerate(zip(logits, formats, strict=True)):
        codes = np.zeros((len(z), 1), np.int64)
        if k < len(gates):
            with torch.no_grad():
                values = layers.value_of(gates[k](_values(z, fmt))).double().numpy()
            codes = np.clip(np.rint(values / fmt.scale), fmt.min_code, fmt.max_code).astype(np.int64)
        found.append(np.concatenate([z, codes], axis=1))
    return found


def _gate(classes: int, *, quantised: bool) -> nn.Module:
    if quantised:
        return layers.GatedHead(nn.Identity(), classes, precision=PRECISION, hidden=HIDDEN).gate
    return nn.Sequential(nn.Linear(classes, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))


def _values(logits: Integers, fmt: FixedPoint) -> Tensor:
    return torch.from_numpy(fmt.decode(logits).astype(np.float32))
