"""This module implements DeepSloth, the slowdown attack on early exits: it perturbs images so that they go to the last
exit.

S. Hong, Y. Kaya, I.-V. Modoranu, T. Dumitraş, "A Panda? No, It's a Sloth: Slowdown Attacks on Adaptive Multi-Exit
Neural Network Inference", ICLR 2021. Projected gradient descent within an L∞ ball brings the softmax of every early
exit as near to uniform as it can. The loss is the sum over the early exits of the cross-entropy −(1/C) Σ_c log p_c. The
attack knows the network but not the policy: whatever the criterion, an exit that is not certain keeps its samples.

Perturbed images are codes of the input format, so that hardware gets exactly the attacked images. Gradients pass
straight through the rounding, and each sample keeps its worst image on the grid of all steps.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwcodesign.errors import SettingsError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.images import encode_images
from hwcodesign.networks.layers import value_of, values_of
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.progress import task

_BATCH = 250
#: Length of a step, over what the steps in a row would need to cross the radius: Madry et al., ICLR 2018.
_STRIDE = 2.5

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class AttackSettings:
    """The settings say how images are perturbed.

    Attributes:
        epsilon: largest change of any value of an image, in the unit of the values; only whole steps of the input
            format count.
        steps: steps of gradient descent.
        seed: seed of the start within the ball, and of the random noise.

    Raises:
        SettingsError: a setting is out of range; the message names it.
    """

    epsilon: float = 0.125
    steps: int = 30
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.epsilon < float("inf"):
            raise SettingsError(f"epsilon={self.epsilon} is not a positive number")
        if self.steps < 1:
            raise SettingsError(f"steps={self.steps} is not a positive number")

    def radius(self, fmt: FixedPoint) -> int:
        """Returns the largest change in codes.

        Raises:
            SettingsError: it is less than one.
        """
        codes = int(self.epsilon / fmt.scale)
        if codes < 1:
            raise SettingsError(f"epsilon={self.epsilon:g} is less than {fmt.scale:g}, a step of the input {fmt}")
        return codes


def slowed(network: MultiExitNetwork, images: NDArray[Any], settings: AttackSettings) -> Codes:
    """Returns each image perturbed by itself, as (N, C, H, W) codes.

    Args:
        images: (N, C, H, W) values or codes.
    """
    codes, attacked = _codes(network, images), _Attacked(network, settings)
    with task(f"slowing {len(codes)} images down one by one", len(codes), "images") as reported:
        parts = []
        for start in range(0, len(codes), _BATCH):
            parts.append(_descend(attacked, codes[start : start + _BATCH], start))
            reported.advance(len(parts[-1]))
    return np.concatenate(parts) if parts else codes


def universal_perturbation(network: MultiExitNetwork, images: NDArray[Any], settings: AttackSettings) -> Codes:
    """Learns one perturbation for all images, (C, H, W) in codes, from images like those that it will be used on.

    Raises:
        SettingsError: there are no images to learn from.
    """
    codes, attacked = _codes(network, images), _Attacked(network, settings)
    if not len(codes):
        raise SettingsError("a universal perturbation is learned from images: give at least one")
    given = torch.from_numpy(codes).float()

    def loss_of(change: Tensor) -> Tensor:
        """Returns the loss of all images; it is differentiated batch by batch, so that only one batch is in memory."""
        reported.advance()
        total = torch.zeros(())
        for start in range(0, len(given), _BATCH):
            loss = attacked.loss(given[start : start + _BATCH] + change).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            total = total + loss.detach()
        return total[None]

    start = _corners(attacked.fmt, attacked.radius, codes.shape[1:], settings.seed) * 0.5
    with task(f"learning to slow {len(codes)} images down at once", settings.steps + 1, "steps") as reported:
        return _worst(loss_of, start, torch.zeros_like(start), attacked, limits=None)


def perturbed(images: NDArray[Any], perturbation: Codes, fmt: FixedPoint) -> Codes:
    """Returns codes with their own perturbation, or one for all; values outside the format's range are clipped."""
    return np.clip(np.asarray(images, np.int64) + perturbation, fmt.min_code, fmt.max_code)


def random_perturbation(shape: tuple[int, ...], fmt: FixedPoint, settings: AttackSettings) -> Codes:
    """Returns random noise of the attack's size in every value, for comparison with the attack."""
    return _corners(fmt, settings.radius(fmt), shape, settings.seed).numpy().astype(np.int64)


class _Attacked:
    """This is a frozen copy of a network, with the loss that the attack lowers."""

    def __init__(self, network: MultiExitNetwork, settings: AttackSettings) -> None:
        self.fmt, self.settings = network.input_format, settings
        self.radius = settings.radius(self.fmt)
        self._network = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)

    def loss(self, codes: Tensor) -> Tensor:
        """Returns (N,) sums over early exits of the cross-entropy of softmax to uniform, at the rounded codes."""
        rounded = torch.clamp(torch.round(codes.detach()), self.fmt.min_code, self.fmt.max_code)
        values: Tensor = _StraightThrough.apply(codes, rounded) * self.fmt.scale  # type: ignore[no-untyped-call]
        exits = [-torch.log_softmax(z, dim=1).mean(dim=1) for z in self._early_logits(values)]
        return torch.stack(exits).sum(dim=0)

    def _early_logits(self, values: Tensor) -> Iterator[Tensor]:
        given: tuple[Tensor, ...] = (values,)
        for k, (stage, head) in enumerate(zip(self._network.stages[:-1], self._network.heads[:-1], strict=True)):
            given = values_of(stage(*given))
            yield value_of(head(*self._network.head_inputs(k, given)))


class _StraightThrough(torch.autograd.Function):
    """Rounds values in the forward pass; the backward pass passes gradients as if nothing had been rounded."""

    @staticmethod
    def forward(_context: Any, _codes: Tensor, rounded: Tensor) -> Tensor:
        return rounded.clone()

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def _descend(attacked: _Attacked, codes: Codes, number: int) -> Codes:
    """Returns a batch of images after the attack."""
    centre = torch.from_numpy(codes).float()
    rng = np.random.default_rng((attacked.settings.seed, number))
    start = centre + torch.from_numpy(rng.uniform(-attacked.radius, attacked.radius, codes.shape)).float()

    def loss_of(images: Tensor) -> Tensor:
        loss = attacked.loss(images)
        loss.sum().backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    limits = (attacked.fmt.min_code, attacked.fmt.max_code)
    return _worst(loss_of, start, centre, attacked, limits)


def _worst(
    loss_of: Callable[[Tensor], Tensor],
    start: Tensor,
    centre: Tensor,
    attacked: _Attacked,
    limits: tuple[int, int] | None,
) -> Codes:
    """Returns the integer codes with the least loss that the descent finds within the radius around a centre.

    Args:
        loss_of: (M,) losses of M images, or one of a perturbation of all; leaves the gradient in its argument.
        limits: of codes; None for a perturbation, which is clipped with its image.
    """
    radius, steps = attacked.radius, attacked.settings.steps
    low, high = centre - radius, centre + radius
    if limits is not None:
        low, high = low.clamp(min=limits[0]), high.clamp(max=limits[1])
    now = torch.clamp(start, low, high)
    best, least = torch.round(now), torch.full((len(now) if limits else 1,), torch.inf)
    for _ in range(steps + 1):
        # the loss is that of the rounded codes: those of a ball around whole codes round into it
        now = now.detach().requires_grad_()
        losses = loss_of(now)
        better = losses < least
        least = torch.where(better, losses, least)
        chosen = better.view(-1, *[1] * (now.dim() - 1)) if limits else better
        best = torch.where(chosen, torch.round(now.detach()), best)
        assert now.grad is not None
        now = torch.clamp(now.detach() - _STRIDE * radius / steps * now.grad.sign(), low, high)
    return np.asarray(best.numpy()).astype(np.int64)


def _corners(fmt: FixedPoint, radius: int, shape: tuple[int, ...], seed: int) -> Tensor:
    signs = np.random.default_rng((seed, fmt.width)).choice(np.array([-1.0, 1.0]), shape)
    return torch.from_numpy(radius * signs).float()


def _codes(network: MultiExitNetwork, images: NDArray[Any]) -> Codes:
    return np.asarray(encode_images(images, network.input_format, network.input_shape), np.int64)
