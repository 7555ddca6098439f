"""This module reads multi-exit networks from ONNX and QONNX files."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from torch import fx

from hwcodesign.errors import NetworkError, UnsupportedLayerError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.images import BYTES
from hwcodesign.networks.float_network import FloatNetwork
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.networks.onnx_models.building import Build
from hwcodesign.networks.onnx_models.conversion import Converted, converted
from hwcodesign.networks.onnx_models.exit_branches import without_branches
from hwcodesign.networks.onnx_models.exit_rule import ExitRule
from hwcodesign.networks.onnx_models.exits import exit_names, exits_of
from hwcodesign.networks.onnx_models.frozen_network import FrozenNetwork
from hwcodesign.networks.onnx_models.graph import QUANTISERS, Graph, Node
from hwcodesign.networks.onnx_models.opening import open_graph
from hwcodesign.networks.onnx_models.operators.quantisers import format_of
from hwcodesign.networks.onnx_models.source_check import check_source, drawn_images
from hwcodesign.networks.traced.cutting import cut
from hwcodesign.progress import task
from hwcodesign.storage.files import sha256

#: Values of images on which a module is checked whose format nobody has given.
_ANY = FixedPoint(8, 3)


def from_onnx(
    path: Path | str,
    exits: Sequence[str] | None = None,
    *,
    input_format: FixedPoint | None = None,
    input_shape: Sequence[int] | None = None,
    leave_off_softmax: bool = False,
) -> MultiExitNetwork:
    """Reads a multi-exit network from an ONNX file, and holds it to the file evaluated in float64.

    Without quantisers the network is a `FloatNetwork`, which trains and is quantised by `hwcodesign.quantise`. With
    QONNX' quantisers of power-of-two scales it is an integer network, bit for bit, which is frozen: it compiles, and
    does not train. A file whose exits are `If` nodes becomes a network of all of them, and `exit_rule` gives their
    thresholds.

    Args:
        path: file.
        exits: names of the tensors of each exit's logits, first exit first; by default the file's outputs in order of
            depth, or its `If` nodes.
        input_format: format of the images' values. A file that quantises its input says it itself, a float network has
            bytes that are 0 to 255/256 by default, and another quantised one needs it.
        input_shape: shape of one sample, for a file that leaves it open.
        leave_off_softmax: whether a softmax at the end of an exit is left off; without this it is refused.

    Raises:
        NetworkError: what the file holds is no multi-exit network; the message names the tensor or the node.
        UnsupportedLayerError: an operator that hardware does not compute; the message names the node.
        MismatchError: the network that was made computes something else than the file.
    """
    graph, _ = without_branches(open_graph(path, input_shape))
    names = exit_names(graph, exits)
    names = tuple(_without_softmax(graph, name, leave_off_softmax) for name in names)
    graph = graph.giving(*names)
    source = graph
    if input_format is None:
        input_format, graph = _input_format(graph)
    with task(f"reading {len(graph.nodes)} nodes of {Path(path).name}"):
        made = converted(graph)
        network = _network(made, names, input_format, source)
        check_source(network.reference(), drawn_images(network.input_format, network.input_shape), source, made)
    return network


def exit_rule(path: Path | str) -> ExitRule:
    """Reads the thresholds of an ONNX file whose exits are `If` nodes.

    Args:
        path: file.

    Raises:
        NetworkError: it has no `If`, or exits of several criteria.
        UnsupportedLayerError: an `If` is no exit; the message names it.
    """
    _, rule = without_branches(open_graph(path))
    if rule is None:
        raise NetworkError(
            f"{path} has no `If` nodes of one criterion that say when a sample leaves: fit a policy with "
            "hwcodesign.fit_policy"
        )
    return rule


def module_from_onnx(path: Path | str, *, input_shape: Sequence[int] | None = None) -> fx.GraphModule:
    """Reads a network of one output in floating point as a torch module, which `hwcodesign.attach_exits` gives exits.

    Args:
        path: file.
        input_shape: shape of one sample, for a file that leaves it open.

    Returns:
        A module that takes (N, *input_shape) values, whose layers have the names of the file's nodes.

    Raises:
        NetworkError: the file has several outputs, or quantisers.
        UnsupportedLayerError: an operator that is not taken; the message names the node.
        MismatchError: the module computes something else than the file.
    """
    graph, _ = without_branches(open_graph(path, input_shape))
    if len(graph.outputs) != 1:
        raise NetworkError(
            f"{path} has {len(graph.outputs)} outputs: hwcodesign.from_onnx makes a multi-exit network of it"
        )
    quantiser = next((node for node in graph.nodes if node.operator in QUANTISERS), None)
    if quantiser is not None:
        raise NetworkError(f"{quantiser} quantises, and exits are attached to networks in floating point")
    made = converted(graph)
    check_source(copy.deepcopy(made.whole).double(), drawn_images(_ANY, graph.input_shape), graph, made)
    output = next(node for node in made.whole.graph.nodes if node.op == "output")
    output.args = (output.args[0][0],)
    made.whole.recompile()
    return made.whole.eval()


def _without_softmax(graph: Graph, name: str, leave_off: bool) -> str:
    node = graph.writers[name]
    if node.operator != "Softmax":
        return name
    if not leave_off:
        raise UnsupportedLayerError(
            f"exit {name!r} is written by {node}: a softmax keeps the order of logits and is not computed; give "
            f"leave_off_softmax=True, or exits with {node.inputs[0]!r} in its place"
        )
    return node.inputs[0]


def _input_format(graph: Graph) -> tuple[FixedPoint, Graph]:
    """Finds the format of the input's quantisers, and leaves these off: a network rounds its input itself."""
    if not any(node.operator in QUANTISERS for node in graph.nodes):
        return BYTES, graph
    readers = [node for node in graph.nodes if graph.input_name in node.inputs]
    if not readers or not all(node.operator in ("Quant", "IntQuant") for node in readers):
        raise NetworkError(
            f"nothing says how the values of {graph.input_name!r} are rounded: give input_format, for example "
            "FixedPoint(8, 0, signed=False) for pixels from 0 to 1"
        )
    build = Build(graph)
    formats = {format_of(node, build) for node in readers}
    if len(formats) != 1:
        raise NetworkError(
            f"{readers[0]} and {readers[1]} quantise the input in different ways: put one Quant node behind it"
        )
    return formats.pop(), replace(
        graph, nodes=tuple(_passing(node) if node in readers else node for node in graph.nodes)
    )


def _passing(node: Node) -> Node:
    made = onnx.helper.make_node("Identity", node.inputs[:1], node.outputs, name=node.proto.name)
    return Node(made, {})


def _network(made: Converted, names: Sequence[str], input_format: FixedPoint, source: Graph) -> MultiExitNetwork:
    pieces = cut(made.whole, exits_of(made.build, names))
    heads = [head for head in pieces.heads if head is not None]
    shape, reads = source.input_shape, pieces.head_reads
    if not made.build.quantised:
        return FloatNetwork(pieces.stages, heads, input_format, shape, head_reads=reads)
    digest = sha256(source.to_model(np.float32).SerializeToString())
    return FrozenNetwork(pieces.stages, heads, input_format, shape, head_reads=reads, source_sha256=digest)
