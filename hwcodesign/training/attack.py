"""This module attacks all exits at once, with projected gradient descent on codes (Madry et al. 2018; Triple Wins, Hu
et al. 2020).

An attack stays within `epsilon` codes of each pixel and within the input format, and moves by whole codes: what comes
out is an image that hardware can be given. Of an image x with label y, and exits k of K,

    average       x' = argmax of mean_k CE_k(x')
    max_average   x' = that of the K attacks on one exit each, argmax of CE_k, whose mean_k CE_k is the largest
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from hwcodesign.choices import not_known
from hwcodesign.errors import SettingsError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.images import encode_images
from hwcodesign.networks.network import Evaluating, MultiExitNetwork

Form = Literal["average", "max_average"]
#: Of all exits' logits and the labels, (N,) what an attack makes large.
_Objective = Callable[[list[Tensor], Tensor], Tensor]
_BATCH = 500


@dataclass(frozen=True)
class Attack:
    """An attack holds its settings.

    Attributes:
        epsilon: maximum number of codes by which a pixel may change.
        steps: steps of gradient ascent, from a random start within epsilon.
        step: number of codes that a pixel moves in each step.
        form: "average" or "max_average".

    Raises:
        SettingsError: a setting is out of range.
    """

    epsilon: int = 1
    steps: int = 3
    step: int = 1
    form: Form = "average"

    def __post_init__(self) -> None:
        for name, value in (("epsilon", self.epsilon), ("steps", self.steps), ("step", self.step)):
            if not isinstance(value, int) or value < 1:
                raise SettingsError(f"{name}={value!r} is not a positive whole number; epsilon and step count codes")
        if self.form not in get_args(Form):
            raise SettingsError(not_known(f"form={self.form!r}", self.form, get_args(Form)))

    def check(self, input_format: FixedPoint) -> None:
        """Raises an error if the attack could turn any image into any other.

        Raises:
            SettingsError: epsilon is the whole range of codes, or more.
        """
        codes = input_format.max_code - input_format.min_code
        if self.epsilon >= codes:
            raise SettingsError(
                f"epsilon={self.epsilon} codes is the whole range of the input format, {codes} codes: give less"
            )


def attacked(network: MultiExitNetwork, images: Tensor, labels: Tensor, attack: Attack) -> Tensor:
    """Returns images on which the exits do worse; the network's modes and gradients do not change.

    Args:
        network: network in any mode; it is attacked in evaluation mode.
        images: (N, C, H, W) values on the input format's grid.
        labels: (N,) true classes.

    Returns:
        As `images`. Random starts are drawn from torch's generator.
    """
    with Evaluating(network):
        if attack.form == "average":
            return _ascended(network, images, labels, attack, _mean_over_exits)
        best, best_loss = images, torch.full((len(images),), -torch.inf, device=images.device)
        for k in range(network.exits):
            found = _ascended(network, images, labels, attack, _of_exit(k))
            with torch.no_grad():
                loss = _mean_over_exits(network(found), labels)
            better = loss > best_loss
            best, best_loss = torch.where(better[:, None, None, None], found, best), torch.maximum(loss, best_loss)
        return best


def attacked_codes(
    network: MultiExitNetwork, images: NDArray[Any], labels: NDArray[Any], attack: Attack, *, seed: int = 0
) -> NDArray[np.int64]:
    """Does the same as `attacked` on arrays, as codes: images for any backend.

    Args:
        images: (N, C, H, W) values or codes.
        labels: (N,) true classes.
        seed: seed of the random starts.

    Raises:
        SettingsError: epsilon is the whole range of codes, or more.
    """
    attack.check(network.input_format)
    scale = network.input_format.scale
    values = torch.from_numpy(encode_images(images, network.input_format, network.input_shape).astype(np.float32))
    truth = torch.from_numpy(np.asarray(labels, np.int64))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found = [
            attacked(network, x * scale, y, attack) / scale
            for x, y in zip(torch.split(values, _BATCH), torch.split(truth, _BATCH), strict=True)
        ]
    return np.asarray(torch.cat(found).numpy().astype(np.int64))


def _ascended(
    network: MultiExitNetwork, images: Tensor, labels: Tensor, attack: Attack, objective: _Objective
) -> Tensor:
    """Returns codes after signed steps up the gradient, each brought back to the ball and to the format."""
    fmt = network.input_format
    centre = images / fmt.scale
    low = (centre - attack.epsilon).clamp(min=fmt.min_code)
    high = (centre + attack.epsilon).clamp(max=fmt.max_code)
    start = torch.randint(-attack.epsilon, attack.epsilon + 1, images.shape).to(images.device)
    codes = (centre + start).clamp(low, high)
    for _ in range(attack.steps):
        gradient = _input_gradient(network, codes * fmt.scale, labels, objective)
        codes = (codes + attack.step * gradient.sign()).clamp(low, high)
    return codes * fmt.scale


def _input_gradient(network: MultiExitNetwork, images: Tensor, labels: Tensor, objective: _Objective) -> Tensor:
    """Returns the gradient of the objective by the input of the first stage; the network's rounding of its input has no
    gradient.
    """
    given: list[Tensor] = []

    def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        given.append(inputs[0].detach().requires_grad_())
        return given[0]

    handle = network.stages[0].register_forward_pre_hook(hook)
    try:
        logits = network(images)
    finally:
        handle.remove()
    return torch.autograd.grad(objective(logits, labels).sum(), given[0])[0]


def _mean_over_exits(logits: list[Tensor], labels: Tensor) -> Tensor:
    return torch.stack([F.cross_entropy(z, labels, reduction="none") for z in logits]).mean(dim=0)


def _of_exit(k: int) -> _Objective:
    def objective(logits: list[Tensor], labels: Tensor) -> Tensor:
        return F.cross_entropy(logits[k], labels, reduction="none")

    return objective
