"""This module computes batches in NumPy."""

from __future__ import annotations

from hwcodesign.design import Design
from hwcodesign.runtime.arithmetic import NUMPY
from hwcodesign.runtime.computed import ComputedRunner, ComputedTransport
from hwcodesign.runtime.transports.software import software_runner, software_transport
from hwcodesign.runtime.transports.transport import TransferSettings


def check() -> None:
    """Does nothing, because NumPy is always there."""


def open_runner(design: Design) -> ComputedRunner:
    """Opens what `Design.run` uses."""
    return software_runner(design, NUMPY)


def open_transport(design: Design, settings: TransferSettings) -> ComputedTransport:
    """Opens what the driver uses."""
    return software_transport(design.accelerator, settings, arithmetic=NUMPY)
