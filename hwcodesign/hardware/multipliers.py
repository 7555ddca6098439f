"""This module says how products are made, and how product_sum lays them out in DSP blocks."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.fixedpoint import FixedPoint

#: How products are made: weights built into adders, or multiplied in LUTs or in DSP blocks.
CONSTANT, LUT, DSP = "Constant", "Lut", "Dsp"

#: Bits of the two factors of a DSP block (a DSP48E1's; later ones have more).
BLOCK_FACTORS = (25, 18)
#: Products that are summed in blocks, at most.
_GROUP = 4
#: Least bits of a product that Yosys makes in a DSP block (its DSP_Y_MINWIDTH for 7 series), and of either factor.
_LEAST_PRODUCT, _LEAST_FACTOR = 9, 2
#: Bits of a factor up to which LUTs make its products with no adder, so that they are not worth a block.
_TINY = 2


@dataclass(frozen=True)
class Blocks:
    """The layout says how the products of a fold are spread over DSP blocks.

    Attributes:
        group: number of products of an output that are summed in blocks.
        packed: whether two outputs share a block.
    """

    group: int
    packed: bool

    @classmethod
    def of(cls, source: FixedPoint, weight_bits: int, pe: int, simd: int, sets: int) -> Blocks:
        """Returns product_sum's layout.

        Args:
            source: format of the operands.
            weight_bits: bits of a weight, sign included.
            pe: number of outputs.
            simd: number of products of an output.
            sets: number of sets of operands; 1 if all outputs read the same.
        """
        group = min(simd, _GROUP) if simd != _GROUP - 1 else _GROUP
        wide, narrow = BLOCK_FACTORS
        room = wide - (2 * weight_bits + source.width + 1)
        packed = sets == 1 and pe > 1 and room >= 0 and source.width < narrow
        return cls(min(group, 1 << min(room, 2)) if packed else group, packed)

    def number(self, pe: int, simd: int) -> int:
        """Returns the number of blocks of some outputs of some products each."""
        return simd * ((pe + 1) // 2 if self.packed else pe)


def uses_dsp(one: int, other: int, product: int) -> bool:
    """Returns whether Yosys makes a product in a DSP block; factors of up to 25 and 18 bits take one.

    Args:
        one, other: bits of the factors, in two's complement.
        product: bits of the product that are used.
    """
    return min(one, other) >= _LEAST_FACTOR and min(one + other, product) >= _LEAST_PRODUCT


def worth_blocks(source: FixedPoint, weight_bits: int, pe: int, simd: int, sets: int) -> bool:
    """Returns whether products are worth DSP blocks, and are made there. The arguments are those of `Blocks.of`."""
    if min(weight_bits, source.width) <= _TINY:
        return False
    if Blocks.of(source, weight_bits, pe, simd, sets).packed:
        return True
    operand = source.width + (not source.signed)
    return uses_dsp(operand, weight_bits, weight_bits + (source.width if simd == 1 else operand))


def sum_depth(multiplier: str, simd: int, weight_bits: int) -> int:
    """Returns the cycles from a fold to its sums.

    Args:
        multiplier: how products are made.
        simd: number of products of a sum.
        weight_bits: bits of a weight, sign included.
    """
    if multiplier == CONSTANT:
        return 1 + _tree_depth(simd * ((weight_bits + 1) // 2))
    return 3 + _tree_depth(simd)


def _tree_depth(leaves: int) -> int:
    """Returns the depth of a binary tree."""
    return (leaves - 1).bit_length()
