"""What carries batches to where a design runs: one module for each place, loaded when it is asked for."""

from __future__ import annotations

from hwcodesign.design import Design
from hwcodesign.places import place_named
from hwcodesign.runtime.transports.transport import TransferSettings, Transport


def open_transport(on: str, design: Design, settings: TransferSettings) -> Transport:
    """Opens a transport to one of `places.PLACES`.

    Raises:
        SettingsError: no such place.
        HwcodesignError: it cannot be had here.
    """
    opened: Transport = place_named(on).load().open_transport(design, settings)
    return opened
