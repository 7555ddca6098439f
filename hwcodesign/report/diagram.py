"""This module lays out the drawing of a network: for each level its stage, its head and its exit, side by side or,
where there is no room for that, below one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from hwcodesign.report.chart import EXITS
from hwcodesign.report.schema import KernelReport, Report, SegmentReport
from hwcodesign.report.summary import count, percent

_CHIP, _CHIP_HEIGHT, _GAP, _HEADING = 132, 42, 6, 26
_BUFFER_HEIGHT, _BETWEEN = 40, 34
#: Kernels of a segment that are drawn; the table has all.
_MOST = 24


@dataclass(frozen=True)
class Layout:
    """A layout says where things are, in pixels.

    Attributes:
        width: of the drawing.
        stage, head: chips side by side, and left edge.
        exit_left: left edge of the exits.
        spine: of the arrows from stage to stage.
        below: whether a head is below its stage, not beside it.
    """

    width: int
    stage: tuple[int, int]
    head: tuple[int, int]
    exit_left: int
    spine: int
    below: bool


WIDE = Layout(860, (3, 12), (2, 474), 790, 60, below=False)
#: For a phone.
NARROW = Layout(390, (2, 4), (2, 32), 332, 17, below=True)


@dataclass(frozen=True)
class Chip:
    """A chip is a kernel in the drawing.

    Attributes:
        x, y: upper left corner.
        lines: two short texts in it.
        details: lines that are shown when it is pointed at.
        busy: part of the segment's interval in which it works, from 0 to 1.
    """

    x: int
    y: int
    lines: tuple[str, str]
    details: tuple[str, ...]
    busy: float


@dataclass(frozen=True)
class Box:
    """A box is a segment or a buffer, with a heading."""

    x: int
    y: int
    width: int
    height: int
    heading: str
    kind: str
    chips: tuple[Chip, ...] = ()
    more: str = ""


@dataclass(frozen=True)
class Arrow:
    """An arrow leads from a block to another, with a label at its middle or end."""

    points: tuple[tuple[int, int], ...]
    label: str = ""
    label_at: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Exit:
    """An exit is the end of a level's row."""

    x: int
    y: int
    name: str
    rate: str
    colour: str


@dataclass(frozen=True)
class Diagram:
    """The diagram is the whole drawing."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    exits: tuple[Exit, ...]


def diagram(report: Report, layout: Layout = WIDE) -> Diagram:
    """Lays out the network of a report."""
    boxes: list[Box] = []
    spine, last = layout.spine, report["exits"] - 1
    arrows: list[Arrow] = [Arrow(((spine, 4), (spine, 24)), "images", (spine + 12, 16))]
    exits: list[Exit] = []
    top = 26
    for k in range(report["exits"]):
        stage = _box(report["network"][2 * k], top, *layout.stage)
        bottom = top + stage.height
        head = _box(report["network"][2 * k + 1], bottom + 18 if layout.below else top, *layout.head)
        boxes += [stage, head]
        middle = head.y + 20
        into = (head.x + head.width // 2, bottom) if layout.below else (stage.x + stage.width, middle)
        arrows.append(Arrow((into, (into[0], head.y) if layout.below else (head.x, middle))))
        arrows.append(Arrow(((head.x + head.width, middle), (layout.exit_left - 4, middle))))
        rate = report["exit_rate"][k]
        exits.append(Exit(layout.exit_left, middle, f"exit {k}", percent(rate, 1), EXITS[k % len(EXITS)]))
        below_head = head.y + head.height
        if k < last:
            reach = sum(report["exit_rate"][k + 1 :])
            buffer = _buffer(report, k, (below_head if layout.below else bottom) + _BETWEEN // 2, layout)
            boxes.append(buffer)
            end = buffer.y + buffer.height
            top = max(end + _BETWEEN, below_head + 12)  # the arrow reaches the next stage below the head, too
            arrows.append(Arrow(((spine, bottom), (spine, buffer.y))))
            arrows.append(Arrow(((spine, end), (spine, top)), f"{percent(reach, 1)} go on", (spine + 12, end + 20)))
        else:
            top = max(bottom, below_head + 12)
    return Diagram(layout.width, top + 8, tuple(boxes), tuple(arrows), tuple(exits))


def _box(segment: SegmentReport, top: int, columns: int, left: int) -> Box:
    shown = segment["kernels"][: _MOST if len(segment["kernels"]) > _MOST + 1 else None]
    rows = max(1, ceil(len(shown) / columns))
    more = len(segment["kernels"]) - len(shown)
    chips = tuple(
        _chip(
            kernel,
            left + _GAP + (n % columns) * (_CHIP + _GAP),
            top + _HEADING + (n // columns) * (_CHIP_HEIGHT + _GAP),
            segment["interval"],
        )
        for n, kernel in enumerate(shown)
    )
    heading = segment["name"]
    if segment["interval"] is not None:
        heading += f": latency {segment['latency']:,}, interval {segment['interval']:,}"
    height = _HEADING + rows * (_CHIP_HEIGHT + _GAP) + (18 if more else 0)
    text = f"and {more} more kernels, in the table" if more else ""
    width = columns * (_CHIP + _GAP) + _GAP
    return Box(left, top, width, height, heading, segment["name"][:5].rstrip("0"), chips, text)


def _chip(kernel: KernelReport, x: int, y: int, interval: float | None) -> Chip:
    shape = kernel["writes"].split(" of ")[0]
    busy = (kernel["interval"] or 0) / interval if interval else 0.0
    return Chip(x, y, (kernel["kind"], f"{shape}{_width(kernel['writes'])}"), kernel_details(kernel), min(1.0, busy))


def _width(text: str) -> str:
    """Returns ", 5 bit" from a text that ends with a format such as "ufixed<5,2,…>"."""
    _, found, rest = text.partition("<")
    return f", {rest.split(',')[0].rstrip('>')} bit" if found else ""


def kernel_details(kernel: KernelReport) -> tuple[str, ...]:
    """Returns lines about a kernel: what it reads and writes, and how it is built."""
    lines = [f"{kernel['name']} ({kernel['kind']})", f"reads {kernel['reads']}", f"writes {kernel['writes']}"]
    if kernel["weights"]:
        lines.append(f"{count(kernel['parameters'])} parameters, weights of {kernel['weights']}")
    if kernel["macs"]:
        lines.append(f"{count(kernel['macs'])} multiply-accumulates per image")
    if kernel["unit"] is not None:
        lines.append(f"unit: {kernel['unit']}" + (f", {kernel['folding']}" if kernel["folding"] else ""))
    if kernel["latency"] is not None and kernel["interval"] is not None:
        lines.append(f"alone: latency {kernel['latency']:,}, interval {kernel['interval']:,} cycles")
    taken = kernel["resources"]
    if taken is not None and any(taken.values()):
        lines.append(
            f"about {taken['lut']:,} LUT, {taken['ff']:,} FF, {taken['dsp']:,} DSP, {taken['bram18'] / 2:g} BRAM36"
        )
    return tuple(lines)


def _buffer(report: Report, k: int, top: int, layout: Layout) -> Box:
    hardware = report["hardware"]
    text = f"buffer{k}"
    if hardware is not None:
        most, depth = hardware["buffers"][k]
        text += f": {hardware['buffer_samples']} samples, at most {most} of {depth} beats used"
    width = layout.width - 8 if layout.below else 420
    return Box(layout.stage[1], top, width, _BUFFER_HEIGHT - 12, text, "buffer")
