"""This module writes multi-exit networks to ONNX files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hwcodesign.errors import PolicyError
from hwcodesign.networks.float_network import FloatNetwork
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.networks.onnx_models.conditional import check_policy, conditional_graph
from hwcodesign.networks.onnx_models.conversion import converted
from hwcodesign.networks.onnx_models.exact_functions import exact_functions
from hwcodesign.networks.onnx_models.exact_sums import with_exact_sums
from hwcodesign.networks.onnx_models.flat_export import flat_graph
from hwcodesign.networks.onnx_models.graph import EXACT, EXACT_SPLIT, QONNX_DOMAINS, Graph
from hwcodesign.networks.onnx_models.opening import TEMPERATURES
from hwcodesign.networks.onnx_models.quantiser_functions import quantiser_functions
from hwcodesign.policies import ExitPolicy
from hwcodesign.storage.files import write_bytes

_IR_VERSION = 9


def to_onnx(
    network: MultiExitNetwork, path: Path | str, *, conditional: bool = False, policy: ExitPolicy | None = None
) -> None:
    """Writes a network to an ONNX file that any runtime computes, and `hwcodesign.from_onnx` reads.

    The file takes "images", (N, *input_shape) real values, and gives the logits of every exit: "exit0", "exit1" and so
    on, (N, classes). A quantised network is QONNX; its quantisers are functions of standard operators that the file
    carries, and its logits are the network's, exactly.

    With `conditional`, the file takes one image, (1, *input_shape), and gives its "label" and the "exit" at which it
    left, (1,) int64 each, as the design that `hwcodesign.compile` writes. What is behind that exit is not computed.

    Args:
        network: in floating point or quantised, without gates.
        path: file to write.
        conditional: whether exits are `If` nodes. Needs a quantised network and a policy.
        policy: of criterion "margin" or "max_softmax", without thresholds by class.

    Raises:
        NetworkError: a network with gates, or in floating point and conditional.
        PolicyError: no policy, or one that is not written.
        UnsupportedLayerError: a layer that ONNX cannot express, or whose sums float32 does not hold; it is named.
    """
    if conditional:
        network.check_calibrated()
        policy = _checked(network, policy)
    elif policy is not None:
        raise PolicyError("a policy is written with conditional=True: give both or neither")
    graph = flat_graph(network)
    if not isinstance(network, FloatNetwork):
        network.check_calibrated()
        graph = with_exact_sums(graph, converted(graph).build)
    if policy is None:
        model = _model(graph.to_model(np.float32).graph, graph, [])
        for tensor in model.graph.output:
            _set_shape(tensor, ["batch", network.classes])
    else:
        model = _model(conditional_graph(graph, policy), graph, policy.temperatures)
    write_bytes(Path(path), model.SerializeToString())


def _checked(network: MultiExitNetwork, policy: ExitPolicy | None) -> ExitPolicy:
    if policy is None:
        raise PolicyError("conditional=True needs a policy that says when an image leaves: give policy=")
    check_policy(policy)
    formats = [head.format for head in network.boundaries()[1]]
    if [exit_.logits for exit_ in policy.exits] != formats or policy.classes != network.classes:
        raise PolicyError("the policy decides on logits of other formats than this network's: fit it to this network")
    return policy


def _set_shape(tensor: Any, sizes: list[Any]) -> None:
    made = onnx.helper.make_tensor_value_info(tensor.name, onnx.TensorProto.FLOAT, sizes)
    tensor.CopyFrom(made)


def _model(made: Any, graph: Graph, temperatures: Any) -> Any:
    """Returns a model of a graph, with the functions of its quantisers."""
    domains = sorted({node.proto.domain for node in graph.nodes} & {*QONNX_DOMAINS, EXACT, EXACT_SPLIT})
    opsets = [onnx.helper.make_opsetid("", graph.opset), *(onnx.helper.make_opsetid(name, 1) for name in domains)]
    functions = quantiser_functions(graph.nodes, graph.opset) + exact_functions(graph.nodes, graph.opset)
    model = onnx.helper.make_model(
        made, opset_imports=opsets, functions=functions, ir_version=_IR_VERSION, producer_name="hwcodesign"
    )
    if temperatures:
        onnx.helper.set_model_props(model, {TEMPERATURES: json.dumps(list(temperatures))})
    return model
