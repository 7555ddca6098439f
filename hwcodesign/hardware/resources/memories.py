"""This module says what memories become, exactly by Yosys' own rule (memory_libmap with the RAMs of 7 series).

A memory becomes block RAMs, LUTs as RAM, or logic, whichever costs least in Yosys' unit of cost. Several blocks stand
side by side for more bits, or behind each other for more words; the latter need a multiplexer, which costs as well.

Where a device has UltraRAM (4,096 words of 72 bits, without contents at the start), a memory that is written lies in
it if that costs less than block RAM: from four RAMB36 on. A ROM never does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

#: Cost of a bit in logic: of a memory that is never written, and of any other.
_ROM_BIT, _RAM_BIT = 1 / 64, 1.0
#: Bits that a written memory in logic may have for nothing; and one that gives what is written in the same cycle.
_FREE_BITS, _FREE_BITS_THROUGH = 2, 7
#: Bits of a block RAM that are written together.
_BYTE = 9
#: Cost of an input of the multiplexer behind several RAMs, and of a write enable in front of them.
_SELECTED = 0.5
#: RAMB18, RAMB36: cost, RAMB18 halves, bits of the address at a width of one, widths.
_BLOCKS = (
    (129.0, 1, 14, (1, 2, 4, 9, 18, 36)),
    (257.0, 2, 15, (1, 2, 4, 9, 18, 36, 72)),
)
#: RAM of four LUTs: cost of each, and of its full width; words, bits.
_LUT_RAMS = (
    (1.0, 7.0, 32, 6),
    (1.0, 7.0, 64, 3),
    (0.0, 8.0, 32, 4),
    (0.0, 8.0, 64, 2),
    (0.0, 8.0, 128, 1),
)
_LUTS = 4
#: UltraRAM: cost, words, bits of a word, and bits that are written together.
_ULTRA_COST, _ULTRA_WORDS, _ULTRA_BITS, _ULTRA_BYTES = 1024.0, 4096, 72, (8, 9)


class Memory(NamedTuple):
    """A memory is described by what it takes.

    Attributes:
        bram18: RAMB18 blocks; a RAMB36 counts as two.
        lutram: LUTs that are memory.
        banks: number of RAMs behind each other, between which a multiplexer selects; 0 for a memory in logic.
        large_uram: UltraRAM blocks in whose place the block RAMs are, where a device has none; 0 if they never are.
    """

    bram18: int
    lutram: int
    banks: int
    large_uram: int = 0

    @property
    def large18(self) -> int:
        """Returns the RAMB18 blocks that UltraRAM stands for where a device has some."""
        return self.bram18 if self.large_uram else 0

    @property
    def is_logic(self) -> bool:
        """Returns whether it is made of LUTs and flip-flops that are no memory."""
        return self.banks == 0

    def selection(self, words: int, width: int) -> float:
        """Returns the LUTs of the multiplexer behind it, at two inputs per LUT.

        Args:
            words: number of words.
            width: bits of a word.
        """
        return _SELECTED * width * max(0, (words if self.is_logic else self.banks) - 1)

    @property
    def selecting(self) -> int:
        """Returns the number of flip-flops that hold which of its RAMs was read."""
        return (self.banks - 1).bit_length() if self.banks > 1 else 0

    @property
    def registers_inside(self) -> bool:
        """Returns whether the register of its output is part of the RAM."""
        return self.bram18 > 0


class _Choice(NamedTuple):
    cost: float
    memory: Memory


def rom(words: int, width: int, *, in_blocks: bool = False) -> Memory:
    """Returns a memory that is never written and has a register at its output.

    Args:
        words: number of words.
        width: bits of a word.
        in_blocks: whether block RAM is asked for.
    """
    logic = _Choice(words * width * _ROM_BIT, Memory(0, 0, 0))
    choices = [*([] if in_blocks else [logic]), *_in_blocks(words, width, written=False)]
    return min(choices, key=lambda choice: choice.cost).memory


def ram(words: int, width: int, *, through: bool = False) -> Memory:
    """Returns a memory with one port to write, and one to read that has a register at its output.

    Args:
        words: number of words.
        width: bits of a word.
        through: whether a word can be read in the cycle in which it is written, as in a queue. The register is then
            that of the address, which Yosys moves behind the memory.
    """
    free = _FREE_BITS_THROUGH if through else _FREE_BITS
    logic = _Choice((words * width - free) * _RAM_BIT, Memory(0, 0, 0))
    choices = [logic, *_in_luts(words, width), *_in_blocks(words, width, written=True)]
    cost, memory = min(choices, key=lambda choice: choice.cost)
    banks = -(-words // _ULTRA_WORDS)
    number = min(-(-banks * -(-width // byte) * byte // _ULTRA_BITS) for byte in _ULTRA_BYTES)
    in_ultra = _ULTRA_COST * number + _selection(banks, width, written=True)
    return memory._replace(large_uram=number) if memory.bram18 and in_ultra < cost else memory


def _in_blocks(words: int, width: int, *, written: bool) -> Iterator[_Choice]:
    for cost, halves, address_bits, widths in _BLOCKS:
        for exponent, bits in enumerate(widths):
            banks = -(-words // (1 << (address_bits - exponent)))
            byte = min(bits, _BYTE) if written else 1  # what is written belongs together
            number = -(-banks * -(-width // byte) * byte // bits)
            extra = _selection(banks, width, written=written)
            yield _Choice(cost * number + extra, Memory(halves * number, 0, banks))


def _in_luts(words: int, width: int) -> Iterator[_Choice]:
    for each, full, depth, bits in _LUT_RAMS:
        banks = -(-words // depth)
        number = banks * -(-width // bits)
        cost = each * number + full * banks * width / bits + _selection(banks, width, written=True)
        yield _Choice(cost, Memory(0, _LUTS * number, banks))


def _selection(banks: int, width: int, *, written: bool) -> float:
    return _SELECTED * ((banks - 1) * width + (banks if written and banks > 1 else 0))
