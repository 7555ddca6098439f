"""A whole accelerator as a driver and a DMA meet it, each cycle of its buses watched; for accelerator_bench."""

from __future__ import annotations

import itertools
import json
import logging
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import cocotb
import numpy as np
import small_accelerators as small
from beats import seeded
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)
from telling import require_telling_beats

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.images import pack_words
from hwcodesign.interface import register_map as registers
from hwcodesign.interface.modes import ExitControl, exit_control
from hwcodesign.interface.records import FLAG_ERROR, FLAG_FINAL, RECORD_DTYPE, Records
from hwcodesign.interface.registers import Register
from hwcodesign.runtime import software

CASE = json.loads(os.environ["HWC_CASE"])
#: Of a sample of the first accelerator; its pixels fill the last but for 7 lanes.
WORDS, LANES = 4, 8
logging.getLogger("cocotb").setLevel(logging.WARNING)


@dataclass
class Monitor:
    """Watches an accelerator's streams, and holds its output to the rules of AXI4-Stream.

    Attributes:
        now: cycles since the monitor started.
        accepted: cycle of each sample's first word.
        banks: for each sample how often the active bank had changed when its first word came.
        words: of records, with the cycles in which they left.
        lasts: numbers of the words that carried TLAST.
        waits: cycles in which an input word, and an output word, waited.
    """

    dut: Any
    name: str
    words_per_sample: int
    now: int = 0
    sent: int = 0
    accepted: list[int] = field(default_factory=list)
    banks: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    lasts: list[int] = field(default_factory=list)
    waits: list[int] = field(default_factory=lambda: [0, 0])
    changes: int = 0
    closed: bool = False

    async def run(self) -> None:
        """Forever, a cycle at a time, from before each clock edge."""
        into, out = (
            [getattr(self.dut, f"{self.name}_{bus}_t{signal}") for signal in ("valid", "ready", "data", "last")]
            for bus in ("s_axis", "m_axis")
        )
        core = getattr(self.dut, f"u_{self.name}")
        reset, bank_net = core.core_rst_n, core.active_bank
        held: tuple[int, int] | None = None
        bank = 0
        while True:
            await RisingEdge(self.dut.aclk)
            self.now += 1
            if not int(reset.value):
                held, bank = None, 0
                self._forget()
                continue
            self.changes += int(bank_net.value) != bank
            bank = int(bank_net.value)
            valid, ready = int(into[0].value), int(into[1].value)
            self.waits[0] += valid and not ready
            if valid and ready:
                self._accept(bool(int(into[3].value)) and not int(self.dut.mute_tlast.value))
            valid, ready = int(out[0].value), int(out[1].value)
            self.waits[1] += valid and not ready
            assert valid or held is None, f"cycle {self.now}: an output word was withdrawn"
            if valid:
                word = int(out[2].value), int(out[3].value)
                assert held in {None, word}, f"cycle {self.now}: an output word changed while it waited"
                held = None if ready else word
                if ready:
                    self._take(*word)

    def _accept(self, last: bool) -> None:
        if self.sent % self.words_per_sample == 0:
            self.accepted.append(self.now)
            self.banks.append(self.changes)
        self.sent += 1
        if last:  # a sample that is cut short is filled up inside
            self.sent += -self.sent % self.words_per_sample

    def _take(self, data: int, last: int) -> None:
        self.words.append(data)
        self.left.append(self.now)
        if last:
            self.lasts.append(len(self.words))

    def _forget(self) -> None:
        """Everything but the cycle, as the accelerator does."""
        self.sent = self.changes = 0
        self.waits = [0, 0]
        for found in (self.accepted, self.banks, self.words, self.left, self.lasts):
            found.clear()

    @property
    def records(self) -> Records:
        """Whole records that have left."""
        whole = np.array(self.words[: len(self.words) // 2 * 2], "<u8")
        return whole.view(RECORD_DTYPE)

    @property
    def finals(self) -> int:
        return int(np.count_nonzero(self.records["flags"] & FLAG_FINAL))


@dataclass
class World:
    """One accelerator and everything around it."""

    dut: Any
    accelerator: Accelerator
    rng: random.Random
    bus: AxiLiteMaster
    source: AxiStreamSource
    sink: AxiStreamSink
    monitor: Monitor
    latencies: np.ndarray[Any, Any]

    async def read(self, register: Register, index: int = 0, field: str | None = None) -> int:
        word = int(await self.bus.read_dword(register.address(index)))
        return word if field is None else register.field(field).extract(word)

    async def write(self, register: Register, value: int, index: int = 0) -> None:
        await self.bus.write_dword(register.address(index), value & 0xFFFFFFFF)

    async def command(self, *names: str) -> None:
        await self.write(registers.CONTROL, sum(registers.CONTROL.field(name).mask for name in names))

    async def stage(self, control: ExitControl) -> None:
        for k, code in enumerate(control.codes):
            await self.write(registers.THRESHOLD, code, k)
        await self.write(registers.MODE, int(control.anytime))

    async def commit(self, control: ExitControl) -> None:
        """Stage, commit, and wait until it is done."""
        await self.stage(control)
        await self.command("commit")
        while await self.read(registers.STATUS, field="commit_pending"):
            pass

    async def soft_reset(self, *with_it: str) -> None:
        """Of the accelerator and of the DMA; the DMA is stopped first."""
        self.dut.dma_aresetn.value = 0
        await self.command("soft_reset", *with_it)
        while await self.read(registers.STATUS, field="resetting"):
            pass
        self.source.clear()
        self.dut.dma_aresetn.value = 1
        await ClockCycles(self.dut.aclk, 2)
        self.sink.clear()

    def images(self, samples: int) -> small.Codes:
        return small.images(self.accelerator, samples, self.rng.getrandbits(30))

    async def send(self, codes: small.Codes, cut: int = 0) -> None:
        """One batch; `cut` words are missing at its end. Lanes of padding hold anything."""
        words = pack_words(codes, self.accelerator.input_format).copy()
        words[:, -1] |= np.uint64(self.rng.getrandbits(56) << 8)
        data = words.tobytes()
        await self.source.send(AxiStreamFrame(data[: len(data) - 8 * cut]))

    async def left(self, samples: int, patience: int = 60_000) -> Records:
        """All records, when so many samples have left."""
        before = self.monitor.now
        while self.monitor.finals < samples:
            await ClockCycles(self.dut.aclk, 50)
            assert self.monitor.now - before < patience, f"{self.monitor.finals} of {samples} samples have left"
        return self.monitor.records

    async def settle(self) -> None:
        """Nothing more may come."""
        count = len(self.monitor.words)
        await ClockCycles(self.dut.aclk, 500)
        assert len(self.monitor.words) == count, "records came that nobody waits for"
        assert self.source.idle(), "words are left"
        assert await self.read(registers.STATUS, field="in_flight") == 0

    def check(
        self, records: Records, codes: small.Codes, controls: Sequence[ExitControl], damaged: Sequence[int] = ()
    ) -> None:
        """Every record is software's, once, each sample's in the order of exits; none is faster than it can be.

        Args:
            controls: one for all samples, or one each.
            damaged: samples whose records carry the error flag.
        """
        expected = software_records(self.accelerator, codes, controls)
        expected["flags"] |= np.where(np.isin(expected["sample_id"], damaged), FLAG_ERROR, 0).astype(np.uint8)
        if len(codes) >= 10:
            require_telling_beats(expected["score"].tolist())
            assert len(set(expected["label"].tolist())) > 1, "all samples have one label"
        by_sample = records[np.argsort(records["sample_id"], kind="stable")]
        assert len(records) == len(expected), f"{len(records)} records instead of {len(expected)}"
        for name in RECORD_DTYPE.names or ():
            if name != "cycles":
                assert by_sample[name].tolist() == expected[name].tolist(), name
        assert (records["cycles"] >= self.latencies[records["exit"]]).all(), "faster than alone"


def software_records(accelerator: Accelerator, codes: small.Codes, controls: Sequence[ExitControl]) -> Records:
    """By sample and exit; each sample decided under its own control."""
    parts = []
    for control in dict.fromkeys(controls):
        found = np.concatenate(list(software.stream_records(accelerator, codes, control)))
        under = np.array([c == control for c in controls] if len(controls) > 1 else [True] * len(codes))
        parts.append(found[under[found["sample_id"]]])
    return np.sort(np.concatenate(parts), order=["sample_id", "exit"])


def pauses(rng: random.Random, share: float) -> Iterator[bool]:
    """At random."""
    while True:
        yield rng.random() < share


def bursts(rng: random.Random, going: int, waiting: int) -> Iterator[bool]:
    """So many cycles, at most, without a pause and with one, in turn."""
    while True:
        yield from itertools.repeat(False, rng.randrange(1, going))
        yield from itertools.repeat(True, rng.randrange(1, waiting))


def world(dut: Any, rng: random.Random, accelerator: Accelerator) -> World:
    """Models around one of the accelerators."""
    name = accelerator.name

    def stream(kind: Any, bus: str) -> Any:
        signals = AxiStreamBus.from_prefix(dut, f"{name}_{bus}")
        return kind(signals, dut.aclk, dut.dma_aresetn, reset_active_level=False)

    bus = AxiLiteMaster(AxiLiteBus.from_prefix(dut, f"{name}_s_axil"), dut.aclk, dut.aresetn, reset_active_level=False)
    words = -(-int(np.prod(accelerator.input_shape)) // LANES)
    source = stream(AxiStreamSource, "s_axis")
    source.log.setLevel(logging.ERROR)  # frames that a reset flushes are no news
    return World(
        dut,
        accelerator,
        rng,
        bus,
        source,
        stream(AxiStreamSink, "m_axis"),
        Monitor(dut, name, words),
        np.array([exit_["latency"] for exit_ in CASE[name]["exits"]]),
    )


async def start_both(dut: Any) -> tuple[World, World]:
    """Clock, reset, models."""
    rng = seeded()
    dut.aresetn.value = dut.dma_aresetn.value = dut.mute_tlast.value = 0
    Clock(dut.aclk, 2, unit="ns").start()
    first, second = (world(dut, rng, accelerator) for accelerator in small.pair())
    for one in (first, second):
        cocotb.start_soon(one.monitor.run())
    await ClockCycles(dut.aclk, 5)
    dut.aresetn.value = dut.dma_aresetn.value = 1
    for one in (first, second):
        while await one.read(registers.STATUS, field="resetting"):
            pass
    return first, second


async def start(dut: Any) -> World:
    """The first one alone."""
    return (await start_both(dut))[0]


def modes(accelerator: Accelerator) -> dict[str, ExitControl]:
    policy = accelerator.policy
    subnets = {f"subnet {k}": exit_control(policy, "subnet", leave_at=k) for k in range(accelerator.exits)}
    return {"adaptive": exit_control(policy), "anytime": exit_control(policy, "anytime"), **subnets}
