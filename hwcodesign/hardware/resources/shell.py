"""This module says what the blocks around the segments and decisions of an accelerator are made of."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from hwcodesign.hardware.resources.decisions import SAMPLE
from hwcodesign.hardware.resources.figures import Part, index_bits
from hwcodesign.hardware.resources.memories import ram
from hwcodesign.hardware.resources.streams import stream_register
from hwcodesign.kernels.kernel import Shape

_WORD, _RECORD = 64, 128
#: Words of a RAM of a conditional_buffer: the default of its parameter `BankWords`.
_BANK_WORDS = 4096


def conditional_buffer(width: int, beats: int, depth: int) -> Iterator[Part]:
    """Yields a conditional_buffer, its memory where that is several RAMs, and the stream_register of its decisions.

    Args:
        width: bits of a beat.
        beats: beats of a sample.
        depth: beats that it can hold.
    """
    counters = 2 * index_bits(depth) + index_bits(depth + 1) + index_bits(beats)
    logic = {
        "counter bits": counters,
        "jump bits": index_bits(depth) if depth > beats else 0,
        "one": 1,
    }
    if depth > _BANK_WORDS:
        yield Part("conditional_buffer", logic, counters + 2)
        yield from _read_ahead_ram(width, depth)
    else:
        memory = _memory("conditional_buffer", depth, width)
        yield replace(memory, logic=logic, ff=memory.ff + counters + 2)
    yield stream_register(1)


def _read_ahead_ram(width: int, depth: int) -> Iterator[Part]:
    """Its RAMs; and what stands behind them: registers for the newest word and for the one that is taken, and a choice
    between the latter.
    """
    whole, rest = divmod(depth, _BANK_WORDS)
    banks = whole + (rest > 0)
    logic = {"chosen bits": width * banks}
    yield Part("read_ahead_ram", logic, width * (2 + banks) + 2 * index_bits(banks) + 2)
    yield replace(_memory("read_ahead_ram", _BANK_WORDS, width), number=whole)
    if rest:
        yield _memory("read_ahead_ram", rest, width)


def _memory(module: str, words: int, width: int) -> Part:
    """A RAM with a register at its output."""
    memory = ram(words, width)
    ff = memory.selecting + (0 if memory.registers_inside else width) + (width * words if memory.is_logic else 0)
    taken = (memory.bram18, memory.lutram, memory.selection(words, width))
    return Part(module, {}, ff, 0, *taken, large18=memory.large18, large_uram=memory.large_uram)


def word_unpack(shape: Shape, width: int, pixels: int) -> Part:
    """Returns a word_unpack, which takes images out of 64-bit words.

    Args:
        shape: of a sample, channels last.
        width: bits of an element.
        pixels: pixels of a beat.
    """
    lane = 8 if width <= 8 else 16 if width <= 16 else 32
    lanes, beat = _WORD // lane, pixels * shape[-1]
    elements = math.prod(shape)
    group = next(n for n in (lanes, 4, 2, 1) if beat % n == 0)
    leaving, word = beat // group, lanes // group
    capacity = leaving - 1 + word
    held = capacity + 2 + int(2 * leaving <= capacity)
    words = -(-elements // lanes)
    bits = capacity * group * width
    info = 32 + 32 + 1 + 1
    ff = bits + held + index_bits(words) + 2 + 32 + 1 + info + (35 if words > 1 else 0)
    logic = {
        "held bits": bits,
        "placed bits": bits * (min(leaving, word) - 1),
        "counter bits": held + index_bits(words),
        "one": 1,
    }
    return Part("word_unpack", logic, ff)


def record_merge(exits: int) -> Iterator[Part]:
    """Yields a record_merge of `exits` exits and the stream_register of its records."""
    yield Part("record_merge", {"exits": exits, "one": 1}, 33 * exits)
    yield stream_register(_RECORD)


def record_pack() -> Part:
    """Returns the record_pack."""
    return Part("record_pack", {"one": 1}, 141)


def control(exits: int) -> Iterator[Part]:
    """Yields the accelerator_control of `exits` exits, its event counters and its banks of thresholds."""
    yield Part("accelerator_control", {"exits": exits, "one": 1}, 147 + 32 * exits)
    yield Part("event_counter", {"one": 1}, 64, number=exits + 2)
    yield Part("threshold_banks", {"exits": exits, "one": 1}, 64 * exits + 31)


def registers(exits: int) -> Part:
    """Returns the register block of an accelerator with `exits` exits."""
    return Part("registers", {"exits": exits, "one": 1}, 153 + 32 * exits)


def information(past: int) -> int:
    """Returns the bits of the information that travels with a sample.

    Args:
        past: number of past exits whose results travel with it; 0 if the criterion reads none.
    """
    return SAMPLE + 48 * past
