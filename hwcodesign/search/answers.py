"""This module answers what becomes of a compiled design if images are other than those that it was fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.levels import levels_of
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate
from hwcodesign.data import Split as Images
from hwcodesign.design import Design
from hwcodesign.errors import DesignError, SettingsError
from hwcodesign.exploration.cascades import Cascade, Member, cascades, fastest_as_accurate
from hwcodesign.exploration.whatif import (
    Link,
    Split,
    Stream,
    by_depth,
    by_order,
    by_rate,
    splits,
    swapped,
    under_attack,
)
from hwcodesign.report.chart import Chart
from hwcodesign.report.whatif_charts import cascade_chart, depth_chart, line_chart, order_chart


@dataclass(frozen=True)
class Answers:
    """Answers are images/s, by the model of the queues between stages.

    Attributes:
        images: number of images.
        orders: the same images in other orders.
        depths: the same by the depth of conditional buffers.
        rates: by the percentage points by which more images leave early.
        attacked: by the fraction of images that an attack sends to the last exit.
        splits: by the stages in front of a link; of a design whose stages hand on one tensor each.
        swaps: by the images of a batch, if stages are swapped in one after another.
        accuracy: fraction of right answers, with the early exits.
        lut: LUTs that it takes, by estimate.
        cascades: a smaller network in front of this one's last exit, where one was given.
        cascade_lut: LUTs that both take then.
    """

    images: int
    orders: Mapping[str, float]
    depths: Mapping[str, Mapping[int, float]]
    rates: Mapping[int, float]
    attacked: Mapping[float, float]
    splits: tuple[Split, ...]
    swaps: Mapping[int, float]
    accuracy: float
    lut: float
    cascades: tuple[Cascade, ...] = ()
    cascade_lut: float | None = None

    @classmethod
    def of(cls, design: Design, images: Images, link: Link, swap_s: float, smaller: Design | None = None) -> Answers:
        """Asks for a design.

        Args:
            images: in the order in which they come.
            link: to a machine with the same network.
            swap_s: seconds in which a stage is swapped for another.
            smaller: a design of a smaller network for the same images, which answers first in a cascade.

        Raises:
            DesignError: it has no RTL, and so no cycles.
            SettingsError: a time is not above zero.
        """
        _check(design, smaller)
        if not swap_s > 0:
            raise SettingsError(f"swap_ms={1000 * swap_s:g} must be above 0")
        hardware, hertz = Hardware.of(design.accelerator), design.board.clock_mhz * 1e6
        records = design.run(images.images)
        taken = np.asarray(records["exit"], np.int64)
        stream = Stream(hardware.reading_stages, taken, images.labels, design.accelerator.buffer_samples)
        return cls(
            len(taken),
            {name: hertz / cycles for name, cycles in by_order(stream).items()},
            {name: {d: hertz / cycles for d, cycles in found.items()} for name, found in by_depth(stream).items()},
            {points: hertz / cycles for points, cycles in by_rate(stream).items()},
            {part: hertz / cycles for part, cycles in under_attack(stream).items()},
            splits(stream, hardware.latencies, _bits(design), hertz, link),
            swapped(stream, _parts(design, hardware), swap_s, hertz),
            float((records["label"] == images.labels).mean()),
            AcceleratorEstimate.of(hardware).total.lut,
            *_cascades(design, smaller, images),
        )

    def to_json(self) -> dict[str, Any]:
        """Returns plain data."""
        return asdict(self)

    @property
    def charts(self) -> list[Chart]:
        """Returns the charts."""
        attacked = line_chart(
            "attack", "A slowdown attack", "images that it sends to the last exit", self.attacked, percents=True
        )
        rates = line_chart("rates", "Other exit rates", "percentage points of images that leave early more", self.rates)
        link = line_chart(
            "link", "Stages in front of a link", "stages on the device", {s.here: s.per_second for s in self.splits}
        )
        charts = [order_chart(self.orders), depth_chart(self.depths), rates, attacked, link]
        if self.cascades:
            exits = (self.accuracy, self.orders["as they come"])
            charts.append(cascade_chart([(one.accuracy, one.per_second) for one in self.cascades], exits))
        return charts

    @property
    def text(self) -> str:
        """Returns tables for the terminal."""
        lines = [f"images/s, predicted for {self.images:,} test images"]
        rows = [*self.orders.items()]
        rows += [(f"{points:+d} points leave early", rate) for points, rate in self.rates.items() if points]
        rows += [(f"an attack on {part:.0%}", rate) for part, rate in self.attacked.items() if part]
        rows += [
            (f"{s.here} stages, then a link: {s.bound} binds, mean {1000 * s.mean_s:,.3f} ms", s.per_second)
            for s in self.splits
        ]
        rows += [(f"stages swapped in, batches of {batch:,}, at most", rate) for batch, rate in self.swaps.items()]
        rows += [
            (f"a smaller network first, {one.goes_on:.0%} go on, {one.accuracy:.2%} right", one.per_second)
            for one in self.cascades
        ]
        shown = [*lines, *(f"{name:56}{rate:12,.0f}" for name, rate in rows)]
        return "\n".join([*shown, *self._compared])

    @property
    def _compared(self) -> list[str]:
        """Who wins: the design with its exits, or a cascade that is as accurate."""
        if not self.cascades:
            return []
        exits, found = self.orders["as they come"], fastest_as_accurate(self.cascades, self.accuracy)
        own = f"early exits: {self.accuracy:.2%} right, {exits:,.0f} images/s, {self.lut:,.0f} LUTs"
        if found is None:
            return [f"{own}; no cascade is as accurate"]
        both = f"{found.goes_on:.0%} go on, {found.per_second:,.0f} images/s, {self.cascade_lut:,.0f} LUTs"
        return [f"{own}; the fastest cascade that is as accurate: {both}"]


def link_of(text: str) -> Link:
    """Reads a link, for example "100,5,2000": Mbit/s, milliseconds of delay, and images/s of the machine behind it.

    Raises:
        SettingsError: these are not three numbers, or not in range.
    """
    try:
        megabits, delay, rate = (float(part) for part in text.split(","))
        return Link(megabits * 1e6, delay / 1000, 1 / rate)
    except (ValueError, ZeroDivisionError):
        raise SettingsError(
            f"link={text!r}: give Mbit/s, milliseconds of delay, and images/s of the machine behind it, such as "
            "100,5,2000"
        ) from None


def _check(design: Design, smaller: Design | None) -> None:
    """Refuses designs without cycles, and a smaller network for other images."""
    for one in (design, smaller):
        if one is not None and not one.has_rtl:
            raise DesignError(f"{one.accelerator.name} was compiled without RTL: compile it with backend='streamrtl'")
    if smaller is not None:
        own, other = (one.accelerator for one in (design, smaller))
        if (own.input_shape, own.policy.classes) != (other.input_shape, other.policy.classes):
            raise SettingsError(
                f"{other.name} takes images of {other.input_shape} and knows {other.policy.classes} classes, and "
                f"{own.name} {own.input_shape} and {own.policy.classes}: give a network for the same images"
            )


def _cascades(design: Design, smaller: Design | None, images: Images) -> tuple[tuple[Cascade, ...], float | None]:
    """What cascades with a smaller network give, and the LUTs of both."""
    if smaller is None:
        return (), None
    classes, both = design.accelerator.policy.classes, (smaller, design)
    logits = [one.logits(images.images)[-1][:, :classes] for one in both]
    hardware = [Hardware.of(one.accelerator) for one in both]
    first, last = (
        Member(max(built.stage_intervals), built.latencies[-1], found.argmax(1) == images.labels)
        for built, found in zip(hardware, logits, strict=True)
    )
    second_best, best = np.sort(logits[0], axis=1)[:, -2:].T
    luts = sum(AcceleratorEstimate.of(built).total.lut for built in hardware)
    return cascades(first, last, best - second_best, design.board.clock_mhz * 1e6), luts


def _bits(design: Design) -> list[int]:
    """Bits of an image, and of all tensors behind each stage."""
    first, *_ = design.accelerator.stages[0].inputs
    given = [(first,), *(stage.results for stage in design.accelerator.stages)]
    return [sum(tensor.elements * tensor.format.width for tensor in tensors) for tensors in given]


def _parts(design: Design, hardware: Hardware) -> list[float]:
    """The fraction of the LUTs of all levels that each level takes; equal ones where nothing was fitted."""
    levels = levels_of(hardware, design.board)
    luts = [level.taken.resources.lut for level in levels] or [1.0] * design.accelerator.exits
    return [lut / sum(luts) for lut in luts]
