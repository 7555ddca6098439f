"""This module draws the report's figures with matplotlib's `Figure` objects. A call leaves matplotlib's global settings
unchanged.

Colours are safe for colour-blind readers, and an exit has the same colour in every figure.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from hwcodesign.fitting.search import OperatingPoint
from hwcodesign.interface.records import Records, final_records
from hwcodesign.storage import files

_DPI = 130
_TEXT, _FAINT, _RIGHT, _WRONG = "#222222", "#666666", "#00663A", "#B00020"
#: Exits from light to dark, as they lie deeper; steps of lightness that survive grey printing.
_EXIT_COLOURS = ("#FCCB45", "#F08650", "#C9487B", "#7B2A9E", "#2B1A78", "#8A8A8A")
#: Okabe and Ito's palette; the markers differ too, so that colour is not the only cue.
_CRITERION_LOOKS = (
    ("#0072B2", "o"),
    ("#D55E00", "^"),
    ("#009E73", "D"),
    ("#CC79A7", "v"),
    ("#56B4E9", "P"),
    ("#E69F00", "X"),
    ("#000000", "*"),
)
_SINGLE = "#8A8A8A"
#: Keeps words legible where they cross a line.
_HALO = [withStroke(linewidth=2.5, foreground="white")]
#: The star's size, in axes fractions.
_AROUND_STAR = ((-0.022, 0.0), (0.022, 0.0), (0.0, -0.03), (0.0, 0.03))
_LOOK = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that figures look alike everywhere
    "font.size": 10,
    "text.color": _TEXT,
    "axes.labelcolor": _TEXT,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#999999",
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "xtick.labelcolor": _TEXT,
    "ytick.labelcolor": _TEXT,
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
    "legend.frameon": False,
    "legend.fontsize": 9.5,
}

P = ParamSpec("P")
R = TypeVar("R")
Integers = NDArray[Any]


def _styled(function: Callable[P, R]) -> Callable[P, R]:
    """Runs a function under the figures' own style, and restores the user's settings afterwards."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with style.context(["default", _LOOK]):
            return function(*args, **kwargs)

    return run


@_styled
def save(figure: Figure, path: Path) -> None:
    """Writes a PNG, whole or not at all; the same data give the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    files.write_bytes(path, buffer.getvalue())


def exit_colour(index: int) -> str:
    """Returns the colour of an exit, the same in every figure."""
    return _EXIT_COLOURS[index % len(_EXIT_COLOURS)]


# Accuracy against cost


@_styled
def cost_curve_figure(
    curves: Mapping[str, Sequence[OperatingPoint]],
    chosen: tuple[str, OperatingPoint],
    singles: Sequence[tuple[str, float, float]],
    full: float,
    split: str = "the test split",
) -> Figure:
    """Draws accuracy against average cost.

    Args:
        curves: points of each criterion, cheapest first.
        chosen: the criterion and the point in use.
        singles: each exit alone: name, cost as a fraction of the full cost, accuracy.
        full: the last exit's accuracy.
        split: what the points were measured on, for the caption.
    """
    figure = Figure(figsize=(7.6, 5.2), layout="constrained")
    axes = figure.add_subplot()
    name, point = chosen
    lines = [[(p.cost, p.accuracy) for p in curve] for curve in curves.values() if curve]
    lines += [[(point.cost, point.accuracy)], *([(cost, accuracy)] for _, cost, accuracy in singles)]
    _set_limits(axes, np.array([corner for line in lines for corner in line]), full, point.accuracy)
    lines.append([(axes.get_xlim()[0], full), (axes.get_xlim()[1], full)])
    _draw_curves(axes, curves, full)
    taken = np.concatenate([_along(_fractions(axes, line)) for line in lines])
    star = _fractions(axes, [(point.cost, point.accuracy)]) + np.array(_AROUND_STAR)
    labels = _draw_singles(axes, singles, np.concatenate([taken, star]))
    _draw_chosen(axes, name, point, np.concatenate([taken, star, *labels]))
    axes.set_xlabel("average cost, as a fraction of the full cost")
    axes.set_ylabel("accuracy")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(visible=True)
    _legend(axes, columns=6)
    _headings(figure, "Accuracy against average cost", f"Accuracy and cost on {split}.")
    return figure


def _set_limits(axes: Axes, points: NDArray[np.float64], full: float, chosen: float) -> None:
    """Zoom on where the choice is made; poor exits may fall below."""
    best = max(float(points[:, 1].max()), full)
    shown = max(0.12, 2.5 * (best - min(full, chosen)))
    lowest = max(min(float(points[:, 1].min()), full), best - shown)
    room = max(best - lowest, 0.01)
    axes.set_ylim(lowest - 0.1 * room, best + 0.1 * room)
    left, right = float(points[:, 0].min()), max(float(points[:, 0].max()), 1.0)
    room = max(right - left, 0.02)
    axes.set_xlim(left - 0.07 * room, right + 0.07 * room)


def _draw_curves(axes: Axes, curves: Mapping[str, Sequence[OperatingPoint]], full: float) -> None:
    axes.axhline(full, color=_FAINT, linestyle="--", linewidth=1.2, zorder=1)
    axes.annotate(
        f"last exit {100 * full:.2f}%", (0.72, full), xycoords=axes.get_yaxis_transform(), xytext=(0, 3),
        textcoords="offset points", ha="center", color=_FAINT, fontsize=9, path_effects=_HALO,
    )  # fmt: skip
    for k, (name, curve) in enumerate(curves.items()):
        colour, marker = _CRITERION_LOOKS[k % len(_CRITERION_LOOKS)]
        axes.plot(
            [point.cost for point in curve], [point.accuracy for point in curve], color=colour, marker=marker,
            markersize=6, markeredgecolor="white", markeredgewidth=0.6, linewidth=1.8, label=name, zorder=3,
        )  # fmt: skip


def _draw_singles(
    axes: Axes, singles: Sequence[tuple[str, float, float]], taken: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Grey squares; an exit below the axes points down from the lower edge, with its accuracy in words.

    Returns:
        (3, 2) points that each label covers, in axes fractions.
    """
    covered: list[NDArray[np.float64]] = []
    for name, cost, accuracy in singles:
        x, y = _fractions(axes, [(cost, accuracy)])[0]
        below = y < 0
        text, at = (f"{name}, {100 * accuracy:.1f}%", 0.025) if below else (name, y)
        axes.plot(
            x, at, transform=axes.transAxes, marker="v" if below else "s", color=_SINGLE, markersize=9,
            markeredgecolor="white", linestyle="none", zorder=2,
        )  # fmt: skip
        width = 0.0105 * len(text)
        aside = width / 2 + 0.02
        steps = [(aside, 0.0), (-aside, 0.0)]
        if not below:  # under it by preference: curves come from above
            steps = [(0.0, -0.045), (0.0, 0.05), *steps, (aside, -0.04), (-aside, 0.04), (-aside, -0.04), (aside, 0.04)]
        spots = np.array([(x, at)]) + np.array(steps)
        # where a label would leave the axes it may not go
        inside = (np.abs(spots - 0.5) < 0.5 - np.array([width / 2 - 0.02, 0.02])).all(axis=1)
        clear = np.where(inside, _clearance(spots, np.concatenate([taken, *covered]), (width, 0.035)), -1.0)
        spot = spots[np.argmax(np.minimum(clear, 0.012))]
        axes.text(
            spot[0], spot[1], text, transform=axes.transAxes, ha="center", va="center", color=_FAINT, fontsize=9,
            path_effects=_HALO, zorder=4,
        )  # fmt: skip
        covered.append(spot + np.array([(-width / 2, 0.0), (0.0, 0.0), (width / 2, 0.0)]))
    if singles:
        axes.plot([], [], marker="s", color=_SINGLE, markersize=8, linestyle="none", label="one exit alone")
    return covered


def _draw_chosen(axes: Axes, name: str, point: OperatingPoint, taken: NDArray[np.float64]) -> None:
    """A star, and a text box where it covers nothing, near the star where it can be."""
    here = (point.cost, point.accuracy)
    look: dict[str, Any] = {"marker": "*", "color": "#F0C800", "markeredgecolor": _TEXT, "linestyle": "none"}
    axes.plot(*here, markersize=21, markeredgewidth=1.1, zorder=5, **look)
    axes.plot([], [], markersize=13, markeredgewidth=0.8, label="in use", **look)
    xs, ys = np.meshgrid(np.linspace(0.16, 0.84, 35), np.linspace(0.14, 0.86, 37))
    spots = np.stack([xs.ravel(), ys.ravel()], axis=1)
    away = np.hypot(*(spots - _fractions(axes, [here])).T)
    # 0.04 clear is enough; beyond that nearness counts
    spot = spots[np.argmax(np.minimum(_clearance(spots, taken, (0.22, 0.18)), 0.04) * 40 - away)]
    axes.annotate(
        f"{name}\naccuracy {100 * point.accuracy:.2f}%\ncost {100 * point.cost:.1f}%",
        here, xytext=tuple(spot), textcoords="axes fraction", ha="center", va="center",
        fontsize=9.5, linespacing=1.35, zorder=6,
        bbox={"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": "#999999"},
        arrowprops={"arrowstyle": "-", "color": _TEXT, "shrinkB": 9, "linewidth": 1},
    )  # fmt: skip


def _fractions(axes: Axes, points: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """(N, 2) data points as fractions of the axes."""
    low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
    return np.asarray((np.array(points, dtype=float) - low) / (high - low))


def _clearance(spots: NDArray[np.float64], taken: NDArray[np.float64], box: tuple[float, float]) -> NDArray[np.float64]:
    """(S,) distance from a box around each of (S, 2) spots to the nearest of (M, 2) points; axes fractions."""
    gaps = np.maximum(np.abs(spots[:, None] - taken) - np.array(box) / 2, 0)
    return np.asarray(np.hypot(gaps[..., 0], gaps[..., 1]).min(axis=1))


def _along(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, 2) points close together on the broken line through (N, 2) corners."""
    at = np.linspace(0, len(line) - 1, 40 * (len(line) - 1) + 1)
    return np.stack([np.interp(at, np.arange(len(line)), line[:, k]) for k in (0, 1)], axis=1)


# Where each class leaves


@_styled
def exit_rate_figure(exits: Integers, labels: Integers, classes: int, exit_count: int | None = None) -> Figure:
    """Draws the exit rates as stacked bars, one per true class and one of all images.

    Args:
        exits: (N,) where each image left.
        labels: (N,) true classes.
        classes: number of classes.
        exit_count: number of exits; without it, the figure ends with the last exit at which an image left.
    """
    total = _exit_count(exits, exit_count)
    crowded = classes > 20
    figure = Figure(figsize=(7.6, 1.6 + (0.22 if crowded else 0.36) * (classes + 1)), layout="constrained")
    axes = figure.add_subplot()
    rows = [("all", exits), *((f"class {c}", exits[labels == c]) for c in range(classes))]
    heights = [0.0, *(1.35 + np.arange(classes))]  # the first bar stands a little apart
    for (_, left), y in zip(rows, heights, strict=True):
        _draw_bar(axes, np.bincount(left.astype(np.int64), minlength=total), y, 7.5 if crowded else 9)
    for k in range(total):
        axes.barh([0], [0], color=exit_colour(k), label=f"exit {k}")
    axes.set_yticks(heights, [f"{name}  ({len(left):,})" for name, left in rows], fontsize=7.5 if crowded else 9.5)
    axes.set_ylim(heights[-1] + 0.6, -0.6)
    axes.set_xlim(0, 1)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("fraction of the images")
    _legend(axes, columns=6)
    _headings(figure, "Exit rates of each class", "The number of images is in brackets.")
    return figure


def _draw_bar(axes: Axes, counts: Integers, y: float, size: float) -> None:
    if counts.sum() == 0:
        axes.text(0.01, y, "no images", va="center", color=_FAINT, fontsize=size, style="italic")
        return
    fractions = counts / counts.sum()
    starts = np.cumsum(fractions) - fractions
    for k, (start, fraction) in enumerate(zip(starts, fractions, strict=True)):
        if fraction == 0:
            continue
        colour = exit_colour(k)
        axes.barh(y, fraction, left=start, height=0.8, color=colour, edgecolor="white", linewidth=0.8)
        if fraction >= 0.055:
            ink = _ink_on(colour)
            axes.text(
                start + fraction / 2, y, f"{100 * fraction:.0f}%", ha="center", va="center", color=ink, fontsize=size
            )


def _ink_on(colour: str) -> str:
    """Black or white, whichever reads better on a colour."""
    red, green, blue = to_rgb(colour)
    return _TEXT if 0.299 * red + 0.587 * green + 0.114 * blue > 0.52 else "white"


# Images that left first and last


@_styled
def extreme_images_figure(
    images: Integers, records: Records, labels: Integers, count: int, exit_count: int | None = None
) -> Figure:
    """Draws, for each exit, the images that left there with the highest and with the lowest scores.

    Args:
        images: (N, C, H, W) integer codes; three channels are red, green and blue, others are averaged.
        records: of `RECORD_DTYPE`; `sample_id` counts images from 0, only final records are used.
        labels: (N,) true classes.
        count: maximum number of images in a row; no image is in both rows.
        exit_count: number of exits; without it, the figure ends with the last exit at which an image left.
    """
    final = final_records(records)
    total = _exit_count(final["exit"], exit_count)
    there = [final[final["exit"] == k] for k in range(total)]
    heights = [2.75 if len(left) else 0.6 for left in there]
    figure = Figure(figsize=(max(0.5 + 0.95 * count, 5.6), 0.8 + sum(heights)), layout="constrained")
    pictures = _pictures(images)
    blocks = np.ravel(figure.subfigures(total, 1, height_ratios=heights, squeeze=False))
    for k, (block, left) in enumerate(zip(blocks, there, strict=True)):
        _exit_title(block, k, len(left), len(final))
        if len(left):
            _draw_extremes(block, left, pictures, labels, count)
    caption = "✓ predicted class, right.  ✗ predicted class, and true class."
    _headings(figure, "Images with the highest and lowest scores at each exit", caption)
    return figure


def _exit_title(block: SubFigure, index: int, left: int, total: int) -> None:
    words = f"{left:,} of {total:,} images left here" if left else "no image left here"
    inch = 1 / float(block.bbox.width / block.figure.dpi)
    block.suptitle(f"exit {index}: {words}", x=0.34 * inch, ha="left", fontsize=10.5)
    strip = Rectangle((0.0, 0.02), 0.1 * inch, 0.96, transform=block.transSubfigure)
    strip.set(color=exit_colour(index), linewidth=0)
    block.add_artist(strip)


def _draw_extremes(block: SubFigure, left: Records, pictures: NDArray[Any], labels: Integers, count: int) -> None:
    # sample order breaks ties, so that the same records give the same figure
    order = left[np.argsort(-left["score"].astype(np.int64), kind="stable")]
    easiest = order[: min(count, (len(order) + 1) // 2)]
    hardest = order[::-1][: min(count, len(order) // 2)]
    # the first column is the rows' names, the last the right margin
    grid = block.subplots(2, count + 2, squeeze=False, width_ratios=[0.3, *[1.0] * count, 0.05])
    for row, name, chosen in zip(grid, ("easiest", "hardest"), (easiest, hardest), strict=True):
        for axes in row:
            axes.set_axis_off()
        for axes, record in zip(row[1:], chosen, strict=False):
            _draw_thumbnail(axes, pictures[record["sample_id"]], int(record["label"]), int(labels[record["sample_id"]]))
        row[0].text(0.75, 0.5, name, transform=row[0].transAxes, rotation=90, ha="center", va="center", fontsize=9)


def _draw_thumbnail(axes: Axes, picture: NDArray[Any], predicted: int, true: int) -> None:
    right = predicted == true
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    text = f"✓ {predicted}" if right else f"✗ {predicted}, is {true}"
    axes.set_title(text, color=_RIGHT if right else _WRONG, fontsize=9.5, pad=3, weight="normal" if right else "bold")


def _pictures(images: Integers) -> NDArray[Any]:
    """(N, H, W) or (N, H, W, 3) values from 0 to 1, the codes' whole range stretched over all images alike."""
    low, high = float(images.min()), float(images.max())
    values = (images.astype(np.float32) - low) / max(high - low, 1.0)
    return np.moveaxis(values, 1, -1) if images.shape[1] == 3 else np.asarray(values.mean(axis=1))


# Accuracy against deadline


@_styled
def deadline_figure(deadlines: Sequence[tuple[float, float, float]]) -> Figure:
    """Draws the accuracy in anytime mode over the cycles, with a step at each exit.

    Args:
        deadlines: for each exit its cycles, the fraction of images whose newest answer is then right, and the fraction
            for which it is the last.
    """
    cycles, accuracy, final = (list(column) for column in zip(*deadlines, strict=True))
    end = 1.15 * cycles[-1]
    figure = Figure(figsize=(7.6, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for values, colour, look, name in (
        (accuracy, _CRITERION_LOOKS[0][0], "-", "newest answer right"),
        (final, _CRITERION_LOOKS[1][0], "--", "newest answer final"),
    ):
        axes.step(
            [0.0, *cycles, end], [0.0, *values, values[-1]], where="post", color=colour, linestyle=look, linewidth=1.8,
            label=name,
        )  # fmt: skip
    for k, (at, fraction) in enumerate(zip(cycles, accuracy, strict=True)):
        axes.plot(at, fraction, marker="o", color=exit_colour(k), markeredgecolor=_TEXT, markersize=8, linestyle="none")
        axes.annotate(
            f"exit {k}, {100 * fraction:.1f}%", (at, fraction), xytext=(0, 9), textcoords="offset points", fontsize=9,
            path_effects=_HALO,
        )  # fmt: skip
    axes.set_xlim(0, end)
    axes.set_ylim(0, 1.15)
    axes.set_xlabel("cycles since the first word of an image was accepted")
    axes.set_ylabel("fraction of the images")
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(visible=True)
    _legend(axes, columns=2)
    _headings(
        figure, "Accuracy against deadline", "In anytime mode, each image by itself; cycles from the RTL simulation."
    )
    return figure


# What all figures have in common


def _exit_count(exits: Integers, given: int | None) -> int:
    return given if given is not None else int(exits.max()) + 1


def _legend(axes: Axes, columns: int) -> None:
    """Above the axes, where it covers nothing."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=columns, columnspacing=1.3, handlelength=1.6,
        handletextpad=0.5, borderaxespad=0.3,
    )  # fmt: skip


def _headings(figure: Figure, title: str, caption: str) -> None:
    """A title above everything and a caption below, both from the left edge."""
    figure.suptitle(title, x=0.015, ha="left")
    figure.supxlabel(caption, x=0.015, ha="left", fontsize=8.5, color=_FAINT)
