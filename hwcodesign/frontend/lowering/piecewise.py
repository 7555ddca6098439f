"""This module translates activations that are linear piece by piece, and binary ones, as hls4ml's C++ computes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.frontend.lowering.arithmetic import added, rectified, scaled, where_positive
from hwcodesign.frontend.lowering.reading import Reading, lowers
from hwcodesign.frontend.lowering.tables import linear_above
from hwcodesign.frontend.lowering.values import cast_values


@lowers("ParametrizedActivation")
def _parametrised(layer: Any, reading: Reading) -> None:
    function = str(layer.get_attr("activation")).lower().replace("_", "")
    fmt = reading.format(layer, "param", layer.get_attr("param_t").precision)
    parameter = cast_values(fmt, np.asarray([float(layer.get_attr("activ_param", 1.0))]))
    if function == "leakyrelu":
        _leaky(layer, reading, parameter, fmt)
    elif function == "thresholdedrelu":
        _thresholded(layer, reading, parameter, fmt)
    elif function == "elu" and not reading.cpp:
        linear_above(layer, reading, function, (np.ones(1), FixedPoint(2, 2)), (parameter, fmt))
    else:
        raise reading.unsupported(layer, f"is {function}, which has no exact kernel", "use ReLU, LeakyReLU or PReLU")


@lowers("PReLU")
def _prelu(layer: Any, reading: Reading) -> None:
    codes, fmt = reading.constants(layer, "param")
    shape = reading.shapes[reading.source(layer)]
    rows = (
        codes.reshape(-1, shape[-1]) if codes.size % shape[-1] == 0 else np.broadcast_to(codes.ravel(), (1, shape[-1]))
    )
    if not (rows == rows[0]).all():
        raise reading.unsupported(layer, f"has slopes of shape {codes.shape} for {shape}", "use one slope a channel")
    _leaky(layer, reading, np.asarray(rows[0], np.float64), fmt)


def _leaky(layer: Any, reading: Reading, slope: Codes, fmt: FixedPoint) -> None:
    """Of x > 0 the value itself, of others a share: slope * x, and for x > 0 the rest of one."""
    source, result, name = reading.source(layer), reading.result(layer), str(layer.name)
    one = 2.0**fmt.fraction
    share = scaled(reading, f"{name}_share", source, slope, fmt)
    upper = rectified(reading, f"{name}_upper", source)
    rest = scaled(reading, f"{name}_rest", upper, one - slope, FixedPoint(fmt.width + 2, fmt.integer + 2))
    reading.bind(layer, added(reading, name, share, rest, result))


def _thresholded(layer: Any, reading: Reading, threshold: Codes, fmt: FixedPoint) -> None:
    """Of x above a threshold the value itself, of others zero: what is above it, and the threshold again."""
    source, result, name = reading.source(layer), reading.result(layer), str(layer.name)
    above = scaled(reading, f"{name}_above", source, 1.0, bias=-threshold, bias_format=_negated(fmt))
    upper = rectified(reading, f"{name}_upper", above)
    back = where_positive(reading, f"{name}_back", above, threshold, fmt)
    reading.bind(layer, added(reading, name, upper, back, result))


def binary_tanh(layer: Any, reading: Reading) -> None:
    """Binds a layer to the kernels of 1 for x >= 0, and of -1 for others."""
    source, name = reading.source(layer), str(layer.name)
    fraction = reading.formats[source].fraction
    above = scaled(reading, f"{name}_above", source, 1.0, bias=1.0, bias_format=FixedPoint(2, 2 - fraction))
    reading.bind(
        layer, where_positive(reading, name, above, 2.0, FixedPoint(3, 3), otherwise=-1.0, result=reading.result(layer))
    )


def as_bit(name: str, reading: Reading, source: str) -> str:
    """Adds a kernel that makes hls4ml's bit of -1 or 1, and returns its name."""
    half = FixedPoint(2, 1)
    return scaled(reading, name, source, 1.0, half, bias=1.0, bias_format=half, result=FixedPoint(1, 1, signed=False))


def _negated(fmt: FixedPoint) -> FixedPoint:
    return FixedPoint(fmt.width + 1, fmt.integer + 1)
