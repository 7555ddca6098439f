"""Control against a plain model, output by output and cycle by cycle, under every order of events that can occur."""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass, field
from typing import Any

import cocotb
from beats import pack, seeded, unpack
from cocotb.triggers import Timer

CASE = json.loads(os.environ["HWC_CASE"])
EXITS, RESET_CYCLES, FULL = CASE["Exits"], CASE["ResetCycles"], (1 << CASE["InFlightWidth"]) - 2
BUFFERS = max(1, EXITS - 1)
NEVER = 0x7FFFFFFF
WORD = 0xFFFFFFFF


@dataclass
class Counters:
    """What a snapshot latches."""

    cycles: int = 0
    input_stalls: int = 0
    output_stalls: int = 0
    finals: list[int] = field(default_factory=lambda: [0] * EXITS)
    high_water: list[int] = field(default_factory=lambda: [0] * BUFFERS)

    def copy(self) -> Counters:
        return Counters(self.cycles, self.input_stalls, self.output_stalls, list(self.finals), list(self.high_water))


@dataclass
class Core:
    """What a soft reset empties."""

    banks: list[tuple[list[int], int]] = field(default_factory=lambda: [([NEVER] * EXITS, 0) for _ in range(2)])
    active: int = 0
    in_flight: list[int] = field(default_factory=lambda: [0, 0])
    begun: bool = False  # one of them started in the cycle before
    draining: bool = False
    counters: Counters = field(default_factory=Counters)

    @property
    def batch_last(self) -> bool:
        return self.draining and sum(self.in_flight) == 1

    @property
    def start_allowed(self) -> bool:
        return not self.draining and self.in_flight[self.active] - self.begun < FULL


@dataclass(frozen=True)
class Inputs:
    """One cycle's inputs."""

    staged: list[int]
    anytime: int
    soft_reset: bool
    snapshot: bool
    commit: bool
    input_waits: bool
    output_waits: bool
    started: bool
    ended: bool
    accepted: int
    final: tuple[int, int] | None  # bank and exit
    early: bool  # a record that is not final
    levels: list[int]


@dataclass
class Model:
    """The module: state after each cycle from the state before and the inputs."""

    core: Core = field(default_factory=Core)
    pending: bool = False
    left: int = RESET_CYCLES  # cycles of soft reset to come
    latched: Counters = field(default_factory=Counters)
    latched_accepted: int = 0

    def clock(self, i: Inputs) -> None:
        core, resetting = self.core, self.left > 0
        if i.snapshot:
            self.latched, self.latched_accepted = core.counters.copy(), i.accepted
        copied = not resetting and self.pending and core.in_flight[1 - core.active] == 0
        self.pending = i.commit or (self.pending and not copied)
        if i.soft_reset:
            self.left = RESET_CYCLES
        elif resetting:
            self.left -= 1
        if resetting:
            self.core = Core()
            return
        if i.ended:
            core.draining = True
        core.begun = i.started
        if i.started:
            core.in_flight[core.active] += 1
        self._count(i)
        if i.final is not None:
            last = core.draining and not i.ended and sum(core.in_flight) == 1
            core.in_flight[i.final[0]] -= 1
            core.draining = core.draining and not last
        if copied:
            core.active = 1 - core.active
            core.banks[core.active] = (list(i.staged), i.anytime)

    def _count(self, i: Inputs) -> None:
        counters = self.core.counters
        counters.cycles += 1
        counters.input_stalls += i.input_waits
        counters.output_stalls += i.output_waits
        counters.high_water = [max(*pair) for pair in zip(counters.high_water, i.levels, strict=True)]
        if i.final is not None:
            counters.finals[i.final[1]] += 1


class Bench:
    """Plays random events that word_unpack, record_pack and a driver may give."""

    def __init__(self, dut: Any, rng: random.Random) -> None:
        self.dut, self.rng = dut, rng
        self.model = Model()
        self.samples: list[int] = []  # banks of those in flight
        self.bank_changes = 0

    async def power_up(self) -> None:
        self.dut.rst_ni.value = 0
        self._drive(self._quiet())
        for _ in range(3):
            await self._edge()
        self.dut.rst_ni.value = 1
        self.model, self.samples = Model(), []

    def commit_state(self) -> tuple[bool, int]:
        """Whether a commit waits, and the active bank."""
        return self.model.pending, self.model.core.active

    def _quiet(self) -> Inputs:
        none = [0] * BUFFERS
        return Inputs([0] * EXITS, 0, False, False, False, False, False, False, False, 0, None, False, none)

    async def cycle(self, rates: dict[str, float]) -> None:
        rng, core, live = self.rng, self.model.core, self.model.left == 0

        def happens(event: str) -> bool:
            return rng.random() < rates.get(event, 0.0)

        started = live and core.start_allowed and happens("start")
        open_batch = live and not core.draining and (started or bool(self.samples))
        ended = open_batch and happens("end")
        final = None
        if live and self.samples and happens("final"):
            final = (self.samples.pop(rng.randrange(len(self.samples))), rng.randrange(EXITS))
            if core.draining is False and not self.samples and not started:
                ended = False  # TLAST comes no later than its sample's record
        if started:
            self.samples.append(core.active)
        inputs = Inputs(
            staged=[rng.getrandbits(32) for _ in range(EXITS)],
            anytime=rng.getrandbits(1),
            soft_reset=happens("soft_reset"),
            snapshot=happens("snapshot"),
            commit=happens("commit"),
            input_waits=happens("waits"),
            output_waits=happens("waits"),
            started=started,
            ended=ended,
            accepted=rng.getrandbits(32),
            final=final,
            early=final is None and happens("early"),
            levels=[rng.getrandbits(16) if happens("level") else 0 for _ in range(BUFFERS)],
        )
        self._drive(inputs)
        await Timer(1, "ns")
        self._check()
        before = core.active
        self.model.clock(inputs)
        if self.model.left:
            self.samples = []
        self.bank_changes += self.model.core.active != before
        await self._edge()

    def _drive(self, i: Inputs) -> None:
        dut, rng = self.dut, self.rng
        dut.staged_thresholds_i.value = pack(i.staged, 32)
        dut.staged_anytime_i.value = i.anytime
        dut.soft_reset_i.value, dut.snapshot_i.value, dut.commit_i.value = i.soft_reset, i.snapshot, i.commit
        ready = rng.getrandbits(1)
        dut.s_axis_tvalid_i.value, dut.s_axis_tready_i.value = (1, 0) if i.input_waits else (ready, ready)
        dut.m_axis_tvalid_i.value, dut.m_axis_tready_i.value = (1, 0) if i.output_waits else (0, ready)
        dut.sample_started_i.value, dut.batch_ended_i.value = i.started, i.ended
        dut.accepted_i.value = i.accepted
        dut.record_taken_i.value = i.early or i.final is not None
        bank, leaves = i.final if i.final is not None else (rng.getrandbits(1), rng.randrange(EXITS))
        flags = bank << 7 | rng.getrandbits(6) << 1 | (i.final is not None or (not i.early and rng.getrandbits(1)))
        dut.record_i.value = flags << 120 | leaves << 112 | rng.getrandbits(112)
        dut.levels_i.value = pack(i.levels, 16)

    def _check(self) -> None:
        dut, model, core = self.dut, self.model, self.model.core
        live = model.left == 0
        seen = {
            name: int(getattr(dut, name).value)
            for name in ("core_rst_no", "resetting_o", "commit_pending_o", "cycles_o", "accepted_o")
        }
        wanted = {
            "core_rst_no": live,
            "resetting_o": not live,
            "commit_pending_o": model.pending,
            "cycles_o": model.latched.cycles,
            "accepted_o": model.latched_accepted,
        }
        assert seen == wanted
        assert int(dut.input_stalls_o.value) == model.latched.input_stalls & WORD
        assert int(dut.output_stalls_o.value) == model.latched.output_stalls & WORD
        assert unpack(int(dut.finals_o.value), 32, EXITS, False) == model.latched.finals
        assert unpack(int(dut.high_water_o.value), 16, BUFFERS, False) == model.latched.high_water
        if live:
            self._check_core(core)

    def _check_core(self, core: Core) -> None:
        dut = self.dut
        assert int(dut.draining_o.value) == core.draining, "draining_o"
        assert int(dut.active_bank_o.value) == core.active, "active_bank_o"
        assert int(dut.in_flight_o.value) == sum(core.in_flight) - core.begun, "in_flight_o"
        assert int(dut.batch_last_o.value) == core.batch_last, "batch_last_o"
        assert int(dut.start_allowed_o.value) == core.start_allowed, "start_allowed_o"
        assert int(dut.now_o.value) == core.counters.cycles & WORD, "now_o"
        seen = unpack(int(dut.thresholds_o.value), 32, 2 * EXITS, False)
        assert seen == [core.banks[bank][0][k] for k in range(EXITS) for bank in range(2)], "thresholds_o"
        assert int(dut.anytime_o.value) == core.banks[0][1] | core.banks[1][1] << 1, "anytime_o"

    async def _edge(self) -> None:
        self.dut.clk_i.value = 1
        await Timer(1, "ns")
        self.dut.clk_i.value = 0
        await Timer(1, "ns")


BUSY = {"start": 0.4, "end": 0.05, "final": 0.4, "early": 0.3, "waits": 0.3, "level": 0.2, "snapshot": 0.1}
PLAYS = {
    "commits": {**BUSY, "commit": 0.1},
    "commits all the time": {**BUSY, "commit": 0.7},
    "full": {**BUSY, "start": 0.9, "final": 0.05, "commit": 0.02},
    "empty": {**BUSY, "start": 0.1, "final": 0.9, "commit": 0.1},
    "soft resets": {**BUSY, "commit": 0.1, "soft_reset": 0.02},
    "soft resets during soft resets": {**BUSY, "commit": 0.1, "soft_reset": 0.2},
}


@cocotb.test()
@cocotb.parametrize(play=list(PLAYS))
async def control_is_the_model(dut: Any, play: str) -> None:
    bench = Bench(dut, seeded())
    await bench.power_up()
    for _ in range(3000):
        await bench.cycle(PLAYS[play])
    assert bench.bank_changes > 5, "the play exercises nothing"


@cocotb.test()
async def a_commit_waits_for_its_bank_and_then_is_done(dut: Any) -> None:
    bench = Bench(dut, seeded())
    await bench.power_up()
    for _ in range(RESET_CYCLES + 2):
        await bench.cycle({})
    await bench.cycle({"start": 1.0})  # a sample of bank 0
    await bench.cycle({"commit": 1.0})
    for _ in range(3):
        await bench.cycle({})
    assert bench.commit_state() == (False, 1), "bank 1 was empty"
    await bench.cycle({"commit": 1.0})
    for _ in range(200):
        await bench.cycle({"start": 0.01})
    assert bench.commit_state() == (True, 1), "the sample of bank 0 is still in flight"
    bench.samples.sort()
    while 0 in bench.samples:
        await bench.cycle({"final": 1.0})
    for _ in range(2):
        await bench.cycle({})
    assert bench.commit_state() == (False, 0)
