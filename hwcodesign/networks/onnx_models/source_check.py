"""This module holds a network to the ONNX graph that it was read from, evaluated in float64 without torch."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn

from hwcodesign.errors import MismatchError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.images import telling_codes
from hwcodesign.networks.layers import value_of
from hwcodesign.networks.onnx_models.building import Computed
from hwcodesign.networks.onnx_models.conversion import Converted
from hwcodesign.networks.onnx_models.evaluation import Evaluation
from hwcodesign.networks.onnx_models.graph import Graph

#: Images of each kind that a network is checked on.
_EACH = 2
#: Largest difference of float networks, relative to the largest value: constants are rounded to float32.
_NEAR = 1e-5


def check_source(reference: nn.Module, images: NDArray[np.float64], graph: Graph, converted: Converted) -> None:
    """Compares a network with its graph.

    Args:
        reference: network in float64 and evaluation mode, which gives its logits; a quantised one is compared in `==`.
        images: (N, *input_shape) values.
        graph: gives the logits of every exit.
        converted: what was made of it.

    Raises:
        MismatchError: the network computes something else; the message names the first node from which on it does.
    """
    quantised = converted.build.quantised
    wanted = Evaluation(graph).outputs(images)
    with torch.no_grad():
        found = [value_of(z).numpy() for z in reference(torch.from_numpy(images))]
    for name, own, source in zip(graph.outputs, found, wanted, strict=True):
        if not _same(own, source, quantised):
            where = _first_difference(graph, converted, images, quantised)
            raise MismatchError(
                f"exit {name!r} computes something else than the file evaluated in float64 with onnx' own operators. "
                f"They differ from {where} on. Write that part in another way, and please report it: this is a fault "
                "of hwcodesign"
            )


def _same(own: NDArray[np.float64], source: NDArray[np.float64], exact: bool) -> bool:
    if own.shape != source.shape:
        return False
    if exact:
        return bool(np.array_equal(own, source))
    return bool(np.abs(own - source).max(initial=0) <= _NEAR * np.abs(source).max(initial=1e-30))


def _first_difference(graph: Graph, converted: Converted, images: NDArray[np.float64], exact: bool) -> str:
    """Returns the first node whose tensor differs."""
    seen: dict[str, NDArray[np.float64]] = {}

    class Watching(fx.Interpreter):
        def run_node(self, n: fx.Node) -> object:
            made = super().run_node(n)
            if isinstance(value := value_of(made), torch.Tensor):
                seen[n.name] = value.numpy()
            return made

    with torch.no_grad():
        Watching(copy.deepcopy(converted.whole).double().eval()).run(torch.from_numpy(images))
    # of several tensors that one node of torch gives, the last: a sum that became a layer's bias, not the layer
    tensors = {
        value.node.name: (node, name)
        for node in graph.nodes
        for name in node.outputs
        if isinstance(value := converted.build.values.get(name), Computed) and value.node.name in seen
    }
    wanted = Evaluation(graph.giving(*(name for _, name in tensors.values()))).outputs(images)
    for (own, (node, _)), source in zip(tensors.items(), wanted, strict=True):
        if not _same(seen[own], source, exact):
            return str(node)
    return "the cut between two stages"


def drawn_images(fmt: FixedPoint, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Returns the values of images that reveal wrong layouts and roundings."""
    return fmt.decode(telling_codes(fmt, shape, 1, _EACH))
