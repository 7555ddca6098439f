"""This module finds the quantisers of activations in a network's graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brevitas.proxy.runtime_quant import ActQuantProxyFromInjectorBase
from torch import fx

from hwcodesign.networks.traced.tracing import module_of


def activation_quantisers(graph: fx.GraphModule) -> Iterator[tuple[fx.Node, Any]]:
    """Yields every node that quantises activations, in order, and its quantiser's proxy, which several may have."""
    for node in graph.graph.nodes:
        quantiser = getattr(module_of(graph, node), "act_quant", None)
        if isinstance(quantiser, ActQuantProxyFromInjectorBase) and quantiser.is_quant_enabled:
            yield node, quantiser


def rounding_of(quantiser: Any) -> Any:
    """Returns the part of a quantiser that rounds; its `scaling_impl` is one where quantisers share a scale."""
    return quantiser.fused_activation_quant_proxy.tensor_quant
