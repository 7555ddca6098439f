"""This module sets the scales of a network's quantisers on images, and corrects its biases."""

from __future__ import annotations

import torch
from torch import Tensor, fx

from hwcodesign.networks.quantising.graph_mode import (
    bias_correction_mode,
    calibration_mode,
)

_BATCH = 32


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
            for batch in batches:
                graph.forward(batch)  # which prints no code where it fails
        _quantising_again(graph)
        with bias_correction_mode(graph):
            for batch in batches:
                graph.forward(batch)  # which prints no code where it fails
    graph.eval()


def _quantising_again(graph: fx.GraphModule) -> None:
    """Ends the observing of quantisers that several layers share: Brevitas restores the state in which the second of
    them found it.
    """
    for module in graph.modules():
        if hasattr(module, "observer_only"):
            module.observer_only = False  # type: ignore[assignment]
