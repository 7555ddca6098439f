"""This module checks the shapes of a stored kernel before its arrays are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from hwcodesign.errors import FieldError
from hwcodesign.kernels.kernel import Shape

#: Of a stored tensor: an axis, and elements in all.
MOST_LONG, MOST_ELEMENTS, MOST_AXES = 2**20, 2**26, 4


def check_shapes(kind: str, values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:
    """Refuses shapes that do not belong together.

    Args:
        kind: kind of the kernel.
        values: its fields without the arrays.
        shapes: shapes of its arrays, as their headers say.

    Raises:
        FieldError: a shape is wrong; the message names the first one, and what it must be.
    """
    wanted = 2 if kind in {"add", "concatenate"} else 1
    for name in ("inputs", "input_formats", "input_shapes"):
        if len(values[name]) != wanted:
            raise FieldError(f"{name} has {len(values[name])} items: a kernel of kind {kind} has {wanted}")
    _RULES[kind](values, shapes)


def _must_be(name: str, shape: Shape, wanted: Shape) -> None:
    if shape != wanted:
        raise FieldError(f"{name} is {shape}, and must be {wanted}")


def _image(shape: Shape) -> Shape:
    if len(shape) != 3:
        raise FieldError(f"shape {shape} is no image: it must have rows, columns and channels")
    return shape


def _like_input(values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:  # noqa: ARG001  # rules are called alike
    for shape in (*values["input_shapes"][1:], values["output_shape"]):
        _must_be("a shape", shape, values["input_shapes"][0])


def _affine(values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:
    _like_input(values, shapes)
    for name in ("scale", "bias"):
        _must_be(f"shape of {name}", shapes[name], values["output_shape"][-1:])


def _windows(values: Mapping[str, Any], window: Shape) -> None:
    """Refuse windows that reach beyond the padded image."""
    rows_and_columns, output = _image(values["input_shapes"][0])[:2], _image(values["output_shape"])
    top, bottom, left, right = values["padding"]
    for axis, padding in enumerate((top + bottom, left + right)):
        there = rows_and_columns[axis] + padding
        read = (output[axis] - 1) * values["stride"][axis] + window[axis]
        if window[axis] < 1 or read > there:
            raise FieldError(
                f"output_shape {output} reads {read} rows or columns by windows of {window}, and there are {there}"
            )


def _pool(values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:  # noqa: ARG001
    _windows(values, values["pool"])
    _must_be("channels of output_shape", values["output_shape"][2:], values["input_shapes"][0][2:])


def _convolution(values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:
    channels, filters = _image(values["input_shapes"][0])[2], _image(values["output_shape"])[2]
    weights = shapes["weights"]
    if len(weights) != 4:
        raise FieldError(f"shape of weights is {weights}, and must have 4 axes")
    _windows(values, weights[:2])
    if weights[2] not in {1, channels} or (weights[2] != channels and filters % channels):
        raise FieldError(f"shape of weights is {weights}: the third axis must be {channels}, or 1 of a depthwise layer")
    _must_be("shape of weights", weights, (*weights[:3], filters))
    _must_be("shape of bias", shapes["bias"], (filters,))


def _dense(values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:
    output = values["output_shape"]
    _must_be("output_shape", output, output[-1:])
    _must_be("shape of weights", shapes["weights"], (math.prod(values["input_shapes"][0]), *output))
    _must_be("shape of bias", shapes["bias"], output)


def _concatenate(values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:  # noqa: ARG001
    first, second = values["input_shapes"]
    _must_be("the second of input_shapes", second, (*first[:-1], second[-1]))
    _must_be("output_shape", values["output_shape"], (*first[:-1], first[-1] + second[-1]))


def _global_pool(values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:  # noqa: ARG001
    channels, output = _image(values["input_shapes"][0])[2], values["output_shape"]
    _must_be("output_shape", output, (channels,) if len(output) == 1 else (1, 1, channels))


def _reshape(values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:  # noqa: ARG001
    source, output = values["input_shapes"][0], values["output_shape"]
    if math.prod(source) != math.prod(output):
        raise FieldError(f"output_shape {output} has other elements than {source}, whose order it keeps")


def _transpose(values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:  # noqa: ARG001
    source, axes = _image(values["input_shapes"][0]), values["permutation"]
    if sorted(axes) != [0, 1, 2]:
        raise FieldError(f"permutation {axes} is not one of 0, 1 and 2")
    _must_be("output_shape", values["output_shape"], tuple(source[axis] for axis in axes))


_RULES: dict[str, Callable[[Mapping[str, Any], Mapping[str, Shape]], None]] = {
    "activation": _like_input,
    "add": _like_input,
    "affine": _affine,
    "average_pool2d": _pool,
    "concatenate": _concatenate,
    "conv2d": _convolution,
    "dense": _dense,
    "global_pool": _global_pool,
    "max_pool2d": _pool,
    "reshape": _reshape,
    "transpose": _transpose,
    "zero_columns": _convolution,
}
