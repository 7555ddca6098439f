"""This module holds a segment as hardware wires it: kernels, the streams between them, and what adapts streams.

The writer of SystemVerilog and the cycle model both read it, so that both see the same hardware.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from hwcodesign.errors import DesignError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.implementation import DEFAULT, DEFAULTS, Implementations
from hwcodesign.hardware.meeting import ENDLESS, OFFERED, Observed, least_depths
from hwcodesign.hardware.movement_timing import Split
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.resources.streams import queue, stream_late_register, stream_resize
from hwcodesign.hardware.stepping import Network, ends_of
from hwcodesign.hardware.stream import Stream, whole_pixels
from hwcodesign.hardware.timing import Automaton, Node, Pipeline, Queue, Windows, WindowWords
from hwcodesign.hardware.unit import Unit
from hwcodesign.hardware.units import unit_of
from hwcodesign.kernels import Segment
from hwcodesign.kernels.tensor import suffix

#: Cycles from the last beat of a sample to the one in which `whole_samples` shows it.
WATCHING = 3
#: Blocks in a row through which ready may pass in one cycle.
_CHAIN = 2


@dataclass(frozen=True)
class Block:
    """A block is one module between two or more nets.

    Attributes:
        name: an identifier, also the name of the net that it drives.
        sources: nets that it reads; the segment's input is "in".
        streams: stream of each net read.
        output: stream of the net driven.
        width: bits of an element of that net.
        unit: unit that it builds; None if it only moves beats.
        queue: number of beats that it can hold if it is a queue; else 0.
        meets: whether it is a queue before a block where two paths meet.
        comes_late: whether it is a queue of two whose beats may come late in a cycle, as from a memory.
    """

    name: str
    sources: tuple[str, ...]
    streams: tuple[Stream, ...]
    output: Stream
    width: int
    unit: Unit[Any] | None = None
    queue: int = 0
    meets: bool = False
    comes_late: bool = False

    @property
    def timing(self) -> tuple[Automaton, ...]:
        """Returns the control logic of the module; empty if it is only wires."""
        if self.unit is not None:
            return self.unit.timing
        if self.queue:
            return (Queue(self.queue),)
        return resize_timing(self.streams[0], self.output)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Returns the parts that the module is made of, for the estimate of its resources."""
        if self.unit is not None:
            return self.unit.parts
        if self.comes_late:
            return (stream_late_register(self.output.lanes * self.width),)
        if self.queue:
            return (queue(self.output.lanes * self.width, self.queue),)
        return (stream_resize(self.streams[0], self.output, self.width),)


@dataclass(frozen=True)
class Port:
    """A port is a stream that a segment's module takes or gives: a tensor of its boundary.

    Attributes:
        name: prefix of its signals: "in", "out", and "in_1", "out_1" and so on for further tensors.
        net: the net that it drives, or that drives it.
        stream: beats and lanes.
        format: format of its elements.
    """

    name: str
    net: str
    stream: Stream
    format: FixedPoint


@dataclass(frozen=True, eq=False)
class Netlist:
    """A netlist holds the blocks of a segment in data order.

    Attributes:
        segment: the segment that it builds.
        blocks: at least one module, or none if the segment is only wires.
        driven: for each output of the segment, the net that it is: that of an input if it is handed on.
        given, taken: streams of its inputs and of its outputs.
    """

    segment: Segment
    blocks: tuple[Block, ...]
    driven: tuple[str, ...]
    given: tuple[Stream, ...]
    taken: tuple[Stream, ...]

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Returns the streams that come, in the order of the segment's inputs."""
        names = _port_names("in", len(self.given))
        return tuple(
            Port(name, name, stream, tensor.format)
            for name, stream, tensor in zip(names, self.given, self.segment.inputs, strict=True)
        )

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Returns the streams that leave, in the order of the segment's outputs."""
        names = _port_names("out", len(self.driven))
        return tuple(
            Port(name, net, stream, tensor.format)
            for name, net, stream, tensor in zip(names, self.driven, self.taken, self.segment.results, strict=True)
        )

    @cached_property
    def readers(self) -> Mapping[str, tuple[str, ...]]:
        """Returns for each net the blocks and outputs that read it; a net with several readers has a fork behind it."""
        found: dict[str, list[str]] = {}
        for block in self.blocks:
            for source in block.sources:
                found.setdefault(source, []).append(block.name)
        for port in self.outputs:
            found.setdefault(port.net, []).append(port.name)
        return {net: tuple(names) for net, names in found.items()}

    def nodes(self, sources: Sequence[int] = (-1,), first: int = 0) -> tuple[list[Node], tuple[int, ...]]:
        """Returns the cycle model: its nodes, numbered from `first`, and the numbers of those that drive the outputs.

        Args:
            sources: numbers of the nodes that feed the segment, one for each input.
            first: number of the first node.
        """
        nodes: list[Node] = []
        drivers = {port.net: source for port, source in zip(self.inputs, sources, strict=True)}
        for block in self.blocks:
            inputs = tuple(drivers[name] for name in block.sources)
            for automaton in block.timing:
                nodes.append(Node(automaton, inputs))
                inputs = (first + len(nodes) - 1,)
            drivers[block.name] = inputs[0]
        return nodes, tuple(drivers[net] for net in self.driven)


def netlist(
    segment: Segment,
    implementations: Implementations = DEFAULTS,
    prefix: str = "generated",
    *,
    given: Sequence[Stream] | None = None,
    taken: Sequence[Stream] | None = None,
    is_forked: bool = False,
) -> Netlist:
    """Places the kernels of a segment, and what they need between them.

    Args:
        segment: the segment.
        implementations: implementations of its kernels.
        prefix: prefix of the names of generated modules.
        given, taken: streams of its inputs and of its outputs; by default a beat is a pixel with all its channels.
        is_forked: whether several readers take what it gives, so that registers stand at its outputs.

    Raises:
        DesignError: a kernel's beats cannot be made from those that come, or no unit has its implementation.
        ToolError: distributed arithmetic without da4ml.
    """
    names = _identifiers([kernel.name for kernel in segment.kernels])
    given = tuple(given) if given is not None else whole_pixels(segment.inputs)
    taken = tuple(taken) if taken is not None else whole_pixels(segment.results)
    ports = zip(segment.input_names, _port_names("in", len(given)), given, strict=True)
    nets = {name: (port, stream) for name, port, stream in ports}
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
    driven = []
    ends = zip(_port_names("out", len(taken)), segment.outputs, segment.results, taken, strict=True)
    for port, name, result, want in ends:
        net, stream = nets[name]
        if stream != want:
            blocks.append(_resize(f"{port}_resized", net, stream, want, result.format.width))
            net = f"{port}_resized"
        driven.append(net)
    return _with_queues(_with_registers(Netlist(segment, tuple(blocks), tuple(driven), given, taken), is_forked))


def _port_names(direction: str, count: int) -> list[str]:
    return [f"{direction}{suffix(i)}" for i in range(count)]


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


def _with_registers(placed: Netlist, is_forked: bool) -> Netlist:
    """Cuts paths of ready, which would grow with the network: registers stand before every block that reads windows,
    wherever more blocks than a few would follow each other, and at outputs that several readers take.

    The ready of a window_buffer or a window_reader depends on a comparison of places, and enables all that is before
    it. What they read may come out of a memory, late in a cycle, so that their register chooses behind itself. Other
    blocks pass the ready of the next one on. So does a fork, whose ready depends on that of all readers.
    """
    widths = {port.net: port.format.width for port in placed.inputs}
    lengths = {port.net: 0 for port in placed.inputs}  # blocks up to the last register
    blocks: list[Block] = []
    for block in placed.blocks:
        length, sources = 0 if block.queue else 1 + max(lengths[net] for net in block.sources), block.sources
        reads_windows = bool(block.timing) and isinstance(block.timing[0], (Windows, WindowWords))
        if not block.queue and (reads_windows or length > _CHAIN):
            (net,), (stream,) = sources, block.streams  # streams that meet have queues
            sources, length = (f"{block.name}_operand",), 1
            width = widths[net]
            blocks.append(Block(sources[0], (net,), (stream,), stream, width, queue=2, comes_late=reads_windows))
        blocks.append(replace(block, sources=sources))
        widths[block.name], lengths[block.name] = block.width, length
    driven = []
    for port in placed.outputs:
        net = port.net
        if is_forked and lengths[net]:
            net = f"{port.name}_registered"
            blocks.append(Block(net, (port.net,), (port.stream,), port.stream, port.format.width, queue=2))
        driven.append(net)
    return replace(placed, blocks=tuple(blocks), driven=tuple(driven))


def _with_queues(placed: Netlist) -> Netlist:
    """Gives every queue where paths meet the depth that a run without stalls needs: see `least_depths`."""
    meeting = [block for block in placed.blocks if block.meets]
    if not meeting:
        return placed

    def with_depths(depths: Sequence[int]) -> Netlist:
        own = {block.name: depth for block, depth in zip(meeting, depths, strict=True)}
        blocks = (replace(block, queue=own[block.name]) if block.meets else block for block in placed.blocks)
        return replace(placed, blocks=tuple(blocks))

    def observe(depths: Sequence[int], samples: int) -> Observed:
        return observed(with_depths(depths), samples)

    return with_depths(least_depths(observe, [block.output.beats for block in meeting], len(placed.blocks)))


def offering(inputs: int) -> list[Node]:
    """Returns nodes that offer beats on so many streams, without a pause from the second cycle on."""
    return [Node(Queue(OFFERED), (-1,)) for _ in range(inputs)]


class Fed(NamedTuple):
    """The cycle model of a segment to whose inputs beats are offered.

    Attributes:
        nodes: its nodes, behind those that offer.
        drivers: numbers of the nodes that drive its outputs.
        offering: how many nodes offer: none where the segment has one input, which is the network's own.
    """

    nodes: list[Node]
    drivers: tuple[int, ...]
    offering: int


def fed(placed: Netlist) -> Fed:
    """Returns the nodes of a segment, and of what offers beats at each input where there are several."""
    inputs = len(placed.inputs)
    if inputs == 1:
        return Fed(*placed.nodes(), 0)
    nodes, drivers = placed.nodes(range(inputs), inputs)
    return Fed([*offering(inputs), *nodes], drivers, inputs)


def watched(nodes: Sequence[Node], driver: int) -> list[Node]:
    """Returns nodes of which the last one shows every beat of one of them a cycle later, and never stalls it."""
    return [*nodes, Node(Queue(ENDLESS), (driver,))]


def whole_samples(nodes: Sequence[Node], drivers: Sequence[int], beats: Sequence[int]) -> list[Node]:
    """Returns nodes of which the last one gives a beat `WATCHING` cycles after all of some nodes have given a sample,
    and never stalls them.

    Args:
        nodes: of a network.
        drivers: numbers of nodes.
        beats: of a sample, for each of these.
    """
    found, joined = list(nodes), []
    for driver, own in zip(drivers, beats, strict=True):
        found += [Node(Pipeline(beats=own), (driver,)), Node(Queue(ENDLESS), (len(found),))]
        joined.append(len(found) - 1)
    return [*found, Node(Pipeline(inputs=len(joined)), tuple(joined))]


def observed(placed: Netlist, samples: int) -> Observed:
    """Runs a segment until every output has given so many samples, and watches all of them in one run.

    Its `ends` are `WATCHING` cycles late, and one more where it has several inputs, which queues offer beats to.

    Args:
        placed: the segment.
        samples: number of samples.
    """
    nodes, drivers, first = fed(placed)
    beats_in, beats_out = ([port.stream.beats for port in ports] for ports in (placed.inputs, placed.outputs))
    offered = samples * beats_in[0] if len(beats_in) == len(beats_out) == 1 else -1
    network = Network(whole_samples(nodes, drivers, beats_out), offered)
    ends = ends_of(network, samples, beats_in, 1)
    return Observed(tuple(_held(placed, network, first)), tuple(ends))


def _held(placed: Netlist, network: Network, first: int) -> list[int]:
    """The most that each queue held where paths meet.

    Args:
        first: number of the first node of the segment.
    """
    found: list[int] = []
    for block in placed.blocks:
        if block.meets:
            found.append(network.most_held(first))
        first += len(block.timing)
    return found


def resize_timing(source: Stream, output: Stream) -> tuple[Automaton, ...]:
    """Returns the control logic of stream_resize: beats are split into pieces that divide both sizes, and pieces are
    joined.
    """
    lanes = math.gcd(source.lanes, output.lanes)
    split, join = source.lanes // lanes, output.lanes // lanes
    return (*([Split(split)] if split > 1 else []), *([Pipeline(beats=join)] if join > 1 else []))


def _identifiers(names: list[str]) -> dict[str, str]:
    """Layer names to distinct identifiers. They stand in sources with a prefix or suffix, so that none is a keyword."""
    taken: dict[str, str] = {}
    for name in names:
        base = re.sub(r"[^0-9a-zA-Z]+", "_", name).strip("_").lower() or "layer"
        free = re.match(r"[a-z]", base) and not re.fullmatch(r"(in|out)(_\d+)?(_resized|_registered)?", base)
        base = base if free else f"layer_{base}"
        candidate, number = base, 2
        while candidate in taken.values():
            candidate, number = f"{base}_{number}", number + 1
        taken[name] = candidate
    return taken
