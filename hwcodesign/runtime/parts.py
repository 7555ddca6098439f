"""This module measures the time of the parts of a run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum


class Part(str, Enum):
    """The parts of a run are listed here, in the order in which an image meets them."""

    ENCODE = "encode"  #: images to codes, with their checks
    COPY_IN = "copy in"  #: codes to words in the memory that the accelerator reads
    TRANSFER = "transfer"  #: words out and records back; where no board is, the computation
    COPY_OUT = "copy out"  #: records out of that memory
    CHECK = "check"  #: records held to what was sent


@dataclass
class PartTimes:
    """The part times are the seconds of each part since opening."""

    seconds: dict[Part, float] = field(default_factory=lambda: dict.fromkeys(Part, 0.0))

    @contextmanager
    def part(self, part: Part) -> Iterator[None]:
        """Measures the time of a block."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - start


@dataclass(frozen=True)
class Throughput:
    """The throughput is the result of a throughput test.

    Attributes:
        on: place where it ran.
        images: number of images.
        seconds: total wall-clock time.
        parts: seconds of each part; the rest of the total is Python around them.
    """

    on: str
    images: int
    seconds: float
    parts: dict[Part, float]

    @property
    def images_per_second(self) -> float:
        """Returns the images per second."""
        return self.images / self.seconds

    def __str__(self) -> str:
        parts = ", ".join(f"{part.value} {1e3 * seconds:.1f} ms" for part, seconds in self.parts.items())
        return f"{self.images_per_second:,.0f} images/s on {self.on} ({self.images} in {self.seconds:.3f} s: {parts})"
