"""This package has one module for each place where a design runs; a module is imported when it is needed. The base
installation has software only.
"""

from __future__ import annotations

import importlib

from hwcodesign.choices import not_known
from hwcodesign.designs.stored import CompiledDesign
from hwcodesign.errors import SettingsError
from hwcodesign.runtime.transports.transport import TransferSettings, Transport

#: Modules with a function `open_transport(design, settings)`, by the name of where they run a design.
TRANSPORTS = {
    "board": "hwcodesign.runtime.transports.board",
    "board-sim": "hwcodesign.runtime.transports.simulated_board",
    "rtl": "hwcodesign.runtime.transports.rtl",
    "software": "hwcodesign.runtime.transports.software",
}


def open_transport(on: str, design: CompiledDesign, settings: TransferSettings) -> Transport:
    """Opens one of `TRANSPORTS`.

    Raises:
        SettingsError: there is no such name.
        HwcodesignError: it is not available here.
    """
    if on not in TRANSPORTS:
        raise SettingsError(not_known(f"on={on!r}", on, ["auto", *TRANSPORTS]))
    opened: Transport = importlib.import_module(TRANSPORTS[on]).open_transport(design, settings)
    return opened
