"""This module measures the cycles of the simulated accelerator, to compare them with the prediction of the
compilation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import DesignError
from hwcodesign.hardware.pace import mean_interval
from hwcodesign.interface.modes import ExitControl
from hwcodesign.policies import subnet_codes
from hwcodesign.simulation.rtl import RtlRun, RtlSimulation


@dataclass(frozen=True)
class ExitMeasurement:
    """This holds the cycles of samples that all leave at one exit.

    Attributes:
        latency: (predicted, simulated) of a sample alone, from its first word accepted to its record offered.
        interval: (predicted, simulated) between records in the long run.
    """

    latency: tuple[int, int]
    interval: tuple[float, float]


@dataclass(frozen=True)
class Throughput:
    """This holds the cycles on a stream of images at the exits that they take.

    Attributes:
        cycles_per_image: simulated cycles from the first word accepted to the last record sent, divided by the number
            of images.
        bound: least cycles per image with unlimited buffers: the largest product of reach probability and interval over
            the stages.
        high_water: most beats in each conditional buffer, and what it holds.
    """

    cycles_per_image: float
    bound: float
    high_water: tuple[tuple[int, int], ...]


def measure_exits(
    simulation: RtlSimulation, cycles: dict[str, Any], codes: NDArray[Any]
) -> tuple[ExitMeasurement, ...]:
    """Simulates, for each exit, one sample alone and some in a row.

    Args:
        cycles: predictions in the manifest.
        codes: (N, C, H, W) codes of any images; cycles do not depend on them.

    Raises:
        DesignError: the design has no predictions: it has no RTL.
    """
    if not cycles:
        raise DesignError("the design was compiled without RTL: compile it with backend='streamrtl'")
    exits = simulation.accelerator.exits
    found = []
    for k, predicted in enumerate(cycles["exits"]):
        control = ExitControl(subnet_codes(exits, k), anytime=False)
        alone = simulation.run(codes[:1], control)
        settled, period = predicted["settled"], predicted["period"]
        row = simulation.run(np.resize(codes, (settled + period + 1, *codes.shape[1:])), control)
        found.append(
            ExitMeasurement(
                (predicted["latency"], int(alone.records["cycles"][0])),
                (predicted["interval"], mean_interval(row.left.tolist(), settled, period)),
            )
        )
    return tuple(found)


def throughput(simulation: RtlSimulation, cycles: dict[str, Any], run: RtlRun) -> Throughput:
    """Returns the cycles of a run that was not stalled from outside.

    Args:
        cycles: predictions in the manifest.
        run: run in adaptive mode.
    """
    accelerator = simulation.accelerator
    samples = len(run.accepted)
    reach = _reach([run.counters[f"FINALS[{k}]"] / samples for k in range(accelerator.exits)])
    bound = max(fraction * interval for fraction, interval in zip(reach, cycles["stages"], strict=True))
    held = tuple((run.counters[f"HIGH_WATER[{k}]"], accelerator.buffer_beats(k)) for k in range(accelerator.exits - 1))
    return Throughput(run.cycles / samples, bound, held)


def _reach(leaving: Sequence[float]) -> list[float]:
    """Returns the fraction of samples that reach each exit's stage."""
    return [1.0 - sum(leaving[:k]) for k in range(len(leaving))]
