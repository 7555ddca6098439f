"""This module checks the shapes of stored images and windows, before arrays are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hwcodesign.errors import FieldError
from hwcodesign.kernels.kernel import Shape

#: Of a stored tensor: an axis, and elements in all.
MOST_LONG, MOST_ELEMENTS, MOST_AXES = 2**20, 2**26, 4


def require_image(shape: Shape) -> Shape:
    """Returns the shape of an image, (H, W, C).

    Raises:
        FieldError: it has another number of axes.
    """
    if len(shape) != 3:
        raise FieldError(f"shape {shape} is no image: it must have rows, columns and channels")
    return shape


def require_windows(values: Mapping[str, Any], window: Shape) -> None:
    """Refuses windows that reach beyond the padded image.

    Args:
        values: fields of a kernel with stride and padding.
        window: rows and columns of a window.

    Raises:
        FieldError: they do; the message has what they read and what is there.
    """
    rows_and_columns, output = require_image(values["input_shapes"][0])[:2], require_image(values["output_shape"])
    top, bottom, left, right = values["padding"]
    for axis, padding in enumerate((top + bottom, left + right)):
        there = rows_and_columns[axis] + padding
        read = (output[axis] - 1) * values["stride"][axis] + window[axis]
        if window[axis] < 1 or read > there:
            raise FieldError(
                f"output_shape {output} reads {read} rows or columns by windows of {window}, and there are {there}"
            )
