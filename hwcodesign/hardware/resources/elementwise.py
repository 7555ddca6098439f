"""This module says what activations, sums, concatenations, pools and transposes are made of."""

from __future__ import annotations

from collections.abc import Sequence

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.division import Division, Divisions
from hwcodesign.hardware.resources.arithmetic import requantise
from hwcodesign.hardware.resources.figures import Part, index_bits
from hwcodesign.hardware.resources.memories import ram
from hwcodesign.kernels import Transpose, Upsample2D

#: Bits up to which two values are compared in one LUT.
_COMPARED_IN_LUT = 3


def activation(source: FixedPoint, result: FixedPoint, lanes: int, *, rectify: bool) -> tuple[Part, ...]:
    """Returns an activation and its casts.

    Args:
        source, result: formats of the input and of the output.
        lanes: elements of a beat.
        rectify: whether negative values become zero.
    """
    clears = rectify and source.signed
    shell = Part(
        "activation",
        {"rectified bits": lanes * (source.width - 1) if clears else 0, "one": 1},
        lanes * result.width + 1,
    )
    return shell, requantise(source, result, lanes)


def add(one: FixedPoint, other: FixedPoint, result: FixedPoint, lanes: int) -> tuple[Part, ...]:
    """Returns an add and its casts.

    Args:
        one, other: formats of the two inputs.
        result: format of the sums.
        lanes: elements of a beat.
    """
    fraction = max(one.fraction, other.fraction)
    shifts = [fraction - fmt.fraction for fmt in (one, other)]
    tops = [fmt.width + shift for fmt, shift in zip((one, other), shifts, strict=True)]
    # where one of both has no bits, a carry chain does without a LUT
    ends = [max(tops) if fmt.signed else top for fmt, top in zip((one, other), tops, strict=True)]
    width = max(tops) + 2
    shell = Part("add", {"adder bits": lanes * max(0, min(ends) - max(shifts)), "one": 1}, lanes * result.width + 1)
    return shell, requantise(FixedPoint(width, width - fraction), result, lanes)


def concatenate(one: FixedPoint, other: FixedPoint, result: FixedPoint, lanes: tuple[int, int]) -> tuple[Part, ...]:
    """Returns a concatenate and its casts.

    Args:
        one, other: formats of the two inputs.
        result: format of the output.
        lanes: elements of a beat of each input.
    """
    shell = Part("concatenate", {"one": 1}, sum(lanes) * result.width + 1)
    return shell, requantise(one, result, lanes[0]), requantise(other, result, lanes[1])


def maximum_of_windows(source: FixedPoint, result: FixedPoint, taps: int, lanes: int) -> tuple[Part, ...]:
    """Returns a pool2d that takes maxima, and its casts, without its window_buffer.

    Args:
        source, result: formats of the input and of the output.
        taps: elements of a window in one channel.
        lanes: elements of a beat.
    """
    logic = {**_maxima(source, lanes * (taps - 1)), "one": 1}
    return Part("pool2d", logic, lanes * result.width + 1), requantise(source, result, lanes)


def _maxima(source: FixedPoint, number: int) -> dict[str, float]:
    """Comparisons, and what they choose; few bits are compared in a LUT, more of them by a carry chain."""
    compared = source.width if source.width > _COMPARED_IN_LUT else 0
    return {"compared bits": number * compared, "chosen bits": number * source.width}


def average_of_windows(
    source: FixedPoint, result: FixedPoint, fraction: int, divisions: Divisions, taps: int, lanes: int, together: int
) -> tuple[Part, ...]:
    """Returns a pool2d that takes averages, its divisions and casts, without its window_buffer.

    Args:
        source, result: formats of the input and of the output.
        fraction: bits of a quotient after the point.
        divisions: the divisions of sums by the numbers of elements that count.
        taps: elements of a window in one channel.
        lanes: elements of an output beat.
        together: windows of an output beat.
    """
    width = source.width + 1 + index_bits(taps)
    bits = (taps - 1) * width  # all adders of the tree are as wide as the sum
    used = source.width + index_bits(taps)
    logic, ff = {"adder bits": lanes * bits, "one": 1}, lanes * (result.width + used) + 4
    if len(divisions.each) > 1:
        places = index_bits(len(divisions.rows)) + index_bits(len(divisions.columns) // together)
        logic["counter bits"] = places
        ff += places + together * index_bits(len(divisions.each))
    return Part("pool2d", logic, ff), *_averages(source, result, fraction, divisions.each, width, lanes)


def running_maximum(source: FixedPoint, result: FixedPoint, pixels: int, lanes: int, turns: int) -> tuple[Part, ...]:
    """Returns a global_pool that takes maxima, and its casts.

    Args:
        source, result: formats of the input and of the output.
        pixels: pixels of a sample.
        lanes, turns: elements of a beat, and beats of a pixel.
    """
    counters = index_bits(pixels) + index_bits(turns)
    logic = {**_maxima(source, lanes), "counter bits": counters, "one": 1}
    ff = lanes * (turns * source.width + result.width) + counters + 2
    return Part("global_pool", logic, ff), requantise(source, result, lanes)


def running_average(
    source: FixedPoint, result: FixedPoint, fraction: int, division: Division, pixels: int, lanes: int, turns: int
) -> tuple[Part, ...]:
    """Returns a global_pool that takes averages, its divisions and casts.

    Args:
        source, result: formats of the input and of the output.
        fraction: bits of a quotient after the point.
        division: the division of a sum by the number of its elements.
        pixels: pixels of a sample.
        lanes, turns: elements of a beat, and beats of a pixel.
    """
    width, counters = source.width + 1 + index_bits(pixels), index_bits(pixels) + index_bits(turns)
    extended = lanes * width if source.signed else lanes * source.width
    logic = {"adder bits": lanes * (width - 1), "gated bits": extended, "counter bits": counters, "one": 1}
    ff = lanes * (turns * width + result.width) + counters + 4
    return Part("global_pool", logic, ff), *_averages(source, result, fraction, (division,), width, lanes)


def _averages(
    source: FixedPoint, result: FixedPoint, fraction: int, divisions: Sequence[Division], width: int, lanes: int
) -> tuple[Part, ...]:
    """Divisions of sums of so many bits; of several, one is chosen."""
    up = fraction - source.fraction
    products = [width + up + division.multiplier.bit_length() for division in divisions]
    quotient = max(1, *(product - one.shift for product, one in zip(products, divisions, strict=True)))
    multiplied = [_multiplied(one.multiplier, product, up) for product, one in zip(products, divisions, strict=True)]
    logic = {
        "magnitude bits": 2 * width if source.signed else 0,
        "multiplied bits": sum(added for added, _ in multiplied),
        "negated bits": sum(negated for _, negated in multiplied),
        "chosen bits": (len(divisions) - 1) * quotient,
    }
    ff = width + quotient + 2 * source.signed + index_bits(len(divisions))
    if [division.multiplier for division in divisions] == [1]:  # a shift: nobody reads the bits that are shifted out
        ff -= max(0, divisions[0].shift - up) + 1
    average = Part("average", logic, ff, number=lanes)
    wide = FixedPoint(quotient + 1, quotient + 1 - fraction, source.signed)
    return average, requantise(wide, result, lanes)


def _multiplied(multiplier: int, product: int, up: int) -> tuple[int, int]:
    """Bits that are added by all digits of a multiplier but the lowest, and those that are negated for that one.

    The bits of the product below a digit need no adder. A lowest digit below zero has one of its own if the next one is
    above zero.

    Args:
        multiplier: of a division; its digits are those of its canonical form.
        product: bits of the product.
        up: bits by which the magnitude is shifted before.
    """
    plus, minus = (3 * multiplier & ~multiplier) >> 1, (multiplier & ~(3 * multiplier)) >> 1
    places = [place for place in range((plus | minus).bit_length()) if (plus | minus) >> place & 1]
    negated = len(places) > 1 and minus >> places[0] & 1 and plus >> places[1] & 1
    return sum(product - up - place for place in places[1:]), product if negated else 0


def upsample(kernel: Upsample2D) -> Part:
    """Returns an upsample2d with the memory of a row."""
    (height, width, channels), (down, across) = kernel.input_shapes[0], kernel.factors
    word = channels * kernel.result.width
    uneven = kernel.output_shape[0] != height * down, kernel.output_shape[1] != width * across
    counted = (
        (across, across > 1),
        (down, down > 1),
        (width, down > 1 or any(uneven)),  # of copies alone, rows need not be told apart
        (height, uneven[0]),
    )
    counters = sum(index_bits(size) for size, needed in counted if needed)
    ff, logic = counters + 1 + word, {"counter bits": counters, "one": 1}
    if kernel.zeros or down == 1:
        return Part("upsample2d", logic, ff)
    memory = ram(width, word, through=True)
    if memory.registers_inside:
        ff += word + 1  # what is written in the same cycle goes round the block RAM
    else:
        ff += index_bits(width) + (width * word if memory.is_logic else 0)
    logic["stored bits"] = word
    taken = (memory.bram18, memory.lutram, memory.selection(width, word))
    return Part("upsample2d", logic, ff, 0, *taken, large18=memory.large18, large_uram=memory.large_uram)


def transpose(kernel: Transpose) -> Part:
    """Returns a transpose with its memory."""
    height, width, channels = kernel.input_shapes[0]
    bits = kernel.result.width
    whole = kernel.permutation[2] == 2
    pixels = height * width
    lanes_in = 1 if whole else channels
    lengths = (height, width, lanes_in)
    rows, columns = lengths[kernel.permutation[0]], lengths[kernel.permutation[1]]
    out = 1 if whole else kernel.output_shape[2]
    word = channels * bits
    memory = ram(2 * pixels, word)
    counters = index_bits(pixels) * 2 + index_bits(rows) + index_bits(columns) + index_bits(out)
    counters += 2 * index_bits(lanes_in) if lanes_in > 1 else 0
    ff = counters + 2 + 1 + 1 + 2 + 1 + kernel.output_shape[2] * bits
    ff += memory.selecting + (0 if memory.registers_inside else word)
    if memory.is_logic:
        ff += 2 * pixels * word
    logic = {
        "lane bits": bits * max(0, lanes_in - 1),
        "counter bits": counters,
        "one": 1,
    }
    taken = (memory.bram18, memory.lutram, memory.selection(2 * pixels, word))
    return Part("transpose", logic, ff, 0, *taken, large18=memory.large18, large_uram=memory.large_uram)
