"""This module says what a constant_sum is made of: a tree of adders, built from the weights' digits as in the RTL.

Registers are followed bit by bit: the low bits of a sum of shifted terms are those of its first term, and a bit that
passes several registers without being added to is a shift register in LUTs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.hardware.resources.figures import Part

#: Registers in a row from which on Yosys makes them a shift register.
SHIFT_REGISTER = 3
#: A bit that is always zero.
_ZERO = 0


class _Node(NamedTuple):
    """A sum of terms, as a multiple of the first one's power of two and with its sign.

    Attributes:
        bits: what each is, by number; equal hardware has equal numbers.
        like, unlike: what adds to it and takes from it, where all operands are one.
        shift: the first term's power of two.
        negative: the first term's sign.
    """

    bits: tuple[int, ...]
    like: int
    unlike: int
    shift: int
    negative: bool


class _Bits:
    """All bits of a module, each counted once however often it is used. Lists have a place for each bit, by its number:
    a module has some hundred thousand.
    """

    def __init__(self, source: FixedPoint) -> None:
        width = source.width
        self.largest = (1 << (width - 1)) - 1 if source.signed else (1 << width) - 1
        self.least = 1 << (width - 1) if source.signed else 0
        self.outputs = [_ZERO]  # of a register behind each bit; `_ZERO` where there is none
        self.registers = [_ZERO]  # the inputs of those whose output a bit is; `_ZERO` where it is none
        self.readers = [0]
        self.operands: dict[tuple[int, int], tuple[int, ...]] = {}
        self.sums: dict[object, tuple[int, ...]] = {}
        self.adder_bits = 0

    def made(self, number: int) -> range:
        """New bits."""
        first = len(self.outputs)
        for each in (self.outputs, self.registers, self.readers):
            each.extend([0] * number)
        return range(first, first + number)

    def held(self, bits: Iterable[int]) -> tuple[int, ...]:
        """The outputs of registers behind bits."""
        outputs, registers, readers, found = self.outputs, self.registers, self.readers, []
        for bit in bits:
            output = outputs[bit]
            if output == _ZERO != bit:
                output = outputs[bit] = len(outputs)
                outputs.append(_ZERO)
                registers.append(bit)
                readers.append(0)
                readers[bit] += 1
            found.append(output)
        return tuple(found)

    def read(self, bits: Iterable[int]) -> None:
        readers = self.readers
        for bit in bits:
            readers[bit] += 1

    def operand(self, number: int, position: int, width: int, *, signed: bool) -> tuple[int, ...]:
        key = (number, position)
        if key not in self.operands:
            bits = self.held(self.made(width))
            self.operands[key] = bits if signed else (*bits, _ZERO)
        return self.operands[key]

    def width(self, like: int, unlike: int) -> int:
        """Bits of a sum's least and greatest value."""
        high = like * self.largest + unlike * self.least
        low = like * self.least + unlike * self.largest
        return 1 + max(high.bit_length(), (low - 1).bit_length() if low > 0 else 0)

    def joined(self, left: _Node, right: _Node) -> _Node:
        further, same = right.shift - left.shift, left.negative == right.negative
        like = left.like + ((right.like if same else right.unlike) << further)
        unlike = left.unlike + ((right.unlike if same else right.like) << further)
        key = (left.bits, right.bits, further, same)
        if key not in self.sums:
            self.sums[key] = self._sum(left, right, further, self.width(like, unlike))
        return _Node(self.sums[key], like, unlike, left.shift, left.negative)

    def _sum(self, left: _Node, right: _Node, further: int, width: int) -> tuple[int, ...]:
        """The outputs of registers behind an adder: the low bits are those of the left operand."""
        low = [left.bits[min(b, len(left.bits) - 1)] for b in range(min(further, width))]
        added = width - len(low)
        self.adder_bits += added
        self.read(left.bits[further:])
        self.read(right.bits)
        return self.held((*low, *self.made(added)))

    def counted(self) -> tuple[int, int]:
        """Flip-flops, and LUTs that are shift registers."""
        ff = lutram = 0
        registers, readers = self.registers, self.readers
        follows = {source for source in registers if registers[source]}
        ends = [bit for bit, source in enumerate(registers) if source and (bit not in follows or readers[bit] != 1)]
        for end in ends:
            length, bit = 1, end
            while registers[registers[bit]] and readers[registers[bit]] == 1:
                bit, length = registers[bit], length + 1
            if length >= SHIFT_REGISTER:
                lutram += -(-length // 32)
            else:
                ff += length
        return ff, lutram


def constant_sum(weights: Codes, source: FixedPoint, sets: int, weight_width: int) -> Part:
    """Returns the constant_sum, which sums products with weights that never change.

    Args:
        weights: (sums, products) integer codes.
        source: format of the operands.
        sets: number of sets of operands; 1 if all sums read the same operands.
        weight_width: bits of the widest weight, sign included.
    """
    bits = _Bits(source)
    products = weights.shape[1]
    levels = (products * ((weight_width + 1) // 2) - 1).bit_length()
    sum_width = source.width + weight_width + (products - 1).bit_length()
    negated = 0
    for number, row in enumerate(weights.astype(int).tolist()):
        nodes = _terms(row, weight_width, bits, source, number if sets > 1 else 0)
        if not nodes:
            continue
        for _ in range(levels):
            pairs = [nodes[i : i + 2] for i in range(0, len(nodes), 2)]
            nodes = [bits.joined(*pair) if len(pair) == 2 else _passed(pair[0], bits) for pair in pairs]
        bits.read(nodes[0].bits * 2)  # an output is no step of a shift register
        negated += sum_width - nodes[0].shift if nodes[0].negative else 0
    ff, lutram = bits.counted()
    return Part("constant_sum", {"adder bits": bits.adder_bits, "negated bits": negated}, ff, lutram=lutram)


def _terms(row: list[int], weight_width: int, bits: _Bits, source: FixedPoint, number: int) -> list[_Node]:
    """Digits other than zero, by their power of two and then by operand."""
    found = []
    for bit in range(weight_width):
        for i, weight in enumerate(row):
            if (weight >> (bit + 1) & 1) != (3 * weight >> (bit + 1) & 1):
                operand = bits.operand(number, i, source.width, signed=source.signed)
                found.append(_Node(operand, 1, 0, bit, bool(weight >> (bit + 1) & 1)))
    return found


def _passed(node: _Node, bits: _Bits) -> _Node:
    return node._replace(bits=bits.held(node.bits))
