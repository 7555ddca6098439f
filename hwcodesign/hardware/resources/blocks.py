"""This module says what sums of products in DSP blocks are made of: dsp_sum, packed_offsets, and product_sum's tree."""

from __future__ import annotations

from hwcodesign.hardware.mac_array import MacArray
from hwcodesign.hardware.multipliers import Blocks
from hwcodesign.hardware.resources.digits import SHIFT_REGISTER
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.resources.trees import passes, tree_levels

#: Products of a group that are added in its first cycle; later ones are made a cycle later.
_EARLY = 2


def in_blocks(array: MacArray) -> tuple[Part, ...]:
    """Returns the parts of a mac_array's products, where they are made in DSP blocks."""
    pe, simd = array.folding.pe, array.folding.simd
    blocks = Blocks.of(array.source, array.weight_bits, pe, simd, array.sets)
    groups = [min(blocks.group, simd - start) for start in range(0, simd, blocks.group)]
    width = array.source.width + array.weight_bits + (blocks.group - 1).bit_length()
    tree = _tree(pe, len(groups), width)
    if not blocks.packed:
        return _single(array, groups, width), tree
    return _packed(array, groups, width), _offsets(array, groups, width), tree


def _single(array: MacArray, groups: list[int], width: int) -> Part:
    """One product in a block. Weights, products, first sums and two registers of an operand are in the blocks."""
    pe, simd, source = array.folding.pe, array.folding.simd, array.source
    ff = array.sets * _late(groups) * source.width
    if _passes_on(groups):
        product = array.weight_bits + source.width + (not source.signed)
        ff += pe * min(width, product + groups[-1] - 1)
    return Part("dsp_sum", ff=ff, dsp=simd * pe)


def _packed(array: MacArray, groups: list[int], width: int) -> Part:
    """Two products in a block, of two outputs; the last of an odd number has blocks of its own."""
    pe, simd = array.folding.pe, array.folding.simd
    pairs, alone = pe // 2, pe % 2
    ff = simd * array.source.width  # the operands, which packed_offsets reads, too
    ff += (
        alone * array.weight_bits * (simd + _late(groups))
    )  # with constants among its bits, a factor is not in a block
    if _passes_on(groups):
        ff += (2 * pairs + alone) * width
    return Part("dsp_sum", {"inverted bits": pairs * (simd + len(groups))}, ff, dsp=simd * (pairs + alone))


def _offsets(array: MacArray, groups: list[int], width: int) -> Part:
    """What is added to groups of packed products."""
    operand = array.source.width + (not array.source.signed)
    ff = operands = 0
    for size in groups:
        pairs = [min(_EARLY, size - start) for start in range(0, size, _EARLY)]
        ff += sum(operand + members - 1 for members in pairs) + width + 2
        operands += sum((operand + 1) * (members - 1) for members in pairs) + (operand + 2) * (len(pairs) - 1)
    logic = {"operand bits": operands, "offset bits": len(groups) * (2 * (width + 2) - array.weight_bits)}
    return Part("packed_offsets", logic, ff)


def _tree(pe: int, leaves: int, width: int) -> Part:
    """What adds the groups of an output."""
    nodes = list(tree_levels(leaves, width))
    ff, lutram, passed = pe * sum(bits for bits, _ in nodes), 0, passes(leaves)
    if passed >= SHIFT_REGISTER:
        ff, lutram = ff - pe * width * passed, pe * width
    return Part("product_sum", {"tree bits": pe * sum(bits - 1 for bits, added in nodes if added)}, ff, lutram=lutram)


def _late(groups: list[int]) -> int:
    """Products of an output that are made a cycle later."""
    return sum(max(0, size - _EARLY) for size in groups)


def _passes_on(groups: list[int]) -> bool:
    """Whether the last group is summed a cycle before the others."""
    return groups[0] > _EARLY >= groups[-1]
