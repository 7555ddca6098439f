"""This module runs all backends on test images, and holds each of them to Brevitas, value by value."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hwcodesign.design import Design
from hwcodesign.images import encode_images
from hwcodesign.interface.modes import ExitControl, exit_control
from hwcodesign.interface.records import Records, final_records
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.policies import subnet_codes
from hwcodesign.progress import Task
from hwcodesign.runtime.segments import segment_by_segment
from hwcodesign.simulation.alone import segment_alone, segment_codes
from hwcodesign.simulation.rtl import RtlRun
from hwcodesign.verification.comparison import (
    Comparison,
    brevitas_outputs,
    brevitas_records,
    by_sample_and_exit,
    compare_outputs,
    compare_records,
    records_of_every_exit,
    require_equal,
)

#: Images that all go to the last exit, so that scores are compared at every exit, whether images leave there or not.
#: In RTL, the outputs of segments are then read within the accelerator, where each stage waits for the slowest: that
#: takes twice as long as the stages take alone.
IN_PLACE = 256
_REFERENCE = "brevitas"


class Steps(Protocol):
    """Steps measure the time of what is done, and report it."""

    def timed(self, name: str) -> AbstractContextManager[None]:
        """Measures the time of a step that reports its progress itself."""
        ...

    def step(self, name: str, text: str) -> AbstractContextManager[Task]:
        """Measures the time of a step, and reports the step as a task."""
        ...


@dataclass(frozen=True)
class Verified:
    """This is what the backends gave, after they were compared.

    Attributes:
        records: final records of all images.
        comparisons: one for each backend and what was compared.
        stream: the simulated accelerator's run on the images in their order, without a pause; None without RTL.
    """

    records: Records
    comparisons: tuple[Comparison, ...]
    stream: RtlRun | None


@dataclass(frozen=True)
class _Expected:
    """This is what Brevitas gives.

    Attributes:
        outputs: of every segment.
        records: final records.
        every_exit: records of the first images, none of which leaves before the last exit.
        criterion: name of the design's.
    """

    outputs: dict[str, NDArray[np.int64]]
    records: Records
    every_exit: Records
    criterion: str

    def of_first(self, count: int) -> dict[str, NDArray[np.int64]]:
        """Returns the outputs for the first images."""
        return {name: codes[:count] for name, codes in self.outputs.items()}

    def compared(self, on: str, records: Records) -> Comparison:
        """Compares a backend's final records of the first images."""
        return compare_records(on, records, self.records[: len(records)], _REFERENCE, f"records, {self.criterion}")

    def compared_at_every_exit(self, on: str, records: Records, samples: int) -> Comparison:
        """Compares a backend's records of all exits of the first images."""
        wanted = self.every_exit[self.every_exit["sample_id"] < samples]
        what = f"records of every exit, {self.criterion}"
        found = compare_records(on, by_sample_and_exit(records), wanted, _REFERENCE, what)
        return replace(found, samples=samples)


def verify_backends(
    steps: Steps, network: MultiExitNetwork, design: Design, images: NDArray[Any], simulated: int | None
) -> Verified:
    """Runs software on all images and the simulations on the first ones, and compares each with Brevitas.

    Args:
        steps: measures times.
        network: network that was compiled.
        design: its design.
        images: (N, C, H, W).
        simulated: images that are simulated; None: all.

    Raises:
        MismatchError: any two differ anywhere.
    """
    with steps.timed("reference"):
        outputs = brevitas_outputs(network, images)
    logits = [outputs[head.name] for head in design.accelerator.heads]
    every_exit = records_of_every_exit(design, [codes[:IN_PLACE] for codes in logits])
    expected = _Expected(outputs, brevitas_records(design, logits), every_exit, design.policy.criterion_name)
    with steps.timed("csim_build"):
        _ = design.csim
    if design.has_rtl:
        with steps.step("rtl_build", "compiling the generated SystemVerilog, whole and stage by stage"):
            design.rtl.library()
            for segment in design.accelerator.segments:
                segment_alone(design.rtl, segment).library()
    computed, comparisons = _compared(steps, design, images, "software", expected)
    comparisons += _compared(steps, design, images[:simulated], "csim", expected)[1]
    stream = None
    if design.has_rtl:
        stream, of_rtl = _compared_rtl(steps, design, images[:simulated], expected)
        comparisons += of_rtl
    require_equal(comparisons)
    return Verified(computed, tuple(comparisons), stream)


def _compared(
    steps: Steps, design: Design, images: NDArray[Any], on: str, expected: _Expected
) -> tuple[Records, list[Comparison]]:
    with steps.timed(on):
        records = design.run(images, on)
    with steps.step(f"{on}_segments", f"comparing every logit of {on}"):
        outputs = design.segment_outputs(images, on)
        comparisons = compare_outputs(on, outputs, expected.of_first(len(images)), _REFERENCE)
        first, never = images[:IN_PLACE], [None] * (design.accelerator.exits - 1)
        every_exit = np.concatenate(list(design.stream(first, on, mode="anytime", thresholds=never)))
    comparisons.append(expected.compared(on, records))
    return records, [*comparisons, expected.compared_at_every_exit(on, every_exit, len(first))]


def _compared_rtl(
    steps: Steps, design: Design, images: NDArray[Any], expected: _Expected
) -> tuple[RtlRun, list[Comparison]]:
    """Compares the accelerator's records, every segment's outputs alone, and those of some images in place."""
    on, simulation, accelerator = "rtl", design.rtl, design.accelerator
    codes = encode_images(images, accelerator.input_format, accelerator.input_shape)

    def whole() -> RtlRun:
        with steps.timed(on):  # one batch: the pipeline fills and drains once
            return simulation.run(codes, exit_control(design.policy), batch=max(1, len(codes)))

    first = codes[:IN_PLACE]
    with steps.step("rtl_segments", f"running {len(codes)} images on rtl, and comparing every logit"):
        with ThreadPoolExecutor(1) as pool:  # a batch is simulated on one core, and leaves the others
            running = pool.submit(whole)
            alone = segment_by_segment(accelerator, partial(segment_codes, simulation), on, codes)
            stream = running.result()
        with steps.timed("rtl_in_place"):
            never = ExitControl(subnet_codes(accelerator.exits, accelerator.exits - 1), anytime=True)
            in_place = simulation.run(first, never, outputs=True)
    comparisons = [
        *compare_outputs(on, alone, expected.of_first(len(codes)), _REFERENCE),
        *compare_outputs(on, in_place.outputs, expected.of_first(len(first)), _REFERENCE, ", within the accelerator"),
        expected.compared(on, final_records(stream.records)),
        expected.compared_at_every_exit(on, in_place.records, len(first)),
    ]
    return stream, comparisons
