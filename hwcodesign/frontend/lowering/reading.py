"""This module holds what is known of a ModelGraph during its translation, and the table of functions by class of
hls4ml's layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwcodesign.errors import FormatError, UnsupportedLayerError
from hwcodesign.fixedpoint import Codes, FixedPoint, Overflow
from hwcodesign.frontend.lowering.values import cast_values
from hwcodesign.kernels import Activation, Conv2D, Kernel, Sparsity, TensorType, input_name

Padding = tuple[int, int, int, int]
NO_PADDING: Padding = (0, 0, 0, 0)


#: Of a bit that hls4ml's C++ takes for -1 or 1: kernels have these values.
BINARY = FixedPoint(2, 2)
#: Layers in which hls4ml's C++ takes it so, or does not look at it.
_READ_BITS = (
    "Dense", "Conv1D", "Conv2D", "PointwiseConv1D", "PointwiseConv2D", "Reshape", "Repack", "Transpose", "Clone",
)  # fmt: skip
#: What to do about numbers that are no fixed-point numbers, by the class of their layer.
_BEHIND = "put a quantiser right behind it, as thresholds of which it is exact"
_REMEDIES = {
    "ApplyAlpha": _BEHIND,
    "BatchNormalization": f"{_BEHIND}, or merge it into the layer before it (hwcodesign.fold_batch_norms)",
}


def is_binary(precision: Any) -> bool:
    """Tells whether a precision of hls4ml is a bit that means -1 or 1."""
    return "Xnor" in type(precision).__name__


@dataclass
class Reading:
    """A reading holds the kernels so far, and what each of hls4ml's tensors is.

    Attributes:
        segment: name of the segment.
        cast_weights: whether to quantise constants as hls4ml's C++ does; otherwise a constant that is not on its grid
            is an error.
        cpp: whether hls4ml's C++ also has to compute it; then a layer that its C++ computes wrongly is an error.
        kernels: in order.
        sources: hls4ml tensor to the kernel that writes it.
        padding: tensors that are what their kernel writes with zeros around it (top, bottom, left, right): the kernels
            that read them have to add them.
        formats, shapes: of each kernel's output.
        widened: accumulators that take the place of those of a graph, by name of the layer.
        inputs: the tensors that the segment reads.
        sparsities: by convolution, which of its weights are there, where hls4ml has zeros in the place of others.
    """

    segment: str
    cast_weights: bool
    cpp: bool
    kernels: list[Kernel] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    padding: dict[str, Padding] = field(default_factory=dict)
    formats: dict[str, FixedPoint] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    widened: dict[str, FixedPoint] = field(default_factory=dict)
    inputs: tuple[TensorType, ...] = ()
    sparsities: Mapping[str, Sparsity] = field(default_factory=dict)

    def start(self, inputs: Sequence[TensorType]) -> None:
        """Declares the segment's inputs."""
        self.inputs = tuple(inputs)
        for i, tensor in enumerate(inputs):
            self.formats[input_name(i)], self.shapes[input_name(i)] = tensor.format, tensor.shape

    def add(self, kernel: Kernel) -> str:
        """Adds a kernel; returns its name."""
        self.kernels.append(kernel)
        self.formats[kernel.name], self.shapes[kernel.name] = kernel.result, kernel.output_shape
        return kernel.name

    def bind(self, layer: Any, source: str, padding: Padding = NO_PADDING) -> None:
        """Records which kernel writes the layer's outputs."""
        for name in (layer.name, *layer.outputs):
            self.sources[name] = source
            if any(padding):
                self.padding[name] = padding

    def source(self, layer: Any) -> str:
        """Returns the kernel that writes the layer's only input; see `whole`."""
        return self.whole(layer, layer.inputs[0])

    def whole(self, layer: Any, name: str) -> str:
        """Returns the kernel that writes a tensor with its zeros, which is added where the tensor is padded.

        Args:
            layer: that reads it.

        Raises:
            UnsupportedLayerError: it is padded, and hls4ml's C++ has to compute it, too.
        """
        if name not in self.padding:
            return self.sources[name]
        if self.cpp:
            raise self.unsupported(
                layer, "reads an image that is padded with zeros", "pad in front of a convolution or pooling"
            )
        source, padding = self.sources[name], self.padding.pop(name)
        self.sources[name] = self.add(
            _padded(f"{layer.name}_padded", source, self.formats[source], self.shapes[source], padding)
        )
        return self.sources[name]

    def padded(self, layer: Any) -> Padding:
        """Returns the zeros around the layer's only input."""
        return self.padding.get(layer.inputs[0], NO_PADDING)

    def common(self, layer: Any, sources: Sequence[str] | None = None) -> dict[str, Any]:
        """Returns the fields that every kernel has.

        Args:
            sources: kernels that it reads, if they are not its only input as it is.
        """
        inputs = tuple(sources) if sources is not None else (self.source(layer),)
        bits = any(is_binary(layer.get_input_variable(name).type.precision) for name in layer.inputs)
        if bits and layer.class_name not in _READ_BITS:
            raise self.unsupported(
                layer, "takes a bit that means -1 or 1 for 0 or 1", "put a linear layer or a convolution before it"
            )
        return {
            "name": layer.name,
            "inputs": inputs,
            "input_formats": tuple(self.formats[name] for name in inputs),
            "input_shapes": tuple(self.shapes[name] for name in inputs),
            "result": self.result(layer),
            "output_shape": self.shape(layer, layer.get_output_variable()),
        }

    def result(self, layer: Any) -> FixedPoint:
        """Returns the format of the layer's output.

        Raises:
            FormatError: its type is not fixed point.
        """
        return self.format(layer, "result", layer.get_output_variable().type.precision)

    def format(self, layer: Any, name: str, precision: Any) -> FixedPoint:
        """Converts a precision of hls4ml to a format."""
        if is_binary(precision) and not self.cpp:
            return BINARY
        if is_binary(precision) or "Exponent" in type(precision).__name__:
            raise self.unsupported(
                layer, f"has the {name} type {precision}, which is no number", "use a fixed-point type"
            )
        try:
            return FixedPoint.parse(str(precision))
        except FormatError as error:
            raise FormatError(f"the {name} type of layer {layer.name} ({layer.class_name}): {error}") from None

    def accumulator(self, layer: Any) -> FixedPoint:
        """Returns the format in which the layer adds."""
        if layer.name in self.widened:
            return self.widened[layer.name]
        fmt = self.format(layer, "accum", layer.get_attr("accum_t").precision)
        if fmt.signed and fmt.overflow is Overflow.SAT_SYM:
            raise self.unsupported(
                layer, f"adds in {fmt}, which lacks its most negative code", "give it an accum type that wraps"
            )
        return fmt

    def shape(self, layer: Any, variable: Any) -> tuple[int, ...]:
        """Returns the shape of a tensor; a sequence (length, channels) is an image of one row."""
        sizes = tuple(int(size) for size in variable.shape)
        if len(sizes) > 3:
            raise self.unsupported(layer, f"has a tensor of shape {sizes}", "use images, sequences and vectors")
        return (1, *sizes) if len(sizes) == 2 else sizes

    def cast(self, layer: Any, source: str, fmt: FixedPoint) -> str:
        """Returns a kernel whose output has the format: `source` itself, or a cast behind it."""
        before = self.formats[source]
        if before.ap_type == fmt.ap_type:
            return source
        shape = self.shapes[source]
        name = f"{layer.name}_cast"
        return self.add(Activation(name, (source,), (before,), (shape,), fmt, shape, rectify=False))

    def constants(self, layer: Any, name: str) -> tuple[Codes, FixedPoint]:
        """Returns integer codes of a weight variable, in hls4ml's shape with outputs last, and their format."""
        variable = layer.get_weights(name)
        fmt = self.format(layer, name, variable.type.precision)
        values = np.asarray(variable.data, np.float64)
        if is_binary(variable.type.precision):
            values = 2 * values - 1
        if self.cast_weights:
            # hls4ml writes decimal text, and C++ casts what it reads there
            text = [float(variable.precision_fmt.format(value)) for value in values.reshape(-1)]
            codes = cast_values(fmt, np.array(text).reshape(values.shape))
        else:
            codes = fmt.encode(values)
            if not np.array_equal(codes * fmt.scale, values):
                remedy = _REMEDIES.get(
                    layer.class_name, "quantise it with a fixed-point quantiser, for example by hwcodesign.layers"
                )
                raise FormatError(
                    f"the {name} of layer {layer.name} is not on the grid of {fmt}, the type that hls4ml gives it: "
                    f"{remedy}"
                )
        if name == "weight" and layer.get_attr("_weights_transposed", False):
            codes = np.moveaxis(codes, 0, -1)  # the resource strategy puts outputs first
        return codes, fmt

    def unsupported(self, layer: Any, why: str, instead: str) -> UnsupportedLayerError:
        """Returns the error for a layer that has no exact kernel."""
        return UnsupportedLayerError(f"{self.segment}: layer {layer.name} of class {layer.class_name} {why}; {instead}")


def _padded(name: str, source: str, fmt: FixedPoint, shape: tuple[int, ...], padding: Padding) -> Conv2D:
    """Returns a kernel that pads an image: a depthwise convolution whose only weight is 1."""
    rows, columns = shape[0] + padding[0] + padding[1], shape[1] + padding[2] + padding[3]
    return Conv2D(
        name,
        (source,),
        (fmt,),
        (shape,),
        fmt,
        (rows, columns, shape[2]),
        np.ones((1, 1, 1, shape[2])),
        np.zeros(shape[2]),
        FixedPoint(2, 2),
        FixedPoint(fmt.width + 2, fmt.integer + 2),
        (1, 1),
        padding,
    )


Lowering = Callable[[Any, Reading], None]
LOWERINGS: dict[str, Lowering] = {}


def lowers(*classes: str) -> Callable[[Lowering], Lowering]:
    """Decorates a function that translates layers of these classes of hls4ml and binds their outputs."""

    def add(lowering: Lowering) -> Lowering:
        LOWERINGS.update(dict.fromkeys(classes, lowering))
        return lowering

    return add
