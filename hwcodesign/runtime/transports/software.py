"""This module computes batches in NumPy, on any machine that runs Python."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from numpy.typing import NDArray

from hwcodesign.design import Design
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.interface.counters import Counters
from hwcodesign.interface.modes import ExitControl
from hwcodesign.interface.records import Records
from hwcodesign.runtime.computed import ComputedRunner, ComputedTransport
from hwcodesign.runtime.parts import PartTimes
from hwcodesign.runtime.segments import segment_by_segment
from hwcodesign.runtime.software import segment_codes, stream_records
from hwcodesign.runtime.transports.transport import TransferSettings

_NAME = "software"


def check() -> None:
    """Does nothing, because software needs what this module has imported."""


def software_transport(
    accelerator: Accelerator, settings: TransferSettings, times: PartTimes | None = None
) -> ComputedTransport:
    """Makes a transport of the accelerator in NumPy; it may share the times of another transport."""

    def compute(codes: NDArray[Any], control: ExitControl) -> Iterator[tuple[Records, Counters]]:
        for records in stream_records(accelerator, codes, control):
            yield records, Counters.of(records, accelerator.exits)

    return ComputedTransport(_NAME, accelerator, settings.batch, compute, times)


def open_runner(design: Design) -> ComputedRunner:
    """Opens what `Design.run` uses."""
    accelerator = design.accelerator
    outputs = partial(segment_by_segment, accelerator, segment_codes, _NAME)
    return ComputedRunner(_NAME, partial(stream_records, accelerator), outputs)


def open_transport(design: Design, settings: TransferSettings) -> ComputedTransport:
    """Opens what the driver uses."""
    return software_transport(design.accelerator, settings)
