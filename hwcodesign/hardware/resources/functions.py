"""This module says what thresholds and tables of functions are made of."""

from __future__ import annotations

from collections.abc import Sequence

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.resources.arithmetic import TABLE_BITS
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.resources.memories import rom

#: Address bits of a LUT, and words that one holds.
_LUT_WORDS = 64


def thresholds(
    source: FixedPoint, result: FixedPoint, levels: Sequence[Sequence[int]], moved: int, count_bits: int
) -> Part:
    """Returns a thresholds module.

    Args:
        source, result: formats of the input and of the output.
        levels: thresholds of each lane, 2**count_bits - 1 of them.
        moved: lanes whose result is not the count itself.
        count_bits: stages of its pipeline.
    """
    lanes, width = len(levels), source.width
    chosen = registered = 0
    for lane in levels:
        for stage in range(1, count_bits):
            step = 1 << (count_bits - 1 - stage)
            words = [lane[step * (2 * known + 1) - 1] for known in range(1 << stage)]
            varying = _varying_columns(words, width + 1)
            chosen += varying * -(-len(words) // _LUT_WORDS)
            registered += varying if stage >= TABLE_BITS else 0
    logic = {
        "compared bits": lanes * count_bits * width,
        "level bits": chosen,
        "result bits": moved * result.width,
        "one": 1,
    }
    codes = (count_bits - 1) * (width + int(source.signed))  # with the inverted sign
    ff = lanes * (codes + count_bits * (count_bits + 1) // 2) + registered + count_bits
    return Part("thresholds", logic, ff)


def code_table(words: Sequence[int], lanes: int, bits: int) -> tuple[Part, ...]:
    """Returns a code_table with its ROMs.

    Args:
        words: entries of a table.
        lanes: elements of a beat, each of which has a ROM.
        bits: bits of an entry.
    """
    memory = rom(len(words), bits)
    shell = Part("code_table", {"one": 1}, 1)
    if not memory.is_logic:
        return shell, Part("rom", bram18=memory.bram18, number=lanes)
    varying = _varying_columns(words, bits)
    deep = len(words) > _LUT_WORDS
    logic = {"small bits": 0 if deep else varying, "deep bits": varying * -(-len(words) // 32) if deep else 0}
    return shell, Part("rom", logic, varying, number=lanes)


def _varying_columns(words: Sequence[int], bits: int) -> int:
    """Returns the number of different columns of words that are not the same in all of them."""
    columns = {tuple(word >> bit & 1 for word in words) for bit in range(bits)}
    return sum(1 for column in columns if len(set(column)) > 1)
