"""This package translates hls4ml's ModelGraph to kernels, from its resolved types and weights.

`LOWERINGS` has one function for each class of hls4ml's layers. The kernels compute what hls4ml's own streaming C++
computes. A layer that rounds or overflows internally, or that hls4ml itself computes wrongly, is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwcodesign.errors import FormatError, UnsupportedLayerError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.frontend.lowering import elementwise, pooling, shapes, weighted  # noqa: F401  # each fills LOWERINGS
from hwcodesign.frontend.lowering.fusion import with_merged_casts
from hwcodesign.frontend.lowering.implementations import implementations
from hwcodesign.frontend.lowering.reading import LOWERINGS, Reading
from hwcodesign.frontend.lowering.simplification import without_transposes
from hwcodesign.frontend.lowering.values import cast_values
from hwcodesign.frontend.lowering.zeros import with_zero_columns
from hwcodesign.kernels import INPUT, Segment

#: What to do without layers that many models have.
_INSTEAD = {
    "Softmax": "end the model at its logits, whose order it keeps",
    "ParametrizedActivation": "use ReLU",
    "PReLU": "use ReLU",
}

__all__ = ["LOWERINGS", "cast_values", "implementations", "lower", "lower_graph"]


def lower(
    name: str, graph: Any, input_format: FixedPoint, input_shape: Sequence[int], *, cast_weights: bool = False
) -> Segment:
    """Translates a converted ModelGraph.

    Args:
        name: name of the segment.
        graph: hls4ml ModelGraph after its backend's flow.
        input_format, input_shape: format and shape of its input, channels last.
        cast_weights: whether to quantise weights as hls4ml's C++ does; otherwise a weight that is not on the grid of
            its type is an error.

    Raises:
        UnsupportedLayerError: a layer without a kernel.
        FormatError: an accumulator that could round or overflow, or a weight that is not quantised.
    """
    reading = Reading(name, cast_weights, cpp=graph.config.get_config_value("Backend") != "StreamRTL")
    reading.start(input_format, input_shape)
    for layer in graph.get_layers():
        if layer.class_name == "Input":
            reading.bind(layer, INPUT)
            continue
        lowering = LOWERINGS.get(layer.class_name)
        if lowering is None:
            known = f"there are kernels for {', '.join(sorted(LOWERINGS))}"
            raise reading.unsupported(layer, "has no exact kernel", _INSTEAD.get(layer.class_name, known))
        try:
            lowering(layer, reading)
        except FormatError as error:
            raise FormatError(f"{name}: {error}") from None
    kernels, _ = without_transposes(reading.kernels, _output(reading, graph))
    return Segment(name, input_format, tuple(input_shape), with_zero_columns(with_merged_casts(kernels)))


def _output(reading: Reading, graph: Any) -> str:
    """Returns the kernel that writes the segment's output, which is the last one."""
    outputs = list(dict.fromkeys(graph.outputs))
    last = reading.kernels[-1].name if reading.kernels else INPUT
    if len(outputs) != 1 or reading.sources[outputs[0]] != last or outputs[0] in reading.padding:
        raise UnsupportedLayerError(
            f"{reading.segment}: its outputs {', '.join(outputs)} are not the last layer's alone; "
            "a segment has one output, which its last layer computes"
        )
    return last


def lower_graph(graph: Any) -> Segment:
    """Translates a ModelGraph of any front end; the reference is hls4ml's own C++ simulation.

    Raises:
        UnsupportedLayerError: a layer without a kernel, or more than one input or output.
        FormatError: an accumulator that could round or overflow, or an input that is no fixed point.
    """
    name = str(graph.config.get_project_name())
    variables = graph.get_input_variables()
    if len(variables) != 1:
        raise UnsupportedLayerError(f"{name}: it has {len(variables)} inputs; a segment has one")
    sizes = tuple(int(size) for size in variables[0].shape)
    shape = (1, *sizes) if len(sizes) == 2 else sizes
    return lower(name, graph, FixedPoint.parse(str(variables[0].type.precision)), shape, cast_weights=True)
