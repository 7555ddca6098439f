"""A core for the shell: takes pixels and sample_t, thinks for a while, and gives records out of order.

Where a sample leaves stands in its first pixels, so that a bench can choose it.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from cocotb.triggers import RisingEdge

CHANNELS, WIDTH, PIXELS, EXITS = 3, 6, 7, 3
LANES = 8
WORDS = -(-CHANNELS * PIXELS // LANES)
FIRST_ID = 0xFFFFFFFA


@dataclass
class Sample:
    """One sample in the core.

    Attributes:
        info: sample_t, fields by name.
        codes: its elements.
        records: still to be given: (exit, final).
        due: cycle before which none is given.
    """

    info: dict[str, int]
    codes: list[int]
    records: deque[tuple[int, bool]]
    due: int


@dataclass
class Core:
    """Plays the core of `shell`, and watches its control.

    Attributes:
        think: most cycles from one record of a sample to the next.
        room: samples that fit in before the input stalls.
        stall: probability, per cycle, that it takes nothing.
        given: every record given, as fields of the wire, in order.
        started: thresholds and mode that each sample started with, in order.
        samples, pixels, infos, starts: what is in it.
    """

    dut: Any
    rng: random.Random
    think: int = 40
    room: int = 6
    stall: float = 0.3
    given: list[dict[str, int]] = field(default_factory=list)
    started: list[tuple[int, int]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    pixels: deque[int] = field(default_factory=deque)
    infos: deque[dict[str, int]] = field(default_factory=deque)
    starts: deque[tuple[int, int]] = field(default_factory=deque)

    async def run(self) -> None:
        """Forever: one cycle at a time, ports read before the clock edge and driven after it."""
        dut = self.dut
        self._idle()
        offered: int | None = None
        now = 0
        while True:
            await RisingEdge(dut.clk_i)
            now += 1
            live = bool(int(dut.core_rst_no.value))
            if not live:
                self._forget()
                self._idle()
                offered = None
                continue
            self._watch()
            if offered is not None and int(dut.record_ready_o.value):
                offered = None
            self._collect(now)
            if offered is None:
                offered = self._next(now)
            self._drive(offered)

    def _idle(self) -> None:
        self.dut.pixel_ready_i.value = self.dut.info_ready_i.value = self.dut.record_valid_i.value = 0
        self.dut.record_data_i.value = self.dut.levels_i.value = 0

    def _forget(self) -> None:
        for content in (self.samples, self.pixels, self.infos, self.starts):
            content.clear()

    def _watch(self) -> None:
        """Remember the thresholds that a sample starts with."""
        dut = self.dut
        if int(dut.sample_started_o.value):
            self.starts.append(self._bank(int(dut.active_bank_o.value)))
            self.started.append(self.starts[-1])

    def _bank(self, bank: int) -> tuple[int, int]:
        words = int(self.dut.thresholds_o.value)
        codes = [(words >> (32 * (2 * k + bank))) & 0xFFFFFFFF for k in range(EXITS)]
        assert len(set(codes)) == 1, "a bank holds codes of two commits"
        return codes[0], (int(self.dut.anytime_o.value) >> bank) & 1

    def _collect(self, now: int) -> None:
        dut = self.dut
        if int(dut.pixel_valid_o.value) and int(dut.pixel_ready_i.value):
            beat = int(dut.pixel_data_o.value)
            self.pixels.extend((beat >> (WIDTH * c)) & (2**WIDTH - 1) for c in range(CHANNELS))
        if int(dut.info_valid_o.value) and int(dut.info_ready_i.value):
            bits = int(dut.info_data_o.value)
            assert bits >> 2 & 0x1FFFFFF == 0, "label, agreements and seen start at 0"
            names = {"error": (0, 1), "bank": (1, 1), "stamp": (27, 32), "sample_id": (59, 32)}
            self.infos.append({name: bits >> low & (2**width - 1) for name, (low, width) in names.items()})
        if self.infos and len(self.pixels) >= CHANNELS * PIXELS:
            codes = [self.pixels.popleft() for _ in range(CHANNELS * PIXELS)]
            info = self.infos.popleft()
            code, anytime = self.starts.popleft()
            info |= {"code": code, "anytime": anytime}
            leaves = codes[0] % EXITS
            early = [(k, False) for k in range(leaves)] if anytime else []
            self.samples.append(
                Sample(info, codes, deque([*early, (leaves, True)]), now + self.rng.randrange(1, self.think + 1))
            )

    def _next(self, now: int) -> int | None:
        due = [sample for sample in self.samples if sample.due <= now]
        if not due or self.rng.random() < 0.2:
            return None
        sample = self.rng.choice(due)
        assert self._bank(sample.info["bank"]) == (sample.info["code"], sample.info["anytime"]), (
            "the bank of a sample in flight has changed"
        )
        leaves, final = sample.records.popleft()
        if final:
            self.samples.remove(sample)
        sample.due = now + self.rng.randrange(1, self.think + 1)
        record = {
            "sample_id": sample.info["sample_id"],
            "cycles": sample.info["stamp"],
            "score": sample.codes[2],
            "label": sample.codes[1],
            "exit": leaves,
            "flags": sample.info["error"] << 1 | int(final),
        }
        self.given.append(record)
        flags = record["flags"] | sample.info["bank"] << 7 | self.rng.getrandbits(5) << 2
        high = ((flags << 8 | leaves) << 16 | record["label"]) << 32 | record["score"]
        return high << 64 | record["cycles"] << 32 | record["sample_id"]

    def _drive(self, offered: int | None) -> None:
        dut, rng = self.dut, self.rng
        full = len(self.samples) >= self.room
        dut.pixel_ready_i.value = int(not full and rng.random() >= self.stall)
        dut.info_ready_i.value = int(not full and rng.random() >= self.stall)
        dut.record_valid_i.value = int(offered is not None)
        dut.record_data_i.value = offered if offered is not None else rng.getrandbits(128)
        dut.levels_i.value = len(self.samples) << 16 | len(self.pixels)
