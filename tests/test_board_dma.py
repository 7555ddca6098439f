"""The simulated DMA's registers do what PG021 says of direct register mode."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hwcodesign.design import Design
from hwcodesign.errors import SimulationError
from hwcodesign.interface.records import RECORD_DTYPE

pynq = pytest.importorskip("pynq", reason="pynq is not installed: pip install 'hwcodesign[pynq]'")

from tests.boards import (  # noqa: E402
    ADDRESS,
    COMPLETE,
    CONTROL,
    DECODE_ERROR,
    HALTED,
    IDLE,
    INTERNAL_ERROR,
    LENGTH,
    RECEIVE,
    SAMPLES,
    SEND,
    STATUS,
    Bench,
    expected_records,
    sample_codes,
)


def _raw(bench: Bench) -> Any:
    """The DMA's registers before PYNQ's driver has written any."""
    name = f"{bench.design.accelerator.name}_dma"
    cell = bench.overlay.ip_dict[name]
    return pynq.MMIO(cell["phys_addr"], cell["addr_range"])


def test_channels_are_halted_and_not_idle_after_power_on(bench: Bench) -> None:
    dma = _raw(bench)
    assert [dma.read(channel + CONTROL) for channel in (SEND, RECEIVE)] == [0x10002] * 2
    assert [dma.read(channel + STATUS) for channel in (SEND, RECEIVE)] == [0x10001] * 2


def test_length_starts_nothing_while_a_channel_is_halted(bench: Bench) -> None:
    dma, buffer = _raw(bench), pynq.allocate(2, np.uint64)
    dma.write(SEND + ADDRESS, buffer.physical_address)
    dma.write(SEND + LENGTH, 16)
    assert dma.read(SEND + LENGTH) == 0
    dma.write(SEND + CONTROL, 1)
    dma.write(SEND + LENGTH, 0)
    assert dma.read(SEND + STATUS) & (HALTED | IDLE) == 0, "running, and nothing was transferred yet"


def test_completion_is_noted_until_a_one_is_written_to_it(bench: Bench, design: Design) -> None:
    bench.configure()
    bench.run(sample_codes(design))
    assert bench.status(RECEIVE) & (COMPLETE | IDLE | HALTED) == COMPLETE | IDLE
    bench.dma.write(RECEIVE + STATUS, COMPLETE)
    assert bench.status(RECEIVE) & (COMPLETE | IDLE) == IDLE


def test_length_reads_as_the_bytes_that_came(bench: Bench, design: Design) -> None:
    bench.configure()
    _source, target = bench.begin(sample_codes(design), room=3 * SAMPLES)
    bench.dma.recvchannel.wait()
    assert bench.dma.recvchannel.transferred == SAMPLES * RECORD_DTYPE.itemsize
    assert np.asarray(target)[:SAMPLES].tolist() == expected_records(design, sample_codes(design)).tolist()


def test_a_packet_longer_than_the_room_is_an_internal_error_until_a_soft_reset(bench: Bench, design: Design) -> None:
    bench.configure()
    _source, target = bench.begin(sample_codes(design), room=SAMPLES - 1)
    assert bench.polled(RECEIVE) & (INTERNAL_ERROR | HALTED | IDLE) == INTERNAL_ERROR | HALTED
    bench.dma.write(RECEIVE + CONTROL, 1)
    assert bench.status(RECEIVE) & HALTED, "it does not start again"
    with pytest.raises(RuntimeError, match="DMA channel not started"):
        bench.dma.recvchannel.wait()
    target.invalidate()
    assert np.asarray(target).tolist() == expected_records(design, sample_codes(design))[: SAMPLES - 1].tolist()
    bench.recover()
    assert bench.run(sample_codes(design)).tolist() == expected_records(design, sample_codes(design)).tolist()


def test_an_address_without_memory_is_a_decode_error(bench: Bench) -> None:
    bench.dma.write(SEND + ADDRESS, 0xF000_0000)
    bench.dma.write(SEND + LENGTH, 64)
    assert bench.status(SEND) & (DECODE_ERROR | HALTED) == DECODE_ERROR | HALTED


def test_a_soft_reset_takes_a_while_and_resets_both_channels(bench: Bench, design: Design) -> None:
    bench.begin(sample_codes(design))
    bench.dma.write(RECEIVE + CONTROL, 0x4)
    states = [bench.dma.read(SEND + CONTROL) & 0x4 for _ in range(3)]
    assert states[0] == 0x4
    assert states[-1] == 0
    assert [bench.status(channel) for channel in (SEND, RECEIVE)] == [0x10001] * 2


def test_a_channel_that_is_stopped_ends_its_transfer_first(bench: Bench) -> None:
    target = pynq.allocate(4, np.uint64)
    bench.dma.recvchannel.transfer(target)
    bench.dma.write(RECEIVE + CONTROL, 0)
    assert not bench.polled(RECEIVE, 50) & HALTED, "nothing was sent, so nothing can end it but a reset"


@pytest.mark.parametrize(("length", "start"), [(12, 0), (16, 4)])
def test_lengths_and_addresses_that_are_no_whole_words_are_refused(bench: Bench, length: int, start: int) -> None:
    buffer = pynq.allocate(4, np.uint64)
    bench.dma.write(SEND + ADDRESS, buffer.physical_address + start)
    with pytest.raises(SimulationError, match=f"MM2S: {length} bytes at .* are not whole words of 8 bytes"):
        bench.dma.write(SEND + LENGTH, length)


def test_a_second_transfer_may_not_start_before_the_first_has_ended(bench: Bench) -> None:
    target = pynq.allocate(4, np.uint64)
    bench.dma.recvchannel.transfer(target)
    with pytest.raises(SimulationError, match="S2MM_LENGTH was written while a transfer is going on"):
        bench.dma.write(RECEIVE + LENGTH, 32)
