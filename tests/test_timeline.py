"""The timeline of a simulation: its totals are the registers' counters, and files keep it whole."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hwcodesign.design import Design
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.errors import DesignError, FieldError, SimulationError
from hwcodesign.interface.modes import exit_control
from hwcodesign.simulation import timeline_file
from hwcodesign.simulation.rtl import RtlRun, Stalls
from hwcodesign.simulation.timeline import Span, Timeline, lanes_of, timeline
from hwcodesign.simulation.timeline_file import read_timeline, trace_events, write_timeline, write_trace
from rtl_sim.tb import small_accelerators as small
from tests.hand_made import hand_made

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
SAMPLES = 40


def accelerators() -> dict[str, Accelerator]:
    return {"plain": small.plain("plain", criterion="entropy")}


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    return hand_made(accelerators()["plain"], tmp_path_factory.mktemp("plain"))


def simulated(design: Design, stalls: Stalls | None = None, samples: int = SAMPLES) -> RtlRun:
    fmt, shape = design.accelerator.input_format, design.accelerator.input_shape
    codes = np.random.default_rng(0).integers(fmt.min_code, fmt.max_code + 1, (samples, *shape))
    return design.rtl.run(codes, exit_control(design.policy), stalls=stalls, activity=True)


@pytest.fixture(scope="module")
def stalled(design: Design) -> tuple[RtlRun, Timeline]:
    run = simulated(design, Stalls(0.5, 0.2, 3))
    return run, timeline(design.accelerator, run)


@needs_compiler
@pytest.mark.parametrize("stalls", [None, Stalls(0.5, 0.2, 3), Stalls(1.0, 0.02, 1)])
def test_totals_are_the_counters_of_the_registers(design: Design, stalls: Stalls | None) -> None:
    run = simulated(design, stalls)
    found = timeline(design.accelerator, run)
    assert found.totals() == {name: run.counters[name] for name in found.totals()} == found.counters
    assert found.totals().keys() == run.counters.keys() - {"STATUS", "CYCLES_LOW", "CYCLES_HIGH"}
    assert min(found.totals()[f"FINALS[{k}]"] for k in range(3)) > 0
    assert (found.totals()["OUTPUT_STALLS"] > 0) == (stalls is not None)


@needs_compiler
def test_each_sample_goes_through_the_parts_up_to_its_exit_and_no_further(
    stalled: tuple[RtlRun, Timeline], design: Design
) -> None:
    run, found = stalled
    for sample, left in enumerate(found.exits):
        mine = [span for span in found.spans if span.sample == sample]
        levels = [p for p in found.parts[1:-1] if int(p[-1]) <= left]
        assert [span.part for span in mine] == ["input", *levels, "output"]
        assert mine[0].begin == run.accepted[sample]
        begins = {span.part: span.begin for span in mine}
        assert all(begins[f"stage{k}"] < begins[f"stage{k + 1}"] for k in range(left))
        (last,) = np.flatnonzero(run.records["sample_id"] == sample)
        assert mine[-1].end == run.left[last] + 1
    assert [(drop.sample, drop.buffer) for drop in found.drops] == [
        (sample, k) for k in range(2) for sample, left in enumerate(found.exits) if left == k
    ]
    # what the register counts as cycles of a sample ends with its record offered
    offered = {span.sample: span.begin for span in found.spans if span.part == "output"}
    spent = [int(offered[int(r["sample_id"])] - run.accepted[r["sample_id"]]) for r in run.records]
    assert all(0 <= cycles - ours <= 2 + 20 * design.accelerator.exits for cycles, ours in zip(
        run.records["cycles"].tolist(), spent, strict=True))  # fmt: skip


@needs_compiler
def test_levels_fall_by_a_sample_at_a_drop_and_end_at_nothing(stalled: tuple[RtlRun, Timeline], design: Design) -> None:
    _, found = stalled
    for k, steps in enumerate(found.levels):
        levels = dict(steps)
        for drop in (drop for drop in found.drops if drop.buffer == k):
            before = max(cycle for cycle in levels if cycle <= drop.cycle)
            beats = design.accelerator.stream(k).beats
            assert levels[before] - levels[drop.cycle + 1] in {beats - 1, beats, beats + 1}
        assert steps[-1][1] == 0


@needs_compiler
def test_files_keep_it_whole_and_the_trace_counts_the_same(stalled: tuple[RtlRun, Timeline], tmp_path: Path) -> None:
    _, found = stalled
    write_timeline(found, tmp_path / "timeline.json")
    kept = read_timeline(tmp_path / "timeline.json") == found  # by itself: what pytest says of long lists takes minutes
    assert kept
    write_trace(found, "plain", 100.0, tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    same = events == list(trace_events(found))
    assert same
    threads = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
    waited = sum(e["dur"] for e in events if e["name"] == "stall" and threads[2, e["tid"]] == "input")
    assert waited == found.counters["INPUT_STALLS"]
    for k in range(2):
        most = max(e["args"]["beats"] for e in events if e["name"] == f"beats in buffer{k}")
        assert most == found.counters[f"HIGH_WATER[{k}]"]
    counts = {e["name"]: e["args"]["count"] for e in events if (e["ph"], e["pid"]) == ("C", 4)}  # the last of each
    assert counts == {name: n for name, n in found.counters.items() if not name.startswith("HIGH_WATER")}
    for name, steps in found.counts().items():
        cycles, values = zip(*steps, strict=True) if steps else ((), ())
        assert list(cycles) == sorted(set(cycles)), name
        assert list(values) == sorted(set(values)), name
    outputs = {thread for (pid, thread), name in threads.items() if pid == 1 and name.startswith("output")}
    left = [e["args"]["exit"] for e in events if (e["ph"], e["pid"]) == ("X", 1) and e["tid"] in outputs]
    assert [left.count(k) for k in range(3)] == [found.counters[f"FINALS[{k}]"] for k in range(3)]
    for thread in threads:
        times = sorted((e["ts"], e["dur"]) for e in events if e["ph"] == "X" and (e["pid"], e["tid"]) == thread)
        assert all(begin + duration <= after for (begin, duration), (after, _) in pairwise(times))


def made_up() -> Timeline:
    return Timeline(9, (0, 1), (4,), (Span(1, "stage1", 2, 5),), (), (), (((0, 1),),), {"ACCEPTED": 2})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"timeline_version": 2}, "timeline_version is 2"),
        ({"exits": [0, 2]}, r"exits\[1\] is 2"),
        ({"spans": [[2, 0, 0, 1]]}, r"spans\[0\] has 2"),
        ({"spans": [[0, 99, 0, 1]]}, r"spans\[0\] has 99"),
        ({"levels": []}, "levels is a list of 0"),
        ({"other": 1}, "has 'other'"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "timeline.json"
    write_timeline(made_up(), path)
    assert read_timeline(path) == made_up()
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FieldError, match=message):
        read_timeline(path)
    assert timeline_file.VERSION == 1


def test_overlapping_spans_get_lanes() -> None:
    times = [(0, 4), (1, 3), (3, 5), (4, 6), (4, 5)]
    assert lanes_of([Span(n, "stage0", *time) for n, time in enumerate(times)]) == [0, 1, 1, 0, 2]


@needs_compiler
def test_a_run_without_activity_and_a_design_without_levels_are_refused(
    design: Design, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = np.zeros((1, *design.accelerator.input_shape), np.int64)
    run = design.rtl.run(codes, exit_control(design.policy))
    with pytest.raises(SimulationError, match="activity=True"):
        timeline(design.accelerator, run)
    monkeypatch.setattr("hwcodesign.simulation.rtl.LEVEL_MACRO", "ANOTHER")
    with pytest.raises(DesignError, match="compile it again"):
        design.rtl.run(codes, exit_control(design.policy), activity=True)
