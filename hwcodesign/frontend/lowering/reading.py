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
from hwcodesign.kernels import Activation, Kernel, Sparsity, TensorType, input_name

Padding = tuple[int, int, int, int]
NO_PADDING: Padding = (0, 0, 0, 0)


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
        """Returns the kernel that writes the layer's only input; an input that is padded is an error."""
        if layer.inputs[0] in self.padding:
            raise self.unsupported(layer, "reads an image that is padded with zeros", self.pad_instead)
        return self.sources[layer.inputs[0]]

    @property
    def pad_instead(self) -> str:
        """Returns the advice for a padding layer that some other layer reads."""
        return "pad in front of a convolution or pooling"

    def padded(self, layer: Any) -> Padding:
        """Returns the zeros around the layer's only input."""
        return self.padding.get(layer.inputs[0], NO_PADDING)

    def common(self, layer: Any, sources: Sequence[str] | None = None) -> dict[str, Any]:
        """Returns the fields that every kernel has.

        Args:
            sources: kernels that it reads, if they are not its only input as it is.
        """
        inputs = tuple(sources) if sources is not None else (self.source(layer),)
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
        if "Xnor" in type(precision).__name__ or "Exponent" in type(precision).__name__:
            raise self.unsupported(
                layer, f"has the {name} type {precision}, which is no number", "use a fixed-point type"
            )
        try:
            return FixedPoint.parse(str(precision))
        except FormatError as error:
            raise FormatError(f"the {name} type of layer {layer.name} ({layer.class_name}): {error}") from None

    def accumulator(self, layer: Any) -> FixedPoint:
        """Returns the format in which the layer adds."""
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
        if self.cast_weights:
            # hls4ml writes decimal text, and C++ casts what it reads there
            text = [float(variable.precision_fmt.format(value)) for value in values.reshape(-1)]
            codes = cast_values(fmt, np.array(text).reshape(values.shape))
        else:
            codes = fmt.encode(values)
            if not np.array_equal(codes * fmt.scale, values):
                remedy = (
                    "put a quantiser behind it, as thresholds of which it is exact, or merge it into the layer before "
                    "it (hwcodesign.fold_batch_norms)"
                    if layer.class_name == "BatchNormalization"
                    else "quantise it with a fixed-point quantiser, for example by hwcodesign.layers"
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


Lowering = Callable[[Any, Reading], None]
LOWERINGS: dict[str, Lowering] = {}


def lowers(*classes: str) -> Callable[[Lowering], Lowering]:
    """Decorates a function that translates layers of these classes of hls4ml and binds their outputs."""

    def add(lowering: Lowering) -> Lowering:
        LOWERINGS.update(dict.fromkeys(classes, lowering))
        return lowering

    return add
