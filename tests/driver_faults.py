"""Faults at random points of a run: every sample is answered exactly once, in the bits of software, within its time.

    python -m tests.driver_faults --runs 1000

Each run draws, from its number, images, mode, batches, packets, whether it is asynchronous, and one to three faults. A
number repeats its run.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwcodesign.design import Design
from hwcodesign.errors import BoardError
from hwcodesign.images import words_per_sample
from hwcodesign.interface.modes import Mode
from hwcodesign.interface.records import FLAG_FINAL, Records
from hwcodesign.runtime.progressive import ProgressiveAccelerator
from hwcodesign.runtime.transports.simulated_board import open_simulated
from hwcodesign.runtime.transports.transport import TransferSettings
from hwcodesign.simulated_board import Fault, FaultKind, Side, SimulatedBoard, random_fault
from rtl_sim.tb.small_accelerators import images, plain
from tests.hand_made import hand_made

Images = np.ndarray[Any, Any]

#: Seconds of wall time after which a run hangs, whatever its deadlines said.
HANG = 120.0
MOST_IMAGES = 30
#: Bytes for buffers; a board is quicker made with little.
_MEMORY = 1 << 20
#: Simulated seconds: all these runs' batches take less.
_DEADLINE = 5e-3


@dataclass(frozen=True)
class Run:
    """One drawn run.

    Attributes:
        images: (N, C, H, W).
        settings: of transfers; `deadline` is what no wait may outlast.
        mode: of the run; `leave_at` in subnet mode.
        asynchronous: waits for interrupts.
        faults: planted.
    """

    images: Images
    settings: TransferSettings
    mode: Mode
    leave_at: int | None
    asynchronous: bool
    faults: tuple[Fault, ...]


def drawn_run(seed: int, design: Design, given: Images) -> Run:
    """The run of a number."""
    rng = np.random.default_rng(seed)
    chosen = given[rng.integers(len(given), size=rng.integers(1, MOST_IMAGES, endpoint=True))]
    exits, samples = design.accelerator.exits, len(chosen)
    mode = list(Mode)[int(rng.integers(3))]
    packet = int(rng.choice([0, 1, 8, 64]))
    settings = TransferSettings(int(rng.choice([7, 16, 2500])), packet, deadline=_DEADLINE)
    words = {
        Side.SEND: samples * words_per_sample(design.accelerator.input_format, design.accelerator.input_shape),
        Side.RECEIVE: 2 * samples,
    }
    accesses = 60 + 8 * (samples if packet == 1 else samples // 8 if packet == 8 else 3)
    faults = [random_fault(rng, words=words, accesses=accesses) for _ in range(rng.integers(1, 3, endpoint=True))]
    leave_at = int(rng.integers(exits)) if mode is Mode.SUBNET else None
    return Run(chosen, settings, mode, leave_at, bool(rng.integers(2)), tuple(faults))


def carry_out(run: Run, design: Design) -> str:
    """Run it; returns how it went.

    Raises:
        AssertionError: a sample is lost, answered twice or otherwise, memory has leaked, or it took too long.
    """
    arguments: dict[str, Any] = {"mode": run.mode, "leave_at": run.leave_at}
    wanted = _ordered(np.concatenate(list(design.stream(run.images, **arguments))))
    board = SimulatedBoard(design, run.faults, memory=_MEMORY)
    with board, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            driver = ProgressiveAccelerator(design, open_simulated(board, design, run.settings), settings=run.settings)
        except BoardError as error:
            if not board.struck or board.leaked:
                raise AssertionError(f"leaked {board.leaked}, struck by {board.struck}") from error
            return "not opened"
        opened = board.seconds
        with driver:
            if run.leave_at is None:
                driver.mode = run.mode
            else:
                driver.leave_at = run.leave_at
            parts = asyncio.run(_collected(driver, run)) if run.asynchronous else list(driver.stream(run.images))
            got = np.concatenate(parts)
            on = driver.on
        assert not board.leaked, f"leaked {board.leaked}"
        assert _ordered(got).tobytes() == wanted.tobytes(), "records differ from software's"
        assert len(np.unique(got["sample_id"][(got["flags"] & FLAG_FINAL) != 0])) == len(run.images)
        told = [str(warning.message) for warning in caught if "board-sim" in str(warning.message)]
        assert bool(told) >= on.startswith("software"), "software has taken over without a word"
        assert not told or board.struck, f"warned without a fault: {told}"
        # a batch waits for packets, for the end of its words and for resets, twice; every wait may last its deadline
        batches = -(-len(run.images) // run.settings.batch)
        waits = 2 * batches * (len(run.images) * design.accelerator.exits + 8)
        assert board.seconds - opened < waits * _DEADLINE, "waits outlast their deadlines"
    return "in software at last" if on.startswith("software") else "recovered" if told else "undisturbed"


async def _collected(driver: ProgressiveAccelerator, run: Run) -> list[Records]:
    return [records async for records in driver.stream_async(run.images)]


def _ordered(records: Records) -> Records:
    records = np.sort(records, order=["sample_id", "exit"])
    records["cycles"] = 0
    return records


def campaign(design: Design, given: Images, seeds: range) -> tuple[Counter[str], Counter[FaultKind]]:
    """Carry out runs; how they went, and how often each kind of fault was planted."""
    how: Counter[str] = Counter()
    kinds: Counter[FaultKind] = Counter()
    for seed in seeds:
        run = drawn_run(seed, design, given)
        faulthandler.dump_traceback_later(HANG, exit=True)
        try:
            how[carry_out(run, design)] += 1
        except Exception:
            print(f"run {seed}: {run.settings}, {run.mode}, {len(run.images)} images, {run.faults}", file=sys.stderr)
            raise
        finally:
            faulthandler.cancel_dump_traceback_later()
        kinds.update(fault.kind for fault in run.faults)
    return how, kinds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    options = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        design = hand_made(plain("sample"), Path(folder))
        how, kinds = campaign(
            design, images(design.accelerator, 400), range(options.first, options.first + options.runs)
        )
    ways = ", ".join(f"{number} {way}" for way, number in how.items())
    print(f"{options.runs} runs in {time.perf_counter() - start:.0f} s: {ways}")
    print("faults: " + ", ".join(f"{number} x {kind.value}" for kind, number in kinds.most_common()))


if __name__ == "__main__":
    main()
