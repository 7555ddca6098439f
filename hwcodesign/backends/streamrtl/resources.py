"""What an accelerator is estimated to take on a device, part by part, and whether its board has that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.designs.boards import Board
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
from hwcodesign.hardware.stream import Stream

#: What a resource is called in a table, and in `Resources`.
_COLUMNS = (("LUT", "lut"), ("FF", "ff"), ("DSP", "dsp"), ("BRAM36", "bram18"), ("URAM", "uram"))
#: Layers that are named where a design does not fit.
_NAMED = 3


class DoesNotFitWarning(UserWarning):
    """A design is estimated to take more than its board has."""


@dataclass(frozen=True)
class Share:
    """What one layer takes, or one block around the segments.

    Attributes:
        block: instance in the accelerator's top, without its "u_": "stage0", "decision1", "control", …
        layer: name of its kernel; empty where it is no layer.
        kind: of the kernel.
        parts: modules that it is made of.
    """

    block: str
    layer: str
    kind: str
    parts: tuple[Part, ...]

    @property
    def name(self) -> str:
        """What a table calls it."""
        return f"{self.block}: {self.layer} ({self.kind})" if self.layer else self.block

    @cached_property
    def resources(self) -> Resources:
        """What it takes."""
        return total(self.parts, COEFFICIENTS)


@dataclass(frozen=True)
class AcceleratorEstimate:
    """What an accelerator takes: the sum of its parts.

    Attributes:
        shares: in data order.
        missing: modules of criteria that are not hwcodesign's own, of which nothing is known.
    """

    shares: tuple[Share, ...]
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, hardware: Hardware) -> AcceleratorEstimate:
        """Estimate an accelerator, without synthesis.

        Raises:
            ToolError: distributed arithmetic without da4ml.
        """
        unknown = {decision.unit.module for decision in hardware.decisions if not is_estimated(decision)}
        return cls(tuple(_shares(hardware)), tuple(sorted(unknown)))

    @cached_property
    def total(self) -> Resources:
        """The whole accelerator."""
        return sum((share.resources for share in self.shares), Resources())

    def lacking(self, board: Board) -> dict[str, tuple[float, float]]:
        """Of each resource that does not suffice, by its name: what the design takes, and what the board has."""
        pairs = {name: (_shown(self.total, key), _has(board, key)) for name, key in _COLUMNS}
        return {name: (takes, has) for name, (takes, has) in pairs.items() if takes > has}

    def warning(self, board: Board) -> str | None:
        """What does not fit, by how much, its largest layers, and what to do; None where all fits."""
        lacking = self.lacking(board)
        if not lacking:
            return None
        found = []
        for name, (takes, has) in lacking.items():
            key = dict(_COLUMNS)[name]
            layers = [share for share in self.shares if share.layer and _shown(share.resources, key)]
            largest = sorted(layers, key=lambda share: -_shown(share.resources, key))[:_NAMED]
            named = ", ".join(f"{share.name} {_shown(share.resources, key):,g}" for share in largest)
            most = f"; most by {named}" if named else ""
            found.append(f"{name}: {takes:,g} of {has:,g}, {takes - has:,g} too many{most}")
        return (
            f"the design is estimated not to fit {board.name} ({board.part}): {'. '.join(found)}. Give these layers a "
            "higher reuse factor, or choose a larger board. Estimated, not synthesised"
        )

    def to_json(self, board: Board) -> dict[str, Any]:
        """Plain data."""
        return {
            "estimated": True,
            "total": self.total.to_json(),
            "board": {key: getattr(board.capacity, key) for _, key in _COLUMNS},
            "fits": not self.lacking(board),
            "missing": list(self.missing),
            "parts": [
                {"block": s.block, "layer": s.layer, "kind": s.kind, **s.resources.to_json()} for s in self.shares
            ],
        }

    def text(self, board: Board) -> str:
        """A table for the terminal."""
        lines = [f"{'Estimated, not synthesised (7 series, as Yosys counts)':56}" + _row(name for name, _ in _COLUMNS)]
        for share in self.shares:
            lines.append(f"  {share.name:54}" + _row(f"{_shown(share.resources, key):,g}" for _, key in _COLUMNS))
        lines.append(f"{'whole accelerator':56}" + _row(f"{_shown(self.total, key):,g}" for _, key in _COLUMNS))
        lines.append(f"{board.name + ' has':56}" + _row(f"{_has(board, key):,g}" for _, key in _COLUMNS))
        lines += [f"nothing is known of {module}: it is not in the sum" for module in self.missing]
        return "\n".join(lines)


def _row(cells: Iterator[str] | Sequence[str]) -> str:
    return "".join(f"{cell:>9}" for cell in cells)


def _shown(resources: Resources, key: str) -> float:
    value: float = getattr(resources.rounded(), key)
    return value / 2 if key == "bram18" else value


def _has(board: Board, key: str) -> float:
    value: float = getattr(board.capacity, key)
    return value / 2 if key == "bram18" else value


def _shares(hardware: Hardware) -> Iterator[Share]:
    accelerator = hardware.accelerator
    exits, stage = accelerator.exits, accelerator.stages[0]
    yield Share("registers", "", "", (registers(exits),))
    yield Share("control", "", "", tuple(control(exits)))
    yield Share("unpack", "", "", (word_unpack(stage.input_shape, stage.input_format.width),))
    for k in range(exits):
        yield from _segment(hardware.netlists[2 * k])
        yield from _segment(hardware.netlists[2 * k + 1])
        yield from _exit(hardware, k)
    yield Share("merge", "", "", tuple(record_merge(exits)))
    yield Share("pack", "", "", (record_pack(),))


def _exit(hardware: Hardware, k: int) -> Iterator[Share]:
    """What is around a stage and its head."""
    accelerator = hardware.accelerator
    past = k if accelerator.policy.criterion.reads_past else 0
    yield Share(f"info{k}", "", "", (stream_fifo(information(past), hardware.info_depths[k]),))
    yield Share(f"decision{k}", "", "", decision_parts(hardware.decisions[k]))
    if k == accelerator.exits - 1:
        return
    stage = accelerator.stages[k]
    width = Stream.of(stage.output_shape).lanes * stage.output_format.width
    yield Share(f"fork{k}", "", "", (stream_fork(2),))
    if accelerator.waiting_decisions:
        yield Share(f"decided{k}", "", "", (stream_fifo(1, accelerator.waiting_decisions),))
    beats, depth = accelerator.least_buffer_beats(k), accelerator.buffer_beats(k)
    yield Share(f"buffer{k}", "", "", tuple(conditional_buffer(width, beats, depth)))


def _segment(placed: Netlist) -> Iterator[Share]:
    """Layers, each with what stands before it; forks and what stands behind the last layer are the segment's."""
    before: list[Part] = []
    for block in placed.blocks:
        before += block.parts
        if block.unit is not None:
            kernel = block.unit.kernel
            yield Share(placed.segment.name, kernel.name, kernel.kind, tuple(before))
            before = []
    before += [stream_fork(len(names)) for names in placed.readers.values() if len(names) > 1]
    if before:
        yield Share(placed.segment.name, "", "", tuple(before))
