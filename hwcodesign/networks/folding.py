"""This module merges batch normalisations into the layers in front of them, where somebody asks for it.

It changes weights, which are then rounded to another grid: a network that was trained as it is computes something else
afterwards. `compile` therefore never does it; it builds batch normalisations as they are.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from brevitas.nn.utils import merge_bn
from torch import Tensor, nn

from hwcodesign.errors import NetworkError
from hwcodesign.networks.floating import floating
from hwcodesign.networks.layers import value_of
from hwcodesign.networks.network import Evaluating, MultiExitNetwork

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def fold_batch_norms(network: MultiExitNetwork) -> MultiExitNetwork:
    """Returns a copy of a network whose batch normalisations are merged into the weights in front of them.

    The weights are other ones then, and so are the ranges of their quantisers: train or calibrate the copy, and measure
    its accuracy again.

    Args:
        network: the network, which stays as it is.

    Raises:
        NetworkError: a norm does not stand right behind a convolution or a linear layer, which nothing else reads.
    """
    folded = copy.deepcopy(network)
    pairs = _pairs(folded)
    for name, part in list(folded.named_modules()):
        if not isinstance(part, _NORMS):
            continue
        layer = pairs.get(name)
        if layer is None:
            raise NetworkError(
                f"{name} ({type(part).__name__}) does not stand right behind a convolution or a linear layer, so there "
                "are no weights to merge it into: leave it, with a quantiser behind it"
            )
        merge_bn(layer, _with_constants(name, part))
        parent, _, last = name.rpartition(".")
        setattr(folded.get_submodule(parent), last, nn.Identity())
    _check_same(network, folded)
    folded.check()
    return folded


def _with_constants(name: str, norm: nn.Module) -> nn.Module:
    """Returns a norm with scales and biases of its own, which one without `affine` has as ones and zeros."""
    assert isinstance(norm, _NORMS)
    if norm.running_mean is None or norm.running_var is None:
        raise NetworkError(
            f"{name} ({type(norm).__name__}) normalises each batch anew: give it statistics of its own, "
            "track_running_stats=True, and some training"
        )
    if not norm.affine:
        norm.weight = nn.Parameter(torch.ones_like(norm.running_var))
        norm.bias = nn.Parameter(torch.zeros_like(norm.running_mean))
    return norm


def _check_same(network: MultiExitNetwork, folded: MultiExitNetwork) -> None:
    """Refuses a fold that changes what the network computes without quantisers: something else reads the layer."""
    one, other = floating(network), floating(folded)
    images = torch.rand((2, *network.input_shape), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with Evaluating(one.double()), Evaluating(other.double()), torch.no_grad():
        pairs = list(zip(one.head_outputs(images), other.head_outputs(images), strict=True))
    for k, (before, after) in enumerate(pairs):
        if not torch.allclose(before, after, rtol=1e-6, atol=1e-9):
            raise NetworkError(
                f"exit {k} computes something else with its batch norms folded, even without quantisers: another layer "
                "reads what stands in front of one of them; leave that one, with a quantiser behind it"
            )


def _pairs(network: MultiExitNetwork) -> dict[str, nn.Module]:
    """Returns the layer right in front of each norm, by the norm's name: it wrote the tensor that the norm reads."""
    written: list[tuple[Tensor, nn.Module]] = []
    found: dict[str, nn.Module] = {}

    def wrote(module: nn.Module, _inputs: Any, output: Any) -> None:
        written.append((value_of(output), module))

    def reads(name: str) -> Any:
        def hook(_module: nn.Module, inputs: Any) -> None:
            for tensor, layer in written:
                if tensor is value_of(inputs[0]):
                    found[name] = layer

        return hook

    hooks = [
        part.register_forward_hook(wrote)
        for part in network.modules()
        if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Linear)
    ]
    hooks += [
        part.register_forward_pre_hook(reads(name))
        for name, part in network.named_modules()
        if isinstance(part, _NORMS)
    ]
    try:
        with Evaluating(network), torch.no_grad():
            network(torch.zeros((1, *network.input_shape)))
    finally:
        for hook in hooks:
            hook.remove()
    return found
