"""This module simulates batches with Verilator; C++ drives the accelerator's buses, without a processor."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from hwcodesign.design import Design
from hwcodesign.interface.counters import Counters
from hwcodesign.interface.modes import ExitControl
from hwcodesign.interface.records import Records
from hwcodesign.runtime.computed import ComputedRunner, ComputedTransport
from hwcodesign.runtime.transports.transport import TransferSettings
from hwcodesign.simulation.rtl import RtlRun
from hwcodesign.storage.cache import own_cache
from hwcodesign.tools.verilator import find_verilator

_NAME = "rtl"


def check() -> None:
    """Raises an error if it cannot run here: there is no Verilator or g++, or the cache is another user's."""
    find_verilator()
    own_cache()


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


def open_runner(design: Design) -> ComputedRunner:
    """Opens what `Design.run` uses; the SystemVerilog is compiled at the first use."""
    simulation = design.rtl

    def compute(codes: NDArray[Any], control: ExitControl) -> Iterator[Records]:
        yield simulation.run(codes, control).records

    return ComputedRunner(_NAME, compute, simulation.outputs)


def open_transport(design: Design, settings: TransferSettings) -> ComputedTransport:
    """Opens what the driver uses; each core simulates a batch of the settings at a time."""
    simulation, exits = design.rtl, design.accelerator.exits
    simulation.library()

    def compute(codes: NDArray[Any], control: ExitControl) -> Iterator[tuple[Records, Counters]]:
        run = simulation.run(codes, control, batch=settings.batch, records_per_packet=settings.records_per_packet)
        yield run.records, _counters(run, exits)

    return ComputedTransport(_NAME, design.accelerator, settings.batch * (os.cpu_count() or 1), compute)
