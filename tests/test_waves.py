"""Waveforms: VCD and FST show the same, in cycles, and views of both open on the first exit decision."""

from __future__ import annotations

import dataclasses
import itertools
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import pywellen

from hwcodesign.backends.streamrtl.project_files import write_segment
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.channels import channels
from hwcodesign.errors import SettingsError, SimulationError, ToolError
from hwcodesign.interface.modes import exit_control
from hwcodesign.interface.records import FLAG_FINAL
from hwcodesign.simulation.rtl import RtlRun
from hwcodesign.simulation.segment import read_segment
from hwcodesign.simulation.wave_format import WaveFormat, require_writer, wave_format
from hwcodesign.simulation.wave_signals import STATES, Group, Shown, Signal, bits_path, path, view_groups, view_scope
from hwcodesign.simulation.waves import Views, write_views
from rtl_sim.tb import small_accelerators as small
from tests.stress import written

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")

#: Time of the file in a cycle.
_CYCLE = 1000


@dataclass(frozen=True)
class Traced:
    """A run of three samples, which leave at the last, the first and the second exit, in both formats."""

    accelerator: Accelerator
    run: RtlRun
    files: dict[str, Path]
    views: dict[str, Views]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    try:
        require_writer(WaveFormat.FST)
    except ToolError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("waves")
    accelerator = small.steered("traced3", 3)
    simulation = written(accelerator, folder / "traced3")
    codes, control = small.steered_images(accelerator, [2, 0, 1]), exit_control(accelerator.policy)
    runs, files = [], {}
    for form in ("vcd", "fst"):
        files[form] = folder / form / f"three.{form}"
        runs.append(simulation.run(codes, control, waves=files[form], activity=True))
    assert runs[0].records.tobytes() == runs[1].records.tobytes()
    views = {form: write_views(accelerator, file, runs[0]) for form, file in files.items()}
    return Traced(accelerator, runs[0], files, views)


@pytest.fixture(scope="module")
def variables(traced: Traced) -> dict[str, dict[str, pywellen.Var]]:
    """What is in each file, by the full name."""
    return {
        form: {variable.full_name: variable for variable in pywellen.Waveform(str(file)).all_vars()}
        for form, file in traced.files.items()
    }


def _shown(traced: Traced) -> list[tuple[Group, Signal]]:
    return [(group, signal) for group in view_groups(traced.accelerator) for signal in group.signals]


def _cycles(variable: pywellen.Var, count: int) -> list[int]:
    """Its value in every cycle, which does not change within the cycle."""
    values = [variable.signal.value_at(cycle * _CYCLE) for cycle in range(count)]
    assert values == [variable.signal.value_at(cycle * _CYCLE + _CYCLE - 1) for cycle in range(count)]
    return values


def test_every_signal_of_the_view_is_in_both_files_with_its_width_and_the_same_values(
    traced: Traced, variables: dict[str, dict[str, pywellen.Var]]
) -> None:
    assert traced.run.activity is not None
    count, moving = traced.run.activity.cycles, set()
    for group, signal in _shown(traced):
        name, bits = path(traced.accelerator, group, signal), bits_path(traced.accelerator, group, signal)
        found = [variables[form][which] for form in variables for which in (name, bits)]
        assert {variable.bitwidth for variable in found} == {signal.bits}, name
        if signal.name == "aclk":
            continue
        values = [_cycles(variable, count) for variable in found]
        assert all(others == values[0] for others in values), name
        if len(set(values[0])) > 1:
            moving.add(group.name)
    assert moving == {"clock", "images_in", "exit0", "exit1", "exit2", "merge", "records_out"}


def test_a_cycle_is_a_nanosecond_that_begins_with_the_rising_edge(
    traced: Traced, variables: dict[str, dict[str, pywellen.Var]]
) -> None:
    for form, file in traced.files.items():
        assert str(pywellen.Waveform(str(file)).timescale) == "1ps"
        clock = variables[form][f"{'.'.join(view_scope(traced.accelerator))}.clock.aclk"].signal
        assert [clock[i] for i in range(6)] == [(0, 1), (500, 0), (1000, 1), (1500, 0), (2000, 1), (2500, 0)]


def test_states_of_streams_are_what_the_drive_loop_saw_in_the_same_cycles(
    traced: Traced, variables: dict[str, dict[str, pywellen.Var]]
) -> None:
    activity = traced.run.activity
    assert activity is not None
    names = {signal.name: path(traced.accelerator, group, signal) for group, signal in _shown(traced)}
    for channel in channels(traced.accelerator):
        seen = 2 * activity.valid[channel.name].astype(int) + activity.ready[channel.name]
        assert _cycles(variables["fst"][names[channel.name]], activity.cycles) == seen.tolist(), channel.name
    assert len({channel.name for channel in channels(traced.accelerator)} & names.keys()) == len(
        channels(traced.accelerator)
    )


def test_fst_names_the_states_and_gtkwave_has_files_with_the_same_names(
    traced: Traced, variables: dict[str, dict[str, pywellen.Var]]
) -> None:
    for group, signal in _shown(traced):
        kind = variables["fst"][path(traced.accelerator, group, signal)].enum_type
        if signal.shown not in STATES:
            assert kind is None
            continue
        assert [name for _, name in sorted(kind[1])] == list(STATES[signal.shown])
    for shown, names in STATES.items():
        file = traced.files["fst"].with_name(f"three.{shown.value}.txt")
        assert file.read_text() == "".join(f"{value:02b} {name}\n" for value, name in enumerate(names))


def test_fields_of_the_merge_are_those_of_the_records(
    traced: Traced, variables: dict[str, dict[str, pywellen.Var]]
) -> None:
    activity, scope = traced.run.activity, ".".join(view_scope(traced.accelerator))
    assert activity is not None
    fields = ("sample_id", "cycles", "score", "label", "exit")
    for number, cycle in enumerate(activity.moves("records")):
        record = traced.run.records[number]
        for field in fields:
            found = variables["fst"][f"{scope}.merge.record_{field}"].signal.value_at(int(cycle) * _CYCLE)
            assert found == record[field], (number, field)
        final = variables["fst"][f"{scope}.merge.record_final"].signal.value_at(int(cycle) * _CYCLE)
        assert final == record["flags"] & FLAG_FINAL
    assert len(activity.moves("records")) == len(traced.run.records) == 3


def test_samples_wait_for_their_decision_in_order_with_the_threshold_of_their_bank(
    traced: Traced, variables: dict[str, dict[str, pywellen.Var]]
) -> None:
    assert traced.run.activity is not None
    scope, count = ".".join(view_scope(traced.accelerator)), traced.run.activity.cycles
    codes = exit_control(traced.accelerator.policy).codes
    for k, samples in enumerate(([0, 1, 2], [0, 2], [0])):
        waiting, ids, thresholds = (
            _cycles(variables["fst"][f"{scope}.exit{k}.{name}"], count)
            for name in ("waiting", "waiting_sample_id", "threshold")
        )
        seen = [number for number, there in zip(ids, waiting, strict=True) if there]
        assert list(dict.fromkeys(seen)) == samples
        found = {code for code, there in zip(thresholds, waiting, strict=True) if there}
        assert found == {int(codes[k]) % 2**32}


def test_views_open_on_the_first_decision_which_is_that_sample_0_stays_at_exit_0(
    traced: Traced, variables: dict[str, dict[str, pywellen.Var]]
) -> None:
    scope, cycle = ".".join(view_scope(traced.accelerator)), traced.views["vcd"].cycle
    verdicts = [variables["vcd"][f"{scope}.exit{k}.verdict"].signal for k in range(3)]
    first = min(time for verdict in verdicts for time, value in (verdict[i] for i in range(len(verdict))) if value)
    assert (first, STATES[Shown.VERDICT][verdicts[0].value_at(first)]) == (cycle * _CYCLE, "STAYS")
    assert variables["vcd"][f"{scope}.exit0.record_sample_id"].signal.value_at(first) == 0
    leaving = int(traced.run.accepted[1] + traced.run.records["cycles"][0])
    assert STATES[Shown.VERDICT][verdicts[0].value_at(leaving * _CYCLE)] == "LEAVES"
    for form, views in traced.views.items():
        assert views.cycle == cycle
        gtkwave = views.gtkwave.read_text().splitlines()
        assert f'[dumpfile] "{traced.files[form].resolve()}"' in gtkwave
        begin = int(next(line for line in gtkwave if line.startswith("[timestart]")).split()[1])
        assert begin < first < begin + 40 * _CYCLE
        marker = next(line for line in gtkwave if line.startswith("*")).split()[1]
        assert int(marker) == first
        surfer = views.surfer.read_text().splitlines()
        assert surfer[0] == f"load_file {traced.files[form].resolve()}"
        assert surfer[-2:] == [f"zoom_to {begin // _CYCLE}ns {begin // _CYCLE + 40}ns", f"cursor_set {cycle}ns"]


def test_every_name_in_a_view_is_in_the_file_and_each_level_is_a_group(
    traced: Traced, variables: dict[str, dict[str, pywellen.Var]]
) -> None:
    groups = ["clock", "images_in", "exit0", "exit1", "exit2", "merge", "records_out"]
    scope = ".".join(view_scope(traced.accelerator))
    for form, views in traced.views.items():
        lines = views.gtkwave.read_text().splitlines()
        named = [re.fullmatch(r"\+\{\w+\} (TOP\.[^\[]*)(?:\[(\d+):0\])?", line) for line in lines if line[:1] == "+"]
        assert len(named) == len(_shown(traced))
        for found in named:
            assert found is not None
            assert variables[form][found[1]].bitwidth == int(found[2] or 0) + 1
        assert [line[1:] for before, line in itertools.pairwise(lines) if before == "@800200"] == groups
        scopes = [line.split()[1] for line in views.surfer.read_text().splitlines() if "as_group" in line]
        assert scopes == [f"{scope}.{group}" for group in groups]
        inside = {name.rpartition(".")[0] for name in variables[form]}
        assert set(scopes) <= inside


@pytest.mark.skipif(shutil.which("fst2vcd") is None, reason="GTKWave is not installed")
def test_gtkwaves_own_reader_takes_the_fst(traced: Traced, tmp_path: Path) -> None:
    back = tmp_path / "back.vcd"
    subprocess.run(["fst2vcd", "-f", str(traced.files["fst"]), "-o", str(back)], check=True, capture_output=True)
    name = f"{'.'.join(view_scope(traced.accelerator))}.merge.record_cycles"
    found = {variable.full_name: variable for variable in pywellen.Waveform(str(back)).all_vars()}[name].signal
    assert {value for _, value in (found[i] for i in range(len(found)))} >= set(traced.run.records["cycles"].tolist())


def test_a_segment_alone_is_traced_in_the_same_cycles(traced: Traced, tmp_path: Path) -> None:
    segment = traced.accelerator.segments[1]
    write_segment(segment, tmp_path, "alone")
    codes = np.zeros((2, *segment.inputs[0].shape), np.int64)
    run = read_segment(tmp_path).run(codes, waves=tmp_path / "alone.vcd")
    found = {
        variable.full_name: variable.signal for variable in pywellen.Waveform(str(tmp_path / "alone.vcd")).all_vars()
    }
    top = next(name.rpartition(".")[0] for name in found if name.endswith("out_valid_o"))
    valid, ready = (found[f"{top}.{name}"] for name in ("out_valid_o", "out_ready_i"))
    moving = [cycle for cycle in range(run.cycles) if valid.value_at(cycle * _CYCLE) and ready.value_at(cycle * _CYCLE)]
    assert moving == run.ends[0].tolist()


def test_what_cannot_be_viewed_is_refused(traced: Traced, tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match=r"there is no .*x\.vcd: simulate with waves= first"):
        write_views(traced.accelerator, tmp_path / "x.vcd", traced.run)
    still = dataclasses.replace(traced.run, activity=None)
    with pytest.raises(SimulationError, match="simulate with activity=True"):
        write_views(traced.accelerator, traced.files["vcd"], still)


def test_another_ending_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"format '\.vdc' of wave file a\.vdc is not known: did you mean '\.vcd'\?"):
        wave_format(Path("a.vdc"))
    assert [wave_format(Path(f"a{form.value}")) for form in WaveFormat] == list(WaveFormat)


@needs_compiler
def test_fst_without_its_libraries_is_refused_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "g++"
    compiler.write_text("#!/bin/sh\necho 'lz4.h: No such file or directory' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    require_writer(WaveFormat.VCD)
    with pytest.raises(ToolError, match=r"apt install zlib1g-dev liblz4-dev\), or name the file \*\.vcd"):
        require_writer(WaveFormat.FST)
