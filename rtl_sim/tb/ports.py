"""Drives any number of input and output streams of a module at once, and holds its outputs to the streams' rules.

A port is one stream, or a vector of streams (a fork's outputs, a merge's inputs) with one valid and ready bit each.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cocotb.triggers import Timer

#: Cycles without any transfer after which a module is held to be stuck, or finished.
_PATIENCE = 400


@dataclass
class Source:
    """Beats for one input stream.

    Attributes:
        beats: their data.
        idle: probability that a beat waits another cycle.
        offered, accepted: cycles, filled in.
    """

    beats: Sequence[int]
    idle: float = 0.0
    offered: list[int] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)

    @property
    def pending(self) -> bool:
        """Whether a beat is being offered."""
        return len(self.offered) > len(self.accepted)


@dataclass
class Sink:
    """What one output stream gave.

    Attributes:
        stall: probability that it is not ready in a cycle.
        beats: data taken, filled in like the rest.
        offered, taken: cycles.
    """

    stall: float = 0.0
    beats: list[int] = field(default_factory=list)
    offered: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    waiting: int | None = None


@dataclass
class Ports:
    """The streams of a module under test.

    Attributes:
        dut: the module.
        inputs: sources by the prefix of their signals; several in a list drive a vector of streams.
        outputs: sinks likewise.
        data: of prefixes whose data signal has another name than `<prefix>_data`.
        shared: output prefixes whose streams all have the same data.
        each_cycle: called with the cycle's number before inputs settle.
        watch: called with the cycle's number when they have.
    """

    dut: Any
    inputs: Mapping[str, Sequence[Source]]
    outputs: Mapping[str, Sequence[Sink]]
    rng: random.Random
    data: Mapping[str, str] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    each_cycle: Callable[[int], None] = lambda _: None
    watch: Callable[[int], None] = lambda _: None
    now: int = 0

    async def reset(self) -> None:
        """Two cycles of reset."""
        for prefix in self.inputs:
            self._signal(prefix, "valid_i").value = 0
        for prefix in self.outputs:
            self._signal(prefix, "ready_i").value = 0
        self.dut.rst_ni.value = 0
        for clock in (0, 1, 0, 1, 0):
            self.dut.clk_i.value = clock
            await Timer(1, "ns")
        self.dut.rst_ni.value = 1

    async def run(self, expected: int) -> None:
        """Reset, then run until nothing moves any more.

        Args:
            expected: beats taken by all sinks together.

        Raises:
            AssertionError: beats are missing or too many, inputs were not all taken, or an output broke the rules.
        """
        await self.reset()
        quiet = 0
        while quiet < (20 if self._finished(expected) else _PATIENCE):
            quiet = 0 if await self.cycle() else quiet + 1
        counts = {prefix: [len(sink.beats) for sink in sinks] for prefix, sinks in self.outputs.items()}
        assert all(not source.pending for sources in self.inputs.values() for source in sources), "an input is stuck"
        assert self._finished(expected), f"cycle {self.now}: stuck after {counts} of {expected} output beats"
        assert sum(map(sum, counts.values())) == expected, f"{counts} output beats instead of {expected}"

    async def cycle(self) -> bool:
        """One clock cycle; whether anything moved."""
        self.each_cycle(self.now)
        for prefix, sources in self.inputs.items():
            self._offer(prefix, sources)
        ready = {prefix: [self.rng.random() >= s.stall for s in sinks] for prefix, sinks in self.outputs.items()}
        for prefix, bits in ready.items():
            self._signal(prefix, "ready_i").value = _vector(bits, 1)
        await Timer(1, "ns")
        self.watch(self.now)
        moves = [self._take(prefix, sinks, ready[prefix]) for prefix, sinks in self.outputs.items()]
        moves += [self._accept(prefix, sources) for prefix, sources in self.inputs.items()]
        self.dut.clk_i.value = 1
        await Timer(1, "ns")
        self.dut.clk_i.value = 0
        self.now += 1
        return any(moves)

    def _finished(self, expected: int) -> bool:
        sent = all(len(s.accepted) == len(s.beats) for sources in self.inputs.values() for s in sources)
        return sent and sum(len(sink.beats) for sinks in self.outputs.values() for sink in sinks) >= expected

    def _offer(self, prefix: str, sources: Sequence[Source]) -> None:
        port = self._data(prefix, "i")
        width = len(port) // len(sources)
        beats = []
        for source in sources:
            sent = len(source.accepted)
            if not source.pending and sent < len(source.beats) and self.rng.random() >= source.idle:
                source.offered.append(self.now)
            beats.append(source.beats[sent] if source.pending else self.rng.getrandbits(width))
        port.value = _vector(beats, width)
        self._signal(prefix, "valid_i").value = _vector([source.pending for source in sources], 1)

    def _accept(self, prefix: str, sources: Sequence[Source]) -> bool:
        ready = int(self._signal(prefix, "ready_o").value)
        moved = False
        for i, source in enumerate(sources):
            if source.pending and ready >> i & 1:
                source.accepted.append(self.now)
                moved = True
        return moved

    def _take(self, prefix: str, sinks: Sequence[Sink], ready: Sequence[bool]) -> bool:
        valid = int(self._signal(prefix, "valid_o").value)
        data = int(self._data(prefix, "o").value) if valid else 0
        width = len(self._data(prefix, "o")) // (1 if prefix in self.shared else len(sinks))
        moved = False
        for i, sink in enumerate(sinks):
            where = f"cycle {self.now}: {prefix}[{i}]"
            if not valid >> i & 1:
                assert sink.waiting is None, f"{where} was withdrawn"
                continue
            beat = data if prefix in self.shared else data >> (i * width) & ((1 << width) - 1)
            assert sink.waiting in {None, beat}, f"{where} changed while it waited"
            if sink.waiting is None:
                sink.offered.append(self.now)
            sink.waiting = None if ready[i] else beat
            if ready[i]:
                sink.beats.append(beat)
                sink.taken.append(self.now)
                moved = True
        return moved

    def _signal(self, prefix: str, name: str) -> Any:
        return getattr(self.dut, f"{prefix}_{name}")

    def _data(self, prefix: str, direction: str) -> Any:
        return getattr(self.dut, f"{self.data.get(prefix, prefix + '_data')}_{direction}")


def _vector(values: Sequence[int], width: int) -> int:
    return sum(int(value) << (i * width) for i, value in enumerate(values))
