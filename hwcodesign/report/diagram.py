"""This module lays out the drawing of a network: a row for each level, with its stage, its head and its exit."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from hwcodesign.report.chart import EXITS
from hwcodesign.report.schema import KernelReport, Report, SegmentReport
from hwcodesign.report.summary import count, percent

WIDTH = 860
_CHIP, _CHIP_HEIGHT, _GAP, _HEADING = 132, 42, 6, 26
#: Chips side by side, and left edge, of a stage and of a head.
_STAGE, _HEAD = (3, 12), (2, 474)
_EXIT_LEFT = 790
_BUFFER_HEIGHT, _BETWEEN = 40, 34
#: Kernels of a segment that are drawn; the table has all.
_MOST = 24


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


def diagram(report: Report) -> Diagram:
    """Lays out the network of a report."""
    boxes: list[Box] = []
    arrows: list[Arrow] = [Arrow(((60, 4), (60, 24)), "images", (72, 16))]
    exits: list[Exit] = []
    top = 26
    last = report["exits"] - 1
    for k in range(report["exits"]):
        stage = _box(report["network"][2 * k], top, *_STAGE)
        head = _box(report["network"][2 * k + 1], top, *_HEAD)
        boxes += [stage, head]
        middle = top + 20
        arrows.append(Arrow(((stage.x + stage.width, middle), (head.x, middle))))
        arrows.append(Arrow(((head.x + head.width, middle), (_EXIT_LEFT - 4, middle))))
        rate = report["exit_rate"][k]
        exits.append(Exit(_EXIT_LEFT, middle, f"exit {k}", percent(rate, 1), EXITS[k % len(EXITS)]))
        bottom = top + stage.height
        if k < last:
            reach = sum(report["exit_rate"][k + 1 :])
            buffer = _buffer(report, k, bottom + _BETWEEN // 2)
            boxes.append(buffer)
            end = buffer.y + buffer.height
            arrows.append(Arrow(((60, bottom), (60, buffer.y))))
            arrows.append(Arrow(((60, end), (60, end + _BETWEEN)), f"{percent(reach, 1)} go on", (72, end + 20)))
            bottom = end + _BETWEEN
        top = max(bottom, top + head.height + 12)
        if k < last and top > bottom:  # the head is the higher one: the arrow reaches the next stage
            arrows[-1] = Arrow((arrows[-1].points[0], (60, top)), arrows[-1].label, arrows[-1].label_at)
    return Diagram(WIDTH, top + 8, tuple(boxes), tuple(arrows), tuple(exits))


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


def _buffer(report: Report, k: int, top: int) -> Box:
    hardware = report["hardware"]
    text = f"buffer{k}"
    if hardware is not None:
        most, depth = hardware["buffers"][k]
        text += f": {hardware['buffer_samples']} samples, at most {most} of {depth} beats used"
    return Box(12, top, 420, _BUFFER_HEIGHT - 12, text, "buffer")
