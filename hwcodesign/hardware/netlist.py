"""A segment as hardware wires it: kernels, the streams between them, and what stands between kernels that do not fit.

Shared by the writer of SystemVerilog and the cycle model, so that both see the same hardware.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from hwcodesign.errors import DesignError, SimulationError
from hwcodesign.hardware.implementation import DEFAULT, DEFAULTS, Implementations
from hwcodesign.hardware.movement_timing import Split
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.resources.streams import queue, stream_resize
from hwcodesign.hardware.stepping import Network
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.timing import Automaton, Node, Pipeline, Queue
from hwcodesign.hardware.unit import Unit
from hwcodesign.hardware.units import unit_of
from hwcodesign.kernels import INPUT, Segment

#: Samples for which a queue's need is observed; it repeats from the second one on.
_OBSERVED = 4


@dataclass(frozen=True)
class Block:
    """One module between two or more nets.

    Attributes:
        name: an identifier, also of the net that it drives.
        sources: nets that it reads; the segment's input is "in".
        streams: of each net read.
        output: stream of the net driven.
        width: bits of an element of that net.
        unit: that it is of; None where it only moves beats.
        queue: beats that it holds, where it is a queue; else 0.
        meets: whether it is a queue before a block where two paths meet.
    """

    name: str
    sources: tuple[str, ...]
    streams: tuple[Stream, ...]
    output: Stream
    width: int
    unit: Unit[Any] | None = None
    queue: int = 0
    meets: bool = False

    @property
    def timing(self) -> tuple[Automaton, ...]:
        """Control of the module; empty where it is wires alone."""
        if self.unit is not None:
            return self.unit.timing
        if self.queue:
            return (Queue(self.queue),)
        return resize_timing(self.streams[0], self.output)

    @property
    def parts(self) -> tuple[Part, ...]:
        """What the module is made of, for the estimate of its resources."""
        if self.unit is not None:
            return self.unit.parts
        if self.queue:
            return (queue(self.output.lanes * self.width, self.queue),)
        return (stream_resize(self.streams[0], self.output, self.width),)


@dataclass(frozen=True)
class Netlist:
    """Blocks of a segment in data order; the last one drives its output.

    Attributes:
        segment: that it implements.
        blocks: with at least one module, or none where the segment is wires alone.
        output: the net that is the segment's output: "in" where it is wires alone.
    """

    segment: Segment
    blocks: tuple[Block, ...]
    output: str

    @property
    def input_stream(self) -> Stream:
        return Stream.of(self.segment.input_shape)

    @property
    def output_stream(self) -> Stream:
        return Stream.of(self.segment.output_shape)

    @cached_property
    def readers(self) -> Mapping[str, tuple[str, ...]]:
        """For each net the blocks that read it; a net with several has a fork behind it."""
        found: dict[str, list[str]] = {}
        for block in self.blocks:
            for source in block.sources:
                found.setdefault(source, []).append(block.name)
        return {net: tuple(names) for net, names in found.items()}

    def nodes(self, source: int = -1, first: int = 0) -> tuple[list[Node], int]:
        """The cycle model: its nodes, numbered from `first`, and the number of the one that drives the output.

        Args:
            source: number of the node that feeds the segment.
        """
        nodes: list[Node] = []
        drivers = {"in": source}
        for block in self.blocks:
            inputs = tuple(drivers[name] for name in block.sources)
            for automaton in block.timing:
                nodes.append(Node(automaton, inputs))
                inputs = (first + len(nodes) - 1,)
            drivers[block.name] = inputs[0]
        return nodes, drivers[self.output]


def netlist(segment: Segment, implementations: Implementations = DEFAULTS, prefix: str = "generated") -> Netlist:
    """Place the kernels of a segment, and what they need between them.

    Args:
        implementations: of its kernels.
        prefix: of the names of modules that are generated.

    Raises:
        DesignError: a kernel's beats cannot be had from those that come, or no unit builds it as it is to be built.
        ToolError: distributed arithmetic without da4ml.
    """
    names = _identifiers([kernel.name for kernel in segment.kernels])
    nets: dict[str, tuple[str, Stream]] = {INPUT: ("in", Stream.of(segment.input_shape))}
    blocks: list[Block] = []
    for kernel in segment.kernels:
        name = names[kernel.name]
        offered = tuple(nets[source] for source in kernel.inputs)
        streams = tuple(stream for _, stream in offered)
        implementation = implementations.get(kernel.name, DEFAULT)
        unit = unit_of(kernel, implementation, streams, f"{prefix}_{segment.name}_{name}")
        before = _before(unit, name, offered)
        blocks += before.blocks
        if unit.is_wires:
            nets[kernel.name] = (before.nets[0], unit.writes)
            continue
        blocks.append(Block(name, before.nets, unit.reads, unit.writes, kernel.result.width, unit))
        nets[kernel.name] = (name, unit.writes)
    last, stream = nets[segment.kernels[-1].name if segment.kernels else INPUT]
    want = Stream.of(segment.output_shape)
    if stream != want:
        blocks.append(_resize("out_resized", last, stream, want, segment.output_format.width))
        last = "out_resized"
    return _with_queues(Netlist(segment, tuple(blocks), last))


class _Before(NamedTuple):
    """What stands before a kernel, and the nets that it then reads."""

    blocks: list[Block]
    nets: tuple[str, ...]


def _before(unit: Unit[Any], name: str, offered: tuple[tuple[str, Stream], ...]) -> _Before:
    """Resize what comes in other beats; let streams wait for each other, and for a kernel that folds its beats."""
    blocks, nets = [], []
    several = len(offered) > 1
    for i, ((net, stream), want) in enumerate(zip(offered, unit.reads, strict=True)):
        source, width = net, unit.kernel.input_formats[i].width
        if stream != want:
            source = f"{name}_resized{i if several else ''}"
            blocks.append(_resize(source, net, stream, want, width))
        if several:  # paths of different length meet here: what is early waits
            queue = f"{name}_queue{i}"
            blocks.append(Block(queue, (source,), (want,), want, width, queue=2, meets=True))
            source = queue
        elif unit.timing and isinstance(unit.timing[0], Pipeline) and unit.timing[0].folds > 1:
            register = f"{name}_operand"  # without it the producer would stall while this one folds
            blocks.append(Block(register, (source,), (want,), want, width, queue=2))
            source = register
        nets.append(source)
    return _Before(blocks, tuple(nets))


def _resize(name: str, net: str, stream: Stream, want: Stream, width: int) -> Block:
    if stream.beats * stream.lanes != want.beats * want.lanes:
        raise DesignError(f"{name}: {stream} does not hold as many elements as {want}")
    return Block(name, (net,), (stream,), want, width)


def _with_queues(placed: Netlist) -> Netlist:
    """Give every queue the depth that a run without stalls needs, more than which no stalls can ask of it.

    A queue holds beats that the other path has not answered yet. A run in which input and output never wait lets both
    paths go as far apart as they can.
    """
    if not any(block.meets for block in placed.blocks):
        return placed
    endless = tuple(replace(block, queue=1 << 30) if block.meets else block for block in placed.blocks)
    most = _observed_levels(Netlist(placed.segment, endless, placed.output))
    blocks = tuple(
        replace(block, queue=max(2, most[block.name] + 1)) if block.meets else block for block in placed.blocks
    )
    return Netlist(placed.segment, blocks, placed.output)


def _observed_levels(placed: Netlist) -> dict[str, int]:
    """The most that each queue held."""
    nodes, last = placed.nodes()
    network = Network(nodes[: last + 1], _OBSERVED * placed.input_stream.beats)
    if not network.until(_OBSERVED * placed.output_stream.beats):
        raise SimulationError(f"{placed.segment.name}: the cycle model stands still")
    found: dict[str, int] = {}
    first = 0
    for block in placed.blocks:
        if block.meets:
            found[block.name] = network.most_held(first)
        first += len(block.timing)
    return found


def resize_timing(source: Stream, output: Stream) -> tuple[Automaton, ...]:
    """Control of stream_resize: beats are split into pieces that divide both sizes, and pieces are joined."""
    lanes = math.gcd(source.lanes, output.lanes)
    split, join = source.lanes // lanes, output.lanes // lanes
    return (*([Split(split)] if split > 1 else []), *([Pipeline(beats=join)] if join > 1 else []))


def _identifiers(names: list[str]) -> dict[str, str]:
    """Layer names to distinct identifiers. They stand in sources with a prefix or suffix, so that none is a keyword."""
    taken: dict[str, str] = {}
    for name in names:
        base = re.sub(r"[^0-9a-zA-Z]+", "_", name).strip("_").lower() or "layer"
        base = base if re.match(r"[a-z]", base) and base not in ("in", "out") else f"layer_{base}"
        candidate, number = base, 2
        while candidate in taken.values():
            candidate, number = f"{base}_{number}", number + 1
        taken[name] = candidate
    return taken
