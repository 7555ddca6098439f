"""The model that sizes conditional buffers: what must hold of it, and what the simulated accelerator says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import hwcodesign as hw
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.data import Dataset
from hwcodesign.design import Design
from hwcodesign.exploration.queues import (
    DEPTHS,
    EasyStream,
    Intake,
    StageCycles,
    cycles_per_image,
    cycles_per_sample,
    intake_interval,
    least_depth,
    most_of,
    pacing,
    settled_interval,
    waiting_latencies,
)
from hwcodesign.images import encode_images
from hwcodesign.interface.modes import exit_control
from hwcodesign.interface.records import final_records

_FAST, _SLOW = StageCycles(10, 14), StageCycles(100, 120)
#: Samples of the first exit wait for nothing but their turn.
_AT_ONCE = Intake(EasyStream(10, (17,)), 0.3, 0.3, 0.3)


def test_where_all_leave_at_the_first_exit_its_interval_is_the_pace() -> None:
    assert cycles_per_sample([_FAST, _SLOW], [0] * 10_000, 2) == pytest.approx(10, rel=1e-3)


def test_where_none_leaves_early_the_slowest_stage_is_the_pace() -> None:
    assert cycles_per_sample([_FAST, _SLOW], [1] * 10_000, 2) == pytest.approx(100, rel=1e-3)


def test_a_buffer_shorter_than_the_wait_for_the_decision_halves_the_pace() -> None:
    """One place, 14 cycles from a sample's first beat to its decision: the next sample cannot begin before."""
    assert cycles_per_sample([_FAST, _SLOW], [0] * 10_000, 1) == pytest.approx(14, rel=1e-3)


def test_easy_samples_behind_a_hard_one_wait_in_the_buffer_or_before_it() -> None:
    """Two hard ones in a row every thirty: the second waits 100 cycles, and the easy ones behind it wait too."""
    pairs = ([1, 1] + [0] * 28) * 300
    paces = [cycles_per_sample([_FAST, _SLOW], pairs, depth) for depth in (2, 8, 16, 24)]
    assert paces == sorted(paces, reverse=True)
    assert paces[-1] == pytest.approx(10, rel=1e-2)
    assert paces[0] > 12


def cycles_by_definition(stages: list[StageCycles], exits: list[int], depth: int) -> float:
    """Two stages: a sample begins when the one `depth` before it has left the buffer, in whose order all leave."""
    first, second = stages
    starts: list[int] = []
    left: list[int] = []  # when each sample left the buffer
    wrote, end = -second.interval, 0  # when the second stage began to write, and the last decision
    for n, leaves in enumerate(exits):
        starts.append(max(starts[-1] + first.interval if starts else 0, left[n - depth] if n >= depth else 0))
        decided = starts[-1] + first.decision
        oldest = max(decided, left[-1] if left else 0)  # decided, and nobody in front of it
        end = max(end, decided)
        if leaves == 0:
            left.append(oldest)
        else:
            wrote = max(oldest, wrote + second.interval)
            read = max(oldest, wrote - second.ahead)  # when it began to
            slower = second.interval if second.reading is None else max(0, second.reading - first.interval)
            left.append(read + slower)
            end = max(end, wrote + second.decision)
    return end / len(exits)


@pytest.mark.parametrize("depth", [1, 2, 3, 8])
def test_two_stages_take_the_cycles_of_the_definition(depth: int) -> None:
    for seed in range(10):
        exits = np.random.default_rng(seed).choice(2, 300, p=[0.8, 0.2]).tolist()
        first = StageCycles(10, 14 + seed)
        for second in (StageCycles(35, 50), StageCycles(35, 50, 4), StageCycles(35, 50, 31, ahead=3 * seed)):
            pair = [first, second]
            assert cycles_per_sample(pair, exits, depth) == cycles_by_definition(pair, exits, depth), f"seed {seed}"


def test_deeper_is_never_slower() -> None:
    stages = [StageCycles(7, 20), StageCycles(30, 60), StageCycles(90, 130)]
    for seed in range(20):
        exits = np.random.default_rng(seed).choice(3, 2_000, p=[0.7, 0.2, 0.1]).tolist()
        paces = [cycles_per_sample(stages, exits, depth) for depth in DEPTHS]
        assert paces == sorted(paces, reverse=True), f"seed {seed}"


def test_the_depth_grows_with_the_rate_that_goes_on() -> None:
    depths = [least_depth([_FAST, _SLOW], [1 - rate, rate]) for rate in (0.001, 0.02, 0.05, 0.08)]
    assert depths == sorted(depths)
    assert depths[0] == 2
    assert depths[-1] > 4


def test_it_takes_the_deepest_where_none_is_deep_enough() -> None:
    """A next stage that is exactly as busy as it can be: every buffer fills in the end."""
    assert least_depth([_FAST, _SLOW], [0.9, 0.1], wanted=1.0) == DEPTHS[-1]


def test_shorter_buffers_are_made_up_for_by_stages_that_are_less_busy() -> None:
    paced = [pacing([100, 100, 100], [0.5, 0.3, 0.2], depth) for depth in (2, 8, 32)]
    assert [one.busy[0] for one in paced] == [1.0] * 3
    for k in (1, 2):
        assert paced[0].busy[k] < paced[2].busy[k] <= 0.95
    assert paced[0].longer > paced[1].longer > paced[2].longer >= 1.0


@pytest.mark.parametrize("depth", [2, 8])
def test_a_pacing_needs_fewer_multipliers_than_stages_that_are_nearly_always_busy(depth: int) -> None:
    work, rates, reached = (300, 200, 100), (0.5, 0.3, 0.2), (1.0, 0.5, 0.2)

    def multipliers(busy: tuple[float, ...]) -> float:
        cycles = [int(10_000 / r * b) for r, b in zip(reached, busy, strict=True)]
        interval = intake_interval([StageCycles(one, one + one // 5) for one in cycles], rates, depth)
        return interval * sum(m / one for m, one in zip(work, cycles, strict=True))

    assert multipliers(pacing(work, rates, depth).busy) < 0.98 * multipliers((1.0, 0.95, 0.95))


def test_samples_wait_for_places_even_if_none_leaves_early() -> None:
    """A place is taken until the next stage has read the sample: here for 25 cycles, of which two places hide half."""
    stages = [StageCycles(10, 15), StageCycles(10, 12)]
    assert intake_interval(stages, [0.0, 1.0], 2) == pytest.approx(12.5, rel=1e-3)
    assert intake_interval(stages, [0.0, 1.0], 3) == pytest.approx(10, rel=1e-3)


def test_samples_that_do_not_wait_take_as_long_as_alone() -> None:
    """Hard ones are far enough from each other."""
    exits = ([1] + [0] * 19) * 20
    alone = waiting_latencies([_FAST, _SLOW], exits, 16, (17, 150), _AT_ONCE)
    assert alone.tolist() == [150 if k else 17 for k in exits]


def test_samples_wait_for_stages_that_are_busy() -> None:
    """The third hard one in a row waits twice for 90 cycles, and the easy one behind it for a place in the buffer."""
    roomy = waiting_latencies([_FAST, _SLOW], [1, 1, 1, 0], 8, (17, 150), _AT_ONCE).tolist()
    assert roomy == [150, 240, 330, 17]
    short = waiting_latencies([_FAST, _SLOW], [1, 1, 1, 0], 3, (17, 150), _AT_ONCE).tolist()
    assert short[:3] == roomy[:3]
    assert short[3] == 17 + (14 + 100) - 30  # its place is that of the first, which was read 114 cycles after its begin


def test_a_sample_is_accepted_as_soon_as_the_one_before_was_read() -> None:
    """The stage reads it in 8 cycles, but its head takes 10: all but the first wait for the head."""
    stage = StageCycles(10, 14, reading=8)
    intake = Intake(EasyStream(10, (20, 22)), 0.8, 0.8, 0.8)
    assert waiting_latencies([stage], [0] * 4, 2, (20,), intake).tolist() == [20, 22, 22, 22]


def test_a_stall_is_seen_by_all_samples_that_the_first_stage_has_taken_in() -> None:
    """It writes a sample 7 cycles after its first word, and is up to 2.5 samples ahead, or 4.5 while it has to wait.
    The third sample goes on, and keeps the only place for long.
    """
    stages, easy = [StageCycles(10, 14), StageCycles(100, 120)], EasyStream(10, (20, 30, 38))
    flows = Intake(easy, 2.5, 2.5, 2.5)
    assert waiting_latencies(stages, [0] * 5, 2, (20, 160), flows).tolist() == [20, 30, 38, 38, 38]
    at_once = Intake(EasyStream(10, (20, 45)), 3.1, 3.1, 3.1)  # it takes in the second sample with the first one
    assert waiting_latencies(stages, [0] * 5, 2, (20, 160), at_once).tolist() == [20, 45, 45, 45, 45]
    hard = ([0, 0, 1, 0, 0, 0, 0, 0, 0], 1, (20, 160))
    found = waiting_latencies(stages, *hard, flows)
    assert [latency > 100 for latency in found] == [False, False, *[True] * 4, False, False, False]
    fills = waiting_latencies(stages, *hard, Intake(easy, 2.5, 4.5, 2.5))
    assert [latency > 100 for latency in fills] == [False, False, *[True] * 6, False]
    stays_full = waiting_latencies(stages, *hard, Intake(easy, 2.5, 4.5, 4.0))
    assert stays_full[-1] == fills[-1] + 15


def test_latencies_in_a_stream_are_those_of_rtl(compiled_design: Design, digits_data: Dataset) -> None:
    """Of test images in their order: the mean, and what 99 % have at most."""
    accelerator, images = compiled_design.accelerator, digits_data.test.images
    codes = encode_images(images, accelerator.input_format, accelerator.input_shape)
    run = compiled_design.rtl.run(codes, exit_control(compiled_design.policy), batch=len(codes))
    records, hardware = final_records(run.records), Hardware.of(accelerator)
    exits = records["exit"].astype(np.int64).tolist()
    latencies = records["cycles"].astype(np.int64)
    alone = np.array(hardware.latencies)[exits]
    assert latencies.mean() > 1.04 * alone.mean(), "no image waits"
    stream = (hardware.reading_stages, exits, accelerator.buffer_samples, hardware.latencies)
    found = hardware.waiting_latencies(exits)
    assert cycles_per_image(*stream) == pytest.approx(run.cycles / len(codes), rel=0.005)
    assert found.mean() == pytest.approx(latencies.mean(), rel=0.01)
    assert most_of(found) == pytest.approx(most_of(latencies), rel=0.01)


def test_a_stage_that_a_buffer_of_one_sample_stalls_is_not_as_far_again_at_once(tmp_path: Path) -> None:
    """How late it is follows from no interval: the model takes it from the exact cycles."""
    recipe = hw.load_recipe("blenet_mnist")
    network, rng = recipe.build(), np.random.default_rng(1)
    with torch.no_grad():
        network.train()(network.values(rng.integers(0, 256, (8, *network.input_shape))))
    policy = hw.fit_policy(network.eval(), None, thresholds=[0.5])
    design = hw.compile(network, policy, recipe.compile, out=tmp_path / "design")
    hardware = Hardware.of(replace(design.accelerator, buffer_samples=1))
    exact = hardware.exits[0].interval
    assert settled_interval(hardware.stage_cycles, 1) < 0.97 * exact
    assert settled_interval(hardware.held_stages, 1) == exact
    assert hardware.stream_interval([1.0, 0.0]) == pytest.approx(exact, rel=1e-3)
    assert hardware.with_depth(2).stream_interval([1.0, 0.0]) < 0.97 * exact
