"""This module simulates batches with Verilator; C++ drives the accelerator's buses, without a processor."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Generator, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.design import Design
from hwcodesign.interface.counters import Counters
from hwcodesign.interface.modes import ExitControl, exit_control
from hwcodesign.interface.records import Records
from hwcodesign.runtime.parts import Part, PartTimes
from hwcodesign.runtime.transports.transport import TransferSettings, in_thread
from hwcodesign.simulation.rtl import RtlRun


class RtlTransport:
    """This transport is the simulated accelerator; each core simulates one batch at a time."""

    name = "rtl"
    recoverable = False

    def __init__(self, design: Design, settings: TransferSettings) -> None:
        self.batch = settings.batch * (os.cpu_count() or 1)
        self.times = PartTimes()
        self._settings = settings
        self._simulation = design.rtl
        self._control = exit_control(design.accelerator.policy)
        self._counters = Counters.none(design.accelerator.exits)
        self._simulation.library()

    def configure(self, control: ExitControl) -> None:
        """Sets thresholds and mode of batches that start from now on."""
        self._control = control

    def records(self, codes: NDArray[Any]) -> Iterator[Records]:
        """Yields the records of one batch when it is simulated."""
        with self.times.part(Part.TRANSFER):
            run = self._simulation.run(
                codes,
                self._control,
                batch=self._settings.batch,
                records_per_packet=self._settings.records_per_packet,
            )
        self._counters += _counters(run, self._simulation.accelerator.exits)
        yield run.records

    def records_async(self, codes: NDArray[Any]) -> AsyncGenerator[Records, None]:
        """Does the same as `records`, in a thread."""
        return in_thread(self.records(codes))

    def recover(self) -> None:
        """Does nothing, because every batch starts from a reset."""

    def counters(self) -> Counters:
        """Returns the counts since opening."""
        return self._counters

    def close(self) -> None:
        """Does nothing, because nothing is held."""


def _counters(run: RtlRun, exits: int) -> Counters:
    registers = run.counters
    return Counters(
        registers["ACCEPTED"],
        tuple(registers[f"FINALS[{k}]"] for k in range(exits)),
        run.cycles,
        registers["INPUT_STALLS"],
        registers["OUTPUT_STALLS"],
        tuple(registers[f"HIGH_WATER[{k}]"] for k in range(exits - 1)),
    )


class RtlRunner:
    """The simulated accelerator, for `Design.run`."""

    on = "rtl"

    def __init__(self, design: Design) -> None:
        self._simulation = design.rtl

    def stream(self, codes: NDArray[Any], control: ExitControl) -> Generator[Records, None, None]:
        """Runs all samples and gives their records."""
        yield self._simulation.run(codes, control).records

    def segment_outputs(self, codes: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
        """Computes every segment for all samples, exits ignored."""
        return self._simulation.outputs(codes)

    def close(self) -> None:
        """Does nothing, because nothing is held."""


def open_runner(design: Design) -> RtlRunner:
    """Opens what `Design.run` uses."""
    return RtlRunner(design)


def open_transport(design: Design, settings: TransferSettings) -> RtlTransport:
    """Opens what the driver uses."""
    return RtlTransport(design, settings)
