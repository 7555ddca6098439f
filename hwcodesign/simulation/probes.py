"""This module lists what a simulated accelerator shows: streams whose codes can be recorded, and registers read at the
end.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.hardware.stream import Stream
from hwcodesign.interface import register_map as registers
from hwcodesign.interface.registers import Register
from hwcodesign.kernels import TensorType
from hwcodesign.kernels.tensor import suffix


@dataclass(frozen=True)
class Probe:
    """A probe is a stream whose codes the drive loop can record.

    Attributes:
        name: name of the output that it is, as in `Design.segment_outputs`.
        tensor: what it carries.
        net: prefix of its signals.
        exit: of its segment.
    """

    name: str
    tensor: TensorType
    net: str
    exit: int

    @property
    def stream(self) -> Stream:
        """Returns its beats."""
        return Stream.of(self.tensor.shape)


def probes(accelerator: Accelerator) -> tuple[Probe, ...]:
    """Returns the features behind every stage and the logits behind every head, in the order stage0, head0, stage1 and
    so on.
    """
    return tuple(
        Probe(segment.output_name(i), tensor, f"{net}{suffix(i)}", k)
        for k, (stage, head) in enumerate(zip(accelerator.stages, accelerator.heads, strict=True))
        for segment, net in ((stage, f"stage{k}_out"), (head, f"logits{k}"))
        for i, tensor in enumerate(segment.results)
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
