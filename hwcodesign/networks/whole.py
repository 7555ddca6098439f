"""This module defines a multi-exit network as one module: an image in, the outputs of all heads out."""

from __future__ import annotations

from torch import Tensor, nn

from hwcodesign.networks.layers import value_of, values_of
from hwcodesign.networks.network import MultiExitNetwork


class Whole(nn.Module):
    """It is a network that torch.fx traces and exporters read. It leaves its input as it is, without rounding it.

    Its layers are those of the network, by the names that they have there.
    """

    def __init__(self, network: MultiExitNetwork) -> None:
        super().__init__()
        self.stages, self.heads = network.stages, network.heads
        self._reads = [network.reads_of(k, len(shapes)) for k, shapes in enumerate(network.tensor_shapes())]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Computes the plain values that each head gives, in a gated network with the gate."""
        given: tuple[Tensor, ...] = (x,)
        outputs = []
        for stage, head, reads in zip(self.stages, self.heads, self._reads, strict=True):
            given = values_of(stage(*given))
            outputs.append(value_of(head(*(given[i] for i in reads))))
        return tuple(outputs)
