"""Words to beats against a plain model: random pauses on every side, TLAST early and missing, resets, wrapping ids."""

from __future__ import annotations

import json
import os
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import cocotb
from beats import pack, seeded, unpack
from cocotb.triggers import Timer
from telling import require_telling_beats

CASE = json.loads(os.environ["HWC_CASE"])
# A beat is a pixel or several: lanes of a beat, and beats of a sample
LANES_OF_BEAT, WIDTH = CASE["Channels"] * CASE["PixelsPerBeat"], CASE["ElementWidth"]
BEATS = CASE["Pixels"] // CASE["PixelsPerBeat"]
FIRST_ID = CASE["FirstId"]
LANE = 8 if WIDTH <= 8 else 16 if WIDTH <= 16 else 32
LANES = 64 // LANE
WORDS = -(-BEATS * LANES_OF_BEAT // LANES)


@dataclass(frozen=True)
class Pace:
    """Probabilities, per cycle, that each side holds back."""

    idle: float = 0.0
    stall: float = 0.0
    info_stall: float = 0.0
    barred: float = 0.0


@dataclass
class Model:
    """What must come out of the words accepted, element by element.

    Attributes:
        index: words of the present sample accepted.
        elements: of the present sample.
        released: its beats that have been given out.
        stamp, bank: of its first word.
        error: TLAST came inside a sample.
        finished: samples accepted.
        beats, infos: expected and not yet seen.
        given: all beats so far.
    """

    index: int = 0
    elements: list[int] = field(default_factory=list)
    released: int = 0
    stamp: int = 0
    bank: int = 0
    error: bool = False
    finished: int = 0
    beats: deque[int] = field(default_factory=deque)
    infos: deque[dict[str, int]] = field(default_factory=deque)
    given: list[int] = field(default_factory=list)

    def accept(self, word: int, last: bool, now: int, bank: int) -> None:
        if self.index == 0:
            self.stamp, self.bank = now, bank
        self.elements += [lane & ((1 << WIDTH) - 1) for lane in unpack(word, LANE, LANES, signed=False)]
        self.index += 1
        damaged = last and self.index < WORDS
        if damaged:
            self.elements += [0] * (BEATS * LANES_OF_BEAT)
            self.error = True
        self._release()
        if damaged or self.index == WORDS:
            identity = (FIRST_ID + self.finished) & 0xFFFFFFFF
            self.infos.append({"sample_id": identity, "stamp": self.stamp, "bank": self.bank, "error": int(damaged)})
            self.finished += 1
            self.elements, self.index, self.released = [], 0, 0

    def _release(self) -> None:
        whole = min(BEATS, len(self.elements) // LANES_OF_BEAT)
        for p in range(self.released, whole):
            beat = pack(self.elements[p * LANES_OF_BEAT : (p + 1) * LANES_OF_BEAT], WIDTH)
            self.beats.append(beat)
            self.given.append(beat)
        self.released = whole


def info_of(bits: int) -> dict[str, int]:
    """sample_t: its last field lowest."""
    widths = {"error": 1, "bank": 1, "seen": 1, "agreements": 8, "label": 16, "stamp": 32, "sample_id": 32}
    fields = {}
    for name, width in widths.items():
        fields[name] = bits & ((1 << width) - 1)
        bits >>= width
    assert fields.pop("seen") == fields.pop("agreements") == fields.pop("label") == 0
    return fields


class Bench:
    """Drives all ports cycle by cycle and holds the module to the model."""

    def __init__(self, dut: Any, rng: random.Random, pace: Pace) -> None:
        self.dut, self.rng, self.pace = dut, rng, pace
        self.now = rng.choice([0, 0xFFFFFFF0])
        self.model = Model()
        self.words: deque[tuple[int, bool]] = deque()
        self.offered = False
        self.held: dict[str, int] = {}
        self.infos = 0  # taken
        self.accepts: list[int] = []
        self.leaves: list[int] = []

    async def reset(self, cycles: int = 3) -> None:
        """Forget everything; nothing is accepted meanwhile, even where a word is offered."""
        self.dut.rst_ni.value = 0
        self.dut.s_axis_tvalid.value = int(self.offered)
        for _ in range(cycles):
            await Timer(1, "ns")
            assert int(self.dut.s_axis_tready.value) == 0, "a word is taken during reset"
            await self._edge()
        self.dut.rst_ni.value = 1
        self.model, self.held, self.offered, self.infos = Model(), {}, False, 0
        self.words.clear()

    def send(self, samples: int, early: float, batch: int) -> None:
        """Words of samples: every `batch`-th ends with TLAST, some end early."""
        for n in range(samples):
            words = [self.rng.getrandbits(64) for _ in range(WORDS)]
            length = self.rng.randrange(1, WORDS) if WORDS > 1 and self.rng.random() < early else WORDS
            ends = length < WORDS or (n + 1) % batch == 0
            self.words += [(word, ends and i == length - 1) for i, word in enumerate(words[:length])]

    async def drain(self) -> None:
        """Go on until nothing moves any more; what is missing may be stalled for long."""
        quiet = 0
        while quiet < (2000 if self.model.beats or self.model.infos else 50):
            quiet = 0 if await self.cycle() or self.words or self.offered else quiet + 1
        assert not self.model.beats, f"{len(self.model.beats)} beats are missing"
        assert not self.model.infos, f"{len(self.model.infos)} sample_t are missing"

    async def cycle(self) -> bool:
        """One cycle; whether anything moved."""
        dut, rng, pace = self.dut, self.rng, self.pace
        if not self.offered:
            self.offered = bool(self.words) and rng.random() >= pace.idle
            word, last = self.words[0] if self.offered else (rng.getrandbits(64), bool(rng.getrandbits(1)))
            dut.s_axis_tdata.value, dut.s_axis_tlast.value = word, int(last)
        bank, allowed = rng.getrandbits(1), rng.random() >= pace.barred
        ready, info_ready = rng.random() >= pace.stall, rng.random() >= pace.info_stall
        dut.s_axis_tvalid.value, dut.out_ready_i.value, dut.info_ready_i.value = self.offered, ready, info_ready
        dut.now_i.value, dut.bank_i.value, dut.start_allowed_i.value = self.now, bank, allowed
        await Timer(1, "ns")
        offered_infos = self.infos + int(dut.info_valid_o.value)
        assert int(dut.accepted_o.value) == offered_infos, "accepted_o differs from the samples announced"
        moved = self._output("out", ready, self._beat) | self._output("info", info_ready, self._info)
        moved |= self._accept(bank, allowed)
        await self._edge()
        return moved

    def _accept(self, bank: int, allowed: bool) -> bool:
        taken = self.offered and bool(int(self.dut.s_axis_tready.value))
        first = self.model.index == 0
        assert int(self.dut.error_o.value) == self.model.error, "error_o"
        assert int(self.dut.sample_started_o.value) == (taken and first), "sample_started_o"
        last = taken and self.words[0][1]
        assert int(self.dut.batch_ended_o.value) == last, "batch_ended_o"
        if not taken:
            return False
        assert allowed or not first, "a sample starts while none may"
        word, _ = self.words.popleft()
        self.accepts.append(self.now)
        self.model.accept(word, last, self.now, bank)
        self.offered = False
        return True

    def _output(self, port: str, ready: bool, check: Any) -> bool:
        valid = bool(int(getattr(self.dut, f"{port}_valid_o").value))
        assert valid or port not in self.held, f"{port} was withdrawn"
        if not valid:
            return False
        data = int(getattr(self.dut, f"{port}_data_o").value)
        assert self.held.pop(port, data) == data, f"{port} changed while it waited"
        if ready:
            check(data)
        else:
            self.held[port] = data
        return ready

    def _beat(self, data: int) -> None:
        assert self.model.beats, "a beat comes before its words"
        wanted = self.model.beats.popleft()
        assert data == wanted, f"beat {data:x} instead of {wanted:x}"
        self.leaves.append(self.now)

    def _info(self, data: int) -> None:
        assert self.model.infos, "a sample_t comes before its sample's last word"
        assert info_of(data) == self.model.infos.popleft()
        self.infos += 1

    async def _edge(self) -> None:
        self.dut.clk_i.value = 1
        await Timer(1, "ns")
        self.dut.clk_i.value = 0
        self.now = (self.now + 1) & 0xFFFFFFFF


PACES = {
    "steady": Pace(),
    "slow input": Pace(idle=0.7),
    "slow output": Pace(stall=0.7),
    "late sample_t": Pace(info_stall=0.95),
    "everything": Pace(0.3, 0.4, 0.8, 0.6),
}


@cocotb.test()
@cocotb.parametrize(pace=list(PACES), early=[0.0, 0.3])
async def beats_and_samples(dut: Any, pace: str, early: float) -> None:
    bench = Bench(dut, seeded(), PACES[pace])
    await bench.reset()
    bench.send(CASE["Samples"], early, batch=3)
    await bench.drain()


@cocotb.test()
async def full_throughput(dut: Any) -> None:
    bench = Bench(dut, seeded(), PACES["steady"])
    bench.now = 0
    await bench.reset()
    bench.send(CASE["Samples"], 0.0, batch=CASE["Samples"])
    await bench.drain()
    require_telling_beats(bench.model.given)
    beats = CASE["Samples"] * BEATS
    if LANES_OF_BEAT <= LANES:
        assert bench.leaves == list(range(bench.accepts[0] + 1, bench.accepts[0] + 1 + beats)), "a beat a cycle"
    else:
        words = CASE["Samples"] * WORDS
        assert bench.accepts == list(range(bench.accepts[0], bench.accepts[0] + words)), "a word a cycle"


@cocotb.test()
async def reset_at_any_cycle(dut: Any) -> None:
    rng = seeded()
    bench = Bench(dut, rng, PACES["everything"])
    await bench.reset()
    for _ in range(30):
        bench.send(CASE["Samples"], 0.3, batch=3)
        for _ in range(rng.randrange(1, 6 * WORDS + 20)):
            await bench.cycle()
        await bench.reset(rng.randrange(1, 4))
    bench.send(CASE["Samples"], 0.3, batch=3)
    await bench.drain()


@cocotb.test()
async def no_sample_starts_unless_it_may(dut: Any) -> None:
    bench = Bench(dut, seeded(), Pace(barred=1.0))
    await bench.reset()
    bench.send(1, 0.0, batch=1)
    for _ in range(100):
        assert not await bench.cycle()
    bench.pace = PACES["steady"]
    await bench.drain()
    assert len(bench.accepts) == WORDS
