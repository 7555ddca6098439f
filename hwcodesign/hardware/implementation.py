"""This module holds the choice among the ways to build a kernel: hls4ml's ReuseFactor and Strategy, and windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from hwcodesign.storage.fields import Field

LATENCY, RESOURCE, DISTRIBUTED = "latency", "resource", "distributed_arithmetic"
#: How hardware multiplies, by hls4ml's names.
STRATEGIES = (LATENCY, RESOURCE, DISTRIBUTED)
REGISTERS, MEMORY = "registers", "memory"
#: Where the windows of a convolution are while they are multiplied.
WINDOWS = (REGISTERS, MEMORY)
AUTO, BLOCK = "auto", "block"
#: Where weights that are read word by word lie.
WEIGHTS = (AUTO, BLOCK)
#: Greatest reuse factor: every layer is folded as far as it can be.
MOST_REUSE = 2**31 - 1
#: Most pixels of a beat: those of the widest row that a design can store.
MOST_PIXELS = 2**20


@dataclass(frozen=True)
class Implementation:
    """An implementation says how a kernel is to be built.

    Attributes:
        reuse_factor: how often hardware uses each multiplier per pixel or sample (hls4ml's ReuseFactor).
        strategy: how hardware multiplies (hls4ml's Strategy): "latency" in LUTs, "resource" in DSP blocks,
            "distributed_arithmetic" by an adder graph without multipliers and without reuse.
        windows: where a convolution has its windows: "registers" holds whole ones, any part of which is multiplied in a
            cycle; "memory" reads them word by word, which is right for many channels. Other kernels have no windows.
        weights: where weights lie that are read word by word: "auto" lets synthesis choose by their number, "block" is
            block RAM.
        pixels: how many pixels of a row a convolution with whole windows takes in a beat; it then has the multipliers
            of all windows that begin in a beat. Other kernels take what comes.
    """

    reuse_factor: int = 1
    strategy: str = LATENCY
    windows: str = REGISTERS
    weights: str = AUTO
    pixels: int = 1

    def to_json(self) -> dict[str, Any]:
        """Returns plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Field) -> Implementation:
        """Reads what `to_json` wrote; raises `FieldError`."""
        fields = stored.fields(("reuse_factor", *CHOICES, "pixels"))
        chosen = {name: fields[name].one_of(known) for name, known in CHOICES.items()}
        return cls(
            fields["reuse_factor"].integer(1, MOST_REUSE), **chosen, pixels=fields["pixels"].integer(1, MOST_PIXELS)
        )


#: What is chosen by name, and the names.
CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"strategy": STRATEGIES, "windows": WINDOWS, "weights": WEIGHTS}
)
DEFAULT = Implementation()
#: Of a segment, by the name of the kernel; kernels that it does not name have `DEFAULT`.
Implementations = Mapping[str, Implementation]
#: Where no kernel is named.
DEFAULTS: Implementations = MappingProxyType({})
