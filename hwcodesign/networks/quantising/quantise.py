"""This module makes an integer network of a float one: `quantise`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray
from torch import nn

from hwcodesign.choices import not_known
from hwcodesign.errors import HwcodesignError, ImagesError, NetworkError
from hwcodesign.networks.float_network import FloatNetwork
from hwcodesign.networks.layers import Precision
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.networks.quantising.calibration import calibrate
from hwcodesign.networks.quantising.checks import check_plain, check_whole
from hwcodesign.networks.quantising.placing import with_quantisers
from hwcodesign.networks.quantising.segments import cut_again, whole_of
from hwcodesign.networks.quantising.widths import set_widths
from hwcodesign.progress import task

#: 8 bits of weights and activations; sums are wider, so biases and logits cost little.
EIGHT_BITS = Precision(8, 8, bias=16, logits=16)


def quantise(
    network: FloatNetwork,
    precision: Precision = EIGHT_BITS,
    *,
    calibration: NDArray[Any],
    layers: Mapping[str, Precision] | None = None,
) -> MultiExitNetwork:
    """Quantises a trained float network after its training, with Brevitas.

    The whole network is quantised, then cut at its exits. Norms behind a layer are merged into it. Weights get a
    power-of-two scale for each output channel, and each tensor of activations gets one: those of least squared error,
    for activations on the calibration images. Tensors that are added or joined have one scale. Biases are then
    corrected, so that the mean of every channel is what it was. The network may be trained on afterwards.

    Args:
        network: the float network, which stays as it is.
        precision: bits of all weights, activations, biases and logits.
        calibration: (N, *input_shape) values or codes, some hundred images of the training split.
        layers: other precisions by the name of a layer, such as "stages.0.conv1", or of all in a module, such as
            "heads". The activations of a layer are those that the next quantiser behind it gives.

    Raises:
        NetworkError: the network is no float network, a layer's name is unknown, or a layer cannot be quantised.
        ImagesError: there are no images, or they do not fit the network.
    """
    if not isinstance(network, FloatNetwork):
        raise NetworkError(
            f"{type(network).__name__} is no float network: give one that hwcodesign.attach_exits or "
            "hwcodesign.FloatNetwork made"
        )
    images = network.values(calibration)
    if not len(images):
        raise ImagesError("there are no images to calibrate on: give some hundred of the training split")
    check_plain(network)
    asked = _Precisions(network, precision, dict(layers or {}))
    with task("quantising", 4, "steps") as reported:
        whole = whole_of(network)
        check_whole(whole)
        reported.advance(note="placing quantisers")
        with _in_our_words():
            graph = with_quantisers(whole, asked.of_modules(whole), signed_input=network.input_format.signed)
        set_widths(graph, asked.of_name)
        reported.advance(note="calibrating")
        with _in_our_words():
            calibrate(graph, images)
        reported.advance(note="cutting at the exits")
        pieces = cut_again(graph, network.input_shape)
        made = MultiExitNetwork(
            list(pieces.stages),
            [head for head in pieces.heads if head is not None],
            network.input_format,
            network.input_shape,
            gates=network.gates,
            head_reads=pieces.head_reads,
        )
        reported.advance()
    return made.eval()


#: What Python says of a method that Brevitas' tensors have not.
_NO_METHOD = re.compile("QuantTensor' object has no attribute '(.*)'")


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Says what Brevitas raises of an operation that it does not know."""
    try:
        yield
    except HwcodesignError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        method = _NO_METHOD.search(reason)
        what = f"x.{method[1]}" if method else reason
        raise NetworkError(
            f"an operation of the network cannot be quantised: {what}. docs/layers.md lists "
            "the operations that can be; write it as one of them, or build the network of hwcodesign.layers, which are "
            "quantised from the start"
        ) from error


class _Precisions:
    """They are the precisions that were asked for, by the name of a layer."""

    def __init__(self, network: nn.Module, default: Precision, layers: dict[str, Precision]) -> None:
        known = [name for name, _ in network.named_modules() if name]
        for name in layers:
            if name not in known:
                raise NetworkError(not_known(f"layer {name!r}", name, known))
        self._default, self._layers = default, layers

    def of_name(self, name: str) -> Precision:
        """Returns the precision of a layer: what was asked for it, or for the innermost module around it."""
        while name:
            if name in self._layers:
                return self._layers[name]
            name = name.rpartition(".")[0]
        return self._default

    def of_modules(self, graph: nn.Module) -> Any:
        """Returns a function from a layer to its precision."""
        names = {id(module): name for name, module in graph.named_modules()}
        return lambda module: self.of_name(names[id(module)])
