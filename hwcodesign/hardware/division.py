"""This module divides a magnitude by a constant, or by one of several, without a divider."""

from __future__ import annotations

from collections.abc import Sequence
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

    def config(self, fraction: int) -> PackedStruct:
        """Returns the division_t of the modules that average.

        Args:
            fraction: bits of the quotient after the point.
        """
        return PackedStruct(
            "division_t",
            (
                ("fraction", fraction),
                ("multiplier_width", self.multiplier.bit_length()),
                ("multiplier", Bits(64, self.multiplier)),
                ("shift", self.shift),
            ),
        )

    def packed(self, fraction: int) -> Bits:
        """Returns the same as bits, for an array of several."""
        whole = (fraction & 0xFFFFFFFF) << 128 | self.multiplier.bit_length() << 96 | self.multiplier << 32 | self.shift
        return Bits(160, whole)


class Divisions(NamedTuple):
    """Windows at the border of an image may be divided by other numbers than those inside.

    Attributes:
        each: different divisions.
        rows, columns: class of each row of windows, and of each column of them.
        chosen: the division of each class of rows and class of columns.
    """

    each: tuple[Division, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    chosen: tuple[tuple[int, ...], ...]

    def parameters(self, fraction: int) -> list[tuple[str, Parameter]]:
        """Returns the parameters of pool2d; `fraction` is the quotient's number of fraction bits."""
        found: list[tuple[str, Parameter]] = [("Average", True)]
        if len(self.each) == 1:
            return [*found, ("Division", self.each[0].config(fraction))]
        packed = [division.packed(fraction) for division in self.each]
        return [
            *found,
            ("Divisions", len(self.each)),
            ("Division", Bits.pack([bits.value for bits in packed], packed[0].width)),
            ("RowClasses", len(self.chosen)),
            ("ColumnClasses", len(self.chosen[0])),
            ("RowClass", Bits.pack(self.rows, _index_bits(len(self.chosen)))),
            ("ColumnClass", Bits.pack(self.columns, _index_bits(len(self.chosen[0])))),
            ("Chosen", Bits.pack([one for row in self.chosen for one in row], _index_bits(len(self.each)))),
        ]


def _index_bits(count: int) -> int:
    """Returns what index_bits of hwc_pkg does."""
    return max(1, (count - 1).bit_length())


def divisions(counts: tuple[Sequence[int], Sequence[int]], most: int) -> Divisions:
    """Returns the divisions of windows.

    Args:
        counts: rows that count in each row of windows, columns that count in each column of them.
        most: largest magnitude of a pixel, at the fraction of the quotient.
    """
    classes = [sorted(set(axis)) for axis in counts]
    products = [[rows * columns for columns in classes[1]] for rows in classes[0]]
    different = sorted({product for row in products for product in row})
    return Divisions(
        tuple(division(divisor, divisor * most) for divisor in different),
        tuple(classes[0].index(count) for count in counts[0]),
        tuple(classes[1].index(count) for count in counts[1]),
        tuple(tuple(different.index(product) for product in row) for row in products),
    )


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
