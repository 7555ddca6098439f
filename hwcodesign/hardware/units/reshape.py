"""This module holds the unit of reshapes: elements keep their order, and the reader takes them in its own beats."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.timing import Automaton
from hwcodesign.hardware.unit import Unit
from hwcodesign.kernels import Reshape


@dataclass(frozen=True, eq=False)
class Wires(Unit[Reshape]):
    """The unit is nothing but wires."""

    @property
    def is_wires(self) -> bool:
        return True

    @property
    def reads(self) -> tuple[Stream, ...]:
        return self.offered

    @property
    def writes(self) -> Stream:
        return self.reads[0]

    @property
    def timing(self) -> tuple[Automaton, ...]:
        return ()
