"""hls4ml's ReuseFactor and Strategy of each layer: how the kernels that it became are to be built."""

from __future__ import annotations

import warnings
from typing import Any

from hwcodesign.hardware.implementation import LATENCY, Implementation, Implementations
from hwcodesign.hardware.units import strategies_of
from hwcodesign.kernels import Segment


def implementations(graph: Any, segment: Segment) -> Implementations:
    """Reads how a ModelGraph builds the kernels that have weights.

    A warning names those that have no unit for the graph's strategy, which hls4ml gives to a whole model at once.

    Args:
        graph: hls4ml ModelGraph after its backend's flow.
        segment: what it was lowered to.
    """
    weighted = {kernel.name: kernel.kind for kernel in segment.kernels if kernel.parameters}
    found, without = {}, []
    for layer in graph.get_layers():
        if layer.name in weighted:
            strategy = str(layer.get_attr("strategy", LATENCY)).lower()
            if strategy not in strategies_of(weighted[layer.name]):
                without.append(f"{layer.name} (strategy {strategy!r})")
                strategy = LATENCY
            found[layer.name] = Implementation(int(layer.get_attr("reuse_factor")), strategy)
    if without:
        warnings.warn(f"built by strategy {LATENCY!r}, because they have no other: {', '.join(without)}", stacklevel=2)
    return found
