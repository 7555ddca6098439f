"""This package has one module for each place where a design runs; a module is imported when it is needed. The base
installation has software only.
"""

from __future__ import annotations

from hwcodesign.design import Design
from hwcodesign.places import place_named
from hwcodesign.runtime.transports.transport import TransferSettings, Transport


def open_transport(on: str, design: Design, settings: TransferSettings) -> Transport:
    """Opens a transport to one of `places.PLACES`.

    Raises:
        SettingsError: there is no such place.
        HwcodesignError: it is not available here.
    """
    opened: Transport = place_named(on).load().open_transport(design, settings)
    return opened
