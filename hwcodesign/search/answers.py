"""This module answers what becomes of a compiled design if images are other than those that it was fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.levels import levels_of
from hwcodesign.data import Split as Images
from hwcodesign.design import Design
from hwcodesign.errors import DesignError, SettingsError
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
from hwcodesign.report.whatif_charts import depth_chart, line_chart, order_chart


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
    """

    images: int
    orders: Mapping[str, float]
    depths: Mapping[str, Mapping[int, float]]
    rates: Mapping[int, float]
    attacked: Mapping[float, float]
    splits: tuple[Split, ...]
    swaps: Mapping[int, float]

    @classmethod
    def of(cls, design: Design, images: Images, link: Link, swap_s: float) -> Answers:
        """Asks for a design.

        Args:
            images: in the order in which they come.
            link: to a machine with the same network.
            swap_s: seconds in which a stage is swapped for another.

        Raises:
            DesignError: it has no RTL, and so no cycles.
            SettingsError: a time is not above zero.
        """
        if not design.has_rtl:
            raise DesignError("the design was compiled without RTL: compile it with backend='streamrtl'")
        if not swap_s > 0:
            raise SettingsError(f"swap_ms={1000 * swap_s:g} must be above 0")
        hardware, hertz = Hardware.of(design.accelerator), design.board.clock_mhz * 1e6
        taken = np.asarray(design.run(images.images)["exit"], np.int64)
        stream = Stream(hardware.reading_stages, taken, images.labels, design.accelerator.buffer_samples)
        return cls(
            len(taken),
            {name: hertz / cycles for name, cycles in by_order(stream).items()},
            {name: {d: hertz / cycles for d, cycles in found.items()} for name, found in by_depth(stream).items()},
            {points: hertz / cycles for points, cycles in by_rate(stream).items()},
            {part: hertz / cycles for part, cycles in under_attack(stream).items()},
            splits(stream, hardware.latencies, _bits(design), hertz, link),
            swapped(stream, _parts(design, hardware), swap_s, hertz),
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
        return [order_chart(self.orders), depth_chart(self.depths), rates, attacked, link]

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
        return "\n".join([*lines, *(f"{name:56}{rate:12,.0f}" for name, rate in rows)])


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
