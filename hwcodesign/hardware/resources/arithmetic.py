"""This module says what multiply-accumulates are made of: mac_array, and the modules in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwcodesign.fixedpoint import FixedPoint, Overflow, Rounding
from hwcodesign.hardware.mac_array import MacArray
from hwcodesign.hardware.multipliers import CONSTANT, DSP, LUT
from hwcodesign.hardware.resources.blocks import in_blocks
from hwcodesign.hardware.resources.digits import SHIFT_REGISTER, constant_sum
from hwcodesign.hardware.resources.figures import Part, index_bits
from hwcodesign.hardware.resources.memories import rom
from hwcodesign.hardware.resources.trees import passes, tree_levels

#: Bits of an address from which on a table of constants has a register behind it.
TABLE_BITS = 3
#: Inputs of a LUT.
_LUT_INPUTS = 6
#: Inputs that each further LUT adds to a function that may be split.
_MORE_INPUTS = 5


def mac_array(array: MacArray) -> tuple[Part, ...]:
    """Returns a mac_array and the modules in it."""
    shell, casts = _shell(array), requantise(array.sums.accumulator, array.result, array.folding.pe)
    if array.multiplier == CONSTANT:
        return shell, constant_sum(array.weights.T, array.source, array.sets, array.weight_bits), casts
    made = in_blocks(array) if array.multiplier == DSP else (_products(array),)
    return shell, _weights(array), *made, casts


def _waiting(array: MacArray) -> int:
    """Registers in front of products in LUTs: operands, and the address of their weights or weights themselves."""
    if array.multiplier != LUT:
        return 0
    operands, words = array.sets * array.folding.simd * array.source.width, len(array.bits)
    if array.is_shallow:
        return operands + index_bits(words)
    varying = _varying(array.bits)
    is_logic = rom(words, varying.shape[1], in_blocks=array.in_blocks).is_logic
    return operands + (len(_distinct(varying)) if is_logic else varying.shape[1])


def _shell(array: MacArray) -> Part:
    """The control, the accumulators and the results."""
    folding, width, (inputs, outputs) = array.folding, array.sums.accumulator.width, array.weights.shape
    channels, outputs = array.channels, outputs // array.turns
    groups, steps = outputs // folding.pe, inputs // array.beats // folding.simd
    counted = (groups, groups, groups, steps, array.beats, folding.folds * array.turns, array.turns)
    control = sum(index_bits(count) for count in counted) + 2
    # what accompanies a fold until it is summed: whether there is one, and whether it is the first or last of a sum;
    # and, where not each stage has an enable of its own, whether there is any fold
    summing = array.depth - 2
    waiting = summing * (3 if steps * array.beats > 1 else 2) + (summing > 1 and array.multiplier != LUT)
    sums, lutram = outputs * width, 0
    if groups - 1 >= SHIFT_REGISTER:
        sums, lutram = folding.pe * width, folding.pe * width * -(-(groups - 1) // 32)
    sets = groups * array.turns
    biases = _grouped(array.sums.bias, folding.pe, width)
    bias_bits = len(_distinct(_varying(biases))) if sets > 1 else 0
    shifted = _shifted(array, sets)
    in_table = index_bits(sets) >= TABLE_BITS
    ends = (groups > 1) + (steps > 1)  # whether a group is the last one, and a step
    results = outputs * array.result.width
    ff = control + ends + waiting + _waiting(array) + sums + results + (bias_bits if in_table else 0)
    operands, routed = folding.simd * array.source.width, 0.0
    if channels > 1:
        for pe in range(folding.pe):
            sources = {(group * folding.pe + pe) // (outputs // channels) for group in range(groups)}
            routed += operands * _select(len(sources) * steps)
    logic = {
        "sum bits": folding.pe * width,
        "bias bits": bias_bits,
        "shifted bits": shifted,
        "stepped bits": 0 if channels > 1 else operands * _select(steps),
        "routed bits": routed,
        "control bits": control,
        "one": 1,
    }
    return Part("mac_array", logic, ff, lutram=lutram)


def _shifted(array: MacArray, sets: int) -> float:
    """LUTs that shift sums of products, where the outputs that share a place have different shifts."""
    pe, bits = array.folding.pe, array.source.width + array.weight_bits + index_bits(array.folding.simd)
    shifts = [set(array.shifts[place::pe]) for place in range(pe)] if sets > 1 else []
    return sum((bits + max(of)) * _select(len(of)) for of in shifts)


def _select(inputs: int) -> float:
    """LUTs of one bit of a multiplexer: two inputs take one, each further one a half."""
    return max(1.0, (inputs - 1) / 2) if inputs > 1 else 0.0


def _grouped(bias: Sequence[int], pe: int, width: int) -> NDArray[np.uint8]:
    """The bits of the biases, one word a group: (groups, bits)."""
    bits = [[code >> i & 1 for i in range(width)] for code in bias]
    return np.array(bits, np.uint8).reshape(-1, pe * width)


def _varying(bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Those of a table that are not the same in all words: (words, bits)."""
    return bits[:, (bits != bits[0]).any(axis=0)]


def _distinct(varying: NDArray[np.uint8]) -> set[int]:
    """Different ones of them, each as what it is in word 0, 1, …"""
    return {int.from_bytes(column.tobytes(), "little") for column in np.packbits(varying, axis=0, bitorder="little").T}


def _weights(array: MacArray) -> Part:
    """The ROM: a block RAM, or LUTs where it is small; equal bits of words are made once."""
    words = len(array.bits)
    if words == 1:
        return Part("rom")
    varying = _varying(array.bits)
    memory = rom(words, varying.shape[1], in_blocks=array.in_blocks)
    if not memory.is_logic:
        return Part("rom", ff=memory.selecting, bram18=memory.bram18, lut=memory.selection(words, varying.shape[1]))
    columns = _distinct(varying)
    full = (1 << words) - 1
    address = {sum(1 << i for i in range(words) if i >> b & 1) for b in range(index_bits(words))}
    # a flip-flop may take its input inverted
    functions = {min(column, column ^ full) for column in columns}
    made = len(functions - {min(column, column ^ full) for column in address})
    deep = index_bits(words) - _LUT_INPUTS
    logic = {"small bits": made if deep <= 0 else 0, "deep bits": made * -(-words // 32) if deep > 0 else 0}
    return Part("rom", logic, len(columns))


def _products(array: MacArray) -> Part:
    """Products in LUTs, and the tree that adds them."""
    simd, pe, width, weight = array.folding.simd, array.folding.pe, array.source.width, array.weight_bits
    number, operands, digits = simd * pe, simd * array.sets, (weight + 1) // 2
    product = width + max(weight, 3)
    even = 1 if weight % 2 == 0 and digits > 1 else 0
    ff = operands * (width + width + 1 + even + (width + 1 if digits > 1 else 0)) + number * product
    nodes = list(tree_levels(simd, product))
    ff += pe * sum(w for w, _ in nodes)
    passed = passes(simd)
    lutram = 0
    if passed + 1 >= SHIFT_REGISTER:  # the last product waits while others are added
        ff, lutram = ff - pe * product * (passed + 1), pe * product
    logic = {
        "operand bits": operands * (width + 1) * min(digits, 2),
        "first digit bits": number * (width + 1),
        "digit bits": number * (width + 1) * (digits - 1),
        "tree bits": pe * sum(w for w, added in nodes if added),
    }
    return Part("product_sum", logic, ff, lutram=lutram)


def requantise(source: FixedPoint, result: FixedPoint, number: int) -> Part:
    """Returns the casts from one format to another.

    Rounding is a carry chain that takes no LUTs, except for the logic that tells whether to round up.

    Args:
        source: format before the cast.
        result: format after it, with its rounding and overflow.
        number: number of casts.
    """
    drop = source.fraction - result.fraction
    kept = max(source.width - max(drop, 0), 0)
    rounds = 0 < drop <= source.width + 1 and result.rounding is not Rounding.TRN
    told = rounds and result.rounding is not Rounding.RND
    magnitude = max(0, kept - (1 if source.signed else 0)) + (1 if rounds and kept > 1 else 0)
    limit = result.width - (1 if result.signed else 0) + min(drop, 0)
    above = max(0, magnitude - limit)
    clips = result.overflow is not Overflow.WRAP and (above > 0 or (source.signed and not result.signed))
    symmetric = result.overflow is Overflow.SAT_SYM and result.signed and magnitude >= limit
    logic = {
        "clipped bits": max(0, min(limit, magnitude)) if clips or symmetric else 0,
        "told": -(-drop // _MORE_INPUTS) if told else 0,
        "outside": int(clips and above > _MORE_INPUTS - 1),
    }
    return Part("requantise", logic, number=number)
