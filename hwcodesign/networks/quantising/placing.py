"""This module places quantisers in a whole network with the passes of Brevitas' graph mode.

The passes are those of `brevitas.graph.quantize.quantize`, one by one: that function would quantise the input, whose
format is known, and turn ReLU6 into ReLU. Norms that stand behind a layer are merged into it; the others stay, with a
quantiser behind the function that follows them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import brevitas.config
import brevitas.nn as qnn
import torch
from brevitas.quant.fixed_point import (
    Int8ActPerTensorFixedPointMSE,
    Int8BiasPerTensorFixedPointInternalScaling,
    Int8WeightPerChannelFixedPointMSE,
    Int8WeightPerTensorFixedPointMSE,
    Uint8ActPerTensorFixedPointMSE,
)
from torch import fx, nn

from hwcodesign.networks.layers import LEAST_RANGE, Precision
from hwcodesign.networks.quantising.arithmetic import DIFFERENCES, PRODUCTS, QUOTIENTS, SUMS, plain_arithmetic
from hwcodesign.networks.quantising.graph_mode import (
    InsertModuleCallAfter,
    act_handler,
    add_output_quant_handler,
    align_input_quant,
    inp_placeholder_handler,
    layer_handler,
    residual_handler,
    symbolic_trace,
)
from hwcodesign.networks.quantising.standard_form import means_as_pools, standardised
from hwcodesign.networks.traced.tracing import module_of

#: The precision of each layer with weights.
PrecisionOf = Callable[[nn.Module], Precision]

_SETTINGS = {"return_quant_tensor": True, "scaling_min_val": LEAST_RANGE}
#: Brevitas' passes read the sign of a quantiser from its `input_quant`, which knows it only if it is told.
_QUANTISER = {
    "signed": (qnn.QuantIdentity, {"act_quant": Int8ActPerTensorFixedPointMSE, "input_signed": True, **_SETTINGS}),
    "unsigned": (qnn.QuantIdentity, {"act_quant": Uint8ActPerTensorFixedPointMSE, "input_signed": False, **_SETTINGS}),
}
#: Functions that are one with the quantiser behind them.
_RECTIFIER = {nn.ReLU: (qnn.QuantReLU, {"act_quant": Uint8ActPerTensorFixedPointMSE, **_SETTINGS})}
#: Functions that get a quantiser behind them, by the sign of what they give.
_FUNCTIONS: dict[str, tuple[type[nn.Module], ...]] = {
    "unsigned": (nn.ReLU6, nn.Sigmoid, nn.Hardsigmoid, nn.Softplus),
    "signed": (
        nn.Hardtanh, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish,
        nn.Hardswish, nn.Tanh, nn.Softsign, nn.LogSigmoid, nn.Hardshrink, nn.Softshrink, nn.Tanhshrink, nn.Threshold,
    ),
}  # fmt: skip
_LAYERS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv1d: qnn.QuantConv1d,
    nn.Conv2d: qnn.QuantConv2d,
    nn.ConvTranspose1d: qnn.QuantConvTranspose1d,
    nn.ConvTranspose2d: qnn.QuantConvTranspose2d,
    nn.Linear: qnn.QuantLinear,
}
#: Their results have more bits than what they read, so that they get a quantiser behind them.
_AVERAGES = (nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)
#: Brevitas' passes put no quantiser behind them.
_ARITHMETIC = (*DIFFERENCES, *PRODUCTS, *QUOTIENTS, torch.minimum, torch.maximum)
#: They give no negative values where they read none.
_KEEP_SIGNS = (*_AVERAGES, nn.MaxPool1d, nn.MaxPool2d, nn.Flatten, nn.Identity)


def with_quantisers(whole: fx.GraphModule, precision_of: PrecisionOf, *, signed_input: bool) -> fx.GraphModule:
    """Returns the graph of a network with quantised layers, and quantisers that have not been calibrated.

    Args:
        whole: the network, traced, in evaluation mode; its modules become part of what is returned.
        precision_of: the bits of weights and biases of each layer that has weights.
        signed_input: whether the network's input may be negative.

    Returns:
        A graph of the modules of torch and Brevitas, whose outputs end in quantisers.
    """
    means_as_pools(whole)
    plain_arithmetic(whole)
    with _quiet():
        graph = standardised(symbolic_trace(whole))
        # layers in front of it see that their input is quantised already; it is taken out at the end
        graph = inp_placeholder_handler(graph, _QUANTISER[_sign(signed_input)])
        entrance = next(node.target for node in graph.graph.nodes if node.op == "call_module")
        at_entrance = graph.get_submodule(entrance)
        graph = act_handler(graph, layer_map=_RECTIFIER)
        graph = _functions(graph)
        graph = _arithmetic(graph)
        known = (_QUANTISER, _RECTIFIER, (nn.ReLU,))
        graph = add_output_quant_handler(graph, *known)
        graph = _sums_apart(graph)
        graph = residual_handler(graph, *known, align_input_quant)
        graph = _averages(graph)
        graph = layer_handler(
            graph,
            layer_map={kind: (made, _of_layer(precision_of)) for kind, made in _LAYERS.items()},
            requantize_output=True,
            quant_identity_map=_QUANTISER,
            quant_act_map=_RECTIFIER,
            unsigned_act_tuple=(nn.ReLU,),
        )
        graph = _outputs(graph)
    plain = fx.GraphModule(graph, _Tracer().trace(graph))
    for node in list(plain.graph.nodes):
        if module_of(plain, node) is at_entrance:
            node.replace_all_uses_with(node.args[0])
            plain.graph.erase_node(node)
    plain.recompile()
    return plain.eval()


def _of_layer(precision_of: PrecisionOf) -> dict[str, Any]:
    """Settings of a quantised layer; Brevitas calls those that are lambdas with the layer."""
    return {
        "weight_quant": lambda layer: _weight_quantiser(layer),  # noqa: PLW0108  Brevitas calls lambdas alone
        "weight_bit_width": lambda layer: precision_of(layer).weights,
        "weight_scaling_min_val": LEAST_RANGE,
        "bias_quant": Int8BiasPerTensorFixedPointInternalScaling,
        "bias_bit_width": lambda layer: precision_of(layer).bias,
        "bias_scaling_min_val": LEAST_RANGE,
        "return_quant_tensor": False,
    }


def _weight_quantiser(layer: nn.Module) -> Any:
    """One scale for each output channel; Brevitas does not know those of a transposed convolution of several groups."""
    if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d) and layer.groups > 1:
        return Int8WeightPerTensorFixedPointMSE
    return Int8WeightPerChannelFixedPointMSE


def _sign(signed: bool) -> str:
    return "signed" if signed else "unsigned"


def _functions(graph: Any) -> Any:
    """Puts quantisers behind functions other than ReLU."""
    for node in list(graph.graph.nodes):
        sign = next((sign for sign, kinds in _FUNCTIONS.items() if isinstance(_called(graph, node), kinds)), None)
        if sign is not None:
            graph = _quantised(graph, node, sign)
    return graph


def _arithmetic(graph: Any) -> Any:
    """Puts quantisers behind arithmetic other than sums, where something reads it that passes values on."""
    for node in list(graph.graph.nodes):
        if node.target in _ARITHMETIC and any(_passes_on(graph, user) for user in node.users):
            graph = _quantised(graph, node, _sign(_may_be_negative(graph, node)))
    return graph


def _passes_on(graph: Any, node: Any) -> bool:
    return isinstance(_called(graph, node), _KEEP_SIGNS) or node.target in (torch.flatten, torch.cat)


def _sums_apart(graph: Any) -> Any:
    """Gives what several sums read a quantiser of its own for each but the first.

    The terms of a sum have one scale. Brevitas aligns them sum by sum, and would go to and fro between two that read
    the same tensor, without an end.
    """
    for node in list(graph.graph.nodes):
        for user in [user for user in node.users if _is_sum(user)][1:]:
            kind, settings = _QUANTISER[_sign(_may_be_negative(graph, node))]
            name = f"{node.name}_in_{user.name}_quant"
            graph.add_module(name, kind(**settings))
            with graph.graph.inserting_before(user):
                user.replace_input_with(node, graph.graph.call_module(name, (node,)))
    graph.recompile()
    return graph


def _is_sum(node: Any) -> bool:
    return (node.op == "call_function" and node.target in SUMS) or (node.op == "call_method" and node.target == "add")


def _averages(graph: Any) -> Any:
    """Puts quantisers behind averages, unless there are some."""
    for node in list(graph.graph.nodes):
        if not isinstance(_called(graph, node), _AVERAGES):
            continue
        if not all(hasattr(_called(graph, user), "act_quant") for user in node.users):
            graph = _quantised(graph, node, _sign(_may_be_negative(graph, node)))
    return graph


def _outputs(graph: Any) -> Any:
    """Puts quantisers behind outputs that no quantised layer gives, such as logits over a temperature."""
    output = next(node for node in graph.graph.nodes if node.op == "output")
    for node in list(output.all_input_nodes):
        if not hasattr(_called(graph, node), "act_quant"):
            graph = _quantised(graph, node, _sign(_may_be_negative(graph, node)))
    return graph


def _may_be_negative(graph: Any, node: Any) -> bool:
    module = _called(graph, node)
    if hasattr(module, "act_quant"):
        return bool(module.act_quant.is_signed)
    if isinstance(module, _KEEP_SIGNS) or _is_sum(node) or node.target in (torch.flatten, torch.cat):
        return any(_may_be_negative(graph, source) for source in node.all_input_nodes)
    return True


def _quantised(graph: Any, node: Any, sign: str) -> Any:
    kind, settings = _QUANTISER[sign]
    name = f"{node.name}_quant"
    graph.add_module(name, kind(**settings))
    return InsertModuleCallAfter(name, node).apply(graph)


def _called(graph: Any, node: Any) -> Any:
    return graph.get_submodule(node.target) if node.op == "call_module" else None


class _Tracer(fx.Tracer):
    """It traces Brevitas' own kind of graph into one of torch."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        of_brevitas = type(m).__module__.startswith("brevitas.nn")
        return of_brevitas or super().is_leaf_module(m, module_qualified_name)


@contextmanager
def _quiet() -> Iterator[None]:
    """Lets Brevitas replace modules whose weights are loaded behind them, as its own flow does, without warnings of how
    it calls torch.
    """
    before = brevitas.config.IGNORE_MISSING_KEYS
    brevitas.config.IGNORE_MISSING_KEYS = True
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`treespec.children_specs` is deprecated", FutureWarning)
            yield
    finally:
        brevitas.config.IGNORE_MISSING_KEYS = before
