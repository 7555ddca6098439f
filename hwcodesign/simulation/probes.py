"""What a simulated accelerator shows of itself: streams whose codes can be recorded, and registers read at the end."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.hardware.stream import Stream
from hwcodesign.interface import register_map as registers
from hwcodesign.interface.registers import Register
from hwcodesign.kernels import Segment


@dataclass(frozen=True)
class Probe:
    """A stream whose codes the drive loop can record.

    Attributes:
        segment: whose output it is.
        net: its signals' prefix.
    """

    segment: Segment
    net: str

    @property
    def stream(self) -> Stream:
        return Stream.of(self.segment.output_shape)


def probes(accelerator: Accelerator) -> tuple[Probe, ...]:
    """Features behind every stage and logits behind every head, stage0, head0, stage1, …"""
    return tuple(
        probe
        for k, (stage, head) in enumerate(zip(accelerator.stages, accelerator.heads, strict=True))
        for probe in (Probe(stage, f"stage{k}_out"), Probe(head, f"logits{k}"))
    )


def wrapper_name(accelerator: Accelerator) -> str:
    """Name of the wrapper's module."""
    return f"{accelerator.name}_probed"


def counters(exits: int) -> list[tuple[str, int]]:
    """The registers that a run reads at its end: name and address."""
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
