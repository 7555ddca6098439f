"""Batches simulated by the generated C++, compiled."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.design import Design
from hwcodesign.interface.counters import Counters
from hwcodesign.interface.modes import ExitControl, exit_control
from hwcodesign.interface.records import Records
from hwcodesign.runtime.parts import Part, PartTimes
from hwcodesign.runtime.segments import segment_by_segment
from hwcodesign.runtime.transports.transport import TransferSettings, in_thread


class CsimTransport:
    """The C simulation as a transport: it gives the records of a batch all at once."""

    name = "csim"
    recoverable = False

    def __init__(self, design: Design, settings: TransferSettings) -> None:
        self.batch = settings.batch
        self.times = PartTimes()
        self._simulation = design.csim
        self._exits = design.accelerator.exits
        self._control = exit_control(design.policy)
        self._counters = Counters.none(self._exits)

    def configure(self, control: ExitControl) -> None:
        """Sets thresholds and mode of batches that start from now on."""
        self._control = control

    def records(self, codes: NDArray[Any]) -> Iterator[Records]:
        """Computes one batch and gives its records."""
        with self.times.part(Part.TRANSFER):
            records = self._simulation.records(codes, self._control)
        self._counters += Counters.of(records, self._exits)
        yield records

    def records_async(self, codes: NDArray[Any]) -> AsyncGenerator[Records, None]:
        """Gives the same records, with the event loop free while it computes."""
        return in_thread(self.records(codes))

    def recover(self) -> None:
        """Does nothing, because nothing is left behind."""

    def counters(self) -> Counters:
        """Returns the counts since opening."""
        return self._counters

    def close(self) -> None:
        """Does nothing, because nothing is held."""


class CsimRunner:
    """The C simulation, for `Design.run`."""

    on = "csim"

    def __init__(self, design: Design) -> None:
        self._design = design

    def stream(self, codes: NDArray[Any], control: ExitControl) -> Generator[Records, None, None]:
        """Runs all samples and gives their records."""
        yield self._design.csim.records(codes, control)

    def segment_outputs(self, codes: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
        """Computes every segment for all samples, exits ignored."""
        return segment_by_segment(self._design.accelerator, codes, self._design.csim.segment_codes, self.on)

    def close(self) -> None:
        """Does nothing, because nothing is held."""


def open_runner(design: Design) -> CsimRunner:
    """Opens what `Design.run` uses."""
    return CsimRunner(design)


def open_transport(design: Design, settings: TransferSettings) -> CsimTransport:
    """Opens what the driver uses."""
    return CsimTransport(design, settings)
