"""Tensors between stages in beats that are parts of pixels: through fork, head, buffer and next stage, and as IPs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hwcodesign as hw
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate
from hwcodesign.errors import DesignError
from hwcodesign.simulation.measurement import measure_exits
from hwcodesign.simulation.rtl import RtlSimulation
from tests.segments_alone import assert_equal_alone
from tests.several_tensors import FORMAT, SHAPE, cut_residual_edge
from tests.stalled import assert_equal_however_streams_stall

IMAGES = np.random.default_rng(8).integers(FORMAT.min_code, FORMAT.max_code, (40, *SHAPE), endpoint=True)


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> hw.Design:
    """Its exit cuts a residual edge, so that two tensors pass; half of the images go on."""
    network = cut_residual_edge()
    policy = hw.fit_policy(network, None, thresholds=[0.5] * (network.exits - 1))
    _, scores = policy.score_exits(network.logits(IMAGES))
    policy = policy.with_codes([int(np.median(scores[k])) for k in range(network.exits - 1)])
    folder = tmp_path_factory.mktemp("narrow") / "design"
    return hw.compile(network, policy, out=folder, buffer_samples=3, windows="memory", reuse=36)


@pytest.fixture(scope="module")
def simulation(design: hw.Design) -> RtlSimulation:
    return RtlSimulation(design.accelerator, design.rtl_project, checked=True)


def test_a_tensor_passes_in_the_beats_in_which_its_stage_makes_it(design: hw.Design) -> None:
    made = design.accelerator
    narrow = [
        (k, i)
        for k, stage in enumerate(made.stages)
        for i, tensor in enumerate(stage.results)
        if made.lanes[k][i] < tensor.shape[-1]
    ]
    assert narrow
    for k, i in narrow:
        tensor = made.stages[k].results[i]
        assert made.least_buffer_beats(k, i) == tensor.elements // made.lanes[k][i] > tensor.beats
        assert made.buffer_beats(k, i) == 3 * made.least_buffer_beats(k, i)
    resized = [block.name for placed in Hardware.of(made).netlists[::2] for block in placed.blocks]
    assert not [name for name in resized if name.startswith("out") and name.endswith("_resized")]


def test_every_tensor_and_record_is_the_softwares_however_streams_stall(
    design: hw.Design, simulation: RtlSimulation
) -> None:
    assert set(design.run(IMAGES)["exit"]) == set(range(design.accelerator.exits))
    assert_equal_however_streams_stall(design, simulation, IMAGES)


def test_the_module_of_every_segment_gives_the_same_alone(design: hw.Design, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_equal_alone(design, IMAGES, monkeypatch)


def test_cycles_are_as_predicted(design: hw.Design, simulation: RtlSimulation) -> None:
    for exit_ in measure_exits(simulation, design.manifest["cycles"], IMAGES):
        assert exit_.latency[0] == exit_.latency[1]
        assert exit_.interval[0] == exit_.interval[1]


def test_what_is_put_together_to_pixels_takes_more(design: hw.Design) -> None:
    narrow, whole = (
        AcceleratorEstimate.of(Hardware.of(made)).total
        for made in (design.accelerator, replace(design.accelerator, lanes=()))
    )
    assert narrow.lut < whole.lut
    assert narrow.ff < whole.ff


def test_a_moved_design_keeps_its_streams(design: hw.Design, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    design.folder.rename(moved)
    try:
        assert hw.load(moved).accelerator.lanes == design.accelerator.lanes
    finally:
        moved.rename(design.folder)


def test_beats_that_make_no_pixels_are_refused(design: hw.Design) -> None:
    made = design.accelerator
    channels = made.stages[0].results[0].shape[-1]
    lanes = tuple(
        tuple(channels + 1 if (k, i) == (0, 0) else n for i, n in enumerate(of)) for k, of in enumerate(made.lanes)
    )
    with pytest.raises(
        DesignError, match=rf"stage0 writes .* in beats of {channels + 1} elements, .* pixels of {channels}: lanes must"
    ):
        replace(made, lanes=lanes)
    with pytest.raises(DesignError, match=r"lanes is \(\(1,\),\): it has a number for each tensor of each of"):
        replace(made, lanes=((1,),))
