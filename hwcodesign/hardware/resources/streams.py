"""This module says what moves beats: registers, FIFOs, forks, and modules that change the number of lanes."""

from __future__ import annotations

import math
from dataclasses import replace

from hwcodesign.hardware.resources.figures import Part, index_bits
from hwcodesign.hardware.resources.memories import ram
from hwcodesign.hardware.stream import Stream


def stream_register(width: int) -> Part:
    """Returns a stream_register of beats of `width` bits."""
    return Part("stream_register", {"bits": width, "one": 1}, 2 * width + 2)


def stream_late_register(width: int) -> Part:
    """Returns a stream_late_register of beats of `width` bits: a stream_register and the places in it."""
    return replace(stream_register(width), ff=2 * width + 5, lut=3)


def stream_fifo(width: int, depth: int) -> Part:
    """Returns a stream_fifo of `depth` beats of `width` bits."""
    memory = ram(depth, width, through=True)
    address = index_bits(depth)
    counters = 2 * address + index_bits(depth + 1)
    ff = counters + 2
    if memory.registers_inside:
        ff += width + 1  # what is written in the same cycle goes round the block RAM
    else:
        ff += address + (width * depth if memory.is_logic else 0)
    logic = {
        "counter bits": counters,
        "passed bits": width if memory.registers_inside else 0,
        "one": 1,
    }
    taken = (memory.bram18, memory.lutram, memory.selection(depth, width))
    return Part("stream_fifo", logic, ff, 0, *taken, large18=memory.large18, large_uram=memory.large_uram)


def queue(width: int, depth: int) -> Part:
    """Returns the queue of `depth` beats of `width` bits before a block where streams meet.

    It is a stream_register if it holds two beats, else a stream_fifo.
    """
    return stream_register(width) if depth == 2 else stream_fifo(width, depth)


def stream_fork(outputs: int) -> Part:
    """Returns a stream_fork to `outputs` readers."""
    return Part("stream_fork", {"outputs": outputs, "one": 1}, outputs)


def stream_resize(source: Stream, output: Stream, width: int) -> Part:
    """Returns a stream_resize.

    Args:
        source, output: streams before and behind it.
        width: bits of an element.
    """
    lanes = math.gcd(source.lanes, output.lanes)
    split, join = source.lanes // lanes, output.lanes // lanes
    ff = lut = 0
    if split > 1:
        ff += source.lanes * width + split.bit_length()
        lut += (split - 1) * lanes * width
    if join > 1:
        ff += output.lanes * width + index_bits(join) + 1
    both = output.lanes * width if split > 1 and join > 1 else 0
    return Part("stream_resize", {"split bits": lut, "joined bits": both, "one": 1}, ff)
