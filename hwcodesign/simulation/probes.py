"""This module lists what a simulated accelerator shows: streams whose codes can be recorded, and registers read at the
end.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.hardware.stream import Stream
from hwcodesign.interface import register_map as registers
from hwcodesign.interface.registers import Register
from hwcodesign.kernels import Segment


@dataclass(frozen=True)
class Probe:
    """A probe is a stream whose codes the drive loop can record.

    Attributes:
        segment: segment whose output it is.
        net: prefix of its signals.
    """

    segment: Segment
    net: str

    @property
    def stream(self) -> Stream:
        """Returns the name of the stream."""
        return Stream.of(self.segment.output_shape)


def probes(accelerator: Accelerator) -> tuple[Probe, ...]:
    """Returns the features behind every stage and the logits behind every head, in the order stage0, head0, stage1 and
    so on.
    """
    return tuple(
        probe
        for k, (stage, head) in enumerate(zip(accelerator.stages, accelerator.heads, strict=True))
        for probe in (Probe(stage, f"stage{k}_out"), Probe(head, f"logits{k}"))
    )


def wrapper_name(accelerator: Accelerator) -> str:
    """Returns the name of the wrapper's module."""
    return f"{accelerator.name}_probed"


def counters(exits: int) -> list[tuple[str, int]]:
    """Returns the registers that a run reads at its end: name and address."""
    single = (
        registers.STATUS,
        registers.CYCLES_LOW,
        registers.CYCLES_HIGH,
        registers.ACCEPTED,
        registers.INPUT_STALLS,
        registers.OUTPUT_STALLS,
    )
    found = [(register.name, register.offset) for register in single]
    for array in (registers.FINALS, registers.HIGH_WATER):
        found += _elements(array, exits)
    return found


def _elements(array: Register, exits: int) -> list[tuple[str, int]]:
    return [(f"{array.name}[{k}]", array.address(k)) for k in range(array.count.of(exits))]
