"""What hardware occupies on a device: values that add up, and parts whose LUTs are counted by what they are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

#: LUTs of each thing that none of the units has to which coefficients were fitted.
_UNSEEN = 1.0


@dataclass(frozen=True)
class Resources:
    """Primitives of a device, as Yosys counts them; whole numbers where they are measured.

    Attributes:
        lut: all LUTs, those used as memory among them.
        ff: flip-flops.
        dsp: DSP48 blocks.
        bram18: RAMB18 blocks; a RAMB36 counts as two.
        uram: UltraRAM blocks. Yosys is not told to use any, so that it is 0 today.
        lutram: those of `lut` that are distributed RAM or shift registers.
    """

    lut: float = 0
    ff: float = 0
    dsp: int = 0
    bram18: int = 0
    uram: int = 0
    lutram: int = 0

    def __add__(self, other: Resources) -> Resources:
        """Return what both take."""
        return Resources(
            self.lut + other.lut,
            self.ff + other.ff,
            self.dsp + other.dsp,
            self.bram18 + other.bram18,
            self.uram + other.uram,
            self.lutram + other.lutram,
        )

    def rounded(self) -> Resources:
        """Return the same in whole numbers."""
        return Resources(round(self.lut), round(self.ff), self.dsp, self.bram18, self.uram, self.lutram)

    def to_json(self) -> dict[str, int]:
        """Return plain data, rounded."""
        return asdict(self.rounded())


@dataclass(frozen=True)
class Part:
    """One or several modules of a kind, without what is instantiated in them.

    Attributes:
        module: of rtl_sim/rtl, or what is generated.
        logic: LUTs that are no memory, by what they are: how many of each, to be multiplied by fitted coefficients.
        ff, dsp, bram18, lutram: counted.
        lut: LUTs that are no memory and have no coefficient.
        number: how many there are of it; all else is of one.
    """

    module: str
    logic: Mapping[str, float] = field(default_factory=dict)
    ff: float = 0
    dsp: int = 0
    bram18: int = 0
    lutram: int = 0
    lut: float = 0
    number: int = 1

    def resources(self, coefficients: Mapping[str, float]) -> Resources:
        """Return what it takes.

        Args:
            coefficients: LUTs of each of what `logic` counts, by "module: name".
        """
        logic = self.lut + sum(
            coefficients.get(f"{self.module}: {name}", _UNSEEN) * count for name, count in self.logic.items()
        )
        n = self.number
        return Resources(n * (logic + self.lutram), n * self.ff, n * self.dsp, n * self.bram18, 0, n * self.lutram)


def total(parts: Iterable[Part], coefficients: Mapping[str, float]) -> Resources:
    """Return what parts take together."""
    return sum((part.resources(coefficients) for part in parts), Resources())


def index_bits(count: int) -> int:
    """Return the bits of a register that counts so many values; none where there is one value alone."""
    return (count - 1).bit_length()
