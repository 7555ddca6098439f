"""Two whole accelerators side by side, as a driver and a DMA meet them; every record compared with software's.

Most tests are of the first one alone. What crosses its buses is watched each cycle, so that cycles are exact.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import cocotb
import numpy as np
import small_accelerators as small
from accelerator_world import CASE, LANES, WORDS, World, bursts, modes, pauses, software_records, start, start_both
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiResp, AxiStreamFrame

from hwcodesign.images import pack_words
from hwcodesign.interface import register_map as registers
from hwcodesign.interface.modes import ExitControl, exit_control
from hwcodesign.interface.records import FLAG_FINAL
from hwcodesign.policies import ALWAYS, NEVER, subnet_codes

#: From the cycle in which a record is offered to the merge to those in which its words leave, nothing stalling.
LEAVES = (2, 3)


# --- registers ---


@cocotb.test()
async def registers_identify_each_design(dut: Any) -> None:
    hashes = set()
    for one in await start_both(dut):
        digest = one.accelerator.configuration_hash
        assert await one.read(registers.ID) == int.from_bytes(b"HWCX", "big")
        assert await one.read(registers.VERSION) == 1 << 16
        assert f"{await one.read(registers.HASH_HIGH):08x}{await one.read(registers.HASH_LOW):08x}" == digest[:16]
        assert await one.read(registers.SIZES, field="exits") == one.accelerator.exits
        assert await one.read(registers.SIZES, field="classes") == 3
        exits = range(one.accelerator.exits)
        assert {await one.read(registers.THRESHOLD, k) for k in exits} == {NEVER}
        hashes.add(digest)
    assert len(hashes) == 2


@cocotb.test()
async def addresses_without_a_register_read_0_and_ignore_writes(dut: Any) -> None:
    one = await start(dut)
    exits = one.accelerator.exits
    known = {r.address(i): r for r in registers.REGISTERS for i in range(r.count.of(exits))}
    beyond = [r.address(r.count.of(exits)) for r in (registers.THRESHOLD, registers.FINALS, registers.HIGH_WATER)]
    before = {address: int(await one.bus.read_dword(address)) for address in known}
    strays = [*beyond, 0x024, 0x03C, 0x054, 0x0FC, 0x1FC, 0x3FC, 0x400, 0x800, 0xFFC]
    assert not known.keys() & set(strays)
    for address in strays:
        response = await one.bus.write(address, one.rng.randbytes(4))
        assert response.resp == AxiResp.OKAY
        read = await one.bus.read(address, 4)
        assert (read.resp, bytes(read.data)) == (AxiResp.OKAY, bytes(4)), f"address {address:#x}"
    for register in (registers.ID, registers.SIZES, registers.STATUS, registers.CYCLES_LOW, registers.FINALS):
        assert (await one.bus.write(register.offset, one.rng.randbytes(4))).resp == AxiResp.OKAY
    assert {address: int(await one.bus.read_dword(address)) for address in known} == before


# --- cycles ---


@cocotb.test()
async def a_sample_alone_takes_the_predicted_cycles(dut: Any) -> None:
    """At every exit; the record says so, and so does the bus."""
    one = await start(dut)
    for k in range(one.accelerator.exits):
        control = exit_control(one.accelerator.policy, "subnet", leave_at=k)
        await one.commit(control)
        for _ in range(2):
            await one.soft_reset("commit")
            codes = one.images(1)
            await one.send(codes)
            records = await one.left(1)
            one.check(records, codes, [control])
            assert records["cycles"].tolist() == [one.latencies[k]]
            offered = one.monitor.accepted[0] + one.latencies[k]
            assert one.monitor.left == [offered + after for after in LEAVES]


@cocotb.test()
async def samples_in_a_row_keep_the_predicted_interval(dut: Any) -> None:
    one = await start(dut)
    for k, predicted in enumerate(CASE[one.accelerator.name]["exits"]):
        await one.commit(ExitControl(subnet_codes(one.accelerator.exits, k), anytime=False))
        await one.soft_reset("commit")
        await one.send(one.images(6))
        await one.left(6)
        assert one.monitor.left[-1] - one.monitor.left[-3] == predicted["interval"], f"exit {k}"


# --- modes, backpressure, packets ---


@cocotb.test()
@cocotb.parametrize(
    mode=["adaptive", "anytime", "subnet 0", "subnet 1", "subnet 2"], pace=["free", "random", "bursts", "slow"]
)
async def records_are_those_of_software(dut: Any, mode: str, pace: str) -> None:
    one = await start(dut)
    rng, control = one.rng, modes(one.accelerator)[mode]
    packet = rng.choice([0, 1, 3, 1000])
    await one.write(registers.RECORDS_PER_PACKET, packet)
    await one.commit(control)
    if pace == "random":
        one.source.set_pause_generator(pauses(rng, 0.5))
        one.sink.set_pause_generator(pauses(rng, 0.5))
    elif pace == "bursts":
        one.source.set_pause_generator(bursts(rng, 12, 300))
        one.sink.set_pause_generator(bursts(rng, 8, 600))
    elif pace == "slow":
        one.sink.set_pause_generator(pauses(rng, 0.99))
    batches = [one.images(size) for size in (9, 1, 5)]
    for codes in batches:
        await one.send(codes)
    everything = np.concatenate(batches)
    records = await one.left(len(everything))
    one.check(records, everything, [control])
    check_packets(one, [len(codes) for codes in batches], packet)
    await check_counters(one, everything, control)
    if pace != "slow":
        await one.settle()


def check_packets(one: World, sizes: Sequence[int], packet: int) -> None:
    """TLAST after every so many records, and on a batch's last one; no batch starts before the one before has left."""
    ends, records, finals = [], one.monitor.records, 0
    goals = list(itertools.accumulate(sizes))
    in_packet = 0
    for number, record in enumerate(records, 1):
        finals += bool(record["flags"] & FLAG_FINAL)
        in_packet += 1
        batch_ends = bool(goals) and finals == goals[0]
        if batch_ends:
            goals.pop(0)
        if batch_ends or in_packet == packet:
            ends.append(2 * number)
            in_packet = 0
    assert one.monitor.lasts == ends, "TLAST"


async def check_counters(one: World, codes: small.Codes, control: ExitControl) -> None:
    """As of a moment at which nothing moves, they are what was seen on the buses."""
    while await one.read(registers.STATUS, field="in_flight"):
        pass
    await one.command("snapshot")
    expected = software_records(one.accelerator, codes, [control])
    final = expected[(expected["flags"] & FLAG_FINAL) != 0]
    exits = one.accelerator.exits
    finals = [await one.read(registers.FINALS, k) for k in range(exits)]
    assert finals == np.bincount(final["exit"], minlength=exits).tolist()
    assert await one.read(registers.ACCEPTED) == len(codes)
    assert await one.read(registers.INPUT_STALLS) == one.monitor.waits[0]
    assert await one.read(registers.OUTPUT_STALLS) == one.monitor.waits[1]
    cycles = await one.read(registers.CYCLES_HIGH) << 32 | await one.read(registers.CYCLES_LOW)
    assert one.monitor.left[-1] - one.monitor.accepted[0] < cycles <= one.monitor.now
    for k in range(exits - 1):
        least = one.accelerator.least_buffer_beats(k) if (final["exit"] >= k).any() else 0
        assert least <= await one.read(registers.HIGH_WATER, k) <= one.accelerator.buffer_beats(k)
    assert await one.read(registers.STATUS, field="error") == 0


@cocotb.test()
async def nothing_is_lost_while_nobody_reads(dut: Any) -> None:
    one = await start(dut)
    control = exit_control(one.accelerator.policy)
    await one.commit(control)
    one.sink.pause = True
    codes = one.images(25)
    await one.send(codes)
    await ClockCycles(dut.aclk, 4000)
    assert one.monitor.words == []
    assert not int(dut.first_s_axis_tready.value), "the input stalls"
    assert 0 < await one.read(registers.STATUS, field="in_flight") < 25
    await one.command("snapshot")
    assert [await one.read(registers.FINALS, k) for k in range(3)] != [0, 0, 0], "one waits behind the merge"
    one.sink.pause = False
    records = await one.left(25)
    one.check(records, codes, [control])
    await check_counters(one, codes, control)
    await one.settle()


# --- thresholds while samples run ---


@cocotb.test()
async def thresholds_change_between_samples(dut: Any) -> None:
    """Commits at any time: each sample is decided, at every exit, by the bank that was active at its first word."""
    one = await start(dut)
    choices = list(modes(one.accelerator).values())
    done = [ExitControl((NEVER,) * 3, anytime=False)]
    codes = one.images(60)
    one.sink.set_pause_generator(pauses(one.rng, 0.3))
    await one.send(codes)
    while one.monitor.finals < 50:
        control = one.rng.choice([choice for choice in choices if choice != done[-1]])
        changes, samples = one.monitor.changes, len(one.monitor.banks)
        await one.commit(control)
        assert one.monitor.changes == changes + 1, "one commit is one change"
        assert set(one.monitor.banks[samples:]) <= {changes, changes + 1}
        done.append(control)
        await ClockCycles(dut.aclk, one.rng.randrange(400))
    records = await one.left(60)
    one.check(records, codes, [done[bank] for bank in one.monitor.banks])
    assert len(set(one.monitor.banks)) > 6, "the commits fell between samples"
    await one.settle()


@cocotb.test()
@cocotb.parametrize(sent=[1, 2, 3])
async def a_commit_inside_a_sample_is_for_the_next(dut: Any, sent: int) -> None:
    """Words stop inside a sample while thresholds change; nothing but the buses is looked at."""
    one = await start(dut)
    leave, stay = (ExitControl(subnet_codes(3, k), anytime=False) for k in (0, 2))
    await one.commit(leave)
    codes = one.images(3)
    data = pack_words(codes, one.accelerator.input_format).tobytes()
    cut = 8 * (WORDS + sent)
    dut.mute_tlast.value = 1
    await one.source.send(AxiStreamFrame(data[:cut]))
    while not one.source.idle() or one.monitor.sent < WORDS + sent:
        await RisingEdge(dut.aclk)
    await one.commit(stay)
    dut.mute_tlast.value = 0
    await one.source.send(AxiStreamFrame(data[cut:]))
    records = await one.left(3)
    one.check(records, codes, [leave, leave, stay])
    assert one.monitor.lasts == [6]
    await one.settle()


# --- ends of batches ---


@cocotb.test()
@cocotb.parametrize(cut=[1, 2, 3])
async def a_batch_that_ends_inside_a_sample(dut: Any, cut: int) -> None:
    """TLAST early: the missing pixels are 0, the sample's records say so, and the next batch is whole."""
    one = await start(dut)
    control = exit_control(one.accelerator.policy, "anytime")
    await one.commit(control)
    codes, more = one.images(4), one.images(3)
    await one.send(codes, cut=cut)
    codes[-1].reshape(-1)[LANES * (WORDS - cut) :] = 0
    await one.left(4)
    assert await one.read(registers.STATUS, field="error") == 1
    await one.send(more)
    records = await one.left(7)
    one.check(records, np.concatenate([codes, more]), [control], damaged=[3])
    check_packets(one, [4, 3], 0)
    assert await one.read(registers.STATUS, field="error") == 1, "it stands until soft reset"
    await one.settle()
    await one.soft_reset()
    assert await one.read(registers.STATUS, field="error") == 0


@cocotb.test()
async def a_missing_tlast_leaves_the_batch_open(dut: Any) -> None:
    """The records come, the packet stays open; the end of the next batch closes it."""
    one = await start(dut)
    control = exit_control(one.accelerator.policy)
    await one.commit(control)
    codes, more = one.images(3), one.images(2)
    dut.mute_tlast.value = 1
    await one.send(codes)
    await one.left(3)
    await one.settle()
    assert one.monitor.lasts == []
    assert one.sink.empty()
    assert await one.read(registers.STATUS, field="draining") == 0
    dut.mute_tlast.value = 0
    await one.send(more)
    records = await one.left(5)
    one.check(records, np.concatenate([codes, more]), [control])
    assert one.monitor.lasts == [10]
    await one.settle()


@cocotb.test()
@cocotb.parametrize(late=[1, 3])
async def a_late_tlast_damages_the_sample_after(dut: Any, late: int) -> None:
    """Words too many before TLAST are the beginning of another sample, one that is cut short."""
    one = await start(dut)
    control = exit_control(one.accelerator.policy)
    await one.commit(control)
    codes = one.images(3)
    await one.send(codes, cut=WORDS - late)
    codes[-1].reshape(-1)[LANES * late :] = 0
    records = await one.left(3)
    one.check(records, codes, [control], damaged=[2])
    assert one.monitor.lasts == [6]
    assert await one.read(registers.STATUS, field="error") == 1
    await one.settle()


# --- soft reset ---


@cocotb.test()
async def soft_reset_at_any_cycle(dut: Any) -> None:
    """Whatever was going on: then ids start anew, thresholds are Never, and a batch is right, with the same cycles."""
    one = await start(dut)
    never = ExitControl((NEVER,) * 3, anytime=False)
    choices = list(modes(one.accelerator).values())
    for _ in range(20):
        control = one.rng.choice(choices)
        await one.write(registers.RECORDS_PER_PACKET, one.rng.choice([0, 2]))
        await one.commit(control)
        one.sink.set_pause_generator(pauses(one.rng, one.rng.choice([0.0, 0.5, 0.97])))
        for _ in range(2):
            await one.send(one.images(6), cut=one.rng.randrange(WORDS))
        await ClockCycles(dut.aclk, one.rng.randrange(1, 800))
        again = one.rng.random() < 0.5
        await one.soft_reset(*(["commit"] if again else []))
        assert await one.read(registers.STATUS) & 0xFFFF_FFFB == 0, "all but the active bank"
        one.sink.clear_pause_generator()
        one.sink.pause = False
        await one.write(registers.RECORDS_PER_PACKET, 0)
        codes = one.images(3)
        await one.send(codes)
        records = await one.left(3)
        one.check(records, codes, [control if again else never])
        first = records[(records["sample_id"] == 0) & (records["flags"] == FLAG_FINAL)][0]
        assert first["cycles"] == one.latencies[first["exit"]] or (again and control.anytime)
        assert one.monitor.lasts == [len(one.monitor.words)]
        await one.settle()


@cocotb.test()
async def a_hard_reset_forgets_everything(dut: Any) -> None:
    one = await start(dut)
    await one.commit(ExitControl((ALWAYS,) * 3, anytime=True))
    await one.send(one.images(4))
    await ClockCycles(dut.aclk, 150)
    dut.aresetn.value = dut.dma_aresetn.value = 0
    await ClockCycles(dut.aclk, 3)
    one.source.clear()
    dut.aresetn.value = dut.dma_aresetn.value = 1
    await ClockCycles(dut.aclk, 20)
    one.sink.clear()
    assert [await one.read(registers.THRESHOLD, k) for k in range(3)] == [NEVER] * 3
    assert await one.read(registers.MODE) == 0
    codes = one.images(2)
    await one.send(codes)
    one.check(await one.left(2), codes, [ExitControl((NEVER,) * 3, anytime=False)])
    await one.settle()


# --- two in one design ---


@cocotb.test()
async def two_accelerators_work_side_by_side(dut: Any) -> None:
    """At the same time, with other weights, criteria and modes; neither sees anything of the other."""
    both = await start_both(dut)
    controls = [
        exit_control(one.accelerator.policy, mode) for one, mode in zip(both, ("anytime", "adaptive"), strict=True)
    ]
    batches = [one.images(size) for one, size in zip(both, (12, 40), strict=True)]
    for one, control in zip(both, controls, strict=True):
        one.sink.set_pause_generator(pauses(one.rng, 0.4))
        await one.commit(control)
    for one, codes in zip(both, batches, strict=True):
        await one.send(codes)
    for one, codes, control in zip(both, batches, controls, strict=True):
        one.check(await one.left(len(codes)), codes, [control])
        await check_counters(one, codes, control)
        await one.settle()
