"""An evaluator of points for tests, which other processes can have, too."""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import dataclass
from pathlib import Path

from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.policies import ExitPolicy
from hwcodesign.search.effort import Effort
from hwcodesign.search.evaluation import Evaluated, Figures
from hwcodesign.search.space import Point

#: Seconds in which other processes begin.
_PATIENCE = 60


def figures(accuracy: float, rate: float, mean_us: float, share: float) -> Figures:
    """Makes figures of which the search sees these."""
    effort, latencies = Effort(1.0, 2.0, 3.0), (mean_us, 2 * mean_us, 3 * mean_us, 4 * mean_us)
    return Figures(accuracy, (1.0,), 1.0, rate, *latencies, Resources(lut=100), share, effort)


@dataclass(frozen=True)
class Made:
    """It makes figures up from a point.

    Attributes:
        policy: of all points.
        log: folder in which each process that evaluates leaves a file.
        together: processes that an evaluation waits for: all must evaluate at the same time.
        seconds: that an evaluation takes.
        deadly: throughputs below which the process ends, if it is one that another one began.
    """

    policy: ExitPolicy
    log: Path | None = None
    together: int = 1
    seconds: float = 0.0
    deadly: float = 0.0

    def prepare(self, point: Point) -> None:
        """Does nothing."""

    def evaluate(self, point: Point) -> Evaluated:
        """Makes figures up."""
        rate, drop = point.images_per_second or 100_000.0, point.accuracy_drop
        if rate < self.deadly and multiprocessing.parent_process() is not None:
            os._exit(1)
        time.sleep(self.seconds)
        if self.log is not None:
            (self.log / f"process{os.getpid()}").touch()
            begun = time.monotonic()
            while len([*self.log.glob("process*")]) < self.together:
                assert time.monotonic() < begun + _PATIENCE, "no other process evaluates"
                time.sleep(0.01)
        return Evaluated(point, self.policy, figures(0.9 - drop, rate, 1e6 / rate + 100 * drop, rate / 120_000))
