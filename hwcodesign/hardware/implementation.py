"""What chooses among the ways to build a kernel: hls4ml's ReuseFactor and Strategy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hwcodesign.kernels import Kernel

LATENCY, RESOURCE, DISTRIBUTED = "latency", "resource", "distributed_arithmetic"
#: How hardware multiplies, by hls4ml's names.
STRATEGIES = (LATENCY, RESOURCE, DISTRIBUTED)


@dataclass(frozen=True)
class Implementation:
    """How a kernel is to be built.

    Attributes:
        reuse_factor: how often hardware uses each multiplier a pixel or sample (hls4ml's ReuseFactor).
        strategy: how hardware multiplies (hls4ml's Strategy): "latency" in LUTs, "resource" in DSP blocks,
            "distributed_arithmetic" by an adder graph without multipliers, and without reuse.
    """

    reuse_factor: int = 1
    strategy: str = LATENCY

    @classmethod
    def asked_of(cls, kernel: Kernel) -> Implementation:
        """What a kernel carries."""
        return cls(getattr(kernel, "reuse_factor", 1), getattr(kernel, "strategy", LATENCY))


#: Of a segment, by the name of the kernel; kernels that it does not name have the default.
Implementations = Mapping[str, Implementation]
