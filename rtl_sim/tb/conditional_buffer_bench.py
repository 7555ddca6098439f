"""The conditional buffer against a list of samples, and against its own automaton in every cycle."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import cocotb
from beats import seeded
from ports import Ports, Sink, Source
from telling import require_telling_beats

BEATS, DEPTH, WIDTH = (int(os.environ[f"HWC_{name}"]) for name in ("BEATS", "DEPTH", "WIDTH"))
SAMPLES = 60


@dataclass
class Model:
    """The control, without data: what each cycle's registers say.

    Attributes:
        level: beats in the ring.
        decisions: taken and not yet carried out; the module holds two.
        read: beats of the oldest sample that have been read.
        offered: whether an output beat waits.
        most: the highest level so far.
    """

    level: int = 0
    decisions: list[int] = field(default_factory=list)
    read: int = 0
    offered: bool = False
    most: int = 0

    def compare(self, dut: Any) -> None:
        says = [int(signal.value) for signal in (dut.in_ready_o, dut.release_ready_o, dut.out_valid_o, dut.level_o)]
        assert says == [self.level < DEPTH, len(self.decisions) < 2, self.offered, self.level]

    def clock(self, dut: Any) -> None:
        ready = bool(int(dut.out_ready_i.value))
        push = bool(int(dut.in_valid_i.value)) and self.level < DEPTH
        decided = bool(int(dut.release_valid_i.value)) and len(self.decisions) < 2
        drop = self.decisions[:1] == [0] and self.level >= BEATS
        pop = self.decisions[:1] == [1] and self.level > 0 and (ready or not self.offered)
        self.offered = pop or (self.offered and not ready)
        self.level += push - pop - BEATS * drop
        self.read = (self.read + pop) % BEATS
        if drop or (pop and self.read == 0):
            self.decisions.pop(0)
        if decided:
            self.decisions.append(int(dut.release_keep_i.value))
        self.most = max(self.most, self.level)


def streams(rng: Any, idle: float, slow: float, keeps: list[int]) -> tuple[Source, Source, list[int]]:
    """Beats in, decisions, and the beats that must come out."""
    samples = [[rng.getrandbits(WIDTH) for _ in range(BEATS)] for _ in keeps]
    kept = [beat for sample, keep in zip(samples, keeps, strict=True) if keep for beat in sample]
    return Source([beat for sample in samples for beat in sample], idle), Source(keeps, slow), kept


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.5], slow=[0.0, 0.9], stall=[0.0, 0.6], share=[0.5, 0.1])
async def forwards_and_drops_whole_samples(dut: Any, idle: float, slow: float, stall: float, share: float) -> None:
    rng = seeded()
    source, decisions, kept = streams(rng, idle, slow, [int(rng.random() < share) for _ in range(SAMPLES)])
    require_telling_beats(kept)
    assert {*decisions.beats} == {0, 1}
    model, sink = Model(), Sink(stall)

    def watch(_: int) -> None:
        model.compare(dut)
        model.clock(dut)

    inputs = {"in": [source], "release": [decisions]}
    await Ports(dut, inputs, {"out": [sink]}, rng, {"release": "release_keep"}, watch=watch).run(len(kept))
    assert sink.beats == kept
    assert model.level == 0


@cocotb.test()
async def kept_samples_follow_one_another_without_a_gap(dut: Any) -> None:
    source, decisions, kept = streams(seeded(), 0.0, 0.0, [1] * SAMPLES)
    sink = Sink()
    inputs = {"in": [source], "release": [decisions]}
    await Ports(dut, inputs, {"out": [sink]}, seeded(), {"release": "release_keep"}).run(len(kept))
    if DEPTH > 1:
        assert sink.taken == list(range(2, 2 + len(kept)))


@cocotb.test()
async def takes_a_whole_sample_before_its_decision(dut: Any) -> None:
    source, decisions, _ = streams(seeded(), 0.0, 1.0, [1] * SAMPLES)
    inputs = {"in": [source], "release": [decisions]}
    ports = Ports(dut, inputs, {"out": [Sink()]}, seeded(), {"release": "release_keep"})
    await ports.reset()
    for _ in range(DEPTH + 10):
        await ports.cycle()
    assert len(source.accepted) == DEPTH
    assert not ports.outputs["out"][0].beats
