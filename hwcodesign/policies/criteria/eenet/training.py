"""This module learns EENet's exit scores and assignments (Ilhan et al., arXiv 2301.07099) from a network's answers
alone.

For each exit k, a linear g_k gives the score of `integers`. A network f_k with one hidden layer gives an unbounded
number; the softmax of these numbers over the exits assigns a sample to them. Both read the exit's features and the
scores of the earlier exits. Let q be 1 if an exit is right. The targets r divide 1 equally among the right exits (among
all exits if none is right). The loss is the sum of

    L_g        negative log-likelihood of q, each sample weighted by what the assignment leaves for the exit
    L_assign   cross-entropy of r
    L_budget   |B - mean cost of the assignment| / B

The weights of L_g and the scores of earlier exits are constants for the gradient. The squares of g's weights are added,
but that of a_max's weight hardly counts. Without this penalty, a few thousand samples teach g which classes are hard
instead of which answers are wrong, and its scores rank answers worse than a_max alone (docs/choosing_a_policy.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hwcodesign.policies.criteria.eenet import EENet
from hwcodesign.policies.criteria.eenet.features import FEATURES, features
from hwcodesign.policies.criteria.eenet.integers import LearnedWeights
from hwcodesign.policies.criterion import History
from hwcodesign.policies.tables import Integers
from hwcodesign.progress import task


class ExitScorer(nn.Module):
    """The exit scorer holds g and f of all exits."""

    def __init__(self, classes: int, exits: int, settings: EENet) -> None:
        super().__init__()
        sizes = [classes + FEATURES + k for k in range(exits)]
        self.classes = classes
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            self.g = nn.ModuleList(nn.Linear(size, 1) for size in sizes)
            self.f = nn.ModuleList(
                nn.Sequential(nn.Linear(size, settings.hidden), nn.ReLU(), nn.Linear(settings.hidden, 1))
                for size in sizes
            )
        for g in self.linear:
            nn.init.zeros_(g.weight)
            nn.init.zeros_(g.bias)
        self.double()

    @property
    def linear(self) -> list[nn.Linear]:
        """Returns g of each exit."""
        return [cast(nn.Linear, g) for g in self.g]

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Computes scores and logarithms of assignments, (N, K) each, from the features (N, C + 3) of each exit."""
        scores: list[Tensor] = []
        values: list[Tensor] = []
        for x, g, f in zip(inputs, self.linear, self.f, strict=True):
            known = torch.cat([x, *(score.detach() for score in scores)], dim=1)
            scores.append(g(known))
            values.append(f(known))
        return torch.cat(scores, dim=1), torch.log_softmax(torch.cat(values, dim=1), dim=1)

    def weights(self) -> tuple[LearnedWeights, ...]:
        """Returns the weights of every exit's score."""
        found = []
        for g in self.linear:
            values = g.weight.detach().reshape(-1).tolist()
            top, certainty, vote = values[self.classes : self.classes + FEATURES]
            earlier = tuple(values[self.classes + FEATURES :])
            found.append(
                LearnedWeights(tuple(values[: self.classes]), top, certainty, vote, earlier, float(g.bias.detach()))
            )
        return tuple(found)


def train_scorer(
    logits: Sequence[Integers],
    steps: Sequence[float],
    truth: Integers,
    costs: Sequence[float],
    budget: float | None,
    settings: EENet,
) -> ExitScorer:
    """Trains g and f.

    Args:
        logits: (N, C) integers of each exit.
        steps: nats per logit step of each exit, divided by its temperature.
        truth: (N,) true classes.
        costs: (K,) cost of leaving at each exit, as a fraction of the full cost.
        budget: mean cost of the assignment that is aimed at; None: L_budget is left out.
        settings: steps, rates and weights of the losses.
    """
    inputs = exit_features(logits, steps)
    right = torch.from_numpy(np.stack([z.argmax(axis=1) == truth for z in logits], axis=1).astype(np.float64))
    count = right.sum(dim=1, keepdim=True)
    target = torch.where(count > 0, right / count.clamp(min=1), torch.full_like(right, 1 / len(logits)))
    price = torch.tensor(list(costs), dtype=torch.float64)
    scorer = ExitScorer(logits[0].shape[1], len(logits), settings)
    optimiser = torch.optim.Adam(scorer.parameters(), lr=settings.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
    rng = np.random.default_rng(settings.seed)
    with task("learning EENet's weights", settings.steps, "steps") as reported:
        for _ in range(settings.steps):
            rows = torch.from_numpy(rng.permutation(len(truth))[: settings.batch])
            scores, assigned = scorer([x[rows] for x in inputs])
            loss = _score_loss(scores, right[rows], assigned.detach())
            loss = loss - settings.assignment * (target[rows] * assigned).mean()
            if budget is not None:
                loss = loss + settings.budget * (budget - assigned.exp().mean(dim=0) @ price).abs() / budget
            loss = loss + _penalty(scorer, settings)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            reported.advance()
    return scorer


def mean_assignment(scorer: ExitScorer, logits: Sequence[Integers], steps: Sequence[float]) -> NDArray[np.float64]:
    """Returns the fraction of samples that the scorer assigns to each exit, (K,)."""
    with torch.no_grad():
        _, assigned = scorer(exit_features(logits, steps))
    return np.asarray(assigned.exp().mean(dim=0).numpy(), np.float64)


def exit_features(logits: Sequence[Integers], steps: Sequence[float]) -> list[Tensor]:
    """Returns the features (N, C + 3) of each exit."""
    history, found = History.empty(len(logits[0])), []
    for z, step in zip(logits, steps, strict=True):
        found.append(torch.from_numpy(features(z, step, history)))
        labels = z.argmax(axis=1)
        history = history.then(labels, np.zeros_like(labels))
    return found


def _penalty(scorer: ExitScorer, settings: EENet) -> Tensor:
    """Of large weights of g."""
    total = torch.zeros((), dtype=torch.float64)
    for g in scorer.linear:
        squares = g.weight[0] ** 2
        total = total + settings.decay * squares.sum() + settings.restraint * (squares.sum() - squares[scorer.classes])
    return total


def _score_loss(scores: Tensor, right: Tensor, assigned: Tensor) -> Tensor:
    """L_g; scores, right and the logarithms of assignments are (N, K)."""
    probability = assigned.exp()
    left = (1 - (probability.cumsum(dim=1) - probability)).clamp(min=0)
    left = left / left.sum(dim=0, keepdim=True).clamp(min=1e-9)
    return (left * nn.functional.binary_cross_entropy_with_logits(scores, right, reduction="none")).sum()
