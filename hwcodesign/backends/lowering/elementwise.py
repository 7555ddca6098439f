"""Layers that treat every value alike, and those that put two streams together."""

from __future__ import annotations

import math
from typing import Any

from hwcodesign.backends.lowering.reading import Reading, lowers
from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels import Activation, Add, Affine, Concatenate


@lowers("Activation")
def _activation(layer: Any, reading: Reading) -> None:
    function = str(layer.get_attr("activation")).lower()
    if function not in ("relu", "linear"):
        raise reading.unsupported(
            layer, f"is {function}, which has no exact kernel", "use relu or a quantiser, or stop at logits"
        )
    source = reading.sources[layer.inputs[0]]
    shape = reading.shapes[source]
    fields = {**reading.common(layer, [source]), "output_shape": shape}  # zeros around the image stay zeros
    reading.bind(layer, reading.add(Activation(**fields, rectify=function == "relu")), reading.padded(layer))


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
    kernel = Affine(**reading.common(layer), **constants, reuse_factor=int(layer.get_attr("reuse_factor")))
    reading.bind(layer, reading.add(kernel))


def _per_channel(layer: Any, reading: Reading, name: str, codes: Codes) -> Codes:
    """(C,) constants from hls4ml's, of which there may be one for each value of the image."""
    shape = reading.shapes[reading.source(layer)]
    rows = codes.reshape(-1, shape[-1]) if codes.size % shape[-1] == 0 else codes.reshape(1, -1)
    filters = int(layer.get_attr("n_filt", -1))
    whole = len(rows) == (math.prod(shape[:-1]) if filters == -1 else 1)
    if not whole or filters not in (-1, shape[-1]) or (rows != rows[0]).any():
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
    if operation != "add":
        raise reading.unsupported(layer, f"is a {operation}, which has no exact kernel", "use a sum")
    sources = _two(layer, reading)
    shapes = [reading.shapes[source] for source in sources]
    if shapes[0] != shapes[1]:
        raise reading.unsupported(
            layer, f"adds {shapes[0]} and {shapes[1]}, which it would have to repeat", "add tensors of one shape"
        )
    reading.bind(layer, reading.add(Add(**reading.common(layer, sources))))


@lowers("Concatenate")
def _concatenate(layer: Any, reading: Reading) -> None:
    sources = _two(layer, reading)
    fields = reading.common(layer, sources)
    rank = len(layer.get_output_variable().shape)
    axis = int(layer.get_attr("axis"))
    channels = sum(shape[-1] for shape in fields["input_shapes"])
    others = {shape[:-1] for shape in (*fields["input_shapes"], fields["output_shape"])}
    if axis not in (rank, -1) or len(others) > 1 or fields["output_shape"][-1] != channels:
        raise reading.unsupported(
            layer,
            f"joins {' and '.join(map(str, fields['input_shapes']))} along axis {axis}",
            "join along the channels (in PyTorch by torch.cat(..., dim=1), with dim named: hls4ml reads keywords only)",
        )
    reading.bind(layer, reading.add(Concatenate(**fields)))


def _two(layer: Any, reading: Reading) -> list[str]:
    """What a layer of two inputs reads."""
    for name in layer.inputs:
        if name in reading.padding:
            raise reading.unsupported(
                layer, "reads an image that is padded with zeros", "pad in front of a convolution or pooling"
            )
    return [reading.sources[name] for name in layer.inputs]
