"""Plays beats through a module with valid/ready ports, and holds it to its streams' rules and to its cycle model."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cocotb.triggers import Timer

from hwcodesign.kernels.timing import Automaton

#: Cycles without any transfer after which a module is held to be stuck, or finished.
_PATIENCE = 2000


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


def seeded() -> random.Random:
    """The random choices of a run; prints its seed."""
    seed = int(os.environ.get("COCOTB_RANDOM_SEED") or os.environ.get("RANDOM_SEED") or 1)
    print(f"seed {seed}")  # noqa: T201
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


async def reset(dut: Any, inputs: Iterable[str] = ("in",)) -> None:
    """Two cycles of reset."""
    for name in inputs:
        getattr(dut, f"{name}_valid_i").value = 0
    dut.out_ready_i.value = 0
    dut.rst_ni.value = 0
    for clock in (0, 1, 0, 1, 0):
        dut.clk_i.value = clock
        await Timer(1, "ns")
    dut.rst_ni.value = 1


async def play(
    dut: Any,
    inputs: Mapping[str, Sequence[int]],
    expected: int,
    pace: Pace,
    rng: random.Random,
    model: Automaton | None = None,
) -> Trace:
    """Reset the module, send all beats, and take what comes.

    Args:
        inputs: beats per input port ("in", "a", "b").
        expected: output beats; all of them must come, and none after them.
        pace: of both sides.
        model: the module's control, compared in every cycle where given.

    Raises:
        AssertionError: an output was withdrawn or changed while it waited, control differs from the model, or the
            number of output beats is another one.
    """
    await reset(dut, inputs)
    player = _Player(dut, inputs, pace, rng, model)
    quiet = 0
    while quiet < (20 if player.done(expected) else _PATIENCE):
        quiet = 0 if await player.cycle() else quiet + 1
    assert player.done(expected), f"{len(player.trace.outputs)} of {expected} output beats came; the module is stuck"
    assert len(player.trace.outputs) == expected, f"{len(player.trace.outputs)} output beats instead of {expected}"
    return player.trace


class _Player:
    def __init__(
        self,
        dut: Any,
        inputs: Mapping[str, Sequence[int]],
        pace: Pace,
        rng: random.Random,
        model: Automaton | None,
    ) -> None:
        self.dut, self.inputs, self.pace, self.rng = dut, inputs, pace, rng
        self.model = model.fresh() if model is not None else None
        self.trace = Trace(accepted={name: [] for name in inputs})
        self.offered = dict.fromkeys(inputs, False)
        self.waiting: int | None = None
        self.now = 0

    def done(self, expected: int) -> bool:
        sent = all(len(self.trace.accepted[name]) == len(beats) for name, beats in self.inputs.items())
        return sent and len(self.trace.outputs) >= expected

    async def cycle(self) -> bool:
        """One clock cycle; whether anything moved."""
        for name, beats in self.inputs.items():
            self._offer(name, beats)
        ready = self.rng.random() >= self.pace.stall
        self.dut.out_ready_i.value = int(ready)
        await Timer(1, "ns")
        taken = {name: bool(int(getattr(self.dut, f"{name}_ready_o").value)) for name in self.inputs}
        valid = bool(int(self.dut.out_valid_o.value))
        self._compare(taken, valid, ready)
        moved = self._take(valid, ready)
        for name, offered in self.offered.items():
            if offered and taken[name]:
                self.trace.accepted[name].append(self.now)
                self.offered[name] = False
                moved = True
        self.dut.clk_i.value = 1
        await Timer(1, "ns")
        self.dut.clk_i.value = 0
        self.now += 1
        return moved

    def _offer(self, name: str, beats: Sequence[int]) -> None:
        sent = len(self.trace.accepted[name])
        if self.offered[name]:
            return
        self.offered[name] = sent < len(beats) and self.rng.random() >= self.pace.idle
        port = getattr(self.dut, f"{name}_data_i")
        port.value = beats[sent] if self.offered[name] else self.rng.getrandbits(len(port))
        getattr(self.dut, f"{name}_valid_i").value = int(self.offered[name])

    def _take(self, valid: bool, ready: bool) -> bool:
        assert valid or self.waiting is None, f"cycle {self.now}: an output was withdrawn"
        if not valid:
            return False
        data = int(self.dut.out_data_o.value)
        assert self.waiting in {None, data}, f"cycle {self.now}: an output changed while it waited"
        self.waiting = None if ready else data
        if ready:
            self.trace.outputs.append(data)
            self.trace.left.append(self.now)
        return ready

    def _compare(self, taken: Mapping[str, bool], valid: bool, ready: bool) -> None:
        if self.model is None:
            return
        offered = list(self.offered.values())
        wanted = self.model.ready(offered, ready)
        for name, model in zip(self.inputs, wanted, strict=True):
            if self.offered[name]:
                assert taken[name] == model, f"cycle {self.now}: {name}_ready_o={taken[name]}, the cycle model says {model}"
        assert valid == self.model.valid(), f"cycle {self.now}: out_valid_o={valid}, the cycle model says the contrary"
        self.model.clock(offered, ready)
