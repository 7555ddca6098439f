"""This module computes batches in software, on any machine that runs Python: by the native engine, or by NumPy."""

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
from hwcodesign.runtime import arithmetic as arithmetics
from hwcodesign.runtime.arithmetic import Arithmetic
from hwcodesign.runtime.computed import ComputedRunner, ComputedTransport
from hwcodesign.runtime.parts import PartTimes
from hwcodesign.runtime.segments import segment_by_segment
from hwcodesign.runtime.software import segment_codes, stream_records
from hwcodesign.runtime.transports.transport import TransferSettings


def check() -> None:
    """Does nothing, because NumPy is always there."""


def software_transport(
    accelerator: Accelerator,
    settings: TransferSettings,
    times: PartTimes | None = None,
    arithmetic: Arithmetic | None = None,
) -> ComputedTransport:
    """Makes a transport of the accelerator in software.

    Args:
        times: those of another transport, which it may share.
        arithmetic: who computes; by default the native engine where it is there.
    """
    computing = arithmetic or arithmetics.chosen()

    def compute(codes: NDArray[Any], control: ExitControl) -> Iterator[tuple[Records, Counters]]:
        for records in stream_records(accelerator, codes, control, computing):
            yield records, Counters.of(records, accelerator.exits)

    return ComputedTransport(computing.label, accelerator, settings.batch, compute, times)


def software_runner(design: Design, arithmetic: Arithmetic) -> ComputedRunner:
    """Makes what `Design.run` uses, where an arithmetic computes."""
    accelerator = design.accelerator
    outputs = partial(segment_by_segment, accelerator, partial(segment_codes, arithmetic=arithmetic), arithmetic.label)
    return ComputedRunner(arithmetic.label, partial(stream_records, accelerator, arithmetic=arithmetic), outputs)


def open_runner(design: Design) -> ComputedRunner:
    """Opens what `Design.run` uses."""
    return software_runner(design, arithmetics.chosen())


def open_transport(design: Design, settings: TransferSettings) -> ComputedTransport:
    """Opens what the driver uses."""
    return software_transport(design.accelerator, settings)
