"""This module holds what hardware occupies on a device: resources that add up, and the parts that take them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

#: LUTs of each thing that none of the units has to which coefficients were fitted.
_UNSEEN = 1.0


@dataclass(frozen=True)
class Resources:
    """Resources are primitives of a device, as Yosys counts them; whole numbers where they are measured.

    Attributes:
        lut: all LUTs, those used as memory among them.
        ff: flip-flops.
        dsp: DSP48 blocks.
        bram18: RAMB18 blocks; a RAMB36 counts as two.
        uram: UltraRAM blocks; 0 until a device is known (see `on`).
        lutram: those of `lut` that are distributed RAM or shift registers.
        large18: those of `bram18` that hold large memories, which lie in UltraRAM where the device has some.
        large_uram: UltraRAM blocks that these take there.
    """

    lut: float = 0
    ff: float = 0
    dsp: int = 0
    bram18: int = 0
    uram: int = 0
    lutram: int = 0
    large18: int = 0
    large_uram: int = 0

    def __add__(self, other: Resources) -> Resources:
        """Returns what both take together."""
        return Resources(
            self.lut + other.lut,
            self.ff + other.ff,
            self.dsp + other.dsp,
            self.bram18 + other.bram18,
            self.uram + other.uram,
            self.lutram + other.lutram,
            self.large18 + other.large18,
            self.large_uram + other.large_uram,
        )

    def __sub__(self, other: Resources) -> Resources:
        """Returns what is left without some that are part of these."""
        return Resources(
            self.lut - other.lut,
            self.ff - other.ff,
            self.dsp - other.dsp,
            self.bram18 - other.bram18,
            self.uram - other.uram,
            self.lutram - other.lutram,
            self.large18 - other.large18,
            self.large_uram - other.large_uram,
        )

    def rounded(self) -> Resources:
        """Returns the same with whole numbers of LUTs and flip-flops."""
        return replace(self, lut=round(self.lut), ff=round(self.ff))

    def on(self, capacity: Resources) -> Resources:
        """Returns what it takes of a device: large memories lie in UltraRAM if it has some, else in block RAM.

        Args:
            capacity: resources of the device.
        """
        if not capacity.uram:
            return replace(self, large18=0, large_uram=0)
        bram18, uram = self.bram18 - self.large18, self.uram + self.large_uram
        return replace(self, bram18=bram18, uram=uram, large18=0, large_uram=0)

    def to_json(self) -> dict[str, int]:
        """Returns the numbers by name, rounded, without what depends on a device that is not known."""
        return {name: number for name, number in asdict(self.rounded()).items() if not name.startswith("large")}


@dataclass(frozen=True)
class Part:
    """A part is one or several modules of a kind, without the modules that are instantiated in them.

    Attributes:
        module: name of the module, in rtl_sim/rtl or generated.
        logic: counts of what takes LUTs that are no memory, by name; each is multiplied by a fitted coefficient.
        ff: flip-flops.
        dsp: DSP48 blocks.
        bram18: RAMB18 blocks; a RAMB36 counts as two.
        lutram: LUTs that are distributed RAM or shift registers.
        lut: LUTs that are no memory and have no coefficient.
        number: number of such modules; all other attributes are of one.
        large18, large_uram: as of `Resources`.
    """

    module: str
    logic: Mapping[str, float] = field(default_factory=dict)
    ff: float = 0
    dsp: int = 0
    bram18: int = 0
    lutram: int = 0
    lut: float = 0
    number: int = 1
    large18: int = 0
    large_uram: int = 0

    def resources(self, coefficients: Mapping[str, float]) -> Resources:
        """Returns what all its modules take.

        Args:
            coefficients: LUTs per unit of what `logic` counts, by "module: name".
        """
        logic = self.lut + sum(
            coefficients.get(f"{self.module}: {name}", _UNSEEN) * count for name, count in self.logic.items()
        )
        n = self.number
        large18, large_uram = n * self.large18, n * self.large_uram
        return Resources(
            *(n * (logic + self.lutram), n * self.ff, n * self.dsp, n * self.bram18, 0, n * self.lutram),
            large18=large18,
            large_uram=large_uram,
        )


def total(parts: Iterable[Part], coefficients: Mapping[str, float]) -> Resources:
    """Returns what parts take together.

    Args:
        parts: the parts.
        coefficients: LUTs per unit of what `Part.logic` counts, by "module: name".
    """
    return sum((part.resources(coefficients) for part in parts), Resources())


def index_bits(count: int) -> int:
    """Returns the bits of a register that holds one of `count` values; 0 bits if there is only one value."""
    return (count - 1).bit_length()
