"""This module composes exact functions of kernels that there are: sums, scales and signs, none of which rounds.

Only what its caller casts at the end is rounded. Each function adds one kernel, and returns its name.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from hwcodesign.fixedpoint import Codes, FixedPoint, Overflow, signed_width
from hwcodesign.frontend.lowering.reading import Reading
from hwcodesign.kernels import Activation, Add, Affine

#: Of whole numbers that need two bits.
WHOLE = FixedPoint(2, 2)


def scaled(
    reading: Reading,
    name: str,
    source: str,
    scale: Codes | float,
    scale_format: FixedPoint = WHOLE,
    *,
    bias: Codes | float = 0.0,
    bias_format: FixedPoint = WHOLE,
    result: FixedPoint | None = None,
) -> str:
    """Adds a kernel for `scale * x + bias`.

    Args:
        name: of the kernel.
        source: kernel whose output is x.
        scale, bias: codes of their formats, one or (C,).
        result: format to which it is cast; None for one that holds every value.
    """
    shape = reading.shapes[source]
    kernel = Affine(
        name,
        (source,),
        (reading.formats[source],),
        (shape,),
        FixedPoint(1, 1) if result is None else result,
        shape,
        np.broadcast_to(np.asarray(scale, np.float64), shape[-1:]).copy(),
        np.broadcast_to(np.asarray(bias, np.float64), shape[-1:]).copy(),
        scale_format,
        bias_format,
    )
    if result is None:
        kernel = dataclasses.replace(kernel, result=_holding(*kernel.bounds, kernel.sum_fraction))
    return reading.add(kernel)


def added(reading: Reading, name: str, one: str, other: str, result: FixedPoint | None = None) -> str:
    """Adds a kernel for the sum of two tensors; `result` is as in `scaled`."""
    formats = reading.formats[one], reading.formats[other]
    if result is None:
        fraction = max(fmt.fraction for fmt in formats)
        low, high = (
            sum(code * 2 ** (fraction - fmt.fraction) for fmt, code in zip(formats, codes, strict=True))
            for codes in ([fmt.min_code for fmt in formats], [fmt.max_code for fmt in formats])
        )
        result = _holding(low, high, fraction)
    shapes = reading.shapes[one], reading.shapes[other]
    return reading.add(Add(name, (one, other), formats, shapes, result, shapes[0]))


def rectified(reading: Reading, name: str, source: str, result: FixedPoint | None = None) -> str:
    """Adds a kernel for max(x, 0); `result` is as in `scaled`."""
    fmt, shape = reading.formats[source], reading.shapes[source]
    return reading.add(Activation(name, (source,), (fmt,), (shape,), result or fmt, shape, rectify=True))


def where_positive(
    reading: Reading,
    name: str,
    source: str,
    value: Codes | float,
    value_format: FixedPoint = WHOLE,
    *,
    otherwise: float = 0.0,
    result: FixedPoint | None = None,
) -> str:
    """Adds two kernels for a value where x > 0, and another one elsewhere.

    Args:
        value: codes of a format, one or (C,): by how much the value is above `otherwise`.
        otherwise: whole number.
        result: as in `scaled`.
    """
    fmt, shape = reading.formats[source], reading.shapes[source]
    # one bit, the last of x's own, to which all larger values saturate; times 2^fraction it is 1
    last = FixedPoint(1, 1 - fmt.fraction, signed=False, overflow=Overflow.SAT)
    told = reading.add(Activation(f"{name}_told", (source,), (fmt,), (shape,), last, shape, rectify=False))
    scale = FixedPoint(value_format.width, value_format.integer + fmt.fraction)
    return scaled(reading, name, told, value, scale, bias=otherwise, result=result)


def _holding(low: float, high: float, fraction: int) -> FixedPoint:
    """Returns the narrowest signed format that holds codes from `low` to `high` at a fraction."""
    bits = signed_width(math.floor(low), math.ceil(high))
    return FixedPoint(bits, bits - fraction)
