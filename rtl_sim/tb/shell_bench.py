"""The shell as a driver and a DMA meet it: AXI4-Lite and AXI4-Stream models outside, a played core inside."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np
from beats import pack, seeded
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)
from shell_core import CHANNELS, EXITS, FIRST_ID, PIXELS, WIDTH, WORDS, Core

from hwcodesign.interface import register_map as registers
from hwcodesign.interface.records import FLAG_ERROR, FLAG_FINAL, RECORD_DTYPE, Records
from hwcodesign.interface.registers import Register

NEVER = 0x7FFFFFFF
logging.getLogger("cocotb").setLevel(logging.WARNING)


@dataclass
class Shell:
    """The design and everything around it."""

    dut: Any
    rng: random.Random
    bus: AxiLiteMaster
    source: AxiStreamSource
    sink: AxiStreamSink
    core: Core

    async def read(self, register: Register, index: int = 0, field: str | None = None) -> int:
        word = int(await self.bus.read_dword(register.address(index)))
        return word if field is None else register.field(field).extract(word)

    async def write(self, register: Register, value: int, index: int = 0) -> None:
        await self.bus.write_dword(register.address(index), value)

    async def command(self, *names: str) -> None:
        await self.write(registers.CONTROL, sum(registers.CONTROL.field(name).mask for name in names))

    async def commit(self, code: int, anytime: int) -> None:
        """Stage one code for all exits, commit it, and wait until it is done."""
        for k in range(EXITS):
            await self.write(registers.THRESHOLD, code, k)
        await self.write(registers.MODE, anytime)
        await self.command("commit")
        while await self.read(registers.STATUS, field="commit_pending"):
            pass

    async def soft_reset(self, *with_it: str) -> None:
        """Of the accelerator and of the DMA, as a driver does both: the DMA is stopped first."""
        self.dut.dma_rst_ni.value = 0
        await self.command("soft_reset", *with_it)
        while await self.read(registers.STATUS, field="resetting"):
            pass
        self.source.clear()
        self.dut.dma_rst_ni.value = 1
        await ClockCycles(self.dut.clk_i, 2)
        self.sink.clear()
        self.core.given.clear()
        self.core.started.clear()

    def images(self, samples: int) -> list[list[int]]:
        return [[self.rng.getrandbits(WIDTH) for _ in range(CHANNELS * PIXELS)] for _ in range(samples)]

    async def send(self, images: list[list[int]], cut: int = 0) -> None:
        """One batch; `cut` words are missing at its end."""
        rows = [pack(image, 8) | self.rng.getrandbits(8) << (8 * len(image)) for image in images]
        # lanes above the codes and behind the last pixel hold anything
        rows = [
            row | sum(self.rng.getrandbits(8 - WIDTH) << (8 * lane + WIDTH) for lane in range(CHANNELS * PIXELS))
            for row in rows
        ]
        data = b"".join(row.to_bytes(8 * WORDS, "little") for row in rows)
        await self.source.send(AxiStreamFrame(data[: len(data) - 8 * cut]))

    async def receive(self, packets: int | None = None, finals: int | None = None) -> tuple[Records, list[int]]:
        """Records of so many packets, or until so many samples have left; and the lengths of the packets."""
        parts: list[Records] = []
        while len(parts) < packets if packets is not None else _finals(parts) < (finals or 0):
            frame = await self.sink.recv()
            parts.append(np.frombuffer(bytes(frame.tdata), RECORD_DTYPE))
        return np.concatenate(parts), [len(part) for part in parts]

    async def settle(self) -> None:
        """Nothing more may come."""
        await ClockCycles(self.dut.clk_i, 200)
        assert self.sink.empty(), "records came that nobody waits for"
        assert self.source.idle(), "words are left"
        assert not int(self.dut.m_axis_tvalid.value)

    def check(self, records: Records, images: list[list[int]], first: int = 0, damaged: tuple[int, ...] = ()) -> None:
        """Records are what the core gave, word for word, and belong to these images."""
        given = [tuple(record[name] for name in RECORD_DTYPE.names or ()) for record in self.core.given]
        assert [tuple(int(value) for value in record) for record in records] == given
        final = records[(records["flags"] & FLAG_FINAL) != 0]
        places = (final["sample_id"].astype(np.int64) - FIRST_ID - first) % 2**32
        assert sorted(places) == list(range(len(images))), "each sample leaves once"
        for place, record in zip(places, final, strict=True):
            image = images[place]
            assert (int(record["label"]), int(record["score"])) == (image[1], image[2])
            assert int(record["exit"]) == image[0] % EXITS
            assert bool(record["flags"] & FLAG_ERROR) == (int(place) in damaged)


def _finals(parts: list[Records]) -> int:
    return sum(int((part["flags"] & FLAG_FINAL).sum()) for part in parts)


def _pauses(rng: random.Random, share: float) -> Any:
    while True:
        yield rng.random() < share


async def start(dut: Any, pause: float = 0.3, think: int = 40) -> Shell:
    """Clock, reset, models."""
    rng = seeded()
    dut.rst_ni.value = dut.dma_rst_ni.value = dut.mute_tlast_i.value = 0
    core = Core(dut, rng, think=think)
    Clock(dut.clk_i, 2, unit="ns").start()
    shell = Shell(
        dut,
        rng,
        AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk_i, dut.rst_ni, reset_active_level=False),
        AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.clk_i, dut.dma_rst_ni, reset_active_level=False),
        AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.clk_i, dut.dma_rst_ni, reset_active_level=False),
        core,
    )
    cocotb.start_soon(core.run())
    await ClockCycles(dut.clk_i, 5)
    dut.rst_ni.value = dut.dma_rst_ni.value = 1
    channels = (shell.bus.write_if.aw_channel, shell.bus.write_if.w_channel, shell.bus.write_if.b_channel)
    for channel in (*channels, shell.bus.read_if.ar_channel, shell.bus.read_if.r_channel, shell.source, shell.sink):
        if pause:
            channel.set_pause_generator(_pauses(rng, pause))
    while await shell.read(registers.STATUS, field="resetting"):
        pass
    return shell


@cocotb.test()
async def constants_identify_the_design(dut: Any) -> None:
    shell = await start(dut)
    assert await shell.read(registers.ID) == registers.ID.field("magic").reset == int.from_bytes(b"HWCX", "big")
    assert await shell.read(registers.VERSION, field="major") == registers.VERSION.field("major").reset == 1
    assert await shell.read(registers.VERSION, field="minor") == registers.VERSION.field("minor").reset
    assert (await shell.read(registers.HASH_HIGH), await shell.read(registers.HASH_LOW)) == (0x01234567, 0x89ABCDEF)
    assert await shell.read(registers.SIZES, field="exits") == EXITS
    assert await shell.read(registers.SIZES, field="classes") == 10


@cocotb.test()
async def every_address_answers_as_documented(dut: Any) -> None:
    """All 1024 words: what is written is kept where it may be; everything else reads as it did, and answers OKAY."""
    shell = await start(dut, pause=0.0)
    kept = {
        register.address(i): sum(field.mask for field in register.fields if field.access == "rw")
        for register in registers.REGISTERS
        for i in range(register.count.of(EXITS))
    }
    before = {address: await shell.bus.read_dword(address) for address in range(0, 4096, 4)}
    assert all(value == 0 for address, value in before.items() if address not in kept)
    for address in range(0, 4096, 4):
        if address != registers.CONTROL.offset:
            response = await shell.bus.write(address, shell.rng.randbytes(4))
            assert response.resp == AxiResp.OKAY
    written = {}
    for address, mask in kept.items():
        if mask:
            written[address] = shell.rng.getrandbits(32)
            await shell.bus.write_dword(address, written[address])
    for address in range(0, 4096, 4):
        response = await shell.bus.read(address, 4)
        assert response.resp == AxiResp.OKAY
        mask = kept.get(address, 0)
        wanted = (written.get(address, 0) & mask) | (before[address] & ~mask)
        assert int.from_bytes(response.data, "little") == wanted, f"address {address:#x}"
    assert await shell.read(registers.STATUS) == 0, "nothing was commanded"


@cocotb.test()
async def byte_strobes_and_unaligned_bytes(dut: Any) -> None:
    shell = await start(dut)
    await shell.write(registers.THRESHOLD, 0x11223344, 1)
    await shell.bus.write(registers.THRESHOLD.address(1) + 2, b"\xaa")
    assert await shell.read(registers.THRESHOLD, 1) == 0x11AA3344
    assert await shell.read(registers.THRESHOLD, 0) == NEVER, "reset value"
    response = await shell.bus.read(registers.THRESHOLD.address(1) + 1, 2)
    assert bytes(response.data) == b"\x33\xaa"


@cocotb.test()
@cocotb.parametrize(packet=[0, 1, 4, 1000], anytime=[0, 1])
async def batches(dut: Any, packet: int, anytime: int) -> None:
    """Ids wrap, records leave out of order, packets are as long as asked, and counters agree with all that."""
    shell = await start(dut)
    await shell.write(registers.RECORDS_PER_PACKET, packet)
    await shell.commit(1000, anytime)
    images: list[list[int]] = []
    records = []
    sizes = (1, 9, 2)
    batches = [shell.images(size) for size in sizes]
    for batch in batches:
        await shell.send(batch)
    for batch in batches:
        images += batch
        part, lengths = await shell.receive(finals=len(batch))
        assert _finals([part]) == len(batch), "a packet never spans two batches"
        whole = [packet] * (len(part) // packet) if packet else []
        rest = [len(part) - sum(whole)]
        assert lengths == whole + (rest if rest != [0] else []), "TLAST"
        records.append(part)
    shell.check(np.concatenate(records), images)
    await shell.settle()
    await check_counters(shell, images)
    assert set(shell.core.started) == {(1000, anytime)}


async def check_counters(shell: Shell, images: list[list[int]]) -> None:
    await shell.command("snapshot")
    assert await shell.read(registers.ACCEPTED) == len(images)
    finals = [await shell.read(registers.FINALS, k) for k in range(EXITS)]
    assert finals == [sum(image[0] % EXITS == k for image in images) for k in range(EXITS)]
    cycles = await shell.read(registers.CYCLES_HIGH) << 32 | await shell.read(registers.CYCLES_LOW)
    assert await shell.read(registers.INPUT_STALLS) < cycles
    assert 0 < await shell.read(registers.HIGH_WATER, 1) <= shell.core.room + 1
    assert await shell.read(registers.STATUS, field="in_flight") == 0
    assert await shell.read(registers.STATUS, field="error") == 0


@cocotb.test()
async def a_batch_waits_for_the_one_before(dut: Any) -> None:
    shell = await start(dut, pause=0.0, think=200)
    first, second = shell.images(3), shell.images(2)
    await shell.send(first)
    await shell.send(second)
    part, _ = await shell.receive(packets=1)
    assert len(part) == 3
    assert len(shell.core.started) <= 4, "the second batch starts when the first has left"
    rest, _ = await shell.receive(packets=1)
    shell.check(np.concatenate([part, rest]), first + second)
    await shell.settle()


@cocotb.test()
async def commits_apply_to_samples_that_start_later(dut: Any) -> None:
    """Codes change all the time; every sample is decided on those that it started with (the core checks)."""
    shell = await start(dut, think=150)
    images = shell.images(40)
    await shell.send(images)
    done = [(NEVER, 0)]
    for n in range(12):
        since = len(shell.core.started)
        await shell.commit(100 + n, n % 2)
        done.append((100 + n, n % 2))
        after = len(shell.core.started)
        assert set(shell.core.started[since:after]) <= set(done[-2:])
        await ClockCycles(dut.clk_i, shell.rng.randrange(200))
        assert set(shell.core.started[after:]) <= {done[-1]}, "done means done"
    records, _ = await shell.receive(finals=len(images))
    shell.check(records, images)
    assert len(set(shell.core.started)) > 4, "the commits fell between samples"
    await shell.settle()


@cocotb.test()
@cocotb.parametrize(cut=[1, 2])
async def a_batch_that_ends_inside_a_sample(dut: Any, cut: int) -> None:
    shell = await start(dut)
    images, more = shell.images(4), shell.images(3)
    await shell.send(images, cut=cut)
    kept = 8 * (WORDS - cut)
    images[-1] = images[-1][:kept] + [0] * (CHANNELS * PIXELS - kept)
    records, lengths = await shell.receive(finals=4)
    assert lengths == [4]
    assert await shell.read(registers.STATUS, field="error") == 1
    await shell.send(more)
    again, _ = await shell.receive(finals=3)
    shell.check(np.concatenate([records, again]), images + more, damaged=(3,))
    assert await shell.read(registers.STATUS, field="error") == 1, "it stands until soft reset"
    await shell.soft_reset()
    assert await shell.read(registers.STATUS, field="error") == 0
    await shell.settle()


@cocotb.test()
async def nothing_is_lost_while_nobody_reads(dut: Any) -> None:
    shell = await start(dut, pause=0.0)
    shell.sink.clear_pause_generator()
    shell.sink.pause = True
    images = shell.images(30)
    await shell.send(images)
    await ClockCycles(dut.clk_i, 3000)
    waiting = await shell.read(registers.STATUS, field="in_flight")
    assert 0 < waiting < 12
    assert not int(dut.s_axis_tready.value), "the input stalls"
    await shell.command("snapshot")
    assert await shell.read(registers.OUTPUT_STALLS) > 2000
    assert await shell.read(registers.INPUT_STALLS) > 1000
    shell.sink.pause = False
    records, lengths = await shell.receive(finals=30)
    assert lengths == [30]
    shell.check(records, images)
    await shell.settle()


@cocotb.test()
async def a_missing_tlast_keeps_the_batch_open(dut: Any) -> None:
    """A batch sent without TLAST: its records come, the packet stays open; the next TLAST closes it."""
    shell = await start(dut)
    images, more = shell.images(3), shell.images(2)
    await shell.send(images)
    dut.mute_tlast_i.value = 1
    while int(await shell.read(registers.STATUS, field="in_flight")) or len(shell.core.given) < 3:
        pass
    await ClockCycles(dut.clk_i, 300)
    assert shell.sink.empty()
    assert await shell.read(registers.STATUS, field="draining") == 0
    dut.mute_tlast_i.value = 0
    await shell.send(more)
    records, lengths = await shell.receive(finals=5)
    assert lengths == [5]
    shell.check(records, images + more)
    await shell.settle()


@cocotb.test()
async def soft_reset_at_any_cycle(dut: Any) -> None:
    """Whatever was going on: afterwards ids start anew, thresholds are Never, and batches are right."""
    shell = await start(dut, think=60)
    for n in range(25):
        await shell.write(registers.RECORDS_PER_PACKET, shell.rng.choice([0, 2]))
        await shell.commit(500 + n, 0)
        for _ in range(2):
            await shell.send(shell.images(6), cut=shell.rng.randrange(WORDS))
        await ClockCycles(dut.clk_i, shell.rng.randrange(1, 300))
        again = bool(shell.rng.getrandbits(1))
        await shell.soft_reset(*(["commit"] if again else []), "snapshot")
        assert await shell.read(registers.STATUS) & 0xFFFF_FFF9 == 0, "error, draining, in flight"
        images = shell.images(4)
        await shell.send(images)
        records, _ = await shell.receive(finals=4)
        shell.check(records, images)
        assert set(shell.core.started) == {(500 + n if again else NEVER, 0)}
        await shell.settle()
