"""Long work reports how far it is: all that it said there was to do, and nothing else in its results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hwcodesign as hw
from hwcodesign import progress
from hwcodesign.compilation import check_compiles, compile
from hwcodesign.data import Dataset
from hwcodesign.design import Design
from hwcodesign.fitting.network import fit_policy
from hwcodesign.frontend.settings import CompileSettings
from hwcodesign.interface.modes import exit_control
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.policies import ExitPolicy
from hwcodesign.robustness.deepsloth import AttackSettings
from hwcodesign.robustness.slowdown import slowdown
from hwcodesign.training import TrainingSettings, train
from tests.listening import Listening, Told
from tests.marks import CAMPAIGN
from tests.tiny_design import compiled

SEGMENTS = ["stage0", "head0", "stage1", "head1", "stage2", "head2"]


@pytest.fixture
def heard() -> Iterator[Listening]:
    """Listens as long as the test runs; in the end every task has ended, and has done all that it was to do."""
    listening = Listening()
    with progress.shown_by(listening):
        yield listening
    assert listening.over
    assert [task for task in listening.tasks if task.total is not None and task.done != task.total] == []


def outermost(heard: Listening) -> list[str]:
    return [task.text for task in heard.tasks if not task.within]


def first_words(task: Told) -> list[str]:
    """Of each note."""
    return [note.replace(":", "").split()[0] for note in task.notes]


def test_compiling_reports_each_segment(
    heard: Listening, trained_network: MultiExitNetwork, fitted_policy: ExitPolicy, tmp_path: Path
) -> None:
    compile(trained_network, fitted_policy, out=tmp_path / "design")
    assert outermost(heard) == ["generating hardware sources for pynq-z2"]
    assert first_words(heard.task("exporting to QONNX")) == SEGMENTS
    converted = heard.task("converting with hls4ml")
    assert (converted.total, converted.unit) == (6, "segments")
    assert first_words(converted) == [name for name in SEGMENTS for _ in ("convert", "lower", "write")]
    assert [task.text for task in heard.tasks][-2:] == ["predicting cycles", "writing sources"]


def test_checking_reports_each_segment(heard: Listening, trained_network: MultiExitNetwork) -> None:
    check_compiles(trained_network, CompileSettings())
    assert outermost(heard) == ["checking that the network fits the hardware flow"]
    assert heard.task("converting with hls4ml").notes == SEGMENTS


@pytest.mark.parametrize("on", ["software", "csim", "rtl", "board-sim"])
def test_a_run_reports_every_image(heard: Listening, compiled_design: Design, digits_data: Dataset, on: str) -> None:
    images = digits_data.test.images[:301]
    compiled_design.run(images, on)
    assert compiled_design.on == ("software (native)" if on == "software" else on)
    task = heard.task(f"running 301 images on {compiled_design.on}")
    assert (task.total, task.done, task.unit) == (301, 301, "images")


@pytest.mark.parametrize("on", ["software", "board-sim"])
def test_in_anytime_mode_an_image_is_done_with_its_last_record(
    heard: Listening, compiled_design: Design, digits_data: Dataset, on: str
) -> None:
    for _ in compiled_design.stream(digits_data.test.images[:40], on, mode="anytime"):
        pass
    assert heard.task(f"running 40 images on {compiled_design.on}").done == 40


def test_a_stream_that_is_left_ends_its_task(compiled_design: Design, digits_data: Dataset) -> None:
    heard = Listening()
    with progress.shown_by(heard):
        stream = compiled_design.stream(digits_data.test.images)
        next(stream)
        assert not heard.over
        stream.close()  # type: ignore[attr-defined]
        assert heard.over


def test_csim_reports_as_it_goes_and_counts_samples_on(
    heard: Listening, compiled_design: Design, digits_data: Dataset
) -> None:
    records = compiled_design.run(digits_data.test.images, "csim")
    assert len(heard.task("running 400 images on csim").amounts) >= 400 // 25
    assert np.array_equal(records["sample_id"], np.arange(400))
    assert np.array_equal(records, compiled_design.run(digits_data.test.images, "software"))


def test_rtl_reports_each_batch(heard: Listening, compiled_design: Design, digits_data: Dataset) -> None:
    control = exit_control(compiled_design.policy)
    compiled_design.rtl.run(digits_data.test.images[:50], control, batch=20)
    assert sorted(heard.task("running 50 images on rtl").amounts) == [10, 20, 20]


def test_segments_are_reported_one_by_one(heard: Listening, compiled_design: Design, digits_data: Dataset) -> None:
    compiled_design.segment_outputs(digits_data.test.images[:30], "csim")
    assert heard.task("computing every segment on csim").notes == SEGMENTS
    assert [t.text for t in heard.tasks if t.unit == "images"] == [
        f"running 30 images through {name} on csim" for name in SEGMENTS
    ]


@CAMPAIGN
def test_builds_report_their_units_once(heard: Listening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled(tmp_path / "design")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for _ in range(2):  # the second time nothing is to be built
        design = hw.load(tmp_path / "design")
        _ = design.csim
        design.rtl.library()
    cpp = heard.task("compiling the generated C++")
    assert (cpp.total, cpp.unit) == (len(list(tmp_path.glob("hwcodesign/*-object-*"))), "units")
    assert sorted(first_words(cpp))[:3] == ["accelerator", "head0", "head1"]
    assert heard.task("compiling the generated SystemVerilog").total == 4
    runtime = heard.task("compiling Verilator's runtime, once on this machine")
    assert (runtime.done, runtime.within) == (4, ("compiling the generated SystemVerilog",))


def test_training_reports_its_steps_and_what_is_left_of_them(
    small_network: Callable[[int], MultiExitNetwork], heard: Listening, digits_data: Dataset, tmp_path: Path
) -> None:
    phases = [TrainingSettings("last_exit", 2, 250, seed=1), TrainingSettings("heads_only", 3, 500, seed=1)]

    class KillAtLastEpoch:
        """An observer."""

        epochs = 0

        def epoch(self, number: int, epochs: int, steps: int) -> None:  # noqa: ARG002
            self.epochs += 1
            if self.epochs == 5:
                raise KeyboardInterrupt

        def step(self, *_: Any) -> None:
            pass

    stopped = Listening()
    with progress.shown_by(stopped), pytest.raises(KeyboardInterrupt):
        train(small_network(1), digits_data, *phases, checkpoint=tmp_path, observer=KillAtLastEpoch())
    [task] = stopped.tasks
    assert (task.text, task.total, task.done, task.unit) == ("training on 1000 images", 2 * 4 + 3 * 2, 12, "steps")
    assert task.notes[0].startswith("epoch 1 of 2  loss ")
    assert task.notes[-1].startswith("epoch 2 of 3  loss ")
    train(small_network(1), digits_data, *phases, checkpoint=tmp_path)
    assert heard.task("training on 1000 images, resuming at epoch 3 of 3, phase 2").total == 2
    train(small_network(1), digits_data, *phases, checkpoint=tmp_path)  # nothing is left
    assert len(heard.tasks) == 1


def test_fitting_reports_what_it_computes(
    heard: Listening, trained_network: MultiExitNetwork, digits_data: Dataset
) -> None:
    split = (digits_data.fitting.images, digits_data.fitting.labels)
    fit_policy(trained_network, split, criterion="eenet", budget=0.5)
    assert [(task.text, task.within) for task in heard.tasks] == [
        ("fitting eenet on 397 images", ()),
        ("computing 397 images in Brevitas", ("fitting eenet on 397 images",)),
        ("learning EENet's weights", ("fitting eenet on 397 images",)),
    ]


def test_an_attack_reports_its_parts(
    heard: Listening, trained_network: MultiExitNetwork, compiled_design: Design, digits_data: Dataset
) -> None:
    slowdown(trained_network, compiled_design, digits_data, AttackSettings(steps=2), 30)
    assert outermost(heard) == ["attacking 30 test images"]
    assert heard.task("learning to slow 30 images down at once").total == 3
    assert heard.task("slowing 30 images down one by one").total == 30
