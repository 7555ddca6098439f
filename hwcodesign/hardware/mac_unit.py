"""This module holds what units around a mac_array share: weights from a ROM, or built into adders.

Products of weights from a ROM are made in LUTs or DSP blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hwcodesign.hardware.folding import Folding
from hwcodesign.hardware.implementation import BLOCK, RESOURCE
from hwcodesign.hardware.mac_array import MacArray
from hwcodesign.hardware.multipliers import CONSTANT, DSP, LUT
from hwcodesign.hardware.timing import Automaton
from hwcodesign.hardware.unit import K, Unit


@dataclass(frozen=True, eq=False)
class MacUnit(Unit[K]):
    """A MAC unit is the base of the units that multiply and accumulate in a mac_array.

    Attributes:
        by_adders: whether weights are built into adders, which multiplies all of them in one fold.
    """

    by_adders: ClassVar[bool] = False

    @property
    def folding(self) -> Folding:
        """Returns how its multiplications are spread over cycles."""
        raise NotImplementedError

    @property
    def array(self) -> MacArray:
        """Returns its mac_array."""
        raise NotImplementedError

    @property
    def fits(self) -> bool:
        return not self.by_adders or self.folding.folds == 1

    @property
    def wanted(self) -> str:
        """Returns how products are to be made; its mac_array says how they are."""
        if self.by_adders:
            return CONSTANT
        return DSP if self.implementation.strategy == RESOURCE else LUT

    @property
    def in_blocks(self) -> bool:
        """Returns whether its weights lie in block RAM, as was asked for; a single word has no RAM."""
        return self.implementation.weights == BLOCK and self.folding.folds > 1

    @property
    def timing(self) -> tuple[Automaton, ...]:
        return (self.array.timing,)
