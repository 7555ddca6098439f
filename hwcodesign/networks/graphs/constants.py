"""This module gives every quantised constant of a QONNX graph one scale, and the fewest bits that hold its values.

Scales per channel, and quantisers of one bit or with another rounding, are ways in which a network learns its weights.
Hardware needs their values alone. hls4ml would take scales per channel out of a layer and multiply its results by them,
and has a type of its own for weights of one bit; with one scale it has an ordinary fixed-point type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.general.intquant import int_quant

from hwcodesign.fixedpoint import signed_width
from hwcodesign.networks.graphs.cleaning import replace_nodes
from hwcodesign.networks.graphs.notes import QUANTISERS, attributes_of

#: hls4ml's C++ takes -2 in a type of two bits for 1, and has no type of one bit that is a number.
_FEWEST_BITS = 2


def fold_constants(graph: ModelWrapper) -> None:
    """Replaces quantisers of constants by ones of one scale and as few bits as hold all of the values exactly.

    Args:
        graph: whose quantisers have constant scales, zero points and bit widths; it is changed.
    """
    constants = {tensor.name: tensor for tensor in graph.graph.initializer}
    nodes = []
    for node in graph.graph.node:
        if node.op_type not in QUANTISERS or any(name not in constants for name in node.input):
            nodes.append(node)
            continue
        values = _quantised(node, *(numpy_helper.to_array(constants[name]) for name in node.input))
        bits, exponent = fewest_bits(values)
        names = [f"{node.output[0]}_{part}" for part in ("values", "scale", "zero", "bits")]
        for name, constant in zip(names, (values, 2.0**exponent, 0.0, float(bits)), strict=True):
            made = numpy_helper.from_array(np.asarray(constant, np.float32), name)
            graph.graph.initializer.append(made)
            graph.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, made.dims))
        nodes.append(
            helper.make_node(
                "Quant", names, list(node.output), node.name, node.doc_string, "qonnx.custom_op.general",
                signed=1, narrow=0, rounding_mode="ROUND",
            )
        )  # fmt: skip
    replace_nodes(graph, nodes)


def quantised(graph: ModelWrapper, node: Any, value: NDArray[Any]) -> NDArray[np.float64]:
    """Returns the values that a quantiser makes of a constant, computed in float64."""
    return _quantised(node, value, *(graph.get_initializer(name) for name in node.input[1:]))


def _quantised(node: Any, *inputs: NDArray[Any]) -> NDArray[np.float64]:
    """Returns the values that a quantiser makes of its inputs, computed in float64."""
    value, scale, *others = (np.asarray(one, np.float64) for one in inputs)
    if node.op_type == "BipolarQuant":
        return np.asarray(np.where(value < 0, -scale, scale), np.float64)
    given = attributes_of(node)
    rounding = given.get("rounding_mode", b"ROUND").decode()
    signed, narrow = bool(given.get("signed", 1)), bool(given.get("narrow", 0))
    return np.asarray(int_quant(value, scale, *others, signed, narrow, rounding), np.float64)


def fewest_bits(values: NDArray[np.float64]) -> tuple[int, int]:
    """Returns width and exponent of the narrowest signed fixed-point type that holds all of some values exactly.

    Returns:
        Bits, at least 2 and 3 where there is a code -2; and e, where codes times 2^e are the values.
    """
    exponent = min(_lowest_bits(values), default=0)
    codes = np.ldexp(values, -exponent)
    low, high = int(codes.min(initial=0)), int(codes.max(initial=0))
    width = max(_FEWEST_BITS, signed_width(low, high))
    return width + int(width == _FEWEST_BITS and low < -1), exponent


def _lowest_bits(values: NDArray[np.float64]) -> Iterator[int]:
    """Yields the exponent of the lowest bit of every value that is not zero."""
    for value in np.unique(np.abs(values[values != 0])):
        numerator, denominator = float(value).as_integer_ratio()
        yield (numerator & -numerator).bit_length() - denominator.bit_length()
