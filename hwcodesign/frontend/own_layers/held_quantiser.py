"""This module gives hls4ml quantisers that hold their scale, zero point and bits, in the place of reading constants.

They become the layers of hls4ml's that it would make of them itself. But each constant is a layer to hls4ml at first,
which it takes out one at a time, and it looks through all layers each time: that was most of the time that a network of
a hundred layers took. A quantiser of weights holds these as well, and is a constant of their type from the start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from hls4ml.converters.onnx_to_hls import register_onnx_layer_handler
from hls4ml.model.quantizers import QuantNodeQuantizer
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

from hwcodesign.fixedpoint import FixedPoint, Overflow
from hwcodesign.frontend.own_layers.own_layer import precision_of
from hwcodesign.networks.boundaries import ROUNDINGS
from hwcodesign.networks.graphs.notes import DOMAIN, attributes_of

_Attributes = TypeVar("_Attributes", bound=Callable[[Mapping[str, Any]], dict[str, Any]])
#: The operators of a quantiser that holds its constants, and of quantised weights; and the attributes in which the
#: constants are, in the order of QONNX' inputs.
_HELD, _WEIGHTS = "HeldQuant", "HeldWeights"
_CONSTANTS = ("value", "scale", "zeropt", "bitwidth")


def with_held_constants(model: ModelProto) -> ModelProto:
    """Returns a copy of a QONNX model for hls4ml, whose quantisers hold their constants."""
    held = ModelProto()
    held.CopyFrom(model)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in held.graph.node:
        if node.op_type != "Quant" or any(name not in constants for name in node.input[1:]):
            continue
        known = [constants.get(name) for name in node.input]
        plain = known[0] is not None and _is_fixed_point(*(numpy_helper.to_array(tensor) for tensor in known[1:]))
        kept = 0 if plain else 1
        for attribute, tensor in zip(_CONSTANTS[kept:], known[kept:], strict=True):
            node.attribute.append(helper.make_attribute(attribute, tensor))
        node.op_type, node.domain = _WEIGHTS if plain else _HELD, DOMAIN
        del node.input[kept:]
    read = {name for node in held.graph.node for name in node.input}
    del held.graph.initializer[:]
    held.graph.initializer.extend(tensor for tensor in model.graph.initializer if tensor.name in read)
    return held


def _is_fixed_point(scale: NDArray[Any], zero: NDArray[Any], bits: NDArray[Any]) -> bool:
    """Tells whether a quantiser has one scale, a power of two, and no zero point."""
    return scale.size == bits.size == 1 and not np.any(zero) and np.frexp(scale.item())[0] == 0.5


def _reads(operator: str) -> Callable[[_Attributes], _Attributes]:
    """Decorates a function from a node's attributes to those of hls4ml's layer, which then reads the operator."""

    def register(attributes: _Attributes) -> _Attributes:
        def read(node: NodeProto, input_names: list[str], _input_shapes: Any, _graph: Any) -> dict[str, Any]:
            named = {"name": node.name, "inputs": input_names, "outputs": list(node.output)}
            return {**named, **attributes(attributes_of(node))}

        register_onnx_layer_handler(operator, read)
        return attributes

    return register


@_reads(_HELD)
def _quantiser(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the attributes of hls4ml's quantiser, its constants where hls4ml puts them."""
    scale, zero, bits = (np.atleast_1d(numpy_helper.to_array(given[name])) for name in _CONSTANTS[1:])
    if bits.size != 1:
        raise ValueError(f"it has {bits.size} bit widths, and hardware has one")
    rounding = {"narrow": bool(given["narrow"]), "rounding_mode": given["rounding_mode"].decode()}
    signed = bool(given["signed"])
    return {"class_name": "Quant", **rounding, "signed": signed, "scale": scale, "zeropt": zero, "bitwidth": bits[0]}


@_reads(_WEIGHTS)
def _weights(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the attributes of hls4ml's constant of a fixed-point type."""
    value, scale, _, bits = (numpy_helper.to_array(given[name]) for name in _CONSTANTS)
    width, signed = math.ceil(bits.item()), bool(given["signed"])
    fmt = FixedPoint(
        width,
        width + int(np.log2(scale.item())),
        signed,
        ROUNDINGS[given["rounding_mode"].decode()],
        Overflow.SAT_SYM if given["narrow"] else Overflow.SAT,
    )
    return {"class_name": "Constant", "value": value, "quantizer": QuantNodeQuantizer(precision_of(fmt))}
