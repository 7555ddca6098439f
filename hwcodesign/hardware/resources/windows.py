"""This module says what a window_buffer is made of."""

from __future__ import annotations

from itertools import accumulate, pairwise

from hwcodesign.hardware.resources.figures import Part, index_bits
from hwcodesign.hardware.resources.memories import ram
from hwcodesign.hardware.window import Window


def window_buffer(window: Window, width: int) -> Part:
    """Returns the window_buffer, which cuts windows out of an image.

    Args:
        window: shapes of the image and of its windows.
        width: bits of an element.
    """
    rows, beats, pixel = window.kernel[0], window.timing.row_beats, window.input_shape[2] * width
    held, written = _pixels_held(window)
    word = written * pixel
    memory = ram(beats, word)
    table = _table(window)
    turns = _turns(window)
    masks = len({tuple(p[2]) for p in table}) > 1 or _right_padding(window)
    selects = _selects(window, table)
    counters = _counter_bits(window, table)
    ff = counters + selects + rows * held * pixel
    ff += rows * (word * (0 if memory.registers_inside else 1) + memory.selecting)
    if memory.is_logic:
        ff += rows * word * beats
    # rows side by side: each bit comes from any of the RAMs
    inputs = 2 * rows if turns else 2 if masks else 0
    deep = -(-(inputs - 1) // 5) if inputs else 0
    logic = {
        "turned bits": rows * word * deep,
        "counter bits": counters,
        "select bits": selects,
        "one": 1,
    }
    selection = rows * memory.selection(beats, word)
    return Part(
        *("window_buffer", logic, ff, 0, rows * memory.bram18, rows * memory.lutram, selection),
        large18=rows * memory.large18,
        large_uram=rows * memory.large_uram,
    )


def window_reader(window: Window, lanes: int, spans: int, repeats: int, width: int) -> Part:
    """Returns the window_reader, which reads windows from a ring of rows word by word.

    Args:
        window: shapes of the image and of its windows.
        lanes: elements of a word.
        spans: parts of a pixel.
        repeats: how often each part of a window is given.
        width: bits of an element.
    """
    (height, columns, channels), (rows, across) = window.input_shape, window.kernel
    pixel, kept = channels // lanes, rows + window.stride[0]
    row = columns * pixel
    depth, word = kept * row, lanes * width
    memory = ram(depth, word)
    loops = sum(index_bits(n) for n in (pixel // spans, across, rows, repeats, spans, *window.output_shape[:2]))
    counts = index_bits(kept + _most_rows(window) + 1) + 1
    beside = max((window.output_shape[1] - 1) * window.stride[1] + across, columns) + window.padding[1] + 1
    places = 2 * counts + 2 * (index_bits(height + window.padding[0] + rows + 1) + 1) + index_bits(row)
    places += 3 * index_bits(depth) + 2 * (index_bits(beside) + 1) + index_bits(beside * pixel) + 1
    # the lowest bits of the places of windows are always those of the first one
    places -= sum(_zeros(stride) for stride in (*window.stride, window.stride[0] * row))
    logic = {"counter bits": loops + places, "gated bits": word, "one": 1}
    ff = loops + places + 2 + (0 if memory.registers_inside else word) + memory.selecting
    if memory.is_logic:
        ff += word * depth
    taken = (memory.bram18, memory.lutram, memory.selection(depth, word))
    return Part("window_reader", logic, ff, 0, *taken, large18=memory.large18, large_uram=memory.large_uram)


def _zeros(number: int) -> int:
    """Zeros at the end of a binary number."""
    return (number & -number).bit_length() - 1


def _most_rows(window: Window) -> int:
    """The most rows that a pass leaves behind, or needs beyond those of the pass before."""
    table = _table(window)
    bases = accumulate(advance for advance, _, _ in table)
    ends = [base - advance + last + 1 for base, (advance, last, _) in zip(bases, table, strict=True)]
    further = [after - before for before, after in pairwise([*ends, window.input_shape[0] + ends[0]])]
    return max(ends[0], *further, *(advance for advance, _, _ in table))


_Pass = tuple[int, int, tuple[bool, ...]]


def _table(window: Window) -> list[_Pass]:
    """Of each pass: rows to the next one's base, the last row that it reads, and which rows lie in the image."""
    height, kernel, stride, above = window.input_shape[0], window.kernel[0], window.stride[0], window.padding[0]
    passes = window.output_shape[0]

    def base(number: int) -> int:
        row = number * stride - above
        return height if row > height or number == passes else max(0, row)

    found = []
    for number in range(passes):
        first = number * stride - above
        last = min(max(first + kernel - 1, 0), height - 1)
        present = tuple(0 <= first + k < height for k in range(kernel))
        found.append((base(number + 1) - base(number), last - base(number), present))
    return found


def _turns(window: Window) -> bool:
    """Whether rows of windows come from one RAM after another."""
    rows, stride, passes = window.kernel[0], window.stride[0], window.output_shape[0]
    again = (window.input_shape[0] - (passes - 1) * stride) % rows != 0
    return rows > 1 and (again or (passes > 1 and stride % rows != 0))


def _pixels_held(window: Window) -> tuple[int, int]:
    """Pixels of a row that have registers, and pixels of a beat that are written: those that come into a window.

    Of windows that lie apart, synthesis leaves out what nobody reads.
    """
    of, stride = window.timing, window.stride[1]
    pixels = (of.lead + 1) * of.pixels + of.pad_left
    read = {first * stride + column for first in range(of.together) for column in range(window.kernel[1])}
    held = {at for at in range(pixels) if any(at - back in read for back in range(0, at + 1, of.pixels))}
    return len(held), sum(at >= pixels - of.pixels for at in held)


def _right_padding(window: Window) -> bool:
    return window.timing.columns > window.timing.row_beats


def _selects(window: Window, table: list[_Pass]) -> int:
    """Registers that say which RAM a row comes from."""
    rows = window.kernel[0]
    constant = [all(p[2][y] for p in table) for y in range(rows)]
    if _turns(window):
        return (rows if all(constant) else rows * rows) if rows > 1 else 0
    if _right_padding(window):
        return len({tuple(p[2][y] for p in table) for y in range(rows)})
    return len({tuple(p[2][y] for p in table) for y in range(rows) if not constant[y]})


def _counter_bits(window: Window, table: list[_Pass]) -> int:
    rows, passes, of = window.kernel[0], window.output_shape[0], window.timing
    most = max(p[0] for p in table)
    row = (rows + most + 1).bit_length() + 1
    columns = of.columns
    lead = max(of.lead, of.every - 1)
    held, written = _pixels_held(window)
    # of a column that was read: whether there is one, and, unless that is always so, whether it is the first of its
    # pass and whether a window ends with it
    read = 1 + (held > written and columns > 1) + (lead > 0)
    bits = row + index_bits(of.row_beats) + index_bits(columns) + index_bits(lead + 1) + 1 + read
    bits += (rows if rows > 1 else 0) + (rows if _turns(window) else 0)
    known = _table_columns(table, row)
    if known or _turns(window):
        bits += index_bits(passes)
    return bits + known


def _table_columns(table: list[_Pass], row_bits: int) -> int:
    """Different bits of the table of passes that are not the same for all."""
    columns = set()
    for b in range(row_bits):
        columns |= {tuple(p[0] >> b & 1 for p in table), tuple(p[1] >> b & 1 for p in table)}
    columns |= {tuple(int(p[2][k]) for p in table) for k in range(len(table[0][2]))}
    return sum(len(set(column)) > 1 for column in columns)
