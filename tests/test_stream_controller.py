"""A budget held on a stream, on the trained digits: in software, in RTL and on the simulated board alike."""

from __future__ import annotations

import dataclasses
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

import hwcodesign as hw
from hwcodesign.data import Dataset
from hwcodesign.design import Design
from hwcodesign.errors import DesignError, ImagesError, PolicyError, SettingsError
from hwcodesign.policies import PathPoint, ThresholdPath
from hwcodesign.runtime.register_access import AcceleratorRegisters

Images = np.ndarray[Any, Any]
SETTINGS = hw.ControlSettings(window=100)


@pytest.fixture(scope="module")
def path(compiled_design: Design) -> ThresholdPath:
    assert compiled_design.policy.path is not None
    return compiled_design.policy.path


def drawn(data: Dataset, samples: int, seed: int, noise: int = 0) -> Images:
    """Test images in a random order, as often as it takes, each pixel up to `noise` codes off."""
    rng = np.random.default_rng(seed)
    images = data.test.images[rng.integers(0, len(data.test), samples)].astype(np.int64)
    return np.clip(images + rng.integers(-noise, noise, images.shape, endpoint=True), 0, 16).astype(np.uint8)


def average_cost(design: Design, records: Any) -> float:
    return float(np.asarray(design.accelerator.macs.fractions)[records["exit"]].mean())


def test_a_budget_is_held_when_the_stream_becomes_harder_and_easier_again(
    compiled_design: Design, digits_data: Dataset
) -> None:
    phases = [drawn(digits_data, 4000, k, noise) for k, noise in enumerate((0, 5, 0))]
    fixed = [average_cost(compiled_design, compiled_design.run(phase)) for phase in phases]
    budget = fixed[0]
    assert fixed[1] > 1.3 * budget, "thresholds that stay let the cost rise"
    with hw.ProgressiveAccelerator(compiled_design, "software") as accelerator:
        controller = hw.StreamController(accelerator, budget=budget, settings=SETTINGS)
        costs = [average_cost(compiled_design, controller.run(phase)[2000:]) for phase in phases]
    assert costs == pytest.approx([budget] * 3, rel=0.08)
    assert [update.samples for update in controller.history] == list(range(100, 12001, 100))
    assert controller.history[50].point < controller.history[35].point, "harder: more lenient"


def test_it_does_the_same_wherever_the_accelerator_runs(compiled_design: Design, digits_data: Dataset) -> None:
    pytest.importorskip("pynq", reason="pynq is not installed (extra 'pynq')")
    images = np.concatenate([drawn(digits_data, 500, 1), drawn(digits_data, 500, 2, noise=5)])
    histories, answers = [], []
    for on in ("software", "rtl", "board-sim"):
        with hw.ProgressiveAccelerator(compiled_design, on) as accelerator:
            controller = hw.StreamController(accelerator, budget=0.35, settings=SETTINGS)
            records = controller.run(images)
        assert records["sample_id"].tolist() == list(range(len(images)))
        histories.append(controller.history)
        answers.append(records[["sample_id", "label", "exit", "score"]].tolist())
    assert histories[0] == histories[1] == histories[2]
    assert answers[0] == answers[1] == answers[2]
    assert len({update.point for update in histories[0]}) > 2


def test_registers_are_committed_only_when_the_point_changes(
    compiled_design: Design, digits_data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pynq", reason="pynq is not installed (extra 'pynq')")
    given: Counter[str] = Counter()
    command = AcceleratorRegisters.command

    def counted(self: AcceleratorRegisters, *names: str) -> None:
        given.update(names)
        command(self, *names)

    monkeypatch.setattr(AcceleratorRegisters, "command", counted)
    with hw.ProgressiveAccelerator(compiled_design, "board-sim") as accelerator:
        controller = hw.StreamController(accelerator, budget=0.35, settings=hw.ControlSettings(window=50))
        controller.run(drawn(digits_data, 1000, 3))
    used = [update.point for update in controller.history]
    changes = int(np.count_nonzero(np.diff(used)))
    assert len(used) == 20
    assert 0 < changes < 19
    assert given["commit"] == 1 + changes


def test_each_window_leaves_by_the_thresholds_of_its_point_and_records_are_those_of_the_design(
    compiled_design: Design, digits_data: Dataset, path: ThresholdPath
) -> None:
    images = drawn(digits_data, 600, 4, noise=4)
    with hw.ProgressiveAccelerator(compiled_design, "software") as accelerator:
        controller = hw.StreamController(accelerator, budget=0.3, settings=SETTINGS)
        records = controller.run(images)
        for number, update in enumerate(controller.history):
            part = slice(100 * number, 100 * (number + 1))
            accelerator.threshold_codes = path.points[update.point].codes
            alone = accelerator.run(images[part])
            assert alone[["label", "exit", "score"]].tolist() == records[part][["label", "exit", "score"]].tolist()
            assert update.leaving == tuple(np.bincount(alone["exit"], minlength=3))


def test_a_window_spans_calls_however_few_images_each_has(compiled_design: Design, digits_data: Dataset) -> None:
    images = drawn(digits_data, 730, 5)
    histories = []
    for size in (730, 1, 37, 250):
        with hw.ProgressiveAccelerator(compiled_design, "software") as accelerator:
            controller = hw.StreamController(accelerator, budget=0.3, settings=SETTINGS)
            for start in range(0, len(images), size):
                controller.run(images[start : start + size])
            histories.append(controller.history)
    assert histories[0] == histories[1] == histories[2] == histories[3]
    assert len(histories[0]) == 7


def test_in_anytime_mode_every_refinement_comes_and_final_ones_are_counted(
    compiled_design: Design, digits_data: Dataset
) -> None:
    images = drawn(digits_data, 300, 6)
    with hw.ProgressiveAccelerator(compiled_design, "software") as accelerator:
        accelerator.mode = hw.Mode.ANYTIME
        controller = hw.StreamController(accelerator, budget=0.4, settings=SETTINGS)
        records = np.concatenate(list(controller.stream(images)))
    assert len(records) > len(images)
    assert [sum(update.leaving) for update in controller.history] == [100] * 3


def test_a_target_in_cycles_is_held_too(compiled_design: Design, digits_data: Dataset) -> None:
    latency = [exit_["latency"] for exit_ in compiled_design.manifest["cycles"]["exits"]]
    target = 0.6 * latency[0] + 0.4 * latency[-1]
    with hw.ProgressiveAccelerator(compiled_design, "software") as accelerator:
        controller = hw.StreamController(accelerator, cycles=target, settings=SETTINGS)
        taken = controller.run(drawn(digits_data, 4000, 7, noise=3))["exit"]
    assert controller.unit == "cycles"
    assert np.asarray(latency)[taken[1000:]].mean() == pytest.approx(target, rel=0.05)


def test_a_budget_that_a_harder_stream_cannot_meet_is_told_once_with_its_figures(
    compiled_design: Design, digits_data: Dataset, path: ThresholdPath
) -> None:
    dear = ThresholdPath(path.points[len(path) // 3 :])
    budget = float(dear.costs(compiled_design.accelerator.macs.fractions)[0]) + 0.01
    with hw.ProgressiveAccelerator(compiled_design, "software") as accelerator:
        controller = hw.StreamController(accelerator, budget=budget, path=dear, settings=SETTINGS)
        with pytest.warns(UserWarning, match=r"the target of .* full cost cannot be met: .* above it, at the cheapest"):
            controller.run(drawn(digits_data, 1000, 8, noise=6))
        assert controller.history[-1].unmet == 1
        assert controller.point == 0
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            controller.run(drawn(digits_data, 500, 9, noise=6))


def test_an_accuracy_that_is_to_be_kept_bounds_the_range(
    compiled_design: Design, digits_data: Dataset, path: ThresholdPath
) -> None:
    first = len(path) // 4
    poor, kept = path.points[:first], path.points[first:]
    steps = ThresholdPath((*(dataclasses.replace(point, right=1) for point in poor), *kept))
    least = min(point.accuracy for point in kept)
    assert steps.first_as_accurate_as(least) == first
    settings = dataclasses.replace(SETTINGS, least_accuracy=least)
    costs = steps.costs(compiled_design.accelerator.macs.fractions)
    with hw.ProgressiveAccelerator(compiled_design, "software") as accelerator:
        with pytest.raises(PolicyError, match=rf"allowed points cost {costs[first]:.4g} to"):
            hw.StreamController(accelerator, budget=float(costs[0]), path=steps, settings=settings)
        controller = hw.StreamController(accelerator, budget=float(costs[first]), path=steps, settings=settings)
        with pytest.warns(UserWarning, match=f"point {first} of {len(steps)}"):
            controller.run(drawn(digits_data, 1000, 8, noise=6))
    assert {update.point for update in controller.history} == {first}


def test_what_cannot_be_controlled_is_refused_before_it_starts(
    compiled_design: Design, digits_data: Dataset, path: ThresholdPath, tmp_path: Path
) -> None:
    with hw.ProgressiveAccelerator(compiled_design, "software") as accelerator:
        with pytest.raises(SettingsError, match=r"give exactly one of budget and cycles, not budget=None, cycles=None"):
            hw.StreamController(accelerator)
        costs = path.costs(compiled_design.accelerator.macs.fractions)
        with pytest.raises(
            PolicyError, match=rf"a target of 0\.01 full cost is not on the path.*nearest is {costs[0]:.4g}"
        ):
            hw.StreamController(accelerator, budget=0.01)
        with pytest.raises(PolicyError, match=rf"a target of 9 full cost .* the nearest is {costs[-1]:.4g}"):
            hw.StreamController(accelerator, budget=9)
        two = ThresholdPath((PathPoint((1,), (5, 1), 4), PathPoint((2,), (4, 2), 4)))
        with pytest.raises(PolicyError, match=r"the path is for 2 exits, but the accelerator has 3: fit a path for it"):
            hw.StreamController(accelerator, budget=0.3, path=two)
        controller = hw.StreamController(accelerator, budget=0.3)
        with pytest.raises(ImagesError, match="images have shape"):
            controller.stream(digits_data.test.images[:, :, 1:])
        accelerator.leave_at = 1
        with pytest.raises(SettingsError, match="which subnet mode does not use: set leave_at = None"):
            controller.run(digits_data.test.images)
    plain = dataclasses.replace(
        compiled_design.accelerator, policy=dataclasses.replace(compiled_design.policy, path=None)
    )
    design = Design(plain, tmp_path, {**compiled_design.manifest, "cycles": None})
    with hw.ProgressiveAccelerator(design, "software") as accelerator:
        with pytest.raises(PolicyError, match=r"the policy has no path of thresholds \(they were 'given'\): fit it to"):
            hw.StreamController(accelerator, budget=0.3)
        with pytest.raises(DesignError, match="there are no cycles: the design has no RTL"):
            hw.StreamController(accelerator, cycles=100)


def test_threshold_codes_are_set_and_read_and_read_as_thresholds(compiled_design: Design) -> None:
    with hw.ProgressiveAccelerator(compiled_design, "software") as accelerator:
        assert accelerator.threshold_codes == compiled_design.policy.threshold_codes[:-1]
        codes = accelerator.threshold_codes
        accelerator.thresholds = (None, 0.3)
        assert accelerator.threshold_codes[0] == 2**31 - 1
        accelerator.threshold_codes = codes
        assert compiled_design.policy.codes_of(accelerator.thresholds)[:-1] == codes
        with pytest.raises(PolicyError, match=r"threshold codes \(1,\) are not 2 integers from -2147483648 \(always\)"):
            accelerator.threshold_codes = (1,)
        with pytest.raises(PolicyError, match=r"threshold codes .* are not 2 integers"):
            accelerator.threshold_codes = (1, 2**31)


def test_a_bundle_carries_the_path(compiled_design: Design, digits_data: Dataset, tmp_path: Path) -> None:
    from hwcodesign.deployment.bundle import write_bundle

    write_bundle(compiled_design, digits_data.test.images[:50], tmp_path / "bundle", wheel=False)
    with hw.ProgressiveAccelerator(tmp_path / "bundle", "software") as accelerator:
        assert hw.StreamController(accelerator, budget=0.3).path == compiled_design.policy.path
