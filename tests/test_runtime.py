"""The driver, as far as it needs no board: checked records, modes, streams, and runs that get in each other's way."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hwcodesign as hw
from hwcodesign.data import Dataset
from hwcodesign.design import Design
from hwcodesign.errors import BoardError, DesignError, ImagesError, PolicyError, SettingsError, TransferError
from hwcodesign.interface.counters import Counters
from hwcodesign.interface.records import FLAG_ERROR, FLAG_FINAL, Records, empty_records
from hwcodesign.runtime.delivery import Delivery
from hwcodesign.runtime.parts import Part
from hwcodesign.runtime.transports.transport import TransferSettings

Images = np.ndarray[Any, Any]
EXITS, CLASSES = 3, 10


# --- records are checked before they are believed ---


def drawn_records(rng: np.random.Generator, samples: int, *, anytime: bool) -> list[Records]:
    """Each sample's records, as an accelerator could give them."""
    found = []
    for sample in range(samples):
        leaves = int(rng.integers(EXITS))
        exits = range(leaves + 1) if anytime else [leaves]
        records = empty_records(len(exits))
        records["sample_id"], records["exit"] = sample, list(exits)
        records["label"], records["score"] = rng.integers(CLASSES, size=len(exits)), rng.integers(99, size=len(exits))
        records["flags"][-1] = FLAG_FINAL
        found.append(records)
    return found


def shuffled(rng: np.random.Generator, per_sample: list[Records]) -> Records:
    """All of them in a random order that keeps each sample's own."""
    whose = rng.permutation(np.repeat(np.arange(len(per_sample)), [len(records) for records in per_sample]))
    streams = [iter(records) for records in per_sample]
    return np.array([next(streams[sample]) for sample in whose], per_sample[0].dtype)


def packets(rng: np.random.Generator, records: Records) -> list[Records]:
    return list(np.split(records, np.sort(rng.integers(len(records) + 1, size=rng.integers(4)))))


@pytest.mark.parametrize("anytime", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_every_sample_is_answered_once_however_often_a_batch_is_cut_short(seed: int, anytime: bool) -> None:
    rng = np.random.default_rng(seed)
    wanted = drawn_records(rng, int(rng.integers(1, 40)), anytime=anytime)
    delivery = Delivery(len(wanted), EXITS, CLASSES, anytime=anytime)
    got = []
    while len(sent := delivery.begin()):
        attempt = [wanted[sample].copy() for sample in sent]
        for number, records in enumerate(attempt):
            records["sample_id"] = number
        arrived = shuffled(rng, attempt)
        whole = bool(rng.integers(2))
        for packet in packets(rng, arrived if whole else arrived[: rng.integers(len(arrived))]):
            got.append(delivery.accept(packet))
        if whole:
            delivery.finish()
        elif len(delivery.owed):
            with pytest.raises(TransferError, match=rf"{len(delivery.owed)} of {len(sent)} samples have no record"):
                delivery.finish()
    answers = np.concatenate(got)
    for sample, records in enumerate(wanted):
        assert answers[answers["sample_id"] == sample].tobytes() == records.tobytes(), f"seed {seed}, sample {sample}"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("sample_id", 4, r"record 1 of 2 is impossible \(sample_id 4, .*\): ids are 0 to 3"),
        ("sample_id", 0, "its sample has a record already"),
        ("exit", 3, "exits are 0 to 2"),
        ("label", 10, "labels are 0 to 9"),
        ("flags", FLAG_FINAL | FLAG_ERROR, "the sample was damaged on its way in"),
        ("flags", FLAG_FINAL | 4, "flags are final and error"),
        ("flags", 0, "the last record of a sample is final"),
    ],
)
def test_a_record_that_cannot_be_is_refused_and_nothing_of_its_packet_is_taken(
    field: str, value: int, message: str
) -> None:
    delivery = Delivery(4, EXITS, CLASSES, anytime=False)
    delivery.begin()
    records = empty_records(2)
    records["sample_id"], records["flags"] = [0, 1], FLAG_FINAL
    records[field][1] = value
    with pytest.raises(TransferError, match=message):
        delivery.accept(records)
    assert delivery.owed.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("exits", "flags", "message"),
    [
        ([0, 2], [0, FLAG_FINAL], "a sample's records come in the order of its exits"),
        ([0, 0], [0, FLAG_FINAL], "a sample's records come in the order of its exits"),
        ([0, 1], [FLAG_FINAL, FLAG_FINAL], "its sample has its final record already"),
        ([0, 1, 2], [0, 0, 0], "the last record of a sample is final"),
    ],
)
@pytest.mark.parametrize("together", [False, True])
def test_refinements_come_in_order_and_end_with_the_final_one(
    exits: list[int], flags: list[int], message: str, together: bool
) -> None:
    delivery = Delivery(1, EXITS, CLASSES, anytime=True)
    delivery.begin()
    records = empty_records(len(exits))
    records["exit"], records["flags"] = exits, flags
    *before, last = [records] if together else np.split(records, len(records))
    for packet in before:
        delivery.accept(packet)
    with pytest.raises(TransferError, match=message):
        delivery.accept(last)


def test_counters_add_up_and_levels_do_not() -> None:
    one, two = Counters(3, (1, 2), 10, 4, 5, (6,)), Counters(1, (1, 0), 7, 1, 1, (2,))
    assert one + two == Counters(4, (2, 2), 17, 5, 6, (6,))
    assert one + Counters.none(2) == one  # software measures less


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch": 0}, "batch=0 is not a positive number of samples"),
        ({"records_per_packet": -1}, "records_per_packet=-1 is not 0 to 65535"),
        ({"records_per_packet": 65536}, "records_per_packet=65536 is not 0 to 65535"),
        ({"deadline": 0.0}, r"deadline=0.0 is not a positive number of seconds"),
        ({"retries": -1}, "retries=-1 is negative"),
    ],
)
def test_settings_of_transfers_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        TransferSettings(**settings)


# --- running ---


@pytest.fixture(scope="module")
def images(digits_data: Dataset) -> Images:
    return digits_data.test.images[:300]


@pytest.fixture(params=["numpy", "native", "rtl"])
def driver(request: pytest.FixtureRequest, compiled_design: Design) -> Iterator[hw.ProgressiveAccelerator]:
    """In batches that these images do not fill a whole number of."""
    settings = TransferSettings(batch=70)
    with hw.ProgressiveAccelerator(compiled_design, request.param, settings=settings) as opened:
        assert opened.on == {"rtl": "rtl"}.get(request.param, f"software ({request.param})")
        yield opened


def without_cycles(records: Records) -> bytes:
    records = records.copy()
    records["cycles"] = 0
    return records.tobytes()


def test_run_gives_the_designs_records_in_sample_order_in_every_mode(
    driver: hw.ProgressiveAccelerator, compiled_design: Design, images: Images
) -> None:
    assert without_cycles(driver.run(images)) == compiled_design.run(images).tobytes()
    for k in range(EXITS):
        driver.leave_at = k
        assert (driver.mode, driver.leave_at) == (hw.Mode.SUBNET, k)
        wanted = compiled_design.run(images, mode="subnet", leave_at=k)
        assert without_cycles(driver.run(images)) == wanted.tobytes()
    driver.mode = "anytime"  # type: ignore[assignment]
    assert (driver.mode, driver.leave_at) == (hw.Mode.ANYTIME, None)
    assert without_cycles(driver.run(images)) == compiled_design.run(images).tobytes()
    driver.leave_at = None
    driver.thresholds = (0.05, None)
    assert without_cycles(driver.run(images)) == compiled_design.run(images, thresholds=(0.05, None)).tobytes()


def test_a_stream_gives_easy_images_first_and_in_anytime_mode_every_refinement(
    driver: hw.ProgressiveAccelerator, compiled_design: Design, images: Images
) -> None:
    streamed = np.concatenate(list(driver.stream(images)))
    assert without_cycles(np.sort(streamed, order="sample_id")) == compiled_design.run(images).tobytes()
    assert (np.diff(streamed["sample_id"].astype(int)) < 0).any()  # in the order of completion
    driver.mode = hw.Mode.ANYTIME
    order = ["sample_id", "exit"]
    wanted = np.sort(np.concatenate(list(compiled_design.stream(images, mode="anytime"))), order=order)
    streamed = np.concatenate(list(driver.stream(images)))
    assert without_cycles(np.sort(streamed, order=order)) == wanted.tobytes()
    for sample in range(len(images)):
        assert (np.diff(streamed["exit"][streamed["sample_id"] == sample].astype(int)) == 1).all()


def test_asynchronous_runs_give_the_same_and_leave_the_loop_free(
    driver: hw.ProgressiveAccelerator, images: Images
) -> None:
    wanted = driver.run(images)

    async def both() -> tuple[Records, list[Records], int]:
        turns, done = 0, False

        async def other() -> None:
            nonlocal turns
            while not done:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(other())
        records = await driver.run_async(images)
        parts = [part async for part in driver.stream_async(images)]
        done = True
        await beside
        return records, parts, turns

    records, parts, turns = asyncio.run(both())
    assert records.tobytes() == wanted.tobytes()
    assert np.sort(np.concatenate(parts), order="sample_id").tobytes() == wanted.tobytes()
    assert turns > 5


def test_no_images_give_no_records(driver: hw.ProgressiveAccelerator, images: Images) -> None:
    for empty in (images[:0], images[:0].astype(np.float64)):
        assert driver.run(empty).tobytes() == empty_records(0).tobytes()
        assert list(driver.stream(empty)) == []
        assert len(asyncio.run(driver.run_async(empty))) == 0


def test_arrays_that_are_not_contiguous_or_of_another_type_give_the_same(
    driver: hw.ProgressiveAccelerator, images: Images
) -> None:
    wanted = driver.run(images).tobytes()
    wide = np.zeros((len(images), 1, 8, 16), images.dtype)
    wide[..., ::2] = images
    for given in (wide[..., ::2], np.asfortranarray(images), images.astype(">i4"), images / 16, images.tolist()):
        assert driver.run(given).tobytes() == wanted  # type: ignore[arg-type]


def test_images_that_do_not_fit_are_refused_at_the_call(driver: hw.ProgressiveAccelerator, images: Images) -> None:
    for bad in (images[:, 0], np.full_like(images, 99), images.astype(complex), images == 3, images.astype(str)):
        for call in (driver.run, driver.stream, driver.stream_async):
            with pytest.raises(ImagesError):
                call(bad)


def test_counters_count_what_left_where(driver: hw.ProgressiveAccelerator, images: Images) -> None:
    before = driver.counters
    assert (before.accepted, before.finals) == (0, (0, 0, 0))
    left = np.bincount(driver.run(images)["exit"], minlength=EXITS)
    driver.leave_at = 2
    driver.run(images[:10])
    counters = driver.counters
    assert (counters.accepted, counters.finals) == (310, (left[0], left[1], left[2] + 10))
    if driver.on.startswith("software"):
        assert counters.cycles is None
    else:
        assert counters.cycles is not None
        assert counters.cycles > 310
        assert len(counters.high_water or ()) == EXITS - 1


def test_a_throughput_test_says_where_the_time_went(driver: hw.ProgressiveAccelerator, images: Images) -> None:
    result = driver.throughput_test(images)
    assert (result.on, result.images) == (driver.on, 300)
    assert result.images_per_second == 300 / result.seconds
    assert set(result.parts) == set(Part)
    assert 0 < result.parts[Part.TRANSFER] < result.seconds
    assert sum(result.parts.values()) <= result.seconds
    assert driver.throughput_test().images == 70  # a batch of its own


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mode", "magic", "mode 'magic' is not known. Known: adaptive, subnet, anytime"),
        ("mode", "subnet", "subnet mode takes leave_at"),
        ("leave_at", 3, "exit 3 does not exist: the network has exits 0 to 2"),
        ("thresholds", [0.1], "1 thresholds for 3 exits: give one per exit but the last, so 2"),
        ("thresholds", [0.1, 7.0], "threshold 7.0 is outside entropy's range"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_and_changes_nothing(
    name: str, value: Any, message: str, driver: hw.ProgressiveAccelerator
) -> None:
    before = getattr(driver, name)
    with pytest.raises(PolicyError, match=message):
        setattr(driver, name, value)
    assert getattr(driver, name) == before


def test_thresholds_set_during_a_stream_hold_for_batches_that_start_later(
    compiled_design: Design, images: Images
) -> None:
    never = compiled_design.run(images, thresholds=(None, None))
    with hw.ProgressiveAccelerator(compiled_design, "software", settings=TransferSettings(batch=100)) as driver:
        stream = driver.stream(images)
        parts = [next(stream)]
        driver.thresholds = (None, None)
        assert driver.thresholds == (None, None)
        parts += stream
    records = np.sort(np.concatenate(parts), order="sample_id")
    assert records[100:].tobytes() == never[100:].tobytes()
    assert records[:100].tobytes() == compiled_design.run(images[:100]).tobytes()


# --- runs that get in each other's way ---


def test_a_later_run_ends_a_stream_that_was_left_unfinished(compiled_design: Design, images: Images) -> None:
    with hw.ProgressiveAccelerator(compiled_design, "software") as driver:
        stream = driver.stream(images)
        next(stream)
        assert len(driver.run(images)) == len(images)
        with pytest.raises(BoardError, match="a later run has ended this stream"):
            next(stream)
        assert len(driver.run(images)) == len(images)  # and the old stream's end has not harmed this one


def test_a_run_in_another_thread_is_not_disturbed(compiled_design: Design, images: Images) -> None:
    with hw.ProgressiveAccelerator(compiled_design, "software") as driver:
        inside, leave = threading.Event(), threading.Event()
        plain = driver._software.records

        def slow(codes: Any) -> Iterator[Records]:
            inside.set()
            assert leave.wait(10)
            yield from plain(codes)

        driver._transport.records = slow  # type: ignore[method-assign]
        results: list[Records] = []
        thread = threading.Thread(target=lambda: results.append(driver.run(images)))
        thread.start()
        assert inside.wait(10)
        with pytest.raises(BoardError, match="another thread or task runs on this accelerator"):
            driver.run(images)
        leave.set()
        thread.join(10)
        assert results[0].tobytes() == compiled_design.run(images).tobytes()


def test_two_tasks_on_one_accelerator_are_told(compiled_design: Design, images: Images) -> None:
    async def both(driver: hw.ProgressiveAccelerator) -> list[Records | BaseException]:
        return await asyncio.gather(driver.run_async(images), driver.run_async(images), return_exceptions=True)

    with hw.ProgressiveAccelerator(compiled_design, "software") as driver:
        first, second = asyncio.run(both(driver))
        assert isinstance(first, np.ndarray)
        assert isinstance(second, BoardError)
        assert len(driver.run(images)) == len(images)


def test_a_closed_driver_says_so(compiled_design: Design, images: Images) -> None:
    with hw.ProgressiveAccelerator(compiled_design, "software") as driver:
        stream = driver.stream(images)
        next(stream)
    driver.close()
    for call in (lambda: driver.run(images), lambda: driver.stream(images)):
        with pytest.raises(BoardError, match="this driver was closed: open another one"):
            call()
    with pytest.raises(BoardError, match="has ended this stream"):
        next(stream)


# --- opening ---


def test_it_opens_a_folder_as_it_does_a_design(compiled_design: Design, images: Images, tmp_path: Path) -> None:
    wanted = compiled_design.run(images).tobytes()
    for given in (compiled_design.folder, str(compiled_design.folder)):
        with hw.ProgressiveAccelerator(given, "software") as driver:
            assert driver.run(images).tobytes() == wanted
    with pytest.raises(DesignError, match=r"has no design\.json"):
        hw.ProgressiveAccelerator(tmp_path, "software")
    archive = shutil.make_archive(str(tmp_path / "bundle"), "zip", tmp_path)
    with pytest.raises(DesignError, match="is a file: unpack it"):
        hw.ProgressiveAccelerator(archive, "software")


def test_auto_runs_in_software_where_there_is_no_board_and_gives_the_reason(
    compiled_design: Design, images: Images
) -> None:
    with pytest.warns(UserWarning, match=r"on='auto' runs in software: (PYNQ finds no board|a board needs pynq)"):
        driver = hw.ProgressiveAccelerator(compiled_design)
    with driver:
        assert driver.on == "software (native)"
        assert driver.run(images).tobytes() == compiled_design.run(images).tobytes()


def test_what_is_asked_for_by_name_and_cannot_be_had_is_an_error(compiled_design: Design, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"on='moon' is not known\. Known: software, native, numpy, csim, rtl, board-sim, board, a"
    ):
        hw.ProgressiveAccelerator(compiled_design, "moon")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pynq's, at its import
        with pytest.raises((BoardError, hw.MissingExtraError), match=r"PYNQ finds no board|a board needs pynq"):
            hw.ProgressiveAccelerator(compiled_design, "board")
    elsewhere = dataclasses.replace(compiled_design, folder=tmp_path)
    with pytest.raises(DesignError, match="has no generated sources"):
        hw.ProgressiveAccelerator(elsewhere, "rtl")
