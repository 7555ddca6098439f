"""One run of a design through the driver, for places that are driven: boards, and the choice among them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any

from numpy.typing import NDArray

from hwcodesign.design import Design
from hwcodesign.interface.modes import ExitControl, Mode
from hwcodesign.interface.records import Records, final_records
from hwcodesign.progress import task
from hwcodesign.runtime.progressive import ProgressiveAccelerator


class DrivenRunner:
    """A driver that runs as it is told, and reports how far it is.

    Raises:
        BoardError, MissingExtraError: as the driver.
    """

    def __init__(self, design: Design, on: str) -> None:
        self._driver = ProgressiveAccelerator(design, on)

    @property
    def on(self) -> str:
        """Returns what ran last: software also after a board has failed."""
        return self._driver.on

    def stream(self, codes: NDArray[Any], control: ExitControl) -> Generator[Records, None, None]:
        """Gives the driver's records as they come."""
        self._driver.threshold_codes = control.codes[:-1]
        self._driver.mode = Mode.ANYTIME if control.anytime else Mode.ADAPTIVE
        with (
            task(f"running {len(codes)} images on {self.on}", len(codes), "images") as reported,
            closing(self._driver.stream(codes)) as stream,
        ):
            for records in stream:
                reported.advance(len(final_records(records)))
                yield records

    def close(self) -> None:
        """Closes the driver."""
        self._driver.close()
