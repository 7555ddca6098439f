"""Layers that treat every value alike, and those that put two streams together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.frontend.lowering import tables
from hwcodesign.frontend.lowering.arithmetic import added, rectified, scaled
from hwcodesign.frontend.lowering.piecewise import binary_tanh
from hwcodesign.frontend.lowering.reading import Reading, lowers
from hwcodesign.frontend.lowering.shapes import transposed
from hwcodesign.frontend.lowering.values import cast_values
from hwcodesign.kernels import Activation, Add, Affine, Concatenate


@lowers("Activation")
def _activation(layer: Any, reading: Reading) -> None:
    function = str(layer.get_attr("activation")).lower()
    if not reading.cpp and function in (*tables.WHOLE, *tables.NEGATIVE):
        _by_table(layer, reading, function)
        return
    if not reading.cpp and function == "binary_tanh":
        binary_tanh(layer, reading)
        return
    if function not in ("relu", "linear"):
        instead = (
            "put a quantiser behind it, before which it is exact" if reading.cpp else "use relu, or stop at logits"
        )
        raise reading.unsupported(layer, f"is {function}, which has no exact kernel", instead)
    source = reading.sources[layer.inputs[0]]
    shape = reading.shapes[source]
    fields = {**reading.common(layer, [source]), "output_shape": shape}  # zeros around the image stay zeros
    reading.bind(layer, reading.add(Activation(**fields, rectify=function == "relu")), reading.padded(layer))


def _by_table(layer: Any, reading: Reading, function: str) -> None:
    if function in tables.WHOLE:
        tables.looked_up(layer, reading, function)
        return
    one = np.ones(1), FixedPoint(2, 2)
    slope = one
    if function == "selu":  # hls4ml's C++ holds it in the type of the values
        fmt = reading.formats[reading.source(layer)]
        slope = cast_values(fmt, np.asarray([tables.SELU_SCALE])), fmt
    tables.linear_above(layer, reading, function, slope, one)


@lowers("BatchNormalization", "ApplyAlpha")
def _affine(layer: Any, reading: Reading) -> None:
    if layer.get_attr("data_format") == "channels_first":
        raise reading.unsupported(
            layer, "has its channels first", "convert with channels_last_conversion='full' or 'internal'"
        )
    constants: dict[str, Any] = {}
    for name in ("scale", "bias"):
        codes, fmt = reading.constants(layer, name)
        constants[name], constants[f"{name}_format"] = _per_channel(layer, reading, name, codes), fmt
    if _is_ternary(layer) and constants["scale"].min() < -1:
        raise reading.unsupported(
            layer, "has the scale -2 in an int<2>, which hls4ml takes for 1", "give its scale a wider type"
        )
    kernel = Affine(**reading.common(layer), **constants)
    reading.bind(layer, reading.add(kernel))


def _per_channel(layer: Any, reading: Reading, name: str, codes: Codes) -> Codes:
    """Returns (C,) constants from hls4ml's, which may have one value for each value of the image."""
    shape = reading.shapes[reading.source(layer)]
    filters = int(layer.get_attr("n_filt", -1))
    size = math.prod(shape)
    rows = codes.reshape(-1, shape[-1]) if codes.size % shape[-1] == 0 else codes.reshape(1, -1)
    # hls4ml's C++ counts over the channels, whatever comes after them, or over the whole image
    fits = filters == shape[-1] or (filters == -1 and codes.size == size and bool((rows == rows[0]).all()))
    if codes.size % shape[-1] or not fits:
        raise reading.unsupported(
            layer, f"has a {name} of shape {codes.shape} for an image of {shape}", "use one value a channel"
        )
    first: Codes = rows[0]
    return first


def _is_ternary(layer: Any) -> bool:
    precision = layer.get_weights("scale").type.precision
    return "Integer" in type(precision).__name__ and precision.width == 2 and bool(precision.signed)


@lowers("Merge")
def _merge(layer: Any, reading: Reading) -> None:
    operation = str(layer.get_attr("op")).lower()
    if operation not in ("add", "subtract", "minimum", "maximum"):
        raise reading.unsupported(
            layer, f"is a {operation}, which has no exact kernel", "use torch.add, sub, minimum or maximum"
        )
    sources = _two(layer, reading)
    shapes = [reading.shapes[source] for source in sources]
    if shapes[0] != shapes[1]:
        raise reading.unsupported(
            layer, f"joins {shapes[0]} and {shapes[1]}, which it would have to repeat", "give it tensors of one shape"
        )
    if operation == "add":
        reading.bind(layer, reading.add(Add(**reading.common(layer, sources))))
        return
    reading.bind(layer, _of_difference(layer, reading, operation, *sources))


def _of_difference(layer: Any, reading: Reading, operation: str, one: str, other: str) -> str:
    """Adds kernels for `one - other`, or for the larger or smaller one: a rectified difference is by how much."""
    name, result = str(layer.name), reading.result(layer)
    minus = scaled(reading, f"{name}_minus", other, -1.0)
    if operation == "subtract":
        return added(reading, name, one, minus, result)
    difference = added(reading, f"{name}_difference", one, minus)
    more = rectified(reading, f"{name}_more", difference)
    if operation == "maximum":
        return added(reading, name, other, more, result)
    return added(reading, name, one, scaled(reading, f"{name}_less", more, -1.0), result)


@lowers("Concatenate")
def _concatenate(layer: Any, reading: Reading) -> None:
    sources = _two(layer, reading)
    shapes = [reading.shapes[source] for source in sources]
    wanted = reading.shape(layer, layer.get_output_variable())
    rank, axis = len(layer.get_output_variable().shape), int(layer.get_attr("axis"))
    place = len(wanted) - 1 - (rank - axis if axis > 0 else -1 - axis)  # hls4ml counts the batch unless from the end
    whole = [sum(sizes) if i == place else sizes[0] for i, sizes in enumerate(zip(*shapes, strict=False))]
    others = {(*shape[:place], *shape[place + 1 :]) for shape in shapes}
    if not 0 <= place < len(wanted) or len(others) != 1 or tuple(whole) != wanted:
        raise reading.unsupported(
            layer,
            f"joins {shapes[0]} and {shapes[1]} along axis {axis} to {wanted}",
            "join tensors of one shape but for that axis (in PyTorch name it: torch.cat(..., dim=1))",
        )
    last = [*(i for i in range(len(wanted)) if i != place), place]  # that axis to the channels' place, and back
    turned = [transposed(reading, f"{layer.name}_in{i}", source, last) for i, source in enumerate(sources)]
    joined = tuple(wanted[i] for i in last)
    name = layer.name if place == len(wanted) - 1 else f"{layer.name}_joined"
    fields = {**reading.common(layer, turned), "name": name, "output_shape": joined}
    back = [int(i) for i in np.argsort(last)]
    reading.bind(layer, transposed(reading, layer.name, reading.add(Concatenate(**fields)), back))


def _two(layer: Any, reading: Reading) -> list[str]:
    """Returns the sources of a layer with two inputs."""
    return [reading.whole(layer, name) for name in layer.inputs]
