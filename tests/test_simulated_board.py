"""PYNQ's own classes run on the simulated board, and meet there what they would meet on a board."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwcodesign.design import Design
from hwcodesign.designs.boards import BOARDS
from hwcodesign.errors import DesignError, SettingsError, SimulationError
from hwcodesign.interface import register_map as registers
from hwcodesign.interface.block_design import BlockDesign
from hwcodesign.interface.hwh import fabric_clock, hand_off
from hwcodesign.interface.records import BATCH, RECORD_DTYPE, Records

pynq = pytest.importorskip("pynq", reason="pynq is not installed: pip install 'hwcodesign[pynq]'")

from hwcodesign.simulated_board import Side, SimulatedBoard  # noqa: E402
from tests.boards import (  # noqa: E402
    ADDRESS,
    COMPLETE,
    LENGTH,
    RECEIVE,
    SAMPLES,
    SEND,
    STATUS,
    Bench,
    Boards,
    expected_records,
    sample_codes,
)

# Batches


@pytest.mark.usefixtures("loop")
def test_an_overlay_finds_the_accelerator_and_the_accelerator_says_what_it_is(either: Design) -> None:
    with SimulatedBoard(either) as board:
        bench = Bench(board, either)
        assert bench.field(registers.ID, "magic") == registers.ID.field("magic").reset
        assert bench.field(registers.SIZES, "exits") == either.accelerator.exits
        hash_words = [bench.accelerator.read(r.offset) for r in (registers.HASH_HIGH, registers.HASH_LOW)]
        assert "".join(f"{word:08x}" for word in hash_words) == either.accelerator.configuration_hash[:16]
        assert int(bench.accelerator.register_map.ID) == registers.ID.field("magic").reset
        assert type(bench.dma) is pynq.lib.dma.DMA
        assert pynq.ps.Clocks.fclk0_mhz == fabric_clock(BOARDS[either.manifest["board"]["name"]]).mhz


@pytest.mark.usefixtures("loop")
def test_records_of_batches_and_their_cycles_are_those_of_the_rtl(either: Design) -> None:
    """Two batches of the size that the RTL is simulated in, and a short one; few accesses wait for them."""
    codes = sample_codes(either, 2 * BATCH + 7)
    with SimulatedBoard(either) as board:
        bench = Bench(board, either)
        bench.configure()
        before = board.accesses
        records = np.concatenate([bench.run(codes[start : start + BATCH]) for start in range(0, len(codes), BATCH)])
        assert records.tolist() == expected_records(either, codes).tolist()
        assert board.accesses - before < 1_000
        assert board.words == {Side.SEND: len(codes) * 4, Side.RECEIVE: len(codes) * 2}


def test_coroutines_wait_for_interrupts_while_other_tasks_go_on(either: Design) -> None:
    codes = sample_codes(either, BATCH)

    async def run(board: SimulatedBoard) -> tuple[Records, int]:
        bench, turns = Bench(board, either), 0
        bench.configure()

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        for _ in range(2):  # the second finds what the first left in the interrupt controller
            _source, target = bench.begin(codes)
            await bench.dma.sendchannel.wait_async()
            await bench.dma.recvchannel.wait_async()
        counting.cancel()
        return np.asarray(target).copy(), turns

    with SimulatedBoard(either) as board:
        records, turns = asyncio.run(asyncio.wait_for(run(board), 60))
    records["sample_id"] -= len(codes)
    assert records.tolist() == expected_records(either, codes).tolist()
    assert turns > 2 * 10


@pytest.mark.usefixtures("loop")
def test_the_same_accesses_give_the_same_cycles(design: Design) -> None:
    runs = []
    for _ in range(2):
        with SimulatedBoard(design) as board:
            bench = Bench(board, design)
            bench.configure(records_per_packet=4)
            _source, target = bench.begin(sample_codes(design))
            statuses = [bench.status(channel) for channel in (SEND, RECEIVE) * 10]
            runs.append((board.cycles, board.accesses, statuses, np.asarray(target).tobytes()))
    assert runs[0] == runs[1]


def test_records_come_in_packets_and_the_accelerator_waits_between_them(bench: Bench, design: Design) -> None:
    each, codes = 8, sample_codes(design)
    bench.configure(records_per_packet=each)
    source, target = bench.buffers(codes, each)
    bench.dma.sendchannel.transfer(source)
    parts = []
    while sum(map(len, parts)) < len(codes):
        bench.dma.recvchannel.transfer(target)
        bench.dma.recvchannel.wait()
        parts.append(np.asarray(target)[: bench.dma.recvchannel.transferred // RECORD_DTYPE.itemsize].copy())
    assert [len(part) for part in parts] == [each] * (SAMPLES // each)
    records, expected = np.concatenate(parts), expected_records(design, codes)
    for name in ("sample_id", "label", "exit", "score", "flags"):
        assert np.sort(records, order="sample_id")[name].tolist() == np.sort(expected, order="sample_id")[name].tolist()


# Memory


def test_a_missing_flush_sends_what_was_in_memory_before(bench: Bench, design: Design) -> None:
    codes = sample_codes(design)
    bench.configure()
    source, target = bench.buffers(codes)
    bench.dma.recvchannel.transfer(target)
    bench.dma.write(SEND + ADDRESS, source.physical_address)  # as the driver does, but for the flush
    bench.dma.write(SEND + LENGTH, source.nbytes)
    bench.dma.recvchannel.wait()
    assert np.asarray(target)["score"].tolist() != expected_records(design, codes)["score"].tolist()


def test_a_missing_invalidation_shows_what_was_in_the_cache_before(bench: Bench, design: Design) -> None:
    codes = sample_codes(design)
    bench.configure()
    _source, target = bench.begin(codes)
    assert bench.polled(RECEIVE) & COMPLETE
    assert set(np.asarray(target).view(np.uint8).tolist()) == {0x5A}
    target.invalidate()
    assert np.asarray(target).tolist() == expected_records(design, codes).tolist()


def test_a_flush_writes_back_what_the_processor_changed_and_nothing_else(bench: Bench, design: Design) -> None:
    """Lines that were only read do not overwrite what the DMA has written since."""
    bench.configure()
    source, target = bench.begin(sample_codes(design))
    bench.dma.recvchannel.wait()
    bench.recover()
    target["label"][0] = 77
    bench.dma.recvchannel.transfer(target)
    source[:] = bench.buffers(sample_codes(design, seed=4))[0]
    bench.dma.sendchannel.transfer(source)
    assert bench.polled(RECEIVE) & COMPLETE
    target.flush()
    target.invalidate()
    expected = expected_records(design, sample_codes(design, seed=4))
    expected["label"][0] = 77
    assert np.asarray(target).tolist() == expected.tolist()


@pytest.mark.usefixtures("bench")
def test_a_flush_makes_every_value_visible_that_was_written_to_a_fresh_buffer() -> None:
    for value in range(256):
        with pynq.allocate(100, np.uint8) as buffer:
            buffer[:] = value
            buffer.flush()
            buffer[:] = value ^ 1
            buffer.invalidate()
            assert np.asarray(buffer).tolist() == [value] * 100


def test_uncached_buffers_need_neither(bench: Bench, design: Design) -> None:
    target = pynq.allocate(SAMPLES, RECORD_DTYPE, cacheable=0)
    assert target.coherent
    bench.configure()
    source, _ = bench.buffers(sample_codes(design))
    bench.dma.recvchannel.transfer(target)
    bench.dma.sendchannel.transfer(source)
    assert bench.polled(RECEIVE) & COMPLETE
    assert np.asarray(target).tolist() == expected_records(design, sample_codes(design)).tolist()


def test_memory_is_bounded_and_freed_memory_is_used_again(boards: Boards) -> None:
    board = boards(memory=1 << 16).board
    first = pynq.allocate((3 << 14,), np.uint8)
    with pytest.raises(RuntimeError, match="BO allocation failed: 16385 bytes do not fit beside the 49152"):
        pynq.allocate((1 << 14) + 1, np.uint8)
    address = first.physical_address
    first.freebuffer()
    with pynq.allocate(1 << 16, np.uint8) as second:
        assert second.physical_address == address
    assert board.leaked == {}


def test_buffers_that_nobody_frees_are_counted(bench: Bench) -> None:
    kept = pynq.allocate(10, np.uint32)
    assert bench.board.leaked == {kept.physical_address: 40}
    part = kept[2:5]
    assert (part.physical_address, part.nbytes) == (kept.physical_address + 8, 12)
    del kept, part
    assert bench.board.leaked == {}


def test_the_dma_may_not_touch_memory_that_is_not_allocated(bench: Bench) -> None:
    buffer = pynq.allocate(16, np.uint64)
    address = buffer.physical_address
    del buffer
    bench.dma.write(RECEIVE + ADDRESS, address)
    with pytest.raises(SimulationError, match=f"128 bytes at 0x{address:08X}, which are in no allocated buffer"):
        bench.dma.write(RECEIVE + LENGTH, 128)


# Interrupts


def test_the_interrupt_controller_notes_levels_until_they_are_acknowledged(bench: Bench, design: Design) -> None:
    """PG099: ISR, IPR, IER, IAR, SIE, CIE, IVR, MER at 0, 4, ..., 28."""
    controller = bench.interrupts
    bench.configure()
    for channel in (bench.dma.sendchannel, bench.dma.recvchannel):
        channel.start()  # with its interrupt on
    bench.run(sample_codes(design))
    assert controller.read(0x00) == 0, "it is off"
    controller.write(0x1C, 3)
    assert (controller.read(0x00), controller.read(0x04), controller.read(0x18)) == (3, 0, 0xFFFFFFFF)
    controller.write(0x10, 2)
    assert (controller.read(0x08), controller.read(0x04), controller.read(0x18)) == (2, 2, 1)
    controller.write(0x0C, 2)
    assert controller.read(0x00) == 3, "the pin is still high"
    bench.dma.write(RECEIVE + STATUS, COMPLETE)
    controller.write(0x0C, 2)
    assert controller.read(0x00) == 1
    controller.write(0x14, 2)
    assert controller.read(0x08) == 0


def test_a_coroutine_that_waits_for_nothing_does_not_keep_the_loop_busy(design: Design) -> None:
    """It ends by its own deadline, and time has passed only as long as something could come."""

    async def run(board: SimulatedBoard) -> None:
        bench = Bench(board, design)
        target = pynq.allocate(4, np.uint64)
        bench.dma.recvchannel.transfer(target)
        await bench.dma.recvchannel.wait_async()

    with SimulatedBoard(design) as board:
        with pytest.raises(asyncio.TimeoutError):
            asyncio.run(asyncio.wait_for(run(board), 0.3))
        assert board.cycles < 1_000_000


# Misuse


def test_a_cell_is_there_only_after_a_bitstream_was_loaded(bench: Bench) -> None:
    pynq.Overlay(str(bench.board.bitfile), download=False)
    with pytest.raises(SimulationError, match="sample was accessed before a bitstream was loaded"):
        pynq.MMIO(0x4000_0000, 0x1000).read(0)


def test_an_address_without_a_cell_is_refused_by_name(bench: Bench) -> None:
    assert bench.overlay.is_loaded()
    with pytest.raises(SimulationError, match=r"0x43000000 belongs to no cell.*sample_dma at 0x40010000 to 0x4001FFFF"):
        pynq.MMIO(0x4300_0000, 0x1000).read(0)


@pytest.mark.usefixtures("bench")
def test_the_bitfile_of_another_accelerator_is_refused(tmp_path: Path) -> None:
    bitfile = tmp_path / "other.bit"
    bitfile.write_text("placeholder")
    bitfile.with_suffix(".hwh").write_text(hand_off(BlockDesign("other", BOARDS["pynq-z2"], "00" * 32), 2))
    with pytest.raises(
        SimulationError, match=r"other\.bit holds other, .* simulates hwcodesign:accelerators:sample:1\.0"
    ):
        pynq.Overlay(str(bitfile))


def test_two_boards_cannot_be_entered_at_once(bench: Bench, design: Design) -> None:
    with pytest.raises(SimulationError, match="a simulated pynq-z2 of sample is in use"), SimulatedBoard(design):
        pass
    assert pynq.Device.active_device is bench.board.device


def test_nothing_of_a_board_is_left_in_pynq(design: Design) -> None:
    before = dict(vars(pynq.Device))
    with SimulatedBoard(design) as board:
        assert pynq.Device.active_device is board.device
        assert pynq.Device.devices == [board.device]
        assert pynq.interrupt.get_uio_irq(61).startswith("/dev/pts/")
    assert dict(vars(pynq.Device)) == before
    assert pynq.interrupt.get_uio_irq.__module__ == "pynq.interrupt"
    assert pynq.interrupt.UioController is pynq.uio.UioController
    assert not hasattr(pynq.uio, "open")
    assert not board.bitfile.exists()


_WITHOUT_TERMINAL = """\
import sys
from pathlib import Path

import hwcodesign as hw
from rtl_sim.tb.small_accelerators import plain
from tests.hand_made import hand_made

hw.ProgressiveAccelerator(hand_made(plain("sample"), Path(sys.argv[1])), "board-sim").close()
print("still there")
"""


def test_a_process_without_a_terminal_outlives_its_board(design: Design) -> None:
    """As a Jupyter kernel does: the first terminal that such a process opens may become its own, and ends it."""
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_TERMINAL, str(design.folder)],
        capture_output=True, text=True, check=False, start_new_session=True,
        cwd=Path(__file__).resolve().parent.parent,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "still there\n"), done.stderr


def test_bitfile_and_hand_off_stay_in_a_folder_that_is_given(design: Design, tmp_path: Path) -> None:
    with SimulatedBoard(design, folder=tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sample.bit", "sample.hwh"]


def test_a_design_without_rtl_has_no_board(design: Design) -> None:
    with pytest.raises(DesignError, match="compiled without RTL: compile it with backend='streamrtl'"):
        SimulatedBoard(replace(design, manifest={**design.manifest, "cycles": None}))


def test_a_board_without_memory_is_refused(design: Design) -> None:
    with pytest.raises(SettingsError, match="memory=0: a board needs at least one byte"):
        SimulatedBoard(design, memory=0)


def test_without_pynq_the_import_names_the_extra() -> None:
    program = "import sys; sys.modules['pynq'] = None; import hwcodesign.simulated_board"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "MissingExtraError" in done.stderr
    assert "pip install 'hwcodesign[pynq]'" in done.stderr
