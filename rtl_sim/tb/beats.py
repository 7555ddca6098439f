"""Plays beats through one or more modules with valid/ready ports, and holds them to their cycle models."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ports import Ports, Sink, Source

from hwcodesign.hardware.stepping import State
from hwcodesign.hardware.timing import Automaton

#: Cycles without any transfer after which a module is held to be stuck.
_PATIENCE = 2000
#: Cycles without any transfer after which a module that gave all it should is held to be finished.
_REST = 20


@dataclass(frozen=True)
class Pace:
    """How often each side holds back.

    Attributes:
        idle: probability that an input beat waits another cycle.
        stall: probability that the output is not ready in a cycle.
    """

    idle: float = 0.0
    stall: float = 0.0


@dataclass
class Trace:
    """What came out, and the cycles (from 0, after reset) of all transfers."""

    outputs: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    accepted: dict[str, list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Player:
    """A module, or one of several in a wrapper, and what it is to be sent.

    Attributes:
        inputs: beats per input port ("in", "a", "b").
        expected: output beats; all of them must come, and none after them.
        model: its control, a chain of automata, compared in every cycle where given.
        prefix: of its signals' names.
    """

    inputs: Mapping[str, Sequence[int]]
    expected: int
    model: Sequence[Automaton] = ()
    prefix: str = ""


def seeded() -> random.Random:
    """The random choices of a run; prints its seed."""
    seed = int(os.environ.get("COCOTB_RANDOM_SEED") or os.environ.get("RANDOM_SEED") or 1)
    print(f"seed {seed}")
    return random.Random(seed)  # noqa: S311


def pack(codes: Iterable[int], width: int) -> int:
    """Codes to one beat, the first lowest."""
    beat = 0
    for i, code in enumerate(codes):
        beat |= (int(code) & ((1 << width) - 1)) << (i * width)
    return beat


def unpack(beat: int, width: int, count: int, signed: bool) -> list[int]:
    """One beat to codes."""
    fields = [(beat >> (i * width)) & ((1 << width) - 1) for i in range(count)]
    return [code - (1 << width) if signed and code >> (width - 1) else code for code in fields]


async def play(
    dut: Any,
    inputs: Mapping[str, Sequence[int]],
    expected: int,
    pace: Pace,
    rng: random.Random,
    model: Sequence[Automaton] = (),
) -> Trace:
    """`play_all` with one module, whose ports have no prefix."""
    return (await play_all(dut, [Player(inputs, expected, model)], pace, rng))[0]


async def play_all(dut: Any, players: Sequence[Player], pace: Pace, rng: random.Random) -> list[Trace]:
    """Reset all modules, send all beats, and take what comes.

    Raises:
        AssertionError: an output was withdrawn or changed while it waited, control differs from the model, or the
            number of output beats is another one.
    """
    sources = {p.prefix + name: Source(beats, pace.idle) for p in players for name, beats in p.inputs.items()}
    sinks = {f"{p.prefix}out": Sink(pace.stall) for p in players}
    controls = [_Control(dut, player) for player in players if player.model]
    ports = Ports(
        dut,
        {name: [source] for name, source in sources.items()},
        {name: [sink] for name, sink in sinks.items()},
        rng,
        watch=lambda now: [control.compare(now) for control in controls] and None,
    )

    def finished() -> bool:
        sent = all(len(source.accepted) == len(source.beats) for source in sources.values())
        return sent and all(len(sinks[f"{p.prefix}out"].beats) >= p.expected for p in players)

    await ports.reset()
    quiet = 0
    while quiet < (_REST if finished() else _PATIENCE):
        quiet = 0 if await ports.cycle() else quiet + 1
    for player in players:
        count = len(sinks[f"{player.prefix}out"].beats)
        assert count == player.expected, f"{player.prefix}{count} output beats came instead of {player.expected}"
    assert finished(), "inputs were not all taken"
    return [_trace(player, sources, sinks[f"{player.prefix}out"]) for player in players]


def _trace(player: Player, sources: Mapping[str, Source], sink: Sink) -> Trace:
    return Trace(sink.beats, sink.taken, {name: sources[player.prefix + name].accepted for name in player.inputs})


class _Control:
    """Valid and ready of a module beside those of its model."""

    def __init__(self, dut: Any, player: Player) -> None:
        self.model, self.prefix = _Chain(player.model), player.prefix
        self.inputs = [
            (getattr(dut, f"{self.prefix}{i}_valid_i"), getattr(dut, f"{self.prefix}{i}_ready_o"), i)
            for i in player.inputs
        ]
        self.valid, self.ready = getattr(dut, f"{self.prefix}out_valid_o"), getattr(dut, f"{self.prefix}out_ready_i")

    def compare(self, now: int) -> None:
        """Once a cycle, when all signals have settled: compare, then let the model take the clock edge."""
        offered = [_bit(valid) for valid, _, _ in self.inputs]
        output = _bit(self.ready)
        for (_, ready, name), is_offered, wanted in zip(
            self.inputs, offered, self.model.ready(offered, output), strict=True
        ):
            if is_offered:  # what ready does without an offer matters to nobody
                where = f"cycle {now}: {self.prefix}{name}_ready_o"
                assert _bit(ready) == wanted, f"{where}={_bit(ready)}, the cycle model says {wanted}"
        valid = _bit(self.valid)
        assert valid == self.model.valid(), f"cycle {now}: {self.prefix}out_valid_o={valid}, the cycle model disagrees"
        self.model.clock(offered, output)


def _bit(signal: Any) -> bool:
    return bool(int(signal.value))


class _Chain:
    """Automata one behind the other, stepped with signals from outside; the first may have several inputs."""

    def __init__(self, automata: Sequence[Automaton]) -> None:
        self.states = [State(automaton) for automaton in automata]

    def valid(self) -> bool:
        return self.states[-1].valid()

    def ready(self, inputs: Sequence[bool], output: bool) -> Sequence[bool]:
        for i in range(len(self.states) - 1, 0, -1):
            output = self.states[i].ready([self.states[i - 1].valid()], output)[0]
        return self.states[0].ready(inputs, output)

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        offers = [list(inputs), *([state.valid()] for state in self.states[:-1])]
        readies = [output]
        for i in range(len(self.states) - 1, 0, -1):
            readies.append(self.states[i].ready(offers[i], readies[-1])[0])
        for state, offer, ready in zip(self.states, offers, reversed(readies), strict=True):
            state.clock(offer, ready)
