"""An evaluator of points for tests, which other processes can have, too."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.policies import ExitPolicy
from hwcodesign.search.effort import Effort
from hwcodesign.search.evaluation import Evaluated, Figures
from hwcodesign.search.space import Point


def figures(accuracy: float, rate: float, mean_us: float, share: float) -> Figures:
    """Makes figures of which the search sees these."""
    effort = Effort(1.0, 2.0, 3.0)
    return Figures(accuracy, (1.0,), 1.0, rate, mean_us, 2 * mean_us, Resources(lut=100), share, effort)


@dataclass(frozen=True)
class Made:
    """It makes figures up from a point.

    Attributes:
        policy: of all points.
        seconds: that an evaluation takes.
        log: folder in which each evaluation leaves a file with the number of its process.
        deadly: throughputs below which the process ends.
    """

    policy: ExitPolicy
    seconds: float = 0.0
    log: Path | None = None
    deadly: float = 0.0

    def prepare(self, point: Point) -> None:
        """Does nothing."""

    def evaluate(self, point: Point) -> Evaluated:
        """Makes figures up."""
        rate, drop = point.images_per_second or 100_000.0, point.accuracy_drop
        if rate < self.deadly:
            os._exit(1)
        time.sleep(self.seconds)
        if self.log is not None:
            (self.log / f"{point.images_per_second}").write_text(str(os.getpid()))
        return Evaluated(point, self.policy, figures(0.9 - drop, rate, 1e6 / rate + 100 * drop, rate / 120_000))
