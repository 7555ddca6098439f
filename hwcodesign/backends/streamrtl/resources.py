"""This module estimates what an accelerator takes on a device, block by block, and whether its board has that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.designs.boards import Board
from hwcodesign.errors import SettingsError
from hwcodesign.hardware.netlist import Netlist
from hwcodesign.hardware.resources.coefficients import COEFFICIENTS
from hwcodesign.hardware.resources.decisions import decision_parts, is_estimated
from hwcodesign.hardware.resources.figures import Part, Resources, total
from hwcodesign.hardware.resources.shell import (
    conditional_buffer,
    control,
    information,
    record_merge,
    record_pack,
    registers,
    word_unpack,
)
from hwcodesign.hardware.resources.streams import stream_fifo, stream_fork
from hwcodesign.kernels.tensor import suffix

#: What a resource is called in a table, and in `Resources`.
_COLUMNS = (("LUT", "lut"), ("FF", "ff"), ("DSP", "dsp"), ("BRAM36", "bram18"), ("URAM", "uram"))
#: Of these, memories: buffers take them, too.
_MEMORIES = {"bram18", "uram"}
#: Modules with a memory that is written, and what makes it less deep.
_SHALLOWER = {
    "conditional_buffer": "lower buffer_samples",
    "read_ahead_ram": "lower buffer_samples",
    "stream_fifo": "choose smaller images",
    "transpose": "choose smaller images",
    "upsample2d": "choose smaller images",
    "window_buffer": "choose smaller images",
    "window_reader": "choose smaller images",
}
#: Blocks that are named where a design does not fit.
_NAMED = 3


class DoesNotFitWarning(UserWarning):
    """A design that was to be written in any case is estimated to take more than its board has."""


@dataclass(frozen=True)
class BlockEstimate:
    """A block estimate says what one layer takes, or one block around the segments.

    Attributes:
        block: name of the instance in the accelerator's top, without its "u_": "stage0", "decision1", "control", …
        layer: name of its kernel; empty if it is no layer.
        kind: kind of its kernel; empty if it is no layer.
        parts: modules that it is made of.
    """

    block: str
    layer: str
    kind: str
    parts: tuple[Part, ...]

    @property
    def name(self) -> str:
        """Returns the name that tables and warnings give it."""
        return f"{self.block}: {self.layer} ({self.kind})" if self.layer else self.block

    @cached_property
    def resources(self) -> Resources:
        """Returns what its parts take together."""
        return total(self.parts, COEFFICIENTS)


@dataclass(frozen=True)
class AcceleratorEstimate:
    """An accelerator estimate says what an accelerator takes: the sum of its blocks.

    Attributes:
        blocks: estimates of its blocks, in data order.
        missing: names of score units that are not hwcodesign's own; they are not in the sum.
    """

    blocks: tuple[BlockEstimate, ...]
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, hardware: Hardware) -> AcceleratorEstimate:
        """Estimates an accelerator, without synthesis.

        Raises:
            ToolError: a layer needs distributed arithmetic, but da4ml is missing.
        """
        unknown = {decision.unit.module for decision in hardware.decisions if not is_estimated(decision)}
        return cls(tuple(_blocks(hardware)), tuple(sorted(unknown)))

    @cached_property
    def total(self) -> Resources:
        """Returns what the whole accelerator takes."""
        return sum((block.resources for block in self.blocks), Resources())

    def lacking(self, board: Board) -> dict[str, tuple[float, float]]:
        """Returns the resources that do not suffice, by name: what the design takes, and what the board has.

        Block RAMs are in RAMB36; a RAMB18 counts as half.
        """
        total, capacity = self.total.on(board.capacity), board.capacity
        pairs = {name: (_shown(total, key), _shown(capacity, key)) for name, key in _COLUMNS}
        return {name: (takes, has) for name, (takes, has) in pairs.items() if takes > has}

    def misfit(self, board: Board) -> str | None:
        """Returns a message if the design does not fit the board, else None.

        It says what is lacking, how much of it, and which layers take most.
        """
        lacking = self.lacking(board)
        if not lacking:
            return None
        found = []
        for name, (takes, has) in lacking.items():
            key = dict(_COLUMNS)[name]
            blocks = [block for block in self.blocks if block.layer or key in _MEMORIES]
            shown = {block.name: _shown(block.resources.on(board.capacity), key) for block in blocks}
            largest = sorted(shown.items(), key=lambda item: -item[1])[:_NAMED]
            named = ", ".join(f"{block} {number:,g}" for block, number in largest if number)
            most = f"; most by {named}" if named else ""
            found.append(f"{name}: {takes:,g} of {has:,g}, {takes - has:,g} too many{most}")
        return (
            f"the design is estimated not to fit {board.name} ({board.part}): {'. '.join(found)}. Estimated, "
            "not synthesised"
        )

    def check_memories(self, board: Board) -> None:
        """Refuses a memory that alone takes more blocks than the board has; how many it takes is known exactly.

        Raises:
            SettingsError: it names the memory, and says what makes it less deep.
        """
        for block in self.blocks:
            for module in dict.fromkeys(part.module for part in block.parts if part.module in _SHALLOWER):
                taken = total((part for part in block.parts if part.module == module), COEFFICIENTS).on(board.capacity)
                for name, key in _COLUMNS:
                    takes, has = _shown(taken, key), _shown(board.capacity, key)
                    if key in _MEMORIES and takes > has:
                        raise SettingsError(
                            f"{block.name}: the memory of its {module} is too deep for {board.name}: it takes "
                            f"{takes:,g} {name}, and there are {has:,g}. {_SHALLOWER[module].capitalize()}, or "
                            "choose a larger board"
                        )

    def to_json(self, board: Board) -> dict[str, Any]:
        """Returns the estimate and the comparison with the board as plain data; block RAMs are in RAMB18."""
        capacity = board.capacity
        return {
            "estimated": True,
            "total": self.total.on(capacity).to_json(),
            "board": {key: getattr(capacity, key) for _, key in _COLUMNS},
            "fits": not self.lacking(board),
            "missing": list(self.missing),
            "parts": [
                {"block": s.block, "layer": s.layer, "kind": s.kind, **s.resources.on(capacity).to_json()}
                for s in self.blocks
            ],
        }

    def text(self, board: Board) -> str:
        """Returns a table for the terminal; block RAMs are in RAMB36."""
        lines = [f"{'Estimated, not synthesised (7 series, as Yosys counts)':56}" + _row(name for name, _ in _COLUMNS)]
        for block in self.blocks:
            lines.append(f"  {block.name:54}" + _row(_cells(block.resources.on(board.capacity))))
        lines.append(f"{'whole accelerator':56}" + _row(_cells(self.total.on(board.capacity))))
        lines.append(f"{board.name + ' has':56}" + _row(_cells(board.capacity)))
        lines += [f"nothing is known of {module}: it is not in the sum" for module in self.missing]
        return "\n".join(lines)


#: Estimates of netlists that are still there: a choice asks for those of the same segments again and again.
_KNOWN: WeakKeyDictionary[Netlist, tuple[BlockEstimate, ...]] = WeakKeyDictionary()


def _row(cells: Iterator[str] | Sequence[str]) -> str:
    return "".join(f"{cell:>9}" for cell in cells)


def _shown(resources: Resources, key: str) -> float:
    value: float = getattr(resources.rounded(), key)
    return value / 2 if key == "bram18" else value


def _cells(resources: Resources) -> list[str]:
    return [f"{_shown(resources, key):,g}" for _, key in _COLUMNS]


def _blocks(hardware: Hardware) -> Iterator[BlockEstimate]:
    accelerator = hardware.accelerator
    exits, (source,) = accelerator.exits, accelerator.stages[0].inputs
    yield BlockEstimate("registers", "", "", (registers(exits),))
    yield BlockEstimate("control", "", "", tuple(control(exits)))
    yield BlockEstimate("unpack", "", "", (word_unpack(source.shape, source.format.width, accelerator.image_pixels),))
    for k in range(exits):
        yield from _segment(hardware.netlists[2 * k])
        yield from _segment(hardware.netlists[2 * k + 1])
        yield from _exit(hardware, k)
    yield BlockEstimate("merge", "", "", tuple(record_merge(exits)))
    yield BlockEstimate("pack", "", "", (record_pack(),))


def _exit(hardware: Hardware, k: int) -> Iterator[BlockEstimate]:
    """What is around a stage and its head."""
    accelerator = hardware.accelerator
    past = k if accelerator.policy.criterion.reads_past else 0
    for i, depth in enumerate(hardware.head_queues[k]):
        waiting = stream_fifo(accelerator.beat_bits(k, accelerator.head_reads[k][i]), depth)
        yield BlockEstimate(f"head{k}_waiting{suffix(i)}", "", "", (waiting,))
    yield BlockEstimate(f"info{k}", "", "", (stream_fifo(information(past), hardware.info_depths[k]),))
    yield BlockEstimate(f"decision{k}", "", "", decision_parts(hardware.decisions[k]))
    if k == accelerator.exits - 1:
        return
    tensors = len(accelerator.lanes[k])
    if tensors > 1:
        yield BlockEstimate(f"release_fork{k}", "", "", (stream_fork(tensors),))
    for i in range(tensors):
        of = f"{k}{suffix(i)}"
        if i in accelerator.head_reads[k]:
            yield BlockEstimate(f"fork{of}", "", "", (stream_fork(2),))
        if accelerator.waiting_decisions:
            yield BlockEstimate(f"decided{of}", "", "", (stream_fifo(1, accelerator.waiting_decisions),))
        beats, depth = accelerator.least_buffer_beats(k, i), accelerator.buffer_beats(k, i)
        parts = conditional_buffer(accelerator.beat_bits(k, i), beats, depth)
        yield BlockEstimate(f"buffer{of}", "", "", tuple(parts))


def _segment(placed: Netlist) -> tuple[BlockEstimate, ...]:
    if placed not in _KNOWN:
        _KNOWN[placed] = _layers(placed)
    return _KNOWN[placed]


def _layers(placed: Netlist) -> tuple[BlockEstimate, ...]:
    """Layers, each with what stands before it; forks and what stands behind the last layer are the segment's."""
    found: list[BlockEstimate] = []
    before: list[Part] = []
    for block in placed.blocks:
        before += block.parts
        if block.unit is not None:
            kernel = block.unit.kernel
            found.append(BlockEstimate(placed.segment.name, kernel.name, kernel.kind, tuple(before)))
            before = []
    before += [stream_fork(len(names)) for names in placed.readers.values() if len(names) > 1]
    if before:
        found.append(BlockEstimate(placed.segment.name, "", "", tuple(before)))
    return tuple(found)
