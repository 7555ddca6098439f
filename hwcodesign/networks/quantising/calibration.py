"""This module sets the scales of a network's quantisers on images, and corrects its biases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx

from hwcodesign.networks.quantising.activations import activation_quantisers, rounding_of
from hwcodesign.networks.quantising.graph_mode import bias_correction_mode, calibration_mode

_BATCH = 32
#: Of two, by which a shared scale may be larger than the one that Brevitas found.
_POWERS = range(-2, 6)


def calibrate(graph: fx.GraphModule, images: Tensor) -> None:
    """Sets scales of activations, then corrects biases, in place.

    A bias is corrected by the mean, over images and pixels, of what quantisation changed in its channel (Nagel et al.,
    "Data-Free Quantization through Weight Equalization and Bias Correction", 2019), as Brevitas does it.

    Args:
        graph: the whole network, in evaluation mode.
        images: (N, *input_shape) float32 values.
    """
    batches = torch.split(images, _BATCH)
    with torch.no_grad():
        with calibration_mode(graph):
            _run(graph, batches)
        _quantising_again(graph)
        _agree(graph, batches)
        with bias_correction_mode(graph):
            _run(graph, batches)
    graph.eval()


def _run(graph: fx.GraphModule, batches: Sequence[Tensor]) -> None:
    """Calls a graph on images. `graph(batch)` would print the graph's code where it fails."""
    for batch in batches:
        graph.forward(batch)


def _quantising_again(graph: fx.GraphModule) -> None:
    """Ends the observing of quantisers that several layers share: Brevitas restores the state in which the second of
    them found it.
    """
    for module in graph.modules():
        if hasattr(module, "observer_only"):
            module.observer_only = False  # type: ignore[assignment]


def _agree(graph: fx.GraphModule, batches: Sequence[Tensor]) -> None:
    """Gives each scale that several tensors share the value of least squared error over all of them, in place: Brevitas
    takes the mean of the values that they would have alone, which clips the largest.
    """
    by_scale: dict[int, list[Any]] = {}
    for _, quantiser in activation_quantisers(graph):
        found = rounding_of(quantiser)
        by_scale.setdefault(id(found.scaling_impl), []).append(found)
    shared = [_Shared(each) for each in by_scale.values() if len(each) > 1]
    if shared:
        _run(graph, batches)
    for scale in shared:
        scale.settle()


class _Shared:
    """It adds up what each of several powers of two as their scale would make of the values of some quantisers."""

    def __init__(self, quantisers: Sequence[Any]) -> None:
        self._value = quantisers[0].scaling_impl.value.data  # in powers of two
        self._found = self._value.clone()
        self._errors = torch.zeros(len(_POWERS), dtype=torch.float64)
        self._hooks = [each.register_forward_pre_hook(self._observe) for each in dict.fromkeys(quantisers)]

    def _observe(self, quantiser: Any, given: tuple[Tensor, ...]) -> None:
        for place, power in enumerate(_POWERS):
            self._value.copy_(self._found + power)
            rounded = quantiser.forward(*given)[0]
            self._errors[place] += (rounded.double() - given[0].double()).square().sum()
        self._value.copy_(self._found)

    def settle(self) -> None:
        """Takes the scale of least squared error."""
        for hook in self._hooks:
            hook.remove()
        self._value.copy_(self._found + _POWERS[int(self._errors.argmin())])
