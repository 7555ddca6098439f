"""hls4ml's ReuseFactor and Strategy of each layer: how the kernels that it became are to be built."""

from __future__ import annotations

from typing import Any

from hwcodesign.hardware.implementation import LATENCY, Implementation, Implementations
from hwcodesign.hardware.units import strategies_of
from hwcodesign.kernels import Segment


def implementations(graph: Any, segment: Segment) -> Implementations:
    """What a ModelGraph says of the kernels that have weights; a strategy that theirs cannot have is left out.

    Args:
        graph: hls4ml ModelGraph after its backend's flow.
        segment: what it was lowered to.
    """
    weighted = {kernel.name: kernel.kind for kernel in segment.kernels if kernel.parameters}
    found = {}
    for layer in graph.get_layers():
        if layer.name in weighted:
            strategy = str(layer.get_attr("strategy", LATENCY)).lower()
            known = strategy in strategies_of(weighted[layer.name])
            found[layer.name] = Implementation(int(layer.get_attr("reuse_factor")), strategy if known else LATENCY)
    return found
