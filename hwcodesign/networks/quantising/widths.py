"""This module sets the bit widths of activations in a network whose quantisers were placed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import fx, nn

from hwcodesign.networks.layers import Precision
from hwcodesign.networks.quantising.activations import activation_quantisers, rounding_of
from hwcodesign.networks.traced.tracing import module_of


def set_widths(graph: fx.GraphModule, precision_of: Callable[[str], Precision]) -> None:
    """Sets the bits of every quantiser of activations, in place.

    A quantiser has the precision of the layer that it stands behind. Quantisers that share a scale, since their tensors
    are added or joined, share the largest of their widths.

    Args:
        graph: the whole network; its outputs are those of heads.
        precision_of: precision by the name of a layer; of the last one of a head it has the bits of logits.
    """
    output = next(node for node in graph.graph.nodes if node.op == "output")
    last = set(output.all_input_nodes)
    widths: dict[int, tuple[list[nn.Module], int]] = {}
    for node, quantiser in activation_quantisers(graph):
        precision = precision_of(_layer_in_front(graph, node))
        bits = precision.logits if node in last else precision.activations
        scale = rounding_of(quantiser).scaling_impl
        sharing, most = widths.setdefault(id(scale), ([], 0))
        widths[id(scale)] = [*sharing, quantiser], max(most, bits)
    for quantisers, bits in widths.values():
        for quantiser in quantisers:
            for width in _width_buffers(quantiser):
                width.fill_(bits)


def _layer_in_front(graph: fx.GraphModule, node: fx.Node) -> str:
    """Returns the name of the layer with weights whose result a quantiser rounds, or of the quantiser's own module."""
    own = str(node.target)
    while node.all_input_nodes:
        node = node.all_input_nodes[0]
        module = module_of(graph, node)
        if module is not None and hasattr(module, "weight_quant"):
            return str(node.target)
        if module is not None and hasattr(module, "act_quant"):
            break
    return own


def _width_buffers(quantiser: nn.Module) -> Iterator[torch.Tensor]:
    """Yields the buffers in which Brevitas keeps the bit width of a quantiser."""
    for name, module in quantiser.named_modules():
        if name.endswith("msb_clamp_bit_width_impl.bit_width"):
            yield module.get_buffer("value")
