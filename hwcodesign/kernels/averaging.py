"""This module divides an exact sum by the number of its values, as `ap_fixed` divides: toward zero."""

from __future__ import annotations

import dataclasses

import numpy as np

from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.kernels.kernel import Kernel, exact_sums_carrier


def averages_carrier(
    name: str, source: FixedPoint, accumulator: FixedPoint, result: FixedPoint, count: int
) -> type[np.float32] | type[np.float64]:
    """Returns the dtype in which sums of `count` codes, their division and its cast are exact.

    Raises:
        FormatError: the accumulator could round or overflow; the message names a sufficient type.
    """
    # one weight for all of them: the sums' bounds are the same, and a stored count takes no memory
    weight, none = np.full((1, 1), float(count)), np.zeros(1)
    return exact_sums_carrier(name, accumulator, result, source.fraction, weight, none, source, (0,))


def divide(sums: Codes, count: int | Codes) -> Codes:
    """Computes the integer quotients of integers, rounded toward zero.

    Args:
        sums: integers.
        count: positive integers, one or as many as can be spread over the sums.

    The result is exact although floats are divided: a quotient s/n that is no whole number lies at least 1/n from the
    next one, and floats that hold all integers up to 2|s| are less than 2/n apart there.
    """
    return np.trunc(sums / np.asarray(count, sums.dtype))  # type: ignore[no-any-return]


def with_cast(average: Kernel, source: FixedPoint, accumulator: FixedPoint, result: FixedPoint) -> Kernel | None:
    """Returns the average with the cast behind it as its own; None if its own cast changes a quotient.

    Args:
        average: kernel.
        source, accumulator: formats of its input, which bounds quotients, and of its sums.
        result: format of the cast behind it.
    """
    up = 2.0 ** (accumulator.fraction - source.fraction)
    exact = average.result.holds(source.min_code * up, source.max_code * up, accumulator.fraction)
    return dataclasses.replace(average, result=result) if exact else None
