"""This module counts what an image asks for: operations, and bits that are moved; and an energy from these.

The energy is counted, not measured: every product of two bits and every bit of a memory has a constant, whatever the
device, its clock and its voltage are. So designs can be compared; no watt follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.report.design_facts import operations_reports

#: Picojoules of M. Horowitz, "Computing's energy problem", ISSCC 2014, for 45 nm: a product of two numbers of 8 bits
#: with its sum of 32 bits, by products of bits; and 64 bits of a memory of 8 KiB, by bits.
_PRODUCT_PJ, _MOVED_PJ = (0.2 + 0.1) / 64, 10 / 64


@dataclass(frozen=True)
class Effort:
    """An effort is what an image asks for, on average over all images.

    Attributes:
        macs: multiply-accumulates.
        bit_products: of each multiply-accumulate, the bits of its weight times those of its input.
        moved_bits: bits that segments give to the next, and that are written into conditional buffers and read there.
    """

    macs: float
    bit_products: float
    moved_bits: float

    @classmethod
    def of(cls, accelerator: Accelerator, exit_rate: Sequence[float]) -> Effort:
        """Counts the effort of an accelerator.

        Args:
            exit_rate: fraction of images that leave at each exit.
        """
        reached = [1 - sum(exit_rate[:k]) for k in range(len(exit_rate) + 1)]
        macs = products = moved = 0.0
        for part in operations_reports(accelerator):
            k = part["exit"]
            macs += reached[k] * part["macs"]
            products += reached[k] * part["bit_products"]
            moved += (reached[k] + (reached[k + 1] if part["part"].startswith("buffer") else 0)) * part["moved_bits"]
        return cls(macs, products, moved)

    @property
    def energy_nj(self) -> float:
        """Returns the counted energy in nanojoules."""
        return (_PRODUCT_PJ * self.bit_products + _MOVED_PJ * self.moved_bits) / 1000
