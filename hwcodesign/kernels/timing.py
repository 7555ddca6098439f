"""How many cycles hardware takes: the control of each module as an automaton, stepped cycle by cycle without data.

Each class here is the control of one module of rtl_sim/rtl, state for state; a kernel's `timing` chains them. Networks
of them are stepped by `run`, which gives the cycle of every output beat: latency and interval of kernels, segments and
whole accelerators follow from the same automata, with all stalls that they put on one another.

A cycle has two halves. In the first, valid signals settle in data order and ready signals against it; in the second,
at the clock edge, every node takes note of the transfers (valid and ready) at its ports.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hwcodesign.errors import SimulationError


class Automaton(Protocol):
    """Control of a module with one output."""

    def fresh(self) -> State:
        """The state after reset."""
        ...


class State(Protocol):
    """State of an automaton while it runs."""

    def valid(self) -> bool:
        """Whether the output is valid: of registers only."""
        ...

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        """Ready of each input, given the inputs' valid signals and the output's ready."""
        ...

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        """The edge: which inputs had a valid signal, and whether the output was ready."""
        ...


@dataclass(frozen=True)
class Pipeline:
    """Folded compute behind one or more inputs that are read together; stalls as a whole (mac_array, activation, ...).

    Attributes:
        folds: cycles that each input beat occupies.
        beats: input beats that make one output beat.
        depth: cycles from the last fold of the last beat to a valid output.
        inputs: number of input streams.
    """

    folds: int = 1
    beats: int = 1
    depth: int = 1
    inputs: int = 1

    def fresh(self) -> State:
        return _PipelineState(self)


@dataclass
class _PipelineState:
    of: Pipeline
    fold: int = 0
    beat: int = 0
    pipe: deque[bool] = field(init=False)

    def __post_init__(self) -> None:
        self.pipe = deque([False] * self.of.depth)  # oldest last

    def valid(self) -> bool:
        return self.pipe[-1]

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        able = (output or not self.pipe[-1]) and self.fold == self.of.folds - 1 and all(inputs)
        return [able] * self.of.inputs

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        if self.pipe[-1] and not output:
            return
        done = False
        if all(inputs):
            self.fold += 1
            if self.fold == self.of.folds:
                self.fold, self.beat = 0, self.beat + 1
                if self.beat == self.of.beats:
                    self.beat, done = 0, True
        self.pipe.pop()
        self.pipe.appendleft(done)


@dataclass(frozen=True)
class Windows:
    """Rows of RAM to kernel windows (window_buffer).

    Attributes:
        height, width: of the input.
        kernel, stride: rows, columns.
        pad_top, pad_left: zeros before the first row and column.
        out_height, out_width: windows down and across.
    """

    height: int
    width: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad_top: int
    pad_left: int
    out_height: int
    out_width: int

    @property
    def columns(self) -> int:
        """Steps of a pass, which makes one row of windows."""
        return (self.out_width - 1) * self.stride[1] - self.pad_left + self.kernel[1]

    def fresh(self) -> State:
        return _WindowsState(self)


@dataclass
class _WindowsState:
    of: Windows
    row: int = 0  # of the next pixel to be written; counted on from the sample of the present pass
    column: int = 0
    pass_: int = 0
    read: int = 0  # columns read in this pass
    waiting: bool = False  # a window that has not been taken

    def valid(self) -> bool:
        return self.waiting

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        of = self.of
        ahead = self.row - of.kernel[0]
        return [ahead < self._base or (ahead < self._next_base and self.column < self.read)]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        of = self.of
        accepted = inputs[0] and self.ready(inputs, output)[0]
        if not self.waiting or output:
            self.waiting = False
            if self._available():
                self._step()
        if accepted:
            self.column += 1
            if self.column == of.width:
                self.row, self.column = self.row + 1, 0

    @property
    def _base(self) -> int:
        return self._first_row(self.pass_)

    @property
    def _next_base(self) -> int:
        of = self.of
        if self.pass_ == of.out_height - 1:
            return of.height
        return self._first_row(self.pass_ + 1)

    def _first_row(self, pass_: int) -> int:
        """The first row of the image that a pass keeps."""
        return min(self.of.height, max(0, pass_ * self.of.stride[0] - self.of.pad_top))

    def _available(self) -> bool:
        of = self.of
        if self.read >= of.width:
            return True
        # a pass wholly above the image waits for its first row, lest windows come of a sample that never does
        needed = min(max(self.pass_ * of.stride[0] - of.pad_top + of.kernel[0] - 1, 0), of.height - 1)
        return self.row > needed or (self.row == needed and self.column > self.read)

    def _step(self) -> None:
        of = self.of
        x = self.read - (of.kernel[1] - 1) + of.pad_left
        self.waiting = x >= 0 and x % of.stride[1] == 0 and x // of.stride[1] < of.out_width
        self.read += 1
        if self.read == of.columns:
            self.read, self.pass_ = 0, self.pass_ + 1
            if self.pass_ == of.out_height:
                self.pass_, self.row = 0, self.row - of.height


@dataclass(frozen=True)
class Queue:
    """First-word fall-through storage of whole beats (stream_fifo, stream_register).

    Attributes:
        depth: beats that it holds; ready as long as it is not full.
    """

    depth: int = 2

    def fresh(self) -> State:
        return _QueueState(self)


@dataclass
class _QueueState:
    of: Queue
    level: int = 0

    def valid(self) -> bool:
        return self.level > 0

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        return [self.level < self.of.depth]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        taken = output and self.level > 0
        if inputs[0] and self.level < self.of.depth:
            self.level += 1
        self.level -= int(taken)


@dataclass(frozen=True)
class Node:
    """One automaton in a network.

    Attributes:
        automaton: its control.
        sources: one per input: index of the node that feeds it; -1 for the network's own input.
    """

    automaton: Automaton
    sources: tuple[int, ...]


def run(nodes: Sequence[Node], samples: int, beats_in: int, beats_out: int, limit: int = 10_000_000) -> list[int]:
    """Cycles at which the last node's samples are complete: input always valid, output always ready.

    Args:
        nodes: each reads only earlier ones; where several read one, an eager fork is between.
        samples: number to run.
        beats_in, beats_out: of one sample, at the network's input and output.
        limit: cycles after which it must have ended.

    Returns:
        For each sample the cycle of its last output beat; the first input beat is offered in cycle 0.

    Raises:
        SimulationError: the network stands still.
    """
    network = Network(nodes)
    ends: list[int] = []
    offered = out = last_progress = cycle = 0
    while len(ends) < samples:
        taken, gave = network.cycle(offered < samples * beats_in)
        offered += int(taken)
        if gave:
            out += 1
            if out % beats_out == 0:
                ends.append(cycle)
        if network.moved:
            last_progress = cycle
        if cycle - last_progress > limit // 100 or cycle > limit:
            raise SimulationError(f"the cycle model stands still after {len(ends)} of {samples} samples")
        cycle += 1
    return ends


class Network:
    """States of all nodes, and the eager forks between them."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.states = [node.automaton.fresh() for node in nodes]
        self.readers: dict[int, list[tuple[int, int]]] = {}
        for i, node in enumerate(nodes):
            for port, source in enumerate(node.sources):
                self.readers.setdefault(source, []).append((i, port))
        self.done = {source: [False] * len(readers) for source, readers in self.readers.items()}
        self.moved = False

    def cycle(self, offered: bool) -> tuple[bool, bool]:
        """One cycle; whether the input was taken, and whether the last node gave a beat."""
        valid: dict[int, bool] = {-1: offered}
        seen: list[list[bool]] = []
        for i, (node, state) in enumerate(zip(self.nodes, self.states, strict=True)):
            inputs = [
                valid[source] and not self.done[source][self.readers[source].index((i, port))]
                for port, source in enumerate(node.sources)
            ]
            seen.append(inputs)
            valid[i] = state.valid()
        ready: dict[tuple[int, int], bool] = {}
        output: dict[int, bool] = {}
        last = len(self.nodes) - 1
        for i in range(last, -2, -1):
            output[i] = True if i == last else self._fork_ready(i, ready)
            if i >= 0:
                for port, value in enumerate(self.states[i].ready(seen[i], output[i])):
                    ready[i, port] = bool(value)
        self.moved = False
        for i, state in enumerate(self.states):
            state.clock(seen[i], output[i])
        for source, readers in self.readers.items():
            self._clock_fork(source, readers, valid[source], ready)
        return offered and output[-1], valid[last]

    @property
    def state(self) -> Hashable:
        """All that decides what comes next."""
        return tuple(map(_frozen, self.states)), tuple(map(tuple, self.done.values()))

    def level(self, node: int) -> int:
        """Beats that a queue holds."""
        state = self.states[node]
        assert isinstance(state, _QueueState)
        return state.level

    def _fork_ready(self, source: int, ready: dict[tuple[int, int], bool]) -> bool:
        readers = self.readers.get(source, [])
        return all(done or ready[reader] for done, reader in zip(self.done.get(source, []), readers, strict=True))

    def _clock_fork(
        self, source: int, readers: list[tuple[int, int]], valid: bool, ready: dict[tuple[int, int], bool]
    ) -> None:
        if not valid:
            return
        done = [before or ready[reader] for before, reader in zip(self.done[source], readers, strict=True)]
        self.moved = self.moved or done != self.done[source]
        self.done[source] = [False] * len(readers) if all(done) else done


def _frozen(value: object) -> Hashable:
    """A state's fields, or one of them, as something to compare."""
    if isinstance(value, int):
        return value
    if isinstance(value, deque):
        return tuple(value)
    return tuple(_frozen(item) for name, item in vars(value).items() if name != "of")
