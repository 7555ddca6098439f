"""The board if there is one, else software, with a warning that gives the reason."""

from __future__ import annotations

import warnings

from hwcodesign.design import Design
from hwcodesign.errors import BoardError, MissingExtraError
from hwcodesign.runtime.driven import DrivenRunner
from hwcodesign.runtime.transports import open_transport as open_place
from hwcodesign.runtime.transports.transport import TransferSettings, Transport


def open_transport(design: Design, settings: TransferSettings) -> Transport:
    """Opens the board, or what takes its place."""
    try:
        return open_place("board", design, settings)
    except (BoardError, MissingExtraError) as error:
        warnings.warn(f"on='auto' runs in software: {error}", stacklevel=4)
        return open_place("software", design, settings)


def open_runner(design: Design) -> DrivenRunner:
    """Opens what `Design.run` uses for one run."""
    return DrivenRunner(design, "auto")
