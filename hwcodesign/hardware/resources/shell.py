"""What is around the segments and decisions of an accelerator: words in, records out, registers, control, buffers."""

from __future__ import annotations

from collections.abc import Iterator

from hwcodesign.hardware.resources.decisions import SAMPLE
from hwcodesign.hardware.resources.figures import Part, index_bits
from hwcodesign.hardware.resources.memories import ram
from hwcodesign.hardware.resources.streams import stream_register
from hwcodesign.kernels.kernel import Shape

_WORD, _RECORD = 64, 128


def conditional_buffer(width: int, beats: int, depth: int) -> Iterator[Part]:
    """Return a conditional_buffer of beats of so many bits.

    Args:
        beats: of a sample.
        depth: beats that it holds.
    """
    memory = ram(depth, width)
    counters = 2 * index_bits(depth) + index_bits(depth + 1) + index_bits(beats)
    ff = (
        counters
        + 2
        + memory.selecting
        + (0 if memory.registers_inside else width)
        + (width * depth if memory.is_logic else 0)
    )
    logic = {
        "counter bits": counters,
        "jump bits": index_bits(depth) if depth > beats else 0,
        "one": 1,
    }
    yield Part("conditional_buffer", logic, ff, 0, memory.bram18, memory.lutram, memory.selection(depth, width))
    yield stream_register(1)


def word_unpack(shape: Shape, width: int) -> Part:
    """Return a word_unpack of images.

    Args:
        shape: rows, columns, channels.
        width: bits of an element.
    """
    lane = 8 if width <= 8 else 16 if width <= 16 else 32
    lanes, channels = _WORD // lane, shape[2]
    elements = shape[0] * shape[1] * channels
    group = next(n for n in (lanes, 4, 2, 1) if channels % n == 0)
    pixel, word = channels // group, lanes // group
    capacity = pixel - 1 + word
    held = (capacity).bit_length()
    words = -(-elements // lanes)
    bits = capacity * group * width
    info = 32 + 32 + 1 + 1
    ff = bits + held + index_bits(words) + 2 + 32 + 1 + info + (33 if words > 1 else 0)
    logic = {
        "held bits": bits,
        "placed bits": bits * (min(pixel, word) - 1),
        "counter bits": held + index_bits(words),
        "one": 1,
    }
    return Part("word_unpack", logic, ff)


def record_merge(exits: int) -> Iterator[Part]:
    """Return a record_merge of so many exits."""
    yield Part("record_merge", {"exits": exits, "one": 1}, 33 * exits)
    yield stream_register(_RECORD)


def record_pack() -> Part:
    """Return a record_pack."""
    return Part("record_pack", {"one": 1}, 141)


def control(exits: int) -> Iterator[Part]:
    """Return an accelerator_control, its counters and its banks of thresholds."""
    yield Part("accelerator_control", {"exits": exits, "one": 1}, 134 + 32 * exits)
    yield Part("event_counter", {"one": 1}, 64, number=exits + 2)
    yield Part("threshold_banks", {"exits": exits, "one": 1}, 64 * exits + 24)


def registers(exits: int) -> Part:
    """Return the register block."""
    return Part("registers", {"exits": exits, "one": 1}, 153 + 32 * exits)


def information(past: int) -> int:
    """Return the bits that travel with a sample which so many exits have seen and left something of."""
    return SAMPLE + 48 * past
