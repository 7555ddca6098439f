"""This module says what multiply-accumulates are made of: mac_array, and the modules in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hwcodesign.fixedpoint import FixedPoint, Overflow, Rounding
from hwcodesign.hardware.mac_array import CONSTANT, DSP, MacArray
from hwcodesign.hardware.resources.digits import SHIFT_REGISTER, constant_sum
from hwcodesign.hardware.resources.figures import Part, index_bits
from hwcodesign.hardware.resources.memories import rom

#: Bits of an address from which on a table of constants has a register behind it.
TABLE_BITS = 3
#: Inputs of a LUT.
_LUT_INPUTS = 6
#: Inputs that each further LUT adds to a function that may be split.
_MORE_INPUTS = 5
#: Least bits of a product that is made in a DSP block (Yosys' DSP_Y_MINWIDTH for 7 series).
_DSP_PRODUCT = 9
#: And of either factor.
_DSP_FACTOR = 2


def mac_array(array: MacArray, channels: int = 1) -> tuple[Part, ...]:
    """Returns a mac_array and the modules in it.

    Args:
        array: the layer's multiply-accumulates.
        channels: number of groups of channels that outputs read.
    """
    pe = array.folding.pe
    sets = pe if channels > 1 else 1
    shell, casts = _shell(array, channels), requantise(array.sums.accumulator, array.result, pe)
    if array.multiplier == CONSTANT:
        return shell, constant_sum(array.weights.T, array.source, sets, array.weight_bits), casts
    return shell, _weights(array), _products(array, sets), casts


def _shell(array: MacArray, channels: int) -> Part:
    """The control, the accumulators and the results."""
    folding, width, (inputs, outputs) = array.folding, array.sums.accumulator.width, array.weights.shape
    outputs //= array.turns
    groups, steps = outputs // folding.pe, inputs // array.beats // folding.simd
    counted = (groups, groups, groups, steps, array.beats, folding.folds * array.turns, array.turns)
    control = sum(index_bits(count) for count in counted) + 2
    # what accompanies a fold until it is summed: whether there is one, and whether it is the first or last of a sum
    waiting = (array.depth - 2) * (3 if steps * array.beats > 1 else 2)
    sums, lutram = outputs * width, 0
    if groups - 1 >= SHIFT_REGISTER:
        sums, lutram = folding.pe * width, folding.pe * width * -(-(groups - 1) // 32)
    sets = groups * array.turns
    biases = len(_distinct(_varying(_grouped(array.sums.bias, folding.pe, width)))) if sets > 1 else 0
    in_table = index_bits(sets) >= TABLE_BITS
    ff = control + waiting + sums + outputs * array.result.width + (biases if in_table else 0)
    operands, routed = folding.simd * array.source.width, 0.0
    if channels > 1:
        for pe in range(folding.pe):
            sources = {(group * folding.pe + pe) // (outputs // channels) for group in range(groups)}
            routed += operands * _select(len(sources) * steps)
    logic = {
        "sum bits": folding.pe * width,
        "bias bits": biases,
        "stepped bits": 0 if channels > 1 else operands * _select(steps),
        "routed bits": routed,
        "control bits": control,
        "one": 1,
    }
    return Part("mac_array", logic, ff, lutram=lutram)


def _select(inputs: int) -> float:
    """LUTs of one bit of a multiplexer: two inputs take one, each further one a half."""
    return max(1.0, (inputs - 1) / 2) if inputs > 1 else 0.0


def _grouped(bias: Sequence[int], pe: int, width: int) -> list[int]:
    """One word a group."""
    mask = (1 << width) - 1
    words = []
    for start in range(0, len(bias), pe):
        words.append(sum((code & mask) << (i * width) for i, code in enumerate(bias[start : start + pe])))
    return words


def _varying(words: Sequence[int]) -> NDArray[np.uint8]:
    """Bits of a table that are not the same in all words: (words, bits)."""
    length = -(-max(1, max(words).bit_length()) // 8)
    packed = np.frombuffer(b"".join(word.to_bytes(length, "little") for word in words), np.uint8)
    bits = np.unpackbits(packed.reshape(len(words), length), axis=1, bitorder="little")
    return bits[:, (bits != bits[0]).any(axis=0)]


def _distinct(varying: NDArray[np.uint8]) -> set[int]:
    """Different ones of them, each as what it is in word 0, 1, …"""
    return {int.from_bytes(column.tobytes(), "little") for column in np.packbits(varying, axis=0, bitorder="little").T}


def _weights(array: MacArray) -> Part:
    """The ROM: a block RAM, or LUTs where it is small; equal bits of words are made once."""
    words = array.words
    if len(words) == 1:
        return Part("rom")
    varying = _varying(words)
    memory = rom(len(words), varying.shape[1])
    if not memory.is_logic:
        return Part(
            "rom", ff=memory.selecting, bram18=memory.bram18, lut=memory.selection(len(words), varying.shape[1])
        )
    columns = _distinct(varying)
    full = (1 << len(words)) - 1
    address = {sum(1 << i for i in range(len(words)) if i >> b & 1) for b in range(index_bits(len(words)))}
    # a flip-flop may take its input inverted
    functions = {min(column, column ^ full) for column in columns}
    made = len(functions - {min(column, column ^ full) for column in address})
    deep = index_bits(len(words)) - _LUT_INPUTS
    logic = {"small bits": made if deep <= 0 else 0, "deep bits": made * -(-len(words) // 32) if deep > 0 else 0}
    return Part("rom", logic, len(columns))


def uses_dsp(one: int, other: int, product: int) -> bool:
    """Returns whether a product is made in a DSP block; factors of up to 25 and 18 bits take one.

    Args:
        one, other: bits of the factors, in two's complement.
        product: bits of the product that are used.
    """
    return min(one, other) >= _DSP_FACTOR and min(one + other, product) >= _DSP_PRODUCT


def _products(array: MacArray, sets: int) -> Part:
    """Products, and the tree that adds them."""
    simd, pe, width, weight = array.folding.simd, array.folding.pe, array.source.width, array.weight_bits
    number, operands = simd * pe, simd * sets
    asked = width + (weight if simd == 1 else max(weight, 3))
    if array.multiplier == DSP and uses_dsp(width + (not array.source.signed), weight, asked):
        # operands, products and the first level of the tree are in the DSP blocks
        later = [(bits, added) for level, bits, added in _levels(simd, width + weight) if level > 1]
        luts = pe * sum(bits - 1 for bits, added in later if added)
        return Part("product_sum", {"tree bits": luts}, pe * sum(bits for bits, _ in later), dsp=number)
    digits = (weight + 1) // 2
    if array.multiplier == DSP:
        product = width + weight
        logic: dict[str, float] = {"small product bits": number * width * weight}
        ff = operands * width + number * product
    else:
        product = width + max(weight, 3)
        even = 1 if weight % 2 == 0 and digits > 1 else 0
        ff = operands * (width + width + 1 + even + (width + 1 if digits > 1 else 0)) + number * product
        logic = {
            "operand bits": operands * (width + 1) * min(digits, 2),
            "first digit bits": number * (width + 1),
            "digit bits": number * (width + 1) * (digits - 1),
        }
    nodes = list(_levels(simd, product))
    ff += pe * sum(w for _, w, _ in nodes)
    passed = _passes(simd)
    lutram = 0
    if passed + 1 >= SHIFT_REGISTER:  # the last product waits while others are added
        ff, lutram = ff - pe * product * (passed + 1), pe * product
    return Part("product_sum", {**logic, "tree bits": pe * sum(w for _, w, added in nodes if added)}, ff, lutram=lutram)


def _levels(leaves: int, width: int) -> Iterator[tuple[int, int, bool]]:
    """Level, bits, and whether it adds, of each register of a tree of adders."""
    widths, level = [width] * leaves, 0
    while len(widths) > 1:
        level += 1
        merged = []
        for i in range(0, len(widths), 2):
            added = i + 1 < len(widths)
            merged.append(width + level if added else widths[i])
            yield level, merged[-1], added
        widths = merged


def _passes(leaves: int) -> int:
    """Levels of a tree that the last leaf passes before it is added."""
    passed = 0
    while leaves % 2 == 1 and leaves > 1:
        leaves, passed = (leaves + 1) // 2, passed + 1
    return passed


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
