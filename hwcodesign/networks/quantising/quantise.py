"""This module makes an integer network of a float one: `quantise`."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import fx, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from hwcodesign.choices import not_known
from hwcodesign.errors import HwcodesignError, ImagesError, NetworkError
from hwcodesign.networks.float_network import FloatNetwork
from hwcodesign.networks.layers import Precision
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.networks.quantising.calibration import calibrate
from hwcodesign.networks.quantising.placing import with_quantisers
from hwcodesign.networks.quantising.segments import cut_again, whole_of
from hwcodesign.networks.quantising.widths import set_widths
from hwcodesign.progress import task

#: Functions of which `quantise` knows no quantised form.
_WITH_WEIGHTS = (
    *(functional.conv1d, functional.conv2d, functional.conv3d, functional.conv_transpose1d),
    *(functional.conv_transpose2d, functional.linear, functional.bilinear, functional.batch_norm),
    *(torch.matmul, torch.bmm, torch.einsum, operator.matmul),
)
#: Functions and methods that give parts of a tensor.
_PARTS = (
    *(operator.getitem, torch.chunk, torch.split, torch.unbind, torch.narrow, torch.select),
    *("chunk", "split", "unbind", "narrow", "select", "__getitem__"),
)
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
    _check_plain(network)
    asked = _Precisions(network, precision, dict(layers or {}))
    with task("quantising", 4, "steps") as reported:
        whole = whole_of(network)
        _check_called_once(whole)
        _check_layers(whole)
        reported.advance(note="placing quantisers")
        with _in_our_words():
            graph = with_quantisers(whole, asked.of_modules(whole), signed_input=network.input_format.signed)
        set_widths(graph, asked.of_name, precision.logits)
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


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Says what Brevitas raises of an operation that it does not know."""
    try:
        yield
    except HwcodesignError:
        raise
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise NetworkError(
            f"an operation of the network cannot be quantised: {type(error).__name__}: {reason}. docs/layers.md lists "
            "the operations that can be; write it as one of them, or build the network of hwcodesign.layers, which are "
            "quantised from the start"
        ) from error


def _check_plain(network: nn.Module) -> None:
    """Refuses modules that compute more than their type says: quantised layers take the place of such a type."""
    for name, part in network.named_modules():
        more = _more_than_type(part)
        if more is not None:
            raise NetworkError(f"{name or 'the network'} ({type(part).__name__}) has {more}")


def _more_than_type(part: nn.Module) -> str | None:
    if parametrize.is_parametrized(part):
        return (
            "weights that are computed (weight_norm, spectral_norm): call "
            "torch.nn.utils.parametrize.remove_parametrizations(layer, 'weight') before"
        )
    if part._forward_hooks or part._forward_pre_hooks:
        return (
            "a forward hook, which would be lost: remove it, or write what it computes in a forward; of weight_norm "
            "and prune, torch.nn.utils.remove_weight_norm(layer) and prune.remove(layer, 'weight') do"
        )
    if "forward" in part.__dict__:
        return "a forward of its own, which would be lost: write a class with that forward"
    return None


def _check_called_once(whole: fx.GraphModule) -> None:
    """Refuses layers of shared weights: a quantised layer has one scale, for one range of results."""
    calls = Counter(str(node.target) for node in whole.graph.nodes if node.op == "call_module")
    for name, count in calls.items():
        if count > 1 and any(True for _ in whole.get_submodule(name).parameters()):
            raise NetworkError(
                f"{name} is called in {count} places of the network, and a quantised layer has one: give each place a "
                "layer of its own, which may begin as a copy, copy.deepcopy(layer)"
            )


def _check_layers(whole: fx.GraphModule) -> None:
    """Refuses functions that compute with weights, since quantised layers take the place of modules, and parts of
    tensors.
    """
    for node in whole.graph.nodes:
        if node.target in _WITH_WEIGHTS:
            read = next((str(given.target) for given in node.all_input_nodes if given.op == "get_attr"), node.name)
            raise NetworkError(
                f"{read} is read by a function, {node.name}, and would stay as it is: quantised layers take the place "
                "of nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Linear and norms that are "
                "modules, and of modules of derived classes that have no forward of their own"
            )
        if node.target in _PARTS:
            raise NetworkError(
                f"{node.name} takes a part of a tensor, which has no hardware: compute each part by a layer of its own"
            )


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
