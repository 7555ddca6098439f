"""This module converts kernels to and from JSON and named arrays, which a design folder stores for the software
backend.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import FieldError
from hwcodesign.fixedpoint import MAX_WIDTH, FixedPoint
from hwcodesign.kernels.kernel import KERNELS, Kernel, Shape
from hwcodesign.kernels.segment import Segment
from hwcodesign.kernels.stored_shapes import MOST_AXES, MOST_ELEMENTS, MOST_LONG
from hwcodesign.kernels.tensor import TensorType
from hwcodesign.storage.arrays import StoredArray
from hwcodesign.storage.fields import Field, shown

#: Tensors of a stored boundary.
MOST_TENSORS = 64
Arrays = dict[str, NDArray[Any]]
#: An array, or one of a file that is not read yet.
Held = StoredArray | NDArray[Any]


def kernel_to_json(kernel: Kernel, prefix: str, arrays: Arrays) -> dict[str, Any]:
    """Describes a kernel as plain data; its arrays are added to `arrays` under `prefix` + field name."""
    data: dict[str, Any] = {"kind": kernel.kind}
    for field in dataclasses.fields(kernel):
        data[field.name] = _plain(getattr(kernel, field.name), prefix + field.name, arrays)
    return data


def kernel_from_json(stored: Field, arrays: dict[str, Held]) -> Kernel:
    """Rebuilds a kernel; its arrays are taken out of `arrays`, and read only after their shapes are found right.

    Raises:
        FieldError: an unknown kind; a field or array that is missing, of another type or shape, or out of its range.
        FormatError: formats that do not go together.
    """
    kind = Field(stored.value.get("kind") if isinstance(stored.value, dict) else None, f"{stored.place}.kind")
    known = KERNELS[kind.one_of(KERNELS)]
    names = [field.name for field in dataclasses.fields(known)]
    fields = stored.fields(("kind", *names))
    held = {name: _array(fields[name], arrays) for name in names if name in _ARRAYS}
    values = {name: _READERS[name](fields[name]) for name in names if name not in _ARRAYS}
    try:
        for name in ("inputs", "input_formats", "input_shapes"):
            if len(values[name]) != known.arity:
                raise FieldError(
                    f"{name} has {len(values[name])} items: a kernel of kind {known.kind} has {known.arity}"
                )
        known.check_shapes(values, {name: array.shape for name, array in held.items()})
    except FieldError as error:
        raise FieldError(f"{stored.place} ({shown(values['name'])}): {error}") from None
    for name, array in held.items():
        # a bias of sums is at the accumulator's fraction, and held to its range with the sums
        fmt = values.get(_FORMAT_OF.get(name, ""), _WIDEST)
        values[name] = _codes(array, fmt, f"{stored.place}.{name}")
    return known(**values)


def check_connections(segment: Segment) -> None:
    """Refuses a segment in which a kernel reads another shape or format than its source has, or two kernels share a
    name.

    Raises:
        FieldError: a connection is wrong; the message names the kernel.
    """
    written = dict(zip(segment.input_names, segment.inputs, strict=True))
    for kernel in segment.kernels:
        for name, fmt, shape in zip(kernel.inputs, kernel.input_formats, kernel.input_shapes, strict=True):
            there = written[name].format
            alike = (fmt.width, fmt.integer, fmt.signed) == (there.width, there.integer, there.signed)
            if not alike or shape != written[name].shape:
                raise FieldError(f"{segment.name}: {kernel.name} reads {fmt} {shape}, but {name} is {written[name]}")
        if kernel.name in written:
            raise FieldError(f"{segment.name} has two kernels named {kernel.name!r}")
        written[kernel.name] = TensorType(kernel.result, kernel.output_shape)


def tensor_to_json(tensor: TensorType) -> dict[str, Any]:
    """Describes a tensor."""
    return {"format": tensor.format.to_json(), "shape": list(tensor.shape)}


def tensor_from_json(stored: Field) -> TensorType:
    """Reads what `tensor_to_json` wrote; raises `FieldError`."""
    fields = stored.fields(("format", "shape"))
    return TensorType(FixedPoint.from_json(fields["format"]), shape_from_json(fields["shape"]))


def tensors_from_json(stored: Field) -> tuple[TensorType, ...]:
    """Reads the tensors of a boundary, one or more; raises `FieldError`."""
    return stored.tuple_of(tensor_from_json, 1, MOST_TENSORS)


def shape_from_json(stored: Field) -> Shape:
    """Reads a tensor's shape; raises `FieldError`."""
    shape = stored.integers(1, MOST_LONG, 1, MOST_AXES)
    if math.prod(shape) > MOST_ELEMENTS:
        raise stored.wrong(f"a shape of at most {MOST_ELEMENTS} elements")
    return shape


def _format(stored: Field) -> FixedPoint:
    return FixedPoint.from_json(stored.fields(("fixed_point",))["fixed_point"])


def _sizes(low: int, count: int) -> Callable[[Field], tuple[int, ...]]:
    return lambda stored: stored.integers(low, MOST_LONG, count, count)


_ARRAYS = {"weights", "bias", "scale", "first", "sign", "thresholds", "entries"}
#: Field with the format of an array; others hold codes of several formats, and the kernel checks them.
_FORMAT_OF = {"weights": "weight_format", "bias": "bias_format", "scale": "scale_format"}
_WIDEST = FixedPoint(MAX_WIDTH, MAX_WIDTH)
#: By the field of a kernel.
_READERS: dict[str, Callable[[Field], Any]] = {
    "name": Field.text,
    "inputs": lambda stored: stored.tuple_of(Field.text, 1, 2),
    "input_formats": lambda stored: stored.tuple_of(_format, 1, 2),
    "input_shapes": lambda stored: stored.tuple_of(shape_from_json, 1, 2),
    "result": _format,
    "output_shape": shape_from_json,
    "weight_format": _format,
    "bias_format": _format,
    "scale_format": _format,
    "accumulator": _format,
    "stride": _sizes(1, 2),
    "padding": _sizes(0, 4),
    "uncounted": _sizes(0, 4),
    "ignores_padding": Field.flag,
    "dilation": _sizes(1, 2),
    "factors": _sizes(1, 2),
    "zeros": Field.flag,
    "pool": _sizes(1, 2),
    "permutation": lambda stored: stored.integers(0, 2, 3, 3),
    "rectify": Field.flag,
    "maximum": Field.flag,
}


def _array(stored: Field, arrays: dict[str, Held]) -> Held:
    key = stored.fields(("array",))["array"].text()
    if key not in arrays:
        raise FieldError(
            f"{stored.place} is array {shown(key)}, which is missing from the file of arrays, or used twice"
        )
    return arrays.pop(key)


def _codes(held: Held, fmt: FixedPoint, place: str) -> NDArray[Any]:
    """The data of an array: whole numbers that its format holds."""
    array = held.read() if isinstance(held, StoredArray) else held
    fits = bool(np.all((array >= fmt.min_code) & (array <= fmt.max_code) & (array == np.rint(array))))
    if not fits:
        raise FieldError(f"{place} has values that are no codes of {fmt}: whole numbers in its range")
    return array


def _plain(value: Any, key: str, arrays: Arrays) -> Any:
    if isinstance(value, FixedPoint):
        return {"fixed_point": value.to_json()}
    if isinstance(value, np.ndarray):
        arrays[key] = value
        return {"array": key}
    if isinstance(value, tuple):
        return [_plain(item, f"{key}.{i}", arrays) for i, item in enumerate(value)]
    return value
