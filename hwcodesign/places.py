"""The places where a design runs: their registry, and what each can do.

A place is one module, loaded when it is asked for: the base install has what software needs alone. The module has
`open_runner(design)` for `Design.run`, `open_transport(design, settings)` for the driver (`runtime.progressive`), and
`check()`, which raises an error if nothing can run there on this machine.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hwcodesign.choices import not_known
from hwcodesign.errors import SettingsError
from hwcodesign.interface.modes import ExitControl
from hwcodesign.interface.records import Records


class Runner(Protocol):
    """A design that is ready to run in one place.

    Attributes:
        on: the place where it last ran, or will run next.
    """

    @property
    def on(self) -> str:
        """Names the place where it last ran, or will run next."""
        ...

    def stream(self, codes: NDArray[Any], control: ExitControl) -> Generator[Records, None, None]:
        """Runs (N, C, H, W) codes of the input format; gives records as they come, ids from 0."""
        ...

    def close(self) -> None:
        """Frees what the place holds."""
        ...


class SegmentRunner(Runner, Protocol):
    """A segment runner is a runner that also shows what every segment writes."""

    def segment_outputs(self, codes: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
        """Computes every segment for all samples, exits ignored; gives output codes by segment, channels last."""
        ...


@dataclass(frozen=True)
class Place:
    """A place is where designs run.

    Attributes:
        name: as users spell it.
        text: what computes there.
        module: its name.
        shows_segments: whether it has `SegmentRunner`s.
        is_choice: whether it stands for one of the others, and has no `check` of its own.
    """

    name: str
    text: str
    module: str
    shows_segments: bool = False
    is_choice: bool = False

    def load(self) -> ModuleType:
        """Imports its module.

        Raises:
            MissingExtraError: a package that it needs is missing.
        """
        return importlib.import_module(self.module)


_PLACES = (
    Place("software", "native where g++ is, else numpy", "hwcodesign.runtime.transports.software", shows_segments=True),
    Place("native", "C++ for this processor", "hwcodesign.runtime.transports.native", shows_segments=True),
    Place("numpy", "NumPy", "hwcodesign.runtime.transports.numpy", shows_segments=True),
    Place("csim", "the generated C++, compiled", "hwcodesign.runtime.transports.csim", shows_segments=True),
    Place("rtl", "the SystemVerilog, cycle by cycle", "hwcodesign.runtime.transports.rtl", shows_segments=True),
    Place("board-sim", "PYNQ on a simulated board", "hwcodesign.runtime.transports.simulated_board"),
    Place("board", "PYNQ on a board", "hwcodesign.runtime.transports.board"),
    Place("auto", "the board, else software", "hwcodesign.runtime.transports.automatic", is_choice=True),
)
#: All of them, by name.
PLACES = {place.name: place for place in _PLACES}


def place_named(name: str) -> Place:
    """Looks a place up.

    Raises:
        SettingsError: there is no such place; lists those there are.
    """
    if name not in PLACES:
        raise SettingsError(not_known(f"on={name!r}", name, [*PLACES]))
    return PLACES[name]


def segment_place_named(name: str) -> Place:
    """Looks up a place that shows what every segment writes.

    Raises:
        SettingsError: there is no such place, or it shows records alone.
    """
    place = place_named(name)
    if not place.shows_segments:
        able = ", ".join(other.name for other in _PLACES if other.shows_segments)
        raise SettingsError(f"on={name!r} shows records alone: ask one of {able}")
    return place
