"""This module exports a whole network, with the logits of every exit, as one ONNX graph."""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from hwcodesign.errors import NetworkError, UnsupportedLayerError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.networks.brevitas_export import export_qonnx, first_sentence
from hwcodesign.networks.float_network import FloatNetwork
from hwcodesign.networks.network import Evaluating, MultiExitNetwork
from hwcodesign.networks.onnx_models.graph import QONNX_DOMAINS, Graph, Node
from hwcodesign.networks.onnx_models.opening import open_graph
from hwcodesign.networks.whole import Whole

#: Name of the input, and of the logits of exit k, in files that are written.
INPUT, EXIT = "images", "exit{}"
_OPSET = 20


def flat_graph(network: MultiExitNetwork) -> Graph:
    """Returns the graph of a network; of a quantised one with QONNX' quantisers, the input's among them.

    Raises:
        NetworkError: a network with gates.
        UnsupportedLayerError: a layer that ONNX cannot express.
    """
    if network.gates:
        raise NetworkError("a network with gates is not written to ONNX: make one without, or use hwcodesign.compile")
    quantised = not isinstance(network, FloatNetwork)
    whole, blank = Whole(network), network.blank()
    names = [EXIT.format(k) for k in range(network.exits)]
    settings: dict[str, Any] = {
        "input_names": [INPUT], "output_names": names, "dynamo": False, "opset_version": _OPSET,
        "dynamic_axes": {INPUT: {0: "batch"}, **{name: {0: "batch"} for name in names}},
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, Evaluating(network), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's notes on opset versions
        target = Path(folder) / "whole.onnx"
        try:
            if quantised:
                export_qonnx(whole, args=blank, export_path=str(target), **settings)
            else:
                torch.onnx.export(whole, (blank,), str(target), **settings)
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            raise UnsupportedLayerError(f"the network cannot be exported to ONNX: {first_sentence(error)}") from error
        graph = open_graph(target)
    return _with_input_quantiser(graph, network.input_format) if quantised else graph


def _with_input_quantiser(graph: Graph, fmt: FixedPoint) -> Graph:
    """Returns a graph that rounds its input half to even to a format, as the network does."""
    rounded = f"{INPUT} rounded"
    names = [f"{rounded} {part}" for part in ("scale", "zero point", "bits")]
    constants = dict(zip(names, (np.array(value, np.float32) for value in (fmt.scale, 0, fmt.width)), strict=True))
    quantiser = onnx.helper.make_node(
        "Quant", [INPUT, *names], [rounded], name=rounded, domain=QONNX_DOMAINS[0], signed=int(fmt.signed), narrow=0,
        rounding_mode="ROUND",
    )  # fmt: skip
    nodes = [Node(quantiser, {}), *(_reading(node, {INPUT: rounded}) for node in graph.nodes)]
    return replace(graph, nodes=tuple(nodes), constants=graph.constants | constants)


def _reading(node: Node, names: dict[str, str]) -> Node:
    """Returns a node that reads tensors under other names."""
    made: Any = onnx.NodeProto()
    made.CopyFrom(node.proto)
    made.input[:] = [names.get(name, name) for name in node.inputs]
    made.doc_string = ""  # the exporter's notes of lines in Python files
    return Node(made, node.branches)
