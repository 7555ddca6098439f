"""This module simulates batches with the generated C++, compiled: records of a batch come all at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from numpy.typing import NDArray

from hwcodesign.design import Design
from hwcodesign.interface.counters import Counters
from hwcodesign.interface.modes import ExitControl
from hwcodesign.interface.records import Records
from hwcodesign.runtime.computed import ComputedRunner, ComputedTransport
from hwcodesign.runtime.segments import segment_by_segment
from hwcodesign.runtime.transports.transport import TransferSettings
from hwcodesign.storage.cache import own_cache
from hwcodesign.tools.compiler import find_compiler

_NAME = "csim"


def check() -> None:
    """Raises an error if it cannot run here: there is no g++, or the cache is another user's."""
    find_compiler("csim")
    own_cache()


def open_runner(design: Design) -> ComputedRunner:
    """Opens what `Design.run` uses; the C++ is compiled at the first use."""

    def compute(codes: NDArray[Any], control: ExitControl) -> Iterator[Records]:
        yield design.csim.records(codes, control)

    outputs = partial(segment_by_segment, design.accelerator, design.csim.segment_codes, _NAME)
    return ComputedRunner(_NAME, compute, outputs)


def open_transport(design: Design, settings: TransferSettings) -> ComputedTransport:
    """Opens what the driver uses."""
    simulation, exits = design.csim, design.accelerator.exits

    def compute(codes: NDArray[Any], control: ExitControl) -> Iterator[tuple[Records, Counters]]:
        records = simulation.records(codes, control)
        yield records, Counters.of(records, exits)

    return ComputedTransport(_NAME, design.accelerator, settings.batch, compute)
