"""This module tells what quantisation did to each tensor of a network: `quantisation_noise`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from brevitas.nn.quant_layer import QuantWeightBiasInputOutputLayer
from brevitas.proxy.runtime_quant import ActQuantProxyFromInjectorBase
from brevitas.quant_tensor import IntQuantTensor
from numpy.typing import NDArray
from torch import Tensor, nn

from hwcodesign.networks.layers import value_of
from hwcodesign.networks.network import Evaluating, MultiExitNetwork

_BATCH = 100


@dataclass(frozen=True)
class TensorNoise:
    """It is what quantisation did to one tensor.

    Attributes:
        name: of the layer or quantiser.
        what: "weights", or "activations" of the quantiser.
        bits: bits of each value.
        least, largest: values that it can have; of weights with a scale for each channel, those of the widest.
        sqnr: signal to quantisation noise in decibel: the mean square of the values in front of the quantiser, over
            that of what it changed; infinite if it changed nothing.
        clipped: share of the values that lay outside of the range.
    """

    name: str
    what: str
    bits: int
    least: float
    largest: float
    sqnr: float
    clipped: float

    def __str__(self) -> str:
        return (
            f"{self.name:<40} {self.what:<11} {self.bits:>2} bits  {self.least:>10.4g} to {self.largest:<10.4g} "
            f"{self.sqnr:>6.1f} dB  {self.clipped:>7.2%} clipped"
        )


def quantisation_noise(network: MultiExitNetwork, images: NDArray[Any]) -> list[TensorNoise]:
    """Returns what quantisation does to each tensor, in the order in which they are computed.

    Every quantiser is compared with its own input: noise from layers in front is part of the signal.

    Args:
        network: a quantised network.
        images: (N, *input_shape) values or codes.
    """
    met: list[_Sums] = []
    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, QuantWeightBiasInputOutputLayer):
            hooks.append(module.register_forward_pre_hook(_weights(_Sums(name, "weights", met), module)))
        if isinstance(module, ActQuantProxyFromInjectorBase) and module.is_quant_enabled:
            own = name.removesuffix(".act_quant").removesuffix(".input_quant")
            hooks.append(module.register_forward_hook(_Sums(own, "activations", met).hook))
    try:
        with Evaluating(network), torch.no_grad():
            for batch in torch.split(network.values(images), _BATCH):
                network.head_outputs(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return [found.result() for found in met]


class _Sums:
    """They are sums over all values of a tensor.

    Args:
        name, what: of the tensor.
        met: list to which they are added with the first values.
    """

    def __init__(self, name: str, what: str, met: list[_Sums]) -> None:
        self.name, self.what, self._met = name, what, met
        self.count = self.clipped = 0
        self.signal = self.noise = 0.0
        self.bits, self.least, self.largest = 0, 0.0, 0.0

    def hook(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Sees a quantiser of activations at work."""
        function: Any = module.get_submodule("fused_activation_quant_proxy.activation_impl")
        if isinstance(output, IntQuantTensor):
            self.add(function(value_of(inputs[0])), output)

    def add(self, values: Tensor, quantised: IntQuantTensor) -> None:
        """Adds values, and what became of them."""
        if not self.count:
            self._met.append(self)
        scale = quantised.scale.double()
        self.bits = int(quantised.bit_width)
        span = 2.0 ** (self.bits - int(quantised.signed))
        least = -span * scale if quantised.signed else torch.zeros_like(scale)
        largest = (span - 1) * scale
        self.least, self.largest = float(least.min()), float(largest.max())
        values = values.double()
        self.signal += float((values**2).sum())
        self.noise += float(((values - quantised.value.double()) ** 2).sum())
        self.clipped += int(((values < least - scale / 2) | (values > largest + scale / 2)).sum())
        self.count += values.numel()

    def result(self) -> TensorNoise:
        """Returns what the sums come to."""
        sqnr = 10 * math.log10(self.signal / self.noise) if self.noise and self.signal else math.inf
        share = self.clipped / self.count
        return TensorNoise(self.name, self.what, self.bits, self.least, self.largest, sqnr, share)


def _weights(sums: _Sums, layer: Any) -> Any:
    """A hook that sees a layer's weights at its first call."""

    def hook(_module: nn.Module, _inputs: Any) -> None:
        if not sums.count:
            sums.add(layer.weight, layer.quant_weight())

    return hook
