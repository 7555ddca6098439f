"""This module computes batches with the native engine, and with nothing else."""

from __future__ import annotations

from hwcodesign.design import Design
from hwcodesign.native import library
from hwcodesign.runtime.arithmetic import NATIVE
from hwcodesign.runtime.computed import ComputedRunner, ComputedTransport
from hwcodesign.runtime.transports.software import software_runner, software_transport
from hwcodesign.runtime.transports.transport import TransferSettings
from hwcodesign.storage.cache import own_cache
from hwcodesign.tools.compiler import find_compiler


def check() -> None:
    """Raises an error if the engine was not built and cannot be: there is no g++, or the cache is another user's."""
    own_cache()
    if not library.is_available():
        find_compiler("native")


def open_runner(design: Design) -> ComputedRunner:
    """Opens what `Design.run` uses; the engine is built at the first use on this machine."""
    library.native_library()
    return software_runner(design, NATIVE)


def open_transport(design: Design, settings: TransferSettings) -> ComputedTransport:
    """Opens what the driver uses."""
    library.native_library()
    return software_transport(design.accelerator, settings, arithmetic=NATIVE)
