"""This module computes batches in NumPy, on any machine that runs Python."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.design import Design
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.interface.counters import Counters
from hwcodesign.interface.modes import ExitControl, exit_control
from hwcodesign.interface.records import Records
from hwcodesign.runtime.parts import Part, PartTimes
from hwcodesign.runtime.segments import segment_by_segment
from hwcodesign.runtime.software import segment_codes, stream_records
from hwcodesign.runtime.transports.transport import TransferSettings, in_thread


class SoftwareTransport:
    """This transport is the accelerator in NumPy."""

    name = "software"
    recoverable = False

    def __init__(self, accelerator: Accelerator, settings: TransferSettings, times: PartTimes | None = None) -> None:
        self.batch = settings.batch
        self.times = times or PartTimes()
        self._accelerator = accelerator
        self._control = exit_control(accelerator.policy)
        self._counters = Counters.none(accelerator.exits)

    def configure(self, control: ExitControl) -> None:
        """Sets thresholds and mode of batches that start from now on."""
        self._control = control

    def records(self, codes: NDArray[Any]) -> Iterator[Records]:
        """Yields the records of one batch as they are computed."""
        found = stream_records(self._accelerator, codes, self._control)
        while True:
            with self.times.part(Part.TRANSFER):
                records = next(found, None)
            if records is None:
                return
            self._counters += Counters.of(records, self._accelerator.exits)
            yield records

    def records_async(self, codes: NDArray[Any]) -> AsyncGenerator[Records, None]:
        """Does the same as `records`, in a thread."""
        return in_thread(self.records(codes))

    def recover(self) -> None:
        """Does nothing, because nothing is left behind."""

    def counters(self) -> Counters:
        """Returns the counts since opening."""
        return self._counters

    def close(self) -> None:
        """Does nothing, because nothing is held."""


class SoftwareRunner:
    """The accelerator in NumPy, for `Design.run`."""

    on = "software"

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator

    def stream(self, codes: NDArray[Any], control: ExitControl) -> Generator[Records, None, None]:
        """Runs all samples and gives their records."""
        yield from stream_records(self._accelerator, codes, control)

    def segment_outputs(self, codes: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
        """Computes every segment for all samples, exits ignored."""
        return segment_by_segment(self._accelerator, codes, segment_codes, self.on)

    def close(self) -> None:
        """Does nothing, because nothing is held."""


def open_runner(design: Design) -> SoftwareRunner:
    """Opens what `Design.run` uses."""
    return SoftwareRunner(design.accelerator)


def open_transport(design: Design, settings: TransferSettings) -> SoftwareTransport:
    """Opens what the driver uses."""
    return SoftwareTransport(design.accelerator, settings)
