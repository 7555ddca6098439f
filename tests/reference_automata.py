"""The automata of `hwcodesign.hardware.timing`, stepped one by one in every cycle, in plain Python.

It is the definition that the compiled ones are held to: slow, without events, and without a line in common with them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hwcodesign.hardware.movement_timing import Copies, Frames, Split
from hwcodesign.hardware.pace import Pace
from hwcodesign.hardware.shell_timing import Buffer, Decider, Packer, Unpacker
from hwcodesign.hardware.timing import Automaton, Node, Pipeline, Queue, Windows, WindowWords


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
                done = self.of.beats - self.beat < self.of.given
                self.beat %= self.of.beats
        self.pipe.pop()
        self.pipe.appendleft(done)


def _last_columns(of: Windows) -> set[int]:
    """The columns of beats with which output beats end: where the last pixel of their last window lies."""
    stride, at_once = of.stride[1], max(1, of.pixels // of.stride[1])
    last = (window * stride - of.pad_left + of.kernel[1] - 1 for window in range(at_once - 1, of.out_width, at_once))
    return {pixel // of.pixels for pixel in last}


@dataclass
class _WindowsState:
    of: Windows
    row: int = 0  # of the next pixel to be written; counted on from the sample of the present pass
    column: int = 0
    pass_: int = 0
    read: int = 0  # columns read in this pass
    column_waits: bool = False  # one that was read has no place in the window yet
    ends: bool = False  # a window ends with that column
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
            self.waiting, self.column_waits = self.column_waits and self.ends, False
        if not self.column_waits and self._available():
            self._step()
        if accepted:
            self.column += 1
            if self.column == of.width // of.pixels:
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
        if self.read >= of.width // of.pixels:
            return True
        # a pass wholly above the image waits for its first row, lest windows come of a sample that never does
        needed = min(max(self.pass_ * of.stride[0] - of.pad_top + of.kernel[0] - 1, 0), of.height - 1)
        return self.row > needed or (self.row == needed and self.column > self.read)

    def _step(self) -> None:
        of = self.of
        self.column_waits = True
        self.ends = self.read in _last_columns(of)
        self.read += 1
        if self.read == of.columns:
            self.read, self.pass_ = 0, self.pass_ + 1
            if self.pass_ == of.out_height:
                self.pass_, self.row = 0, self.row - of.height


@dataclass
class _WindowWordsState:
    of: WindowWords
    words: int = 0  # accepted, counted on from the sample of the present pass
    pass_: int = 0
    step: int = 0  # words given in this pass
    waiting: bool = False  # a word that has not been taken

    def valid(self) -> bool:
        return self.waiting

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        return [self.words // self.of.row_words - self.of.base(self.pass_) < self.of.rows]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        of = self.of
        accepted = inputs[0] and self.ready(inputs, output)[0]
        if not self.waiting or output:
            self.waiting = self.words >= (of.last(self.pass_) + 1) * of.row_words
            self.step += int(self.waiting)
        if self.step == of.steps:
            self.step, self.pass_ = 0, self.pass_ + 1
            if self.pass_ == of.out_height:
                self.pass_, self.words = 0, self.words - of.height * of.row_words
        self.words += int(accepted)


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


@dataclass
class _SplitState:
    of: Split
    left: int = 0  # pieces

    def valid(self) -> bool:
        return self.left > 0

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        return [self.left == 0 or (self.left == 1 and output)]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        taken = inputs[0] and self.ready(inputs, output)[0]
        if self.left and output:
            self.left -= 1
        if taken:
            self.left = self.of.pieces


@dataclass
class _FramesState:
    of: Frames
    full: int = 0  # halves that wait to be read, or are being read
    beat: int = 0  # next to be written
    step: int = 0  # next to be made
    reader: State = field(init=False)

    def __post_init__(self) -> None:
        self.reader = fresh(Pipeline(beats=self.of.steps_per_beat, depth=2))

    def valid(self) -> bool:
        return self.reader.valid()

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        return [self.full < 2]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        written = inputs[0] and self.full < 2
        reading = [self.full > 0]
        stepped = all(reading) and self.reader.ready(reading, output)[0]
        self.reader.clock(reading, output)
        if written:
            self.beat = (self.beat + 1) % self.of.beats
            self.full += int(self.beat == 0)
        if stepped:
            self.step = (self.step + 1) % self.of.steps
            self.full -= int(self.step == 0)


@dataclass
class _CopiesState:
    of: Copies
    given: int = 0  # output pixels of the sample
    taken: bool = False  # an output pixel waits

    def valid(self) -> bool:
        return self.taken

    def _place(self) -> tuple[int, int]:
        return divmod(self.given, self.of.output[1])

    def _shows(self) -> bool:
        (row, column), (down, across) = self._place(), self.of.factors
        return row % down == 0 and (not self.of.zeros or column % across == 0)

    def _needed_no_more(self) -> bool:
        _, column = self._place()
        return self.of.zeros or column == self.of.output[1] - 1 or (column + 1) % self.of.factors[1] == 0

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        return [(output or not self.taken) and self._shows() and self._needed_no_more()]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        if self.taken and not output:
            return
        self.taken = inputs[0] or not self._shows()
        if self.taken:
            self.given = (self.given + 1) % (self.of.output[0] * self.of.output[1])


@dataclass
class _UnpackerState:
    of: Unpacker
    held: int = 0  # lanes
    word: int = 0  # of the sample, next to come

    def valid(self) -> bool:
        return self.held >= self.of.beat

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        return [self._left(output) < self.of.beat]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        of = self.of
        left = self._left(output)
        if inputs[0] and left < of.beat:
            last = self.word == of.words - 1
            left += of.beats * of.beat - (of.words - 1) * of.lanes if last else of.lanes
            self.word = 0 if last else self.word + 1
        self.held = left

    def _left(self, output: bool) -> int:
        """Lanes that stay when this cycle's beat has gone."""
        return self.held - self.of.beat if output and self.held >= self.of.beat else self.held


@dataclass
class _DeciderState:
    of: Decider
    busy: int = 0  # cycles until the next logits are taken
    pipe: deque[bool] = field(init=False)

    def __post_init__(self) -> None:
        self.pipe = deque([False] * self.of.latency)

    def valid(self) -> bool:
        return self.pipe[-1]

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        return [self._enabled(output) and self.busy == 0]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        if not self._enabled(output):
            return
        taken = inputs[0] and self.busy == 0
        self.busy = self.of.interval - 1 if taken else max(0, self.busy - 1)
        self.pipe.pop()
        self.pipe.appendleft(taken)

    def _enabled(self, output: bool) -> bool:
        return output or not self.pipe[-1]


@dataclass
class _BufferState:
    of: Buffer
    level: int = 0
    decisions: int = 0  # in the register before it, which holds two
    beat: int = 0
    offered: bool = False

    def valid(self) -> bool:
        return self.offered

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        return [self.level < self.of.depth, self.decisions < 2]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        of = self.of
        push = inputs[0] and self.level < of.depth
        decided = self.decisions > 0
        more = int(inputs[1] and self.decisions < 2)
        drop = decided and not of.keep and self.level >= of.beats
        pop = decided and of.keep and self.level > 0 and (output or not self.offered)
        settled = drop or (pop and self.beat == of.beats - 1)
        self.decisions += more - int(settled)
        self.level += int(push) - int(pop) - (of.beats if drop else 0)
        if pop:
            self.offered, self.beat = True, (self.beat + 1) % of.beats
        elif output:
            self.offered = False


@dataclass
class _PackerState:
    of: Packer
    word: int = 0  # that is offered: the first or the second; 0: none

    def valid(self) -> bool:
        return self.word == 2

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        return [self.word == 0 or (self.word == 2 and output)]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        if self.word == 1:  # taken at once
            self.word = 2
        elif self.ready(inputs, output)[0]:
            self.word = int(inputs[0])


_STATES: dict[type, type] = {
    Pipeline: _PipelineState,
    Windows: _WindowsState,
    WindowWords: _WindowWordsState,
    Queue: _QueueState,
    Split: _SplitState,
    Frames: _FramesState,
    Copies: _CopiesState,
    Unpacker: _UnpackerState,
    Decider: _DeciderState,
    Buffer: _BufferState,
    Packer: _PackerState,
}


def fresh(automaton: Automaton) -> State:
    """The state after reset."""
    state: State = _STATES[type(automaton)](automaton)
    return state


class Network:
    """States of all nodes, and the eager forks between them."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.states = [fresh(node.automaton) for node in nodes]
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


def ends_of(nodes: Sequence[Node], samples: int, beats_in: int, beats_out: int) -> list[int]:
    """Cycle of each sample's last output beat, where the input offers that many samples."""
    network = Network(nodes)
    ends: list[int] = []
    offered = out = cycle = 0
    while len(ends) < samples:
        taken, gave = network.cycle(offered < samples * beats_in)
        offered, out = offered + int(taken), out + int(gave)
        if gave and out % beats_out == 0:
            ends.append(cycle)
        cycle += 1
    return ends


def most_held(nodes: Sequence[Node], queues: Sequence[int], beats_in: int, beats_out: int) -> list[int]:
    """The most that queues hold after any cycle while so many beats go in and come out."""
    network, most = Network(nodes), [0] * len(queues)
    while beats_out:
        taken, gave = network.cycle(beats_in > 0)
        beats_in, beats_out = beats_in - int(taken), beats_out - int(gave)
        most = [max(before, network.level(node)) for before, node in zip(most, queues, strict=True)]
    return most


def taken_in(nodes: Sequence[Node], beats: int) -> list[int]:
    """The cycles in which the first input beats are taken, while the next one always waits."""
    network, cycles, cycle = Network(nodes), [], 0
    while len(cycles) < beats:
        taken, _ = network.cycle(offered=True)
        cycles += [cycle] * taken
        cycle += 1
    return cycles


def pace_of(nodes: Sequence[Node], beats_in: int, beats_out: int, samples: int = 1000) -> Pace | None:
    """How samples leave in the long run, where that shows within so many."""
    network = Network(nodes)
    ends: list[int] = []
    seen: dict[Hashable, int] = {}
    offered = out = cycle = 0
    while len(ends) < samples:
        taken, gave = network.cycle(offered=True)
        offered, out = (offered + int(taken)) % beats_in, out + int(gave)
        if gave and out % beats_out == 0:
            ends.append(cycle)
            first = seen.setdefault((network.state, offered), len(ends) - 1)
            if first < len(ends) - 1:
                return Pace(tuple(ends), first, len(ends) - 1 - first)
        cycle += 1
    return None
