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
        stream: its beats.
    """

    name: str
    tensor: TensorType
    net: str
    exit: int
    stream: Stream


def probes(accelerator: Accelerator) -> tuple[Probe, ...]:
    """Returns the features behind every stage and the logits behind every head, in the order stage0, head0, stage1 and
    so on.
    """
    found = []
    for number, segment in enumerate(accelerator.segments):
        k, is_head = divmod(number, 2)
        net = f"logits{k}" if is_head else f"stage{k}_out"
        for i, (tensor, stream) in enumerate(zip(segment.results, accelerator.taken(number), strict=True)):
            found.append(Probe(segment.output_name(i), tensor, f"{net}{suffix(i)}", k, stream))
    return tuple(found)


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
