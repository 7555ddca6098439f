"""This package translates hls4ml's ModelGraph to kernels, from its resolved types and weights.

`LOWERINGS` has one function for each class of hls4ml's layers. The kernels compute what hls4ml's own streaming C++
computes. A layer that rounds or overflows internally, or that hls4ml itself computes wrongly, is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hwcodesign.errors import AccumulatorError, FormatError, UnsupportedLayerError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.frontend.lowering import (  # each fills LOWERINGS
    elementwise,  # noqa: F401
    own_layers,  # noqa: F401
    piecewise,  # noqa: F401
    pooling,  # noqa: F401
    shapes,  # noqa: F401
    softmax,  # noqa: F401
    weighted,  # noqa: F401
)
from hwcodesign.frontend.lowering.fusion import with_merged_casts
from hwcodesign.frontend.lowering.hls4ml_options import accumulators, narrower
from hwcodesign.frontend.lowering.implementations import implementations
from hwcodesign.frontend.lowering.piecewise import as_bit
from hwcodesign.frontend.lowering.reading import LOWERINGS, Lowering, Reading, is_binary
from hwcodesign.frontend.lowering.simplification import without_transposes
from hwcodesign.frontend.lowering.values import cast_values
from hwcodesign.frontend.lowering.zeros import with_zero_columns
from hwcodesign.kernels import Segment, Sparsity, TensorType, input_name

#: What to do without layers that many models have.
_INSTEAD = {
    **dict.fromkeys(("SimpleRNN", "LSTM", "GRU", "MultiHeadAttention"), "use nn.Conv1d along the sequence"),
    "LayerNormalization": "use nn.BatchNorm1d or nn.BatchNorm2d",
}

__all__ = ["LOWERINGS", "cast_values", "implementations", "lower", "lower_graph"]


def lower(
    name: str,
    graph: Any,
    inputs: Sequence[TensorType],
    *,
    handed_on: Sequence[int | None] = (None,),
    read: Sequence[int] = (0,),
    sparsities: Mapping[str, Sparsity] | None = None,
    cast_weights: bool = False,
) -> Segment:
    """Translates a converted ModelGraph.

    Args:
        name: name of the segment.
        graph: hls4ml ModelGraph after its backend's flow.
        inputs: the tensors that the segment reads.
        handed_on: for each tensor that it gives, the position of the input that it is; None for the graph's outputs, in
            their order.
        read: positions of the inputs that are the graph's, in their order.
        sparsities: by layer, which weights of a convolution are there; the graph has zeros in the place of others.
        cast_weights: whether to quantise weights as hls4ml's C++ does; otherwise a weight that is not on the grid of
            its type is an error.

    Raises:
        UnsupportedLayerError: a layer without a kernel.
        FormatError: an accumulator that could round or overflow, or a weight that is not quantised.
    """
    reading = Reading(name, cast_weights, cpp=graph.config.get_config_value("Backend") != "StreamRTL")
    reading.sparsities = sparsities or {}
    reading.start(inputs)
    names = dict(zip(graph.inputs, map(input_name, read), strict=True))
    narrow: list[FormatError] = []
    for layer in graph.get_layers():
        if layer.class_name == "Input":
            reading.bind(layer, names[layer.name])
            continue
        lowering = LOWERINGS.get(layer.class_name)
        if lowering is None:
            known = f"there are kernels for {', '.join(sorted(LOWERINGS))}"
            raise reading.unsupported(layer, "has no exact kernel", _INSTEAD.get(layer.class_name, known))
        try:
            narrow += _translate(lowering, layer, reading)
        except FormatError as error:
            raise FormatError(f"{name}: {error}{_fewer_bits(reading, layer, graph)}") from None
    if narrow:
        raise FormatError(f"{name}: {narrow[0]}. In hls4ml's configuration: {accumulators(graph, reading.widened)}")
    ends = _outputs(reading, graph, handed_on)
    kernels, computed = with_merged_casts(*without_transposes(reading.kernels, ends))
    left = iter(computed)
    outputs = tuple(next(left) if source is None else input_name(source) for source in handed_on)
    return Segment(name, tuple(inputs), with_zero_columns(kernels), outputs)


def _translate(lowering: Lowering, layer: Any, reading: Reading) -> list[AccumulatorError]:
    """Translates a layer; through the plugin, where accumulators are set by hand, with a wider one if it must be.

    Returns:
        The error about its own accumulator, so that one error can name those of all layers.
    """
    try:
        lowering(layer, reading)
    except AccumulatorError as error:
        if reading.cpp:
            raise
        reading.widened[layer.name] = FixedPoint.parse(error.would_do)
        lowering(layer, reading)
        return [error]
    return []


def _fewer_bits(reading: Reading, layer: Any, graph: Any) -> str:
    return "" if reading.cpp else f". In hls4ml's configuration, for example: {narrower(graph, layer.name)}"


def _outputs(reading: Reading, graph: Any, handed_on: Sequence[int | None]) -> tuple[str, ...]:
    """Returns the kernels that write the graph's outputs, in their order."""
    outputs, computed = list(graph.outputs), sum(source is None for source in handed_on)
    if len(outputs) != computed:
        raise UnsupportedLayerError(
            f"{reading.segment}: it has {len(outputs)} outputs, {', '.join(outputs)}; a segment of this flow has "
            f"{computed}"
        )
    padded = [name for name in outputs if name in reading.padding and reading.cpp]
    if padded:
        raise UnsupportedLayerError(
            f"{reading.segment}: its output {padded[0]} is an image that is padded with zeros; pad in front of "
            "a convolution or pooling"
        )
    writers = {name: layer for layer in graph.get_layers() for name in (layer.name, *layer.outputs)}
    found = tuple(_given(reading, writers[name], name, graph) for name in outputs)
    inputs = set(map(input_name, range(len(reading.inputs))))
    positions = [i for i, source in enumerate(handed_on) if source is None]
    unchanged = [i for i, name in zip(positions, found, strict=True) if name in inputs]
    if len(handed_on) > 1 and unchanged:
        raise UnsupportedLayerError(
            f"{reading.segment}: tensor {unchanged[0]} is its input unchanged, through a quantiser that changes "
            "nothing: hand the tensor on as it came"
        )
    return found


def _given(reading: Reading, layer: Any, name: str, graph: Any) -> str:
    """Returns the kernel that writes an output, in hls4ml's own values."""
    source = reading.whole(layer, name)
    if not is_binary(graph.get_layer_output_variable(name).type.precision):
        return source
    return as_bit(f"{layer.name}_bit", reading, source)


def lower_graph(graph: Any) -> Segment:
    """Translates a ModelGraph of any front end; the reference is hls4ml's own C++ simulation.

    Raises:
        UnsupportedLayerError: a layer without a kernel.
        FormatError: an accumulator that could round or overflow, or an input that is no fixed point.
    """
    name = str(graph.config.get_project_name())
    sources = []
    for variable in graph.get_input_variables():
        sizes = tuple(int(size) for size in variable.shape)
        shape = (1, *sizes) if len(sizes) == 2 else sizes
        sources.append(TensorType(FixedPoint.parse(str(variable.type.precision)), shape))
    outputs = (None,) * len(graph.outputs)
    return lower(name, graph, sources, handed_on=outputs, read=range(len(sources)), cast_weights=True)
