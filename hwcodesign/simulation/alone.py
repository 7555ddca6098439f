"""This module simulates the RTL of an accelerator's segments, each alone: no stage waits for a slower one behind it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.kernels import Segment
from hwcodesign.progress import task
from hwcodesign.simulation.rtl import RtlSimulation
from hwcodesign.simulation.segment import VerilatedSegment

#: Samples that are simulated between two resets: many, since the first waits until the segment's pipeline is full.
_PART = 64


def segment_alone(simulation: RtlSimulation, segment: Segment) -> VerilatedSegment:
    """Returns the module of a segment as it is in the accelerator, with its streams there."""
    accelerator = simulation.accelerator
    number = accelerator.segments.index(segment)
    project = dataclasses.replace(simulation.project, top=f"{accelerator.name}_{segment.name}")
    return VerilatedSegment(
        project, segment.inputs, segment.results, accelerator.given(number), accelerator.taken(number)
    )


def segment_codes(
    simulation: RtlSimulation, segment: Segment, codes: Sequence[NDArray[Any]]
) -> tuple[NDArray[np.int64], ...]:
    """Simulates a segment's module on all cores.

    Args:
        simulation: the accelerator's.
        segment: one of its segments.
        codes: (N, *shape) codes of each of its inputs, channels last.

    Returns:
        Codes of each of its outputs, (N, *shape).

    Raises:
        SimulationError: the segment hangs, or has output left over.
        ToolError: Verilator or g++ is missing.
    """
    module = segment_alone(simulation, segment)
    module.library()
    samples = len(codes[0])

    def simulate(start: int) -> tuple[NDArray[np.int64], ...]:
        part = [tensor[start : start + _PART] for tensor in codes]
        run = module.run(*part)
        reported.advance(len(part[0]))
        return run.outputs

    text = f"running {samples} images through {segment.name} on rtl"
    with task(text, samples, "images") as reported, ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(simulate, range(0, samples, _PART)))
    none = [np.zeros((0, *tensor.shape), np.int64) for tensor in segment.results]
    return tuple(np.concatenate(tensors) for tensors in zip(none, *parts, strict=True))
