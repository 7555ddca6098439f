"""This module divides a magnitude by a constant, without a divider."""

from __future__ import annotations

from typing import NamedTuple

from hwcodesign.systemverilog import Bits, PackedStruct, Parameter


class Division(NamedTuple):
    """A division by a constant is a multiplication and a shift: |s| // divisor == (|s| * multiplier) >> shift.

    It holds for every |s| <= `bound`. A power of two has multiplier 1.
    """

    divisor: int
    multiplier: int
    shift: int
    bound: int

    def parameters(self, fraction: int) -> list[tuple[str, Parameter]]:
        """Returns the parameters of the modules that average; `fraction` is the quotient's number of fraction bits."""
        config = PackedStruct(
            "division_t",
            (
                ("fraction", fraction),
                ("multiplier_width", self.multiplier.bit_length()),
                ("multiplier", Bits(64, self.multiplier)),
                ("shift", self.shift),
            ),
        )
        return [("Average", True), ("Division", config)]


def division(divisor: int, bound: int) -> Division:
    """Returns the division with the least shift, and so the narrowest multiplier, that is exact up to `bound`.

    `bound` must be at least `divisor`. Let n = divisor, m = ceil(2^k / n) and e = m n - 2^k. Then s m / 2^k = s / n + s
    e / (n 2^k), and its floor is that of s / n as long as s e < (n - s mod n) 2^k. The hardest case is the largest s
    with the remainder n - 1. The method is T. Granlund and P. L. Montgomery's, "Division by Invariant Integers using
    Multiplication", PLDI 1994.
    """
    hardest = bound - (bound + 1) % divisor
    shift = divisor.bit_length() - 1
    while True:
        multiplier = -(-(1 << shift) // divisor)
        if (multiplier * divisor - (1 << shift)) * hardest < 1 << shift:
            return Division(divisor, multiplier, shift, bound)
        shift += 1
