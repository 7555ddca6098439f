"""This module holds the unit of reshapes: elements keep their order, and the reader takes them in its own beats."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.timing import Automaton
from hwcodesign.hardware.unit import BeatByBeat
from hwcodesign.kernels import Reshape


@dataclass(frozen=True, eq=False)
class Wires(BeatByBeat[Reshape]):
    """The unit is nothing but wires."""

    @property
    def is_wires(self) -> bool:
        return True

    @property
    def timing(self) -> tuple[Automaton, ...]:
        return ()
