"""The driver on the simulated board: PYNQ's own classes, and everything that may go wrong on the way."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pynq", reason="pynq is not installed (extra 'pynq')")

import hwcodesign as hw
from hwcodesign.design import Design
from hwcodesign.designs.boards import board_named
from hwcodesign.errors import BoardError, SettingsError
from hwcodesign.interface.block_design import BlockDesign
from hwcodesign.interface.counters import Counters
from hwcodesign.interface.modes import exit_control
from hwcodesign.interface.records import FLAG_FINAL, Records
from hwcodesign.runtime.transports.buffers import Buffers
from hwcodesign.runtime.transports.lock import OverlayLock
from hwcodesign.runtime.transports.overlay import AcceleratorOverlay
from hwcodesign.runtime.transports.simulated_board import open_simulated
from hwcodesign.simulated_board import Fault, FaultKind, Side, SimulatedBoard
from rtl_sim.tb import small_accelerators
from tests.driver_faults import campaign

Images = np.ndarray[Any, Any]
Opened = tuple[SimulatedBoard, hw.ProgressiveAccelerator]


@contextmanager
def opened(design: Design, *faults: Fault, memory: int = 1 << 20, **settings: Any) -> Iterator[Opened]:
    """A simulated board and the driver on it; at the end nothing may be left in its memory."""
    transfers = hw.TransferSettings(**settings)
    with SimulatedBoard(design, faults, memory=memory) as board:
        with hw.ProgressiveAccelerator(design, open_simulated(board, design, transfers), settings=transfers) as driver:
            yield board, driver
        assert board.leaked == {}


@pytest.fixture
def images(design: Design) -> Images:
    """Random ones, a third of which leaves at each exit."""
    return small_accelerators.images(design.accelerator, 400)


def without_cycles(records: Records) -> bytes:
    records = records.copy()
    records["cycles"] = 0
    return records.tobytes()


# --- the same records as everywhere ---


def check_everywhere_the_same(design: Design, images: Images) -> None:
    with opened(design) as (_, driver):
        assert driver.on == "board-sim"
        for mode, leave_at in (("adaptive", None), ("anytime", None), ("subnet", 1)):
            rtl = design.run(images, "rtl", mode=mode, leave_at=leave_at)
            if leave_at is None:
                driver.mode = hw.Mode(mode)
            else:
                driver.leave_at = leave_at
            records = driver.run(images)
            assert driver.on == "board-sim"
            assert records.tobytes() == rtl.tobytes()
            software = design.run(images, "software", mode=mode, leave_at=leave_at)
            assert without_cycles(records) == software.tobytes()


def test_the_digits_give_the_records_of_rtl_with_their_cycles_and_of_software_without(
    request: pytest.FixtureRequest,
) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra 'design')")
    compiled, data = request.getfixturevalue("compiled_design"), request.getfixturevalue("digits_data")
    check_everywhere_the_same(compiled, data.test.images)


def test_boards_of_either_processor_give_the_same(either: Design, images: Images) -> None:
    check_everywhere_the_same(either, images)


def test_batches_that_the_images_do_not_fill_are_joined_and_ids_go_on(design: Design, images: Images) -> None:
    wanted = design.rtl.run(images, exit_control(design.policy), batch=150).records
    with opened(design, batch=150) as (_, driver), warnings.catch_warnings():
        warnings.simplefilter("error")  # a batch that fails is repeated, with a warning
        for _ in range(2):
            assert driver.run(images).tobytes() == np.sort(wanted, order="sample_id").tobytes()


@pytest.mark.parametrize("packet", [1, 8, 64])
def test_packets_bring_the_same_records_in_order_of_completion_before_the_batch_is_over(
    packet: int, design: Design, images: Images
) -> None:
    images = images[: 40 if packet == 1 else 200]
    order = ["sample_id", "exit"]
    with opened(design, records_per_packet=packet) as (board, driver):
        driver.mode = hw.Mode.ANYTIME
        parts, sent = [], []
        for records in driver.stream(images):
            parts.append(records)
            sent.append(board.words[Side.SEND])
        assert max(map(len, parts)) <= packet
        assert sent[0] < sent[-1] == len(images) * 4
    wanted = np.concatenate(list(design.stream(images, mode="anytime")))
    assert without_cycles(np.sort(np.concatenate(parts), order=order)) == np.sort(wanted, order=order).tobytes()


def test_design_run_and_stream_take_the_board_by_name(design: Design, images: Images) -> None:
    wanted = design.run(images, "software", thresholds=(1.0, None))
    records = design.run(images, "board-sim", thresholds=(1.0, None))
    assert design.on == "board-sim"
    assert without_cycles(records) == wanted.tobytes()
    stream = design.stream(images, "board-sim", mode="subnet", leave_at=0)
    assert {int(k) for records in stream for k in records["exit"]} == {0}
    with pytest.raises(
        SettingsError, match="on='board-sim' shows records alone: ask one of software, native, numpy, csim, rtl"
    ):
        design.logits(images, "board-sim")


def test_a_simulated_board_is_never_taken_for_a_real_one(design: Design) -> None:
    with SimulatedBoard(design), pytest.raises(BoardError, match="PYNQ finds no board"):
        hw.ProgressiveAccelerator(design, "board")


def test_no_images_touch_no_register(design: Design, images: Images) -> None:
    with opened(design) as (board, driver):
        before = board.accesses
        assert len(driver.run(images[:0])) == 0
        assert board.accesses == before


# --- interrupts ---


def test_waiting_for_interrupts_leaves_the_loop_free_and_the_registers_alone(design: Design, images: Images) -> None:
    wanted = design.run(images, "rtl")

    async def run(driver: hw.ProgressiveAccelerator) -> tuple[Records, int]:
        turns, done = 0, False

        async def other() -> None:
            nonlocal turns
            while not done:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(other())
        records = await driver.run_async(images)
        done = True
        await beside
        return records, turns

    with opened(design) as (board, driver):
        driver.run(images[:1])
        for _ in range(2):  # each in a loop of its own
            before = board.accesses
            records, turns = asyncio.run(run(driver))
            assert records.tobytes() == wanted.tobytes()
            assert turns > 3
            assert board.accesses - before < 40


@pytest.mark.parametrize("standing", [False, True])
def test_an_interrupt_that_is_late_delays_nothing_but_itself(standing: bool, design: Design, images: Images) -> None:
    late = Fault(FaultKind.LATE_INTERRUPT, Side.RECEIVE, standing=standing, cycles=10**9)
    with opened(design, late) as (board, driver), warnings.catch_warnings():
        warnings.simplefilter("error")
        records = asyncio.run(driver.run_async(images[:100]))
        assert board.struck == (late,)
        assert board.cycles < 10**8
    assert without_cycles(records) == design.run(images[:100]).tobytes()


# --- thresholds, counters, time ---


def test_thresholds_set_during_a_stream_hold_for_samples_that_start_later(design: Design, images: Images) -> None:
    images = images[:120]
    with opened(design, records_per_packet=8) as (_, driver):
        driver.thresholds = (None, None)
        stream = driver.stream(images)
        parts = [next(stream)]
        driver.thresholds = (0.0, 0.0)  # as unsure as may be: all leave at once
        parts += stream
        records = np.sort(np.concatenate(parts), order="sample_id")
        assert set(driver.run(images)["exit"]) == {0}
    switch = int(np.argmin(records["exit"]))
    assert 8 <= switch < 100
    assert records["exit"].tolist() == [2] * switch + [0] * (120 - switch)


def test_thresholds_may_change_at_every_packet(design: Design, images: Images) -> None:
    """Commits wait for their bank to drain; none is lost, and the last one holds."""
    with opened(design, records_per_packet=8) as (_, driver):
        for number, _ in enumerate(driver.stream(images[:120])):
            driver.thresholds = (0.0, 0.0) if number % 2 else (None, None)
        driver.thresholds = (None, 0.0)
        assert set(driver.run(images[:20])["exit"]) == {1}


def test_counters_are_the_hardwares_and_survive_a_recovery(design: Design, images: Images) -> None:
    rtl = design.rtl.run(images, exit_control(design.policy)).counters
    with opened(design) as (_, driver):
        driver.run(images)
        counters = driver.counters
        assert counters.accepted == rtl["ACCEPTED"]
        assert counters.finals == tuple(rtl[f"FINALS[{k}]"] for k in range(3))
        assert counters.high_water == tuple(rtl[f"HIGH_WATER[{k}]"] for k in range(2))
        assert counters.output_stalls == rtl["OUTPUT_STALLS"]
        assert (counters.cycles or 0) > rtl["CYCLES_LOW"]
    broken = Fault(FaultKind.SLAVE_ERROR, Side.RECEIVE, at=20)
    with opened(design, broken) as (_, driver):
        with pytest.warns(UserWarning, match="slave error"):
            driver.run(images)
        again = driver.counters
    assert again.accepted > counters.accepted  # those sent twice
    assert isinstance(again, Counters)
    assert sum(again.finals) >= len(images)


def test_counters_add_up_over_several_recoveries(design: Design, images: Images) -> None:
    images = images[:100]
    words = 2 * len(images)
    faults = [Fault(FaultKind.SLAVE_ERROR, Side.RECEIVE, at=20 + k * (words + 20)) for k in range(3)]
    with opened(design, *faults) as (board, driver):
        for _ in range(3):
            with pytest.warns(UserWarning, match="slave error"):
                driver.run(images)
        assert len(board.struck) == 3
        assert driver.counters.accepted > sum(driver.counters.finals) - 1 >= 3 * len(images)


def test_a_throughput_test_on_the_board_counts_every_stage(design: Design, images: Images) -> None:
    with opened(design) as (_, driver):
        result = driver.throughput_test(images[:100])
        assert result.on == "board-sim"
        assert all(seconds > 0 for seconds in result.parts.values())


# --- what is checked before the first transfer ---

_WRONG = {
    FaultKind.OTHER_HASH: r"the bitstream belongs to another network: 3 exits, 3 classes, configuration \w{16}; .*"
    "Load the bitstream that was built from this design",
    FaultKind.OTHER_VERSION: "registers are of version 2, this driver needs version 1: build the bitstream again",
    FaultKind.ALL_ONES: "registers read 0xFFFFFFFF: there is no answer",
    FaultKind.DENIED: "no permission .*: run as root",
}


@pytest.mark.parametrize("kind", list(_WRONG), ids=lambda kind: kind.name)
def test_a_board_that_is_not_as_it_should_be_is_refused_and_left_as_it_was(kind: FaultKind, design: Design) -> None:
    with SimulatedBoard(design, [Fault(kind, standing=False)]) as board:
        with pytest.raises(BoardError, match=_WRONG[kind]):
            open_simulated(board, design, hw.TransferSettings())
        assert board.leaked == {}
        assert board.words == {Side.SEND: 0, Side.RECEIVE: 0}
        if kind is FaultKind.DENIED:  # which struck once: lock and memory are free again
            open_simulated(board, design, hw.TransferSettings()).close()


def test_an_overlay_without_the_accelerator_is_refused_with_what_it_has(design: Design) -> None:
    other = BlockDesign("other", board_named("pynq-z2"), "00")
    with (
        SimulatedBoard(design) as board,
        pytest.raises(BoardError, match=r"has no cell 'other', only .*sample.*: it belongs to another design"),
    ):
        AcceleratorOverlay(board.bitfile, other, device=board.device)


def test_a_board_is_used_by_one_driver_at_a_time(design: Design) -> None:
    with SimulatedBoard(design) as board:
        first = open_simulated(board, design, hw.TransferSettings())
        message = rf"the overlay is in use by process {os.getpid()} .*: close its driver, or end that process"
        with pytest.raises(BoardError, match=message):
            open_simulated(board, design, hw.TransferSettings())
        first.close()
        open_simulated(board, design, hw.TransferSettings()).close()


def test_another_process_is_told_who_holds_the_lock_until_it_is_gone(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from hwcodesign.runtime.transports.lock import OverlayLock;"
        "lock = OverlayLock(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    root = Path(hw.__file__).resolve().parent.parent
    path = tmp_path / "overlay.lock"
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(BoardError, match=rf"in use by process {other.pid} \(lock {re.escape(str(path))}\)"):
        OverlayLock(path)
    other.kill()
    other.communicate()
    OverlayLock(path).release()
    with pytest.raises(BoardError, match="cannot be opened"):
        OverlayLock(tmp_path / "nowhere" / "lock")


# --- memory ---


def test_a_batch_for_which_there_is_no_memory_is_made_smaller(design: Design, images: Images) -> None:
    with SimulatedBoard(design, memory=40_000) as board:
        with pytest.warns(UserWarning, match="there is not enough memory for a large batch"):
            transport = open_simulated(board, design, hw.TransferSettings())
        assert 100 < transport.batch < 400
        with hw.ProgressiveAccelerator(design, transport) as driver:
            assert without_cycles(driver.run(images)) == design.run(images).tobytes()


def test_no_memory_at_all_is_an_error(design: Design) -> None:
    with SimulatedBoard(design, memory=64) as board, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(BoardError, match="there is not enough memory for a batch of one sample"):
            open_simulated(board, design, hw.TransferSettings())


def test_memory_that_the_dma_does_not_reach_is_refused(design: Design, monkeypatch: pytest.MonkeyPatch) -> None:
    with SimulatedBoard(design) as board:
        plain: Callable[..., Any] = board.device.allocate

        def far(*arguments: Any, **settings: Any) -> Any:
            buffer = plain(*arguments, **settings)
            buffer.device_address += 1 << 32
            return buffer

        monkeypatch.setattr(board.device, "allocate", far)
        with pytest.raises(BoardError, match="at 0x110000000 lies above 4 GiB, where the DMA does not reach"):
            open_simulated(board, design, hw.TransferSettings())
        assert board.leaked == {}


def test_a_sample_larger_than_a_transfer_is_refused(design: Design) -> None:
    with pytest.raises(
        BoardError, match=r"there is not enough memory for a batch of one sample \(it takes 48 bytes, a transfer 40\)"
    ):
        Buffers(design.accelerator, 100, 40, None)


# --- transfers that fail ---

_BROKEN = [
    (FaultKind.LOST_LAST, Side.SEND, "did not come within"),
    (FaultKind.LOST_LAST, Side.RECEIVE, "did not come within|internal error"),
    (FaultKind.SLAVE_ERROR, Side.SEND, "sending DMA: slave error"),
    (FaultKind.SLAVE_ERROR, Side.RECEIVE, "receiving DMA: slave error"),
    (FaultKind.DECODE_ERROR, Side.SEND, "sending DMA: decode error"),
    (FaultKind.DECODE_ERROR, Side.RECEIVE, "receiving DMA: decode error"),
    (FaultKind.STUCK, Side.SEND, "did not come within"),
    (FaultKind.STUCK, Side.RECEIVE, "did not come within"),
]


@pytest.mark.parametrize(("kind", "side", "message"), _BROKEN, ids=[f"{k.name}-{s.value}" for k, s, _ in _BROKEN])
@pytest.mark.parametrize("packet", [0, 8])
def test_a_transfer_that_fails_once_is_repeated_after_a_recovery(
    packet: int, kind: FaultKind, side: Side, message: str, design: Design, images: Images
) -> None:
    images = images[:60]
    at = 59 * (4 if side is Side.SEND else 2)
    with opened(design, Fault(kind, side, at), records_per_packet=packet) as (board, driver):
        with pytest.warns(UserWarning, match=message) as told:
            parts = list(driver.stream(images))
        assert len(told) == 1
        assert driver.on == "board-sim"
        assert len(board.struck) == 1
        records = np.sort(np.concatenate(parts), order="sample_id")
        assert without_cycles(records) == design.run(images).tobytes()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert without_cycles(driver.run(images)) == without_cycles(records)


@pytest.mark.parametrize("kind", [FaultKind.STUCK, FaultKind.SLAVE_ERROR])
def test_no_word_of_a_batch_that_failed_reaches_the_accelerator_after_its_reset(
    kind: FaultKind, design: Design, images: Images
) -> None:
    """Most words wait to be sent when the first records fail: the DMA is reset first, and they are gone."""
    with opened(design, Fault(kind, Side.RECEIVE, at=4)) as (board, driver):
        with pytest.warns(UserWarning, match="did not come within|slave error") as told:
            records = driver.run(images)
        assert len(told) == len(board.struck) == 1
        assert driver.on == "board-sim"
        assert without_cycles(records) == design.run(images).tobytes()


@pytest.mark.parametrize(("kind", "side", "message"), _BROKEN, ids=[f"{k.name}-{s.value}" for k, s, _ in _BROKEN])
def test_what_fails_again_is_computed_in_software_with_a_warning(
    kind: FaultKind, side: Side, message: str, design: Design, images: Images
) -> None:
    images = images[:60]
    with opened(design, Fault(kind, side, standing=True), batch=25) as (_, driver):
        with pytest.warns(UserWarning, match="board-sim") as told:
            records = driver.run(images)
        *failures, last = [str(warning.message) for warning in told]
        assert [bool(re.search(message, failure)) for failure in failures] == [True, True]
        assert last == "board-sim has failed: the rest runs in software"  # for the later batches, too
        assert driver.on == "software (native)"
        assert records.tobytes() == design.run(images).tobytes()


def test_registers_that_are_denied_during_a_run_leave_it_to_software(design: Design, images: Images) -> None:
    denied = Fault(FaultKind.DENIED, at=60, standing=True)
    with warnings.catch_warnings(record=True) as told, opened(design, denied, records_per_packet=1) as made:
        warnings.simplefilter("always")
        _, driver = made
        assert without_cycles(driver.run(images[:20])) == design.run(images[:20]).tobytes()
        assert driver.on == "software (native)"
        with pytest.raises(BoardError, match="counters cannot be read: no permission"):
            _ = driver.counters
    assert all("no permission" in str(warning.message) for warning in told)
    assert len(told) == 3  # the batch, its recovery, and the end


def test_no_retries_go_to_software_at_once(design: Design, images: Images) -> None:
    fault = Fault(FaultKind.STUCK, Side.SEND, at=40)
    with opened(design, fault, retries=0) as (_, driver):
        with pytest.warns(UserWarning, match="board-sim") as told:
            records = driver.run(images[:20])
        assert driver.on == "software (native)"
    assert records.tobytes() == design.run(images[:20]).tobytes()
    assert len(told) == 2


def test_faults_at_random_points_answer_every_sample_once(design: Design, images: Images) -> None:
    how, _ = campaign(design, images, range(20))
    assert set(how) >= {"recovered", "in software at last", "not opened"}


# --- runs that are cut short ---


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C is heard, also where the tests run in the background of a shell, which has it ignored there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted_at(board: SimulatedBoard, access: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while so many more registers have been read."""
    device: Any = board.device
    plain: Callable[[int, int], bytes] = device.read_registers
    left = access

    def read(address: int, length: int) -> bytes:
        nonlocal left
        left -= 1
        if left == 0:
            signal.raise_signal(signal.SIGINT)
        return plain(address, length)

    monkeypatch.setattr(device, "read_registers", read)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("access", [1, 3, 6, 9, 12, 20])
def test_ctrl_c_in_the_middle_of_a_batch_leaves_the_accelerator_usable(
    access: int, asynchronous: bool, design: Design, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = images[:60]
    wanted = design.run(images)
    with opened(design, records_per_packet=8) as (board, driver):
        interrupted_at(board, access, monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(driver.run_async(images)) if asynchronous else driver.run(images)
        assert without_cycles(driver.run(images)) == wanted.tobytes()
        assert driver.on == "board-sim"


def test_a_stream_that_is_left_unfinished_leaves_the_accelerator_usable(design: Design, images: Images) -> None:
    wanted = design.run(images[:60]).tobytes()
    with opened(design, records_per_packet=8) as (_, driver):
        for _ in driver.stream(images):
            break
        stream = driver.stream(images)
        next(stream)
        assert without_cycles(driver.run(images[:60])) == wanted
        next(driver.stream(images))  # closed with the driver, the DMA still at work


def test_a_record_counts_only_once_it_is_complete(design: Design, images: Images) -> None:
    """Refinements that came before a failure do not come again, and those that did not come, do."""
    fault = Fault(FaultKind.STUCK, Side.RECEIVE, at=45)  # within a record
    with opened(design, fault, records_per_packet=8) as (_, driver):
        driver.mode = hw.Mode.ANYTIME
        with pytest.warns(UserWarning, match="did not come"):
            records = np.concatenate(list(driver.stream(images[:40])))
    for sample in range(40):
        mine = records[records["sample_id"] == sample]
        assert mine["exit"].tolist() == list(range(len(mine)))
        assert (mine["flags"] & FLAG_FINAL).tolist() == [0] * (len(mine) - 1) + [1]
