"""Records to words and packets against a plain model, with packet lengths that change and resets at any cycle."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import cocotb
from beats import seeded
from cocotb.triggers import Timer
from telling import require_telling_beats

FINAL = 1 << 120  # flags are the highest byte
WIRE = (1 << 122) - 1  # of all flags only final and error leave


class Bench:
    """Drives all ports cycle by cycle and holds the module to the model."""

    def __init__(self, dut: Any, rng: random.Random, idle: float, stall: float) -> None:
        self.dut, self.rng, self.idle, self.stall = dut, rng, idle, stall
        self.packet = 0
        self.now = 0
        self.forget()

    def forget(self) -> None:
        """The state after reset."""
        self.offered: int | None = None
        self.count = 0  # records of the open packet
        self.words: deque[tuple[int, bool]] = deque()
        self.expected: list[int] = []
        self.held: tuple[int, bool] | None = None
        self.lengths: list[int] = []
        self.length = 0
        self.taken: list[int] = []

    async def reset(self) -> None:
        self.dut.rst_ni.value = 0
        self.dut.in_valid_i.value = self.dut.m_axis_tready.value = 0
        await self._edge()
        await self._edge()
        self.dut.rst_ni.value = 1
        self.forget()

    async def cycle(self, batch_ends: float = 0.1, final: float = 0.7) -> None:
        dut, rng = self.dut, self.rng
        if self.offered is None and rng.random() >= self.idle:
            self.offered = (rng.getrandbits(128) & ~FINAL) | (FINAL if rng.random() < final else 0)
        batch_last = rng.random() < batch_ends
        ready = rng.random() >= self.stall
        dut.in_valid_i.value = int(self.offered is not None)
        dut.in_data_i.value = rng.getrandbits(128) if self.offered is None else self.offered
        dut.records_per_packet_i.value, dut.batch_last_i.value = self.packet, batch_last
        dut.m_axis_tready.value = ready
        await Timer(1, "ns")
        self._output(ready)
        taken = self.offered is not None and bool(int(dut.in_ready_o.value))
        assert int(dut.taken_o.value) == taken, "taken_o"
        if taken and self.offered is not None:
            self._take(self.offered, batch_last)
            self.offered = None
        await self._edge()

    def _take(self, record: int, batch_last: bool) -> None:
        self.count += 1
        last = (self.packet != 0 and self.count >= self.packet) or (batch_last and bool(record & FINAL))
        if last or self.packet == 0:
            self.count = 0
        pair = [(record & (2**64 - 1), False), ((record & WIRE) >> 64, last)]
        self.words += pair
        self.expected += [word for word, _ in pair]
        self.taken.append(self.now)

    def _output(self, ready: bool) -> None:
        valid = bool(int(self.dut.m_axis_tvalid.value))
        assert valid == bool(self.words), "a record is offered from the cycle after it was taken until it has left"
        if not valid:
            return
        word = (int(self.dut.m_axis_tdata.value), bool(int(self.dut.m_axis_tlast.value)))
        assert self.held in {None, word}, "a word changed while it waited"
        assert int(self.dut.m_axis_tkeep.value) == 0xFF
        assert word == self.words[0], f"word {word} instead of {self.words[0]}"
        self.held = None if ready else word
        if ready:
            self.words.popleft()
            self.length += 1
            if word[1]:
                self.lengths.append(self.length)
                self.length = 0

    async def _edge(self) -> None:
        self.dut.clk_i.value = 1
        await Timer(1, "ns")
        self.dut.clk_i.value = 0
        await Timer(1, "ns")
        self.now += 1


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.6], stall=[0.0, 0.7])
async def packets(dut: Any, idle: float, stall: float) -> None:
    rng = seeded()
    bench = Bench(dut, rng, idle, stall)
    await bench.reset()
    for _ in range(60):
        bench.packet = rng.choice([0, 1, 2, 3, 7, 65535])
        for _ in range(rng.randrange(1, 60)):
            await bench.cycle()
    require_telling_beats(bench.expected)


@cocotb.test()
async def reset_at_any_cycle(dut: Any) -> None:
    rng = seeded()
    bench = Bench(dut, rng, 0.3, 0.5)
    for _ in range(60):
        await bench.reset()
        bench.packet = rng.choice([0, 1, 3])
        for _ in range(rng.randrange(1, 20)):
            await bench.cycle()


@cocotb.test()
async def a_packet_of_every_k_records(dut: Any) -> None:
    bench = Bench(dut, seeded(), 0.0, 0.0)
    await bench.reset()
    bench.packet = 5
    for _ in range(200):
        await bench.cycle(batch_ends=0.0)
    assert set(bench.lengths) == {10}
    spacing = {b - a for a, b in zip(bench.taken, bench.taken[1:], strict=False)}
    assert spacing == {2}, "a record every two cycles"


@cocotb.test()
async def a_batch_is_one_packet_without_a_length(dut: Any) -> None:
    bench = Bench(dut, seeded(), 0.0, 0.3)
    await bench.reset()
    for _ in range(100):
        await bench.cycle(batch_ends=0.0)
    assert not bench.lengths
    while not bench.lengths:
        await bench.cycle(batch_ends=1.0)
    assert bench.lengths[0] > 20


@cocotb.test()
async def nothing_moves_while_nobody_reads(dut: Any) -> None:
    bench = Bench(dut, seeded(), 0.0, 1.0)
    await bench.reset()
    for _ in range(300):
        await bench.cycle()
    assert len(bench.taken) == 1
