"""An average that is cut off and then quantised is the exact average, quantised: with as few bits as it is given."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import trunc

import pytest

from hwcodesign.fixedpoint import FixedPoint, Overflow, Rounding
from hwcodesign.frontend.pool_types import types_of

ExactCast = Callable[[Fraction, FixedPoint], int]
#: Powers of two, numbers beside them, primes, squares: windows of all kinds.
COUNTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 25)


def wrong(source: FixedPoint, count: int, fraction: int, result: FixedPoint, exact_cast: ExactCast) -> int:
    """Sums of `count` codes whose average, cut off at a fraction, is cast to another code than the exact one."""
    found = 0
    for total in range(count * source.min_code, count * source.max_code + 1):
        exact = Fraction(total, count) / Fraction(2) ** source.fraction
        cut = Fraction(trunc(exact * Fraction(2) ** fraction)) / Fraction(2) ** fraction
        found += exact_cast(cut, result) != exact_cast(exact, result)
    return found


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("finer", [-2, -1, 0, 1, 3])
def test_every_sum_of_every_window_is_cast_to_the_code_of_the_exact_average(
    finer: int, rounding: Rounding, exact_cast: ExactCast
) -> None:
    """`finer`: bits of the quantiser after the point, less those of the input."""
    for signed in (True, False):
        source = FixedPoint(3, 1, signed)
        for count in COUNTS:
            result = FixedPoint(5 + finer, 3, True, rounding, Overflow.SAT)
            types = types_of(source, {count}, result.fraction)
            assert types is not None
            assert wrong(source, count, types.accumulator.fraction, result, exact_cast) == 0, (source, count)
            assert types.result.fraction == types.accumulator.fraction
            assert types.result.holds(source.min_code, source.max_code, source.fraction)
            assert types.accumulator.holds(count * source.min_code, count * source.max_code, source.fraction)


def test_one_bit_less_would_not_do(exact_cast: ExactCast) -> None:
    """The half itself, and what is just beyond it, must be told apart."""
    source, result = FixedPoint(6, 6, signed=False), FixedPoint(6, 6, False, Rounding.RND_CONV, Overflow.SAT)
    for count in (3, 5, 9, 17, 33):
        types = types_of(source, {count}, result.fraction)
        assert types is not None
        assert wrong(source, count, types.accumulator.fraction, result, exact_cast) == 0
        assert wrong(source, count, types.accumulator.fraction - 1, result, exact_cast) > 0


def test_without_a_quantiser_only_powers_of_two_have_an_exact_average() -> None:
    source = FixedPoint(4, 2)
    exact = {count for count in COUNTS if types_of(source, {count}, None) is not None}
    assert exact == {1, 2, 4, 8, 16}
    types = types_of(source, {8}, None)
    assert types is not None
    assert (types.result.fraction, types.result.integer, types.accumulator.integer) == (5, 2, 5)
