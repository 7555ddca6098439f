"""This module reads the quantisers of QONNX, whose scales are powers of two and stay as they are."""

from __future__ import annotations

import math

import numpy as np
from brevitas.quant_tensor import IntQuantTensor
from numpy.typing import NDArray
from qonnx.custom_op.general.bipolar_quant import binary_quant
from qonnx.custom_op.general.intquant import int_quant

from hwcodesign.errors import NetworkError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.networks.onnx_models.building import Build, Computed, Value
from hwcodesign.networks.onnx_models.fixed_layers import bipolar_quantiser, quantiser
from hwcodesign.networks.onnx_models.graph import Node
from hwcodesign.networks.onnx_models.operators.registry import operator

#: Rounding modes of QONNX that hardware has, as Brevitas names them.
ROUNDING = {
    "ROUND": "ROUND",
    "HALF_EVEN": "ROUND",
    "FLOOR": "FLOOR",
    "DOWN": "ROUND_TO_ZERO",
    "ROUND_TO_ZERO": "ROUND_TO_ZERO",
}
_MOST_BITS = 32


@operator("Quant", "IntQuant")
def quant(node: Node, build: Build) -> Value:
    """Reads a quantiser, of activations or of constants."""
    scale, bits = scale_of(node, build, 1), _bits(node, build, 3)
    _check_zero(node, build)
    rounding = rounding_of(node)
    signed, narrow = (bool(node.attributes.get(name, 1)) for name in ("signed", "narrow"))
    value = build.values[node.inputs[0]]
    if not isinstance(value, Computed):
        known = "DOWN" if rounding == "ROUND_TO_ZERO" else rounding
        quantised = int_quant(value.astype(np.float64), scale, 0.0, np.float64(bits), signed, narrow, known)
        return np.asarray(quantised, np.float64)
    one = _one(node, scale)
    if bits == 1 and signed:
        return build.module(node, bipolar_quantiser(one), value)
    if narrow and not signed:
        raise NetworkError(
            f"{node} is unsigned and has a narrow range, which hardware has not: leave narrow at 0, or use a signed one"
        )
    return build.module(node, quantiser(bits, one, signed=signed, narrow=narrow, rounding=rounding), value)


@operator("BipolarQuant")
def bipolar(node: Node, build: Build) -> Value:
    """Reads a quantiser to one value and its negative."""
    scale, value = scale_of(node, build, 1), build.values[node.inputs[0]]
    if not isinstance(value, Computed):
        return np.asarray(binary_quant(value.astype(np.float64), scale), np.float64)
    return build.module(node, bipolar_quantiser(_one(node, scale)), value)


@operator("Trunc")
def trunc(node: Node, build: Build) -> Value:
    """Reads a quantiser that rounds to a fine scale, and cuts bits off."""
    if len(node.inputs) != 6:
        raise NetworkError(
            f"{node} is a Trunc of the first version, which keeps the scale of the bits that it cuts off: use a "
            "Quant of rounding_mode FLOOR with the coarser scale"
        )
    _check_zero(node, build)
    fine, coarse = (_one(node, scale_of(node, build, place)) for place in (1, 4))
    if coarse < fine:
        raise NetworkError(f"{node} has the output scale {coarse:g}, which is finer than its input's, {fine:g}")
    narrow = bool(node.attributes.get("narrow", 0))
    made = quantiser(
        _bits(node, build, 5),
        coarse,
        signed=bool(node.attributes.get("signed", 1)),
        narrow=narrow,
        rounding=rounding_of(node, "FLOOR"),
    )
    given = build.computed(node)
    if not (isinstance(given.example, IntQuantTensor) and float(given.example.scale) == fine):
        given = build.module(node, quantiser(_MOST_BITS, fine, signed=True, narrow=False, rounding="ROUND"), given)
    return build.module(node, made, given)


def format_of(node: Node, build: Build) -> FixedPoint:
    """Returns the format of a quantiser of the input, which a network rounds half to even.

    Raises:
        NetworkError: it rounds in another way, is bipolar, or has a narrow range.
    """
    scale, bits = _one(node, scale_of(node, build, 1)), _bits(node, build, 3)
    _check_zero(node, build)
    signed, narrow = (bool(node.attributes.get(name, 1)) for name in ("signed", "narrow"))
    if rounding_of(node) != "ROUND" or narrow or (bits == 1 and signed):
        raise NetworkError(
            f"{node} quantises the input to a narrow range, to two values, or with a rounding that is not half to "
            "even: give input_format, the format of the values in front of it"
        )
    return FixedPoint(bits, bits + int(math.log2(scale)), signed)


def rounding_of(node: Node, default: str = "ROUND") -> str:
    """Returns a quantiser's rounding, as Brevitas names it.

    Raises:
        NetworkError: hardware has no such rounding.
    """
    given = str(node.attributes.get("rounding_mode", default)).upper()
    if given not in ROUNDING:
        raise NetworkError(f"{node} rounds by {given}, which hardware has not: use {', '.join(ROUNDING)}")
    return ROUNDING[given]


def scale_of(node: Node, build: Build, place: int) -> NDArray[np.float64]:
    """Returns a quantiser's scale, one or several.

    Raises:
        NetworkError: one of them is no power of two.
    """
    scale = np.asarray(build.constant(node, place), np.float64)
    for value in np.ravel(scale):
        if not (0 < value < math.inf and math.frexp(value)[0] == 0.5):
            raise NetworkError(
                f"{node} has scale {value:.6g}, which is not a power of two: train it with fixed-point quantisers, for "
                "example Brevitas' Int8WeightPerTensorFixedPoint"
            )
    return scale


def _one(node: Node, scale: NDArray[np.float64]) -> float:
    values = set(np.ravel(scale).tolist())
    if len(values) != 1:
        raise NetworkError(
            f"{node} has {scale.size} scales, one a channel: activations need one scale for their tensor"
        )
    return float(values.pop())


def _bits(node: Node, build: Build, place: int) -> int:
    bits = np.ravel(np.asarray(build.constant(node, place), np.float64))
    if bits.size != 1 or bits[0] != int(bits[0]) or not 1 <= bits[0] <= _MOST_BITS:
        raise NetworkError(f"{node} has {bits.tolist()} bits: give a whole number from 1 to {_MOST_BITS}")
    return int(bits[0])


def _check_zero(node: Node, build: Build) -> None:
    zero = build.constant(node, 2)
    if zero is not None and np.any(zero):
        raise NetworkError(f"{node} has the zero point {np.ravel(zero)[0]:g}, and fixed point has none: use one of 0")
