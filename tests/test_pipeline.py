"""The main job step by step: which split each step reads, and a report whose every figure is counted again here."""

from __future__ import annotations

import copy
import dataclasses
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("brevitas")

import torch
from torch import Tensor

import hwcodesign as hw
from hwcodesign import pipeline
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.data import Dataset, Split
from hwcodesign.design import Design
from hwcodesign.designs.costs import ExitCosts
from hwcodesign.errors import MismatchError, RecipeError
from hwcodesign.fitting.network import fit_policy
from hwcodesign.images import encode_images
from hwcodesign.interface.modes import ExitControl, exit_control
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.policies import CRITERIA, ExitStatistics
from hwcodesign.recipes import PolicyRequest
from hwcodesign.report import cycles
from hwcodesign.simulation.measurement import ExitMeasurement
from hwcodesign.simulation.rtl import RtlRun, RtlSimulation
from hwcodesign.training import STRATEGIES, TrainingSettings, train
from hwcodesign.training.strategies.losses import weighted_cross_entropy
from hwcodesign.training.strategies.strategy import Batch, Strategy
from hwcodesign.verification.backends import Verified
from hwcodesign.verification.comparison import brevitas_records


def without(data: Dataset, *splits: str) -> Dataset:
    """The data set with nothing in the place of some splits: reading them fails."""
    return dataclasses.replace(data, **dict.fromkeys(splits))  # type: ignore[arg-type]


def small_run(folder: Path) -> pipeline.Run:
    """Of a quickly trained recipe with the policy of the fitted design."""
    training = (TrainingSettings(epochs=2, batch_size=50, learning_rate=0.02, seed=1),)
    settings = PolicyRequest(criterion="entropy", thresholds=(0.25, 0.2))
    return pipeline.Run(
        dataclasses.replace(hw.load_recipe("digits"), name="small", training=training, policy=settings), folder
    )


# --- splits ---


def test_training_reads_the_training_split_alone_and_fitting_the_fitting_split(
    tmp_path: Path, digits_data: Dataset
) -> None:
    run = small_run(tmp_path)
    network = pipeline.trained_network(run, without(digits_data, "fitting", "test"))
    settings = PolicyRequest(criterion="margin", budget=0.3)
    run = dataclasses.replace(run, recipe=dataclasses.replace(run.recipe, policy=settings))
    policy = pipeline.fitted_policy(run, network, without(digits_data, "training", "test"))
    split = digits_data.fitting
    assert policy == fit_policy(network, (split.images, split.labels), criterion="margin", budget=0.3)
    assert policy.fitted_on.samples == len(split)


@pytest.mark.parametrize("name", sorted(name for name in STRATEGIES if name != "personalised"))
def test_every_strategy_learns_from_the_training_split(name: str, digits_data: Dataset) -> None:
    assert STRATEGIES[name].split(_Recording(), without(digits_data, "fitting", "test")) is digits_data.training


# --- batches ---


@dataclass(frozen=True)
class _Recording(Strategy):
    """Trains jointly and notes what each step was given."""

    name: ClassVar[str] = "recording"
    seen: list[tuple[NDArray[np.float32], NDArray[np.int64]]] = dataclasses.field(default_factory=list)

    def loss(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        self.seen.append((batch.images.numpy().copy(), batch.labels.numpy().copy()))
        logits = batch.network(batch.images)
        return weighted_cross_entropy(logits, batch.labels, batch.weights), logits

    def to_json(self) -> Any:
        return self.name


def test_every_epoch_takes_every_image_once_with_its_label_and_in_another_order(
    trained_network: MultiExitNetwork, digits_data: Dataset
) -> None:
    few, recording = digits_data.training.take(100), _Recording()
    data = dataclasses.replace(digits_data, training=few)
    train(copy.deepcopy(trained_network), data, strategy=recording, epochs=3, batch_size=25, seed=1)
    assert [len(labels) for _, labels in recording.seen] == [25] * 12
    values = few.images.astype(np.float32) * np.float32(digits_data.input_format.scale)
    wanted = Counter((image.tobytes(), int(label)) for image, label in zip(values, few.labels, strict=True))
    epochs = [recording.seen[start : start + 4] for start in (0, 4, 8)]
    orders = []
    for epoch in epochs:
        images, labels = (np.concatenate(part) for part in zip(*epoch, strict=True))
        assert Counter((x.tobytes(), int(y)) for x, y in zip(images, labels, strict=True)) == wanted
        orders.append(images.tobytes())
    assert len(set(orders)) == 3


def test_what_does_not_fill_a_batch_waits_for_another_epoch(
    trained_network: MultiExitNetwork, digits_data: Dataset
) -> None:
    data, recording = dataclasses.replace(digits_data, training=digits_data.training.take(59)), _Recording()
    train(copy.deepcopy(trained_network), data, strategy=recording, epochs=1, batch_size=25, seed=1)
    assert [len(labels) for _, labels in recording.seen] == [25, 25]


# --- the report ---


@pytest.fixture(scope="module")
def measured(
    trained_network: MultiExitNetwork,
    compiled_design: Design,
    digits_data: Dataset,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[pipeline.Report, pipeline.Results]:
    """The report of the small design on the test images, records as Brevitas' logits give them."""
    torch.set_num_threads(1)
    run = small_run(tmp_path_factory.mktemp("measured"))
    images, policy = digits_data.test.images, compiled_design.policy
    records = brevitas_records(compiled_design, trained_network.logits(images))
    codes = encode_images(images, compiled_design.accelerator.input_format, images.shape[1:])
    stream = compiled_design.rtl.run(codes, exit_control(policy), batch=len(codes))
    return pipeline.measure(run, trained_network, compiled_design, digits_data, Verified(records, (), stream))


@pytest.fixture(scope="module")
def answers(trained_network: MultiExitNetwork, digits_data: Dataset) -> tuple[Split, NDArray[np.bool_]]:
    """The test images, and (exits, N) whether each exit is right about each."""
    split = digits_data.test
    return split, np.array([z.argmax(axis=1) == split.labels for z in trained_network.logits(split.images)])


def test_figures_of_the_policy_are_counted_from_its_records(
    measured: tuple[pipeline.Report, pipeline.Results],
    answers: tuple[Split, NDArray[np.bool_]],
    compiled_design: Design,
) -> None:
    report, _ = measured
    split, right = answers
    records = compiled_design.run(split.images)
    exits, correct = records["exit"], records["label"] == split.labels
    assert report["splits"] == {"training": 1000, "fitting": 397, "test": 400}
    assert report["exit_rate"] == [(exits == k).mean() for k in range(3)]
    assert report["exit_accuracy"] == [correct[exits == k].mean() for k in range(3)]
    assert len(set(report["exit_accuracy"])) > 1
    assert report["accuracy"]["early_exit"] == correct.mean()
    assert report["accuracy"]["each_exit"] == right.mean(axis=1).tolist()
    assert report["accuracy"]["last_exit"] == right[2].mean()
    overthought = int(((right[0] | right[1]) & ~right[2]).sum())
    assert report["overthinking"] == overthought > max(int((r & ~right[2]).sum()) for r in right[:2])
    at_exit, full = np.array(report["macs"]["at_exit"]), report["macs"]["full"]
    assert report["macs"]["average"] == pytest.approx(at_exit[exits].mean(), rel=1e-12)
    assert report["macs_fraction"] == pytest.approx(at_exit[exits].mean() / full, rel=1e-12)


def test_each_criterion_is_fitted_on_the_fitting_split_and_measured_on_the_test_split(
    measured: tuple[pipeline.Report, pipeline.Results],
    answers: tuple[Split, NDArray[np.bool_]],
    trained_network: MultiExitNetwork,
    digits_data: Dataset,
) -> None:
    report, results = measured
    split, _ = answers
    assert {*report["criteria"], *report["left_out"]} == set(CRITERIA)
    fractions = np.array(trained_network.costs().fractions)
    fitting = digits_data.fitting
    spent = report["criteria"]["margin"]
    # the others spend what the given thresholds cost on the fitting split
    chosen = fit_policy(trained_network, None, criterion="entropy", thresholds=[0.25, 0.2])
    _, scores = chosen.score_exits(trained_network.logits(fitting.images))
    leaves = np.concatenate(
        [scores[:-1] >= np.array(chosen.threshold_codes[:-1])[:, None], np.ones_like(scores[:1]) > 0]
    )
    budget = float(fractions[leaves.argmax(axis=0)].mean())
    margin = fit_policy(trained_network, (fitting.images, fitting.labels), criterion="margin", budget=budget)
    labels, scores = margin.score_exits(trained_network.logits(split.images))

    def counted(codes: tuple[int, ...]) -> tuple[float, float]:
        taken = np.array([next((k for k in range(2) if scores[k, n] >= codes[k]), 2) for n in range(len(split))])
        right = labels[taken, np.arange(len(split))] == split.labels
        return float(right.mean()), float(fractions[taken].mean())

    assert (spent["accuracy"], spent["macs_fraction"]) == counted(margin.threshold_codes[:-1])
    curve = results.curves["margin"]
    assert [(point.accuracy, point.cost) for point in curve] == [counted(point.codes) for point in curve]
    assert len(curve) > 2


def test_simulations_are_compared_on_as_many_images_as_the_recipe_says_and_software_on_all(
    trained_network: MultiExitNetwork, compiled_design: Design, digits_data: Dataset, tmp_path: Path
) -> None:
    run = small_run(tmp_path)
    run.recipe = dataclasses.replace(run.recipe, simulated=5)
    images = digits_data.test.images[:40]
    verified = pipeline.verify(run, trained_network, compiled_design, images)
    of_segments = ["features, stage by stage", "logits, exit by exit"]
    in_place = [f"{what}, within the accelerator" for what in of_segments]
    criterion = compiled_design.policy.criterion_name
    of_records = [f"records, {criterion}", f"records of every exit, {criterion}"]
    compared = [(c.backends, c.samples, c.what) for c in verified.comparisons]
    for on, samples, what in (
        ("software", 40, of_segments),
        ("csim", 5, of_segments),
        ("rtl", 5, of_segments + in_place),
    ):
        found = [c for c in compared if c[0] == ("brevitas", on)]
        assert found == [(("brevitas", on), samples, text) for text in [*what, *of_records]]
    expected = brevitas_records(compiled_design, trained_network.logits(images))
    assert verified.records["label"].tolist() == expected["label"].tolist()
    assert verified.stream is not None
    assert len(verified.stream.accepted) == 5


def test_a_wrong_score_is_found_at_an_exit_that_no_image_leaves_at(
    trained_network: MultiExitNetwork,
    compiled_design: Design,
    digits_data: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    simulated = RtlSimulation.run

    def wrong(self: RtlSimulation, codes: NDArray[Any], control: ExitControl, **more: Any) -> RtlRun:
        run = simulated(self, codes, control, **more)
        if control.anytime:
            run.records["score"][run.records["exit"] == 1] += 1
        return run

    monkeypatch.setattr(RtlSimulation, "run", wrong)
    run = small_run(tmp_path)
    message = r"brevitas and rtl disagree on 10 of 150 values \(records of every exit"
    with pytest.raises(MismatchError, match=message):
        pipeline.verify(run, trained_network, compiled_design, digits_data.test.images[:10])


def test_cycles_that_were_not_predicted_are_an_error(
    compiled_design: Design, digits_data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = (ExitMeasurement((139, 139), (72.0, 72.0)), ExitMeasurement((395, 394), (196.0, 196.0)))
    monkeypatch.setattr(cycles, "measure_exits", lambda *_: found)
    images = digits_data.test.images[:1]
    codes = encode_images(images, compiled_design.accelerator.input_format, images.shape[1:])
    stream = compiled_design.rtl.run(codes, exit_control(compiled_design.policy))
    statistics = ExitStatistics.of(
        compiled_design.policy, compiled_design.logits(images), digits_data.test.labels[:1], (0.1, 0.5, 1.0)
    )
    built = Hardware.of(compiled_design.accelerator)
    with pytest.raises(MismatchError, match=r"exit 1 has latency 394 in the simulation, and 395 cycles were predicted"):
        cycles.hardware_report(compiled_design, built, images, stream, statistics)


@pytest.mark.parametrize(
    ("taken", "found"), [([0] * 7, 0), ([0] * 8 + [1], 0), ([0] * 6 + [1], 1), ([1] * 7, 1), ([0, 1, 2], 1)], ids=str
)
def test_the_best_exit_alone_costs_no_more_than_the_policy_spends(taken: list[int], found: int) -> None:
    costs = ExitCosts(
        stages=(1000, 200, 400), heads=(216, 50, 30)
    )  # alone 1216, 1250, 1630; on the way 1216, 1466, 1896
    single = pipeline.best_single_exit(costs, [0.8, 0.9, 0.95], np.array(taken))
    assert single is not None
    assert single["exit"] == found


def test_a_recipe_that_simulates_nothing_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"recipe digits: simulated=0 must be at least 1 image; leave it out for all"):
        dataclasses.replace(hw.load_recipe("digits"), simulated=0)


def test_the_bound_is_the_largest_of_reach_times_interval(
    measured: tuple[pipeline.Report, pipeline.Results], compiled_design: Design
) -> None:
    hardware = measured[0]["hardware"]
    assert hardware is not None
    assert hardware["samples"] == 400
    rates = measured[0]["exit_rate"]
    reach = [1.0, rates[1] + rates[2], rates[2]]
    intervals = compiled_design.manifest["cycles"]["stages"]
    bounds = [r * interval for r, interval in zip(reach, intervals, strict=True)]
    assert hardware["bound"] == pytest.approx(max(bounds), rel=1e-12)
    assert hardware["images_per_second"] == pytest.approx(hardware["clock_mhz"] * 1e6 / hardware["cycles_per_image"])
