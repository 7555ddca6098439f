"""This module measures the cycles of a design's RTL for the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from numpy.typing import NDArray

from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.levels import levels_of
from hwcodesign.design import Design
from hwcodesign.errors import MismatchError
from hwcodesign.exploration.deadlines import accuracy_by_deadline
from hwcodesign.images import encode_images
from hwcodesign.interface.modes import exit_control
from hwcodesign.policies import ExitStatistics
from hwcodesign.report.schema import HardwareReport, LevelReport
from hwcodesign.simulation.activity import MOST_CYCLES
from hwcodesign.simulation.measurement import ExitMeasurement, measure_exits, throughput
from hwcodesign.simulation.rtl import RtlRun
from hwcodesign.simulation.timeline import Timeline, timeline

#: Samples of the timeline: at most, and at least if they can be kept. More than these take so many cycles at most.
_SHOWN, _LEAST, _SHOWN_CYCLES = 60, 6, 150_000


def hardware_report(
    design: Design, built: Hardware, images: NDArray[Any], run: RtlRun, statistics: ExitStatistics
) -> HardwareReport:
    """Returns the cycles of the RTL: for each exit, on the images in their order, and by deadline.

    Args:
        design: the design.
        built: its hardware.
        images: images for the exits' latency and interval, which do not depend on them; one will do.
        run: simulation of test images in their order, in one batch.
        statistics: of the whole test split.
    """
    simulation, cycles = design.rtl, design.manifest["cycles"]
    codes = encode_images(images, design.accelerator.input_format, design.accelerator.input_shape)
    clock = float(design.manifest["board"]["clock_mhz"])
    measured = measure_exits(simulation, cycles, codes)
    _require_predicted(measured)
    stream = throughput(simulation, cycles, run)
    taken = statistics.exits_taken(design.policy.threshold_codes[:-1])
    deadlines = accuracy_by_deadline(statistics.correct, taken, [exit_.latency[1] for exit_ in measured])
    levels = levels_of(built, design.board)
    return {
        "clock_mhz": clock,
        "samples": len(run.accepted),
        "cycles_per_image": stream.cycles_per_image,
        "images_per_second": clock * 1e6 / stream.cycles_per_image,
        "bound": stream.bound,
        "exits": [
            {
                "latency_predicted": exit_.latency[0],
                "latency": exit_.latency[1],
                "interval_predicted": exit_.interval[0],
                "interval": exit_.interval[1],
            }
            for exit_ in measured
        ],
        "stages": list(built.stage_intervals),
        "decisions": [stage.decision for stage in built.stage_cycles],
        "buffer_samples": design.accelerator.buffer_samples,
        "buffers": list(stream.high_water),
        "deadlines": [{"cycles": d.cycles, "accuracy": d.accuracy, "final": d.final} for d in deadlines],
        "levels": [cast("LevelReport", level.to_json()) for level in levels],
    }


def _require_predicted(measured: Sequence[ExitMeasurement]) -> None:
    """Refuses cycles that are not those that were predicted.

    Raises:
        MismatchError: it names the exit.
    """
    for k, exit_ in enumerate(measured):
        for what, (predicted, simulated) in (("latency", exit_.latency), ("interval", exit_.interval)):
            if predicted != simulated:
                raise MismatchError(
                    f"exit {k} has {what} {simulated:g} in the simulation, and {predicted:g} cycles were predicted. If "
                    "the criterion is your own, its score_unit must give the depth of its SystemVerilog module"
                )


def first_samples(design: Design, images: NDArray[Any], hardware: HardwareReport) -> Timeline | None:
    """Returns the timeline of the first images, few enough that every cycle can be kept; None if not even two can."""
    room = (MOST_CYCLES // 2 - hardware["exits"][-1]["latency"]) // max(hardware["stages"])  # if all leave last
    count = min(len(images), _SHOWN, max(_LEAST, int(_SHOWN_CYCLES / hardware["cycles_per_image"])), room)
    if count < min(2, len(images)):
        return None
    codes = encode_images(images[:count], design.accelerator.input_format, design.accelerator.input_shape)
    return timeline(design.accelerator, design.rtl.run(codes, exit_control(design.policy), activity=True))
