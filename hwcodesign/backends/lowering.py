"""hls4ml's ModelGraph to kernels: what each layer computes, read off its resolved types and weights.

One function per hls4ml class, found in `LOWERINGS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwcodesign.errors import FormatError, UnsupportedLayerError
from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.kernels import INPUT, Activation, Add, Conv2D, Dense, Kernel, MaxPool2D, Reshape, Segment


@dataclass
class _Reading:
    """What is known of a graph while it is read.

    Attributes:
        sources: hls4ml tensor name to the kernel that writes it.
        formats, shapes: of each kernel's output.
        padding: tensors that are another one, zero padded (top, bottom, left, right): their kernels fuse it.
    """

    segment: str
    sources: dict[str, str] = field(default_factory=dict)
    formats: dict[str, FixedPoint] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    padding: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)

    def common(self, layer: Any) -> dict[str, Any]:
        """The fields that every kernel has."""
        inputs = tuple(self.sources[name] for name in layer.inputs)
        variable = layer.get_output_variable()
        return {
            "name": layer.name,
            "inputs": inputs,
            "input_formats": tuple(self.formats[name] for name in inputs),
            "input_shapes": tuple(self.shapes[name] for name in inputs),
            "result": FixedPoint.parse(str(variable.type.precision)),
            "output_shape": tuple(int(size) for size in variable.shape),
        }


Lowering = Callable[[Any, _Reading], Kernel | None]
LOWERINGS: dict[str, Lowering] = {}


def lower(name: str, graph: Any, input_format: FixedPoint, input_shape: Sequence[int]) -> Segment:
    """Read a converted ModelGraph.

    Args:
        name: of the segment.
        graph: hls4ml ModelGraph after its backend's flow.
        input_format, input_shape: of its input, channels last.

    Raises:
        UnsupportedLayerError: a layer without a kernel.
        FormatError: an accumulator that could round or overflow, or a weight that is not quantised.
    """
    reading = _Reading(name)
    reading.formats[INPUT], reading.shapes[INPUT] = input_format, tuple(input_shape)
    kernels: list[Kernel] = []
    for layer in graph.get_layers():
        if layer.class_name == "Input":
            reading.sources.update(dict.fromkeys([layer.name, *layer.outputs], INPUT))
            continue
        lowering = LOWERINGS.get(layer.class_name)
        if lowering is None:
            raise UnsupportedLayerError(
                f"{name}: layer {layer.name} of class {layer.class_name} has no exact kernel; "
                f"there are kernels for {', '.join(sorted(LOWERINGS))} (merge batch normalisation into the layer "
                "before it, make average pooling a depthwise convolution with constant weights, stop at logits)"
            )
        try:
            kernel = lowering(layer, reading)
        except FormatError as error:
            raise FormatError(f"{name}: {error}") from None
        if kernel is None:
            continue
        kernels.append(kernel)
        reading.formats[kernel.name], reading.shapes[kernel.name] = kernel.result, kernel.output_shape
        reading.sources.update(dict.fromkeys([layer.name, *layer.outputs], kernel.name))
    return Segment(name, input_format, tuple(input_shape), tuple(kernels))


def _lowers(*classes: str) -> Callable[[Lowering], Lowering]:
    def add(lowering: Lowering) -> Lowering:
        LOWERINGS.update(dict.fromkeys(classes, lowering))
        return lowering

    return add


def _weights(layer: Any, name: str) -> tuple[Codes, FixedPoint]:
    """Integer codes of a weight variable and their format."""
    variable = layer.get_weights(name)
    fmt = FixedPoint.parse(str(variable.type.precision))
    values = np.asarray(variable.data, np.float64)
    if name == "weight" and layer.get_attr("_weights_transposed", False):
        values = np.moveaxis(values, 0, -1)  # the resource strategy puts outputs first
    codes = fmt.encode(values)
    if not np.array_equal(codes * fmt.scale, values):
        raise FormatError(
            f"the {name} of layer {layer.name} is not on the grid of {fmt}, the type that hls4ml gives it: quantise it "
            "with a fixed-point quantiser, for example by hwcodesign.layers"
        )
    return codes, fmt


def _bias(layer: Any, accumulator: FixedPoint) -> Codes:
    """Bias codes at the accumulator's fraction."""
    codes, fmt = _weights(layer, "bias")
    return codes * 2.0 ** (accumulator.fraction - fmt.fraction)


def _accumulator(layer: Any) -> FixedPoint:
    return FixedPoint.parse(str(layer.get_attr("accum_t").precision))


@_lowers("ZeroPadding2D")
def _zero_padding(layer: Any, reading: _Reading) -> None:
    source = reading.sources[layer.inputs[0]]
    pads = tuple(int(layer.get_attr(f"pad_{side}")) for side in ("top", "bottom", "left", "right"))
    for name in (layer.name, *layer.outputs):
        reading.sources[name] = source
        reading.padding[name] = (pads[0], pads[1], pads[2], pads[3])


@_lowers("Clone")
def _clone(layer: Any, reading: _Reading) -> None:
    for name in (layer.name, *layer.outputs):
        reading.sources[name] = reading.sources[layer.inputs[0]]


@_lowers("Conv2D", "PointwiseConv2D", "DepthwiseConv2D")
def _conv2d(layer: Any, reading: _Reading) -> Kernel:
    weights, weight_format = _weights(layer, "weight")
    if layer.class_name == "DepthwiseConv2D":
        weights = weights.reshape(*weights.shape[:2], 1, -1)
    accumulator = _accumulator(layer)
    own = tuple(int(layer.get_attr(f"pad_{side}")) for side in ("top", "bottom", "left", "right"))
    before = reading.padding.get(layer.inputs[0], (0, 0, 0, 0))
    return Conv2D(
        **reading.common(layer),
        weights=weights.reshape(
            int(layer.get_attr("filt_height")), int(layer.get_attr("filt_width")), *weights.shape[2:]
        ),
        bias=_bias(layer, accumulator),
        weight_format=weight_format,
        accumulator=accumulator,
        stride=(int(layer.get_attr("stride_height")), int(layer.get_attr("stride_width"))),
        padding=(own[0] + before[0], own[1] + before[1], own[2] + before[2], own[3] + before[3]),
        reuse_factor=int(layer.get_attr("reuse_factor")),
    )


@_lowers("Dense")
def _dense(layer: Any, reading: _Reading) -> Kernel:
    weights, weight_format = _weights(layer, "weight")
    accumulator = _accumulator(layer)
    return Dense(
        **reading.common(layer),
        weights=weights,
        bias=_bias(layer, accumulator),
        weight_format=weight_format,
        accumulator=accumulator,
        reuse_factor=int(layer.get_attr("reuse_factor")),
    )


@_lowers("Pooling2D")
def _max_pool2d(layer: Any, reading: _Reading) -> Kernel:
    if str(layer.get_attr("pool_op")) != "Max":
        raise UnsupportedLayerError(
            f"{reading.segment}: {layer.name} pools by {layer.get_attr('pool_op')}, which divides inexactly; "
            "use max-pooling, or a depthwise convolution with constant weights"
        )
    if any(int(layer.get_attr(f"pad_{side}")) for side in ("top", "bottom", "left", "right")):
        raise UnsupportedLayerError(
            f"{reading.segment}: max-pooling {layer.name} is padded, which hls4ml pads with zeros "
            "where torch pads with minus infinity; pad the convolution before it instead"
        )
    return MaxPool2D(
        **reading.common(layer),
        pool=(int(layer.get_attr("pool_height")), int(layer.get_attr("pool_width"))),
        stride=(int(layer.get_attr("stride_height")), int(layer.get_attr("stride_width"))),
    )


@_lowers("Activation")
def _activation(layer: Any, reading: _Reading) -> Kernel:
    function = str(layer.get_attr("activation")).lower()
    if function not in ("relu", "linear"):
        raise UnsupportedLayerError(
            f"{reading.segment}: activation {function} of {layer.name} has no exact kernel; use relu, or stop at logits"
        )
    return Activation(**reading.common(layer), rectify=function == "relu")


@_lowers("Merge")
def _merge(layer: Any, reading: _Reading) -> Kernel:
    operation = str(layer.get_attr("op")).lower()
    if operation != "add":
        raise UnsupportedLayerError(f"{reading.segment}: {operation} of {layer.name} has no exact kernel; use a sum")
    return Add(**reading.common(layer))


@_lowers("Reshape")
def _reshape(layer: Any, reading: _Reading) -> Kernel:
    return Reshape(**reading.common(layer))
