"""Layers choose how they are built: the least hardware of a throughput, or the fastest that a board has room for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.backends.streamrtl.choice import Request, with_throughput, within_board
from hwcodesign.backends.streamrtl.choosing import SHARE, Choosing, last_layers
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.improving import quicker, sooner
from hwcodesign.backends.streamrtl.levels import levels_of, text_of
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate, DoesNotFitWarning
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.boards import board_named
from hwcodesign.errors import SettingsError
from hwcodesign.exploration.queues import DEPTHS
from hwcodesign.frontend.settings import CompileSettings
from hwcodesign.hardware.budget import shares
from hwcodesign.hardware.choice import neighbours
from hwcodesign.hardware.implementation import MEMORY, RESOURCE, Implementation
from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.networks.leaving_out import with_early_exits
from hwcodesign.policies.exit_decision import FittedOn
from tests.marks import CAMPAIGN

P = layers.Precision(4, 4, bias=12, logits=12)
SHAPE = (2, 8, 8)
BOARD = board_named("pynq-z2")
MHZ = BOARD.clock_mhz


def stage(channels: int) -> nn.Module:
    convolution = layers.conv2d(channels, 16, 3, padding=1, precision=P)
    return nn.Sequential(convolution, layers.relu(precision=P), nn.MaxPool2d(2))


def network() -> hw.MultiExitNetwork:
    """Two stages of many channels, of which half of the samples reach the second."""
    torch.manual_seed(5)
    made = hw.MultiExitNetwork(
        [stage(2), stage(16)],
        [layers.linear_head(16 * 4 * 4, 4, precision=P), layers.linear_head(16 * 2 * 2, 4, precision=P)],
        hw.FixedPoint(4, 0, signed=False),
        SHAPE,
    )
    made.train()
    with torch.no_grad():
        made(torch.rand(64, *SHAPE))
    return made.eval()


@pytest.fixture(scope="module")
def fitted() -> tuple[hw.MultiExitNetwork, hw.ExitPolicy]:
    made = network()
    images = np.random.default_rng(2).integers(0, 16, (200, *SHAPE))
    return made, hw.fit_policy(made, (images, np.arange(200) % 4), criterion="margin", budget=0.8)


@pytest.fixture(scope="module")
def accelerator(fitted: tuple[hw.MultiExitNetwork, hw.ExitPolicy], tmp_path_factory: Any) -> Accelerator:
    return hw.compile(*fitted, out=tmp_path_factory.mktemp("chosen") / "plain").accelerator


def taken(accelerator: Accelerator) -> Resources:
    return AcceleratorEstimate.of(Hardware.of(accelerator)).total


@pytest.mark.parametrize("cycles", [pytest.param(100, marks=CAMPAIGN), 300, 1000, 4000])
def test_a_throughput_is_reached_and_costs_less_the_lower_it_is(cycles: int, accelerator: Accelerator) -> None:
    chosen, slower = (
        Hardware.of(with_throughput(Request(accelerator, {}, BOARD), MHZ * 1e6 / interval))
        for interval in (cycles, 4 * cycles)
    )
    assert chosen.stage_intervals[0] <= cycles
    assert taken(slower.accelerator).lut < taken(chosen.accelerator).lut


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: Any) -> Accelerator:
    """Heads that pool what a convolution gives in many beats: a linear layer that is folded far lets them wait."""
    torch.manual_seed(6)
    heads = [
        nn.Sequential(
            *(layers.conv2d(16, 32, 3, padding=1, precision=P), layers.relu(precision=P), nn.AdaptiveAvgPool2d(1)),
            *(layers.identity(precision=P), nn.Flatten(), *layers.linear_head(32, 10, precision=P)),
        )
        for _ in range(2)
    ]
    made = hw.MultiExitNetwork([stage(2), stage(16)], heads, hw.FixedPoint(4, 0, signed=False), SHAPE)
    made.train()
    with torch.no_grad():
        made(torch.rand(64, *SHAPE))
    policy = hw.fit_policy(made.eval(), None, criterion="margin", thresholds=[1.0])
    return hw.compile(made, policy, out=tmp_path_factory.mktemp("pooled") / "plain", reuse=16).accelerator


@pytest.mark.parametrize("cycles", [576, 1152, 2304, 4608])
def test_layers_that_wait_for_each_other_are_made_faster_until_the_throughput_is_reached(
    cycles: int, pooled: Accelerator
) -> None:
    chosen = Hardware.of(with_throughput(Request(pooled, {}, BOARD), MHZ * 1e6 / cycles))
    assert max(chosen.stage_intervals) <= cycles


def test_a_named_layer_makes_no_more_products_than_can_be_simulated(tmp_path: Path) -> None:
    torch.manual_seed(7)
    wide = nn.Sequential(layers.conv2d(16, 32, 3, padding=1, precision=P), layers.relu(precision=P), nn.MaxPool2d(2))
    heads = [layers.linear_head(count, 4, precision=P) for count in (16 * 4 * 4, 32 * 2 * 2)]
    made = hw.MultiExitNetwork([stage(2), wide], heads, hw.FixedPoint(4, 0, signed=False), SHAPE)
    made.train()
    with torch.no_grad():
        made(torch.rand(64, *SHAPE))
    policy = hw.fit_policy(made.eval(), None, criterion="margin", thresholds=[1.0])
    named = {"stages.1.0": hw.LayerSettings(1)}
    with pytest.raises(SettingsError, match=r"layer 'stages\.1\.0' makes 4,608 products .* give it ReuseFactor 2 or"):
        hw.compile(made, policy, out=tmp_path / "design", fit=hw.Fit(10_000), layers=named)


def test_a_stage_that_fewer_samples_reach_is_folded_to_their_rate(accelerator: Accelerator) -> None:
    (first_rate, _), cycles = accelerator.policy.fitted_on.exit_rate, 2100
    assert 0.2 < first_rate < 0.9
    unknown = replace(accelerator, policy=replace(accelerator.policy, fitted_on=FittedOn("given")))
    known, every = (
        Hardware.of(with_throughput(Request(one, {}, BOARD), MHZ * 1e6 / cycles)).stage_intervals
        for one in (accelerator, unknown)
    )
    assert known[0] == every[0] <= cycles
    assert every[1] <= cycles < known[1] <= cycles / (1 - first_rate)


def test_samples_come_as_often_as_wished_in_the_order_of_chance_and_buffers_stay_short(
    accelerator: Accelerator,
) -> None:
    rates, cycles = accelerator.policy.fitted_on.exit_rate, 900
    chosen = Hardware.of(with_throughput(Request(accelerator, {}, BOARD), MHZ * 1e6 / cycles))
    assert chosen.intake_interval(rates) <= cycles
    depth = chosen.accelerator.buffer_samples
    assert 2 < depth <= 16
    assert chosen.with_depth(DEPTHS[DEPTHS.index(depth) - 1]).intake_interval(rates) > cycles


def test_shorter_buffers_are_made_up_for_by_faster_stages(accelerator: Accelerator) -> None:
    rates, cycles = accelerator.policy.fitted_on.exit_rate, 1500
    roomy = with_throughput(Request(accelerator, {}, BOARD), MHZ * 1e6 / cycles)
    assert roomy.buffer_samples > 1
    kept = replace(accelerator, buffer_samples=1)
    short = with_throughput(Request(kept, {}, BOARD, keeps_buffers=True), MHZ * 1e6 / cycles)
    assert short.buffer_samples == 1
    assert Hardware.of(short).intake_interval(rates) <= cycles
    assert max(Hardware.of(short).stage_intervals) < max(Hardware.of(roomy).stage_intervals)


def test_a_throughput_is_reached_even_where_no_buffers_would_make_the_design_fit(accelerator: Accelerator) -> None:
    """The shortest buffers are too short for it; what is then compiled warns that it does not fit."""
    rates, tiny = accelerator.policy.fitted_on.exit_rate, replace(BOARD, capacity=replace(BOARD.capacity, lut=2_000))
    for cycles in (72, 400):
        chosen = with_throughput(Request(accelerator, {}, tiny), MHZ * 1e6 / cycles)
        assert Hardware.of(chosen).intake_interval(rates) <= cycles


def test_a_mean_latency_is_reached_by_the_slowest_stages_that_do(accelerator: Accelerator) -> None:
    rates, cycles = accelerator.policy.fitted_on.exit_rate, 4000
    throughput = MHZ * 1e6 / cycles
    late = with_throughput(Request(accelerator, {}, BOARD), throughput)
    wished = 0.6 * Hardware.of(late).mean_latency(rates)
    soon = with_throughput(Request(accelerator, {}, BOARD), throughput, wished / MHZ)
    assert 0.8 * wished < Hardware.of(soon).mean_latency(rates) <= wished
    assert taken(soon).lut > taken(late).lut
    alone = with_throughput(Request(accelerator, {}, BOARD), None, wished / MHZ)
    assert Hardware.of(alone).mean_latency(rates) <= wished


def test_a_latency_that_no_stages_have_is_refused_with_the_least_that_was_found(accelerator: Accelerator) -> None:
    with pytest.raises(SettingsError, match=r"latency_us=0.1 is not reached: the least mean latency .* is \d") as found:
        with_throughput(Request(accelerator, {}, BOARD), MHZ * 1e6 / 4000, 0.1)
    least = float(str(found.value).split("found is ")[1].split("; ask")[0].replace(",", ""))
    made = with_throughput(Request(accelerator, {}, BOARD), MHZ * 1e6 / 4000, 1.1 * least)
    assert Hardware.of(made).mean_latency(accelerator.policy.fitted_on.exit_rate) <= 1.1 * least * MHZ


def test_layers_trade_room_for_a_latency_until_it_is_reached(accelerator: Accelerator) -> None:
    """The design fits all the time, and keeps its throughput."""
    small, rates = replace(BOARD, capacity=replace(BOARD.capacity, lut=8_000)), accelerator.policy.fitted_on.exit_rate
    choosing = Choosing(accelerator, {}, small, keeps_buffers=False)
    begun = choosing.built(choosing.speed(700, choosing.pacing(4).busy), 4)
    assert choosing.fits(begun)
    wished = 0.8 * begun.hardware.mean_latency(rates)
    found = sooner(choosing, begun, 700, wished)
    assert choosing.fits(found)
    assert found.interval <= 700
    assert found.hardware.mean_latency(rates) <= wished
    assert sooner(choosing, found, 700, wished) is found, "that is enough"


def test_a_latency_that_does_not_fit_with_stages_alike_may_fit_with_others(accelerator: Accelerator) -> None:
    """With a common limit alone, 863 cycles is the shortest mean latency that fits."""
    small, rates = replace(BOARD, capacity=replace(BOARD.capacity, lut=8_000, dsp=10)), accelerator.policy.fitted_on
    chosen = with_throughput(Request(accelerator, {}, small), MHZ * 1e6 / 4000, 800 / MHZ)
    assert Hardware.of(chosen).mean_latency(rates.exit_rate) <= 800
    assert max(shares(taken(chosen), small.capacity).values()) <= SHARE


def test_layers_behind_a_whole_sample_are_folded_by_themselves(pooled: Accelerator) -> None:
    """A linear layer behind a global pooling begins when the image is read: its time comes on top of the stage's."""
    head = pooled.heads[0]
    dense = [kernel.name for kernel in head.kernels if kernel.kind == "dense"]
    assert last_layers(head) >= set(dense)
    assert not last_layers(pooled.stages[0])
    assert not any(kernel.name in last_layers(head) for kernel in head.kernels if kernel.kind == "conv2d")
    choosing = Choosing(pooled, {}, BOARD, keeps_buffers=True)
    speed = dict(zip(_names(pooled), choosing.speed(100_000, (1.0, 1.0), 4_000).cycles, strict=True))
    assert speed["stage0", pooled.stages[0].kernels[0].name] == 4_000
    assert speed["head0", dense[0]] < 1_000


def _names(accelerator: Accelerator) -> list[tuple[str, str]]:
    return [(segment.name, kernel.name) for segment in accelerator.segments for kernel in segment.kernels]


def test_predicted_latencies_are_those_of_the_exits(accelerator: Accelerator, pooled: Accelerator) -> None:
    for one in (accelerator, pooled):
        hardware = Hardware.of(one)
        assert hardware.latencies == tuple(cycles.latency for cycles in hardware.exits)


def test_units_have_neighbours_that_are_faster_and_slower(accelerator: Accelerator) -> None:
    chosen = Hardware.of(with_throughput(Request(accelerator, {}, BOARD), MHZ * 1e6 / 900))
    units = [block.unit for placed in chosen.netlists for block in placed.blocks if block.unit is not None]
    paces = [neighbours(unit) for unit in units if unit.folding is not None]
    assert len(paces) == 4
    for faster, now, slower in paces:
        assert faster is not None
        assert faster.interval < now.interval
        assert faster.products > now.products
        if slower is not None:  # others are folded as far as they can be
            assert now.interval < slower.interval
            assert now.products > slower.products
    assert sum(slower is not None for *_, slower in paces) >= 2


def test_a_throughput_beyond_every_unit_is_refused_with_the_most_that_can_be(accelerator: Accelerator) -> None:
    wished = MHZ * 1e6 / 50  # an image has 64 pixels
    (first,) = (kernel.name for kernel in accelerator.stages[0].kernels if kernel.parameters)
    kept = {"stage0": {first: Implementation()}}  # a pixel in a beat
    with pytest.raises(
        SettingsError, match=r"=2000000 is one in 50 cycles at 100 MHz, but stage0: layer '.*' takes 72 "
    ) as found:
        with_throughput(Request(accelerator, kept, BOARD), wished)
    most = float(str(found.value).split("at most ")[1].split(", or")[0].replace(",", ""))
    assert Hardware.of(with_throughput(Request(accelerator, kept, BOARD), most)).stage_intervals[0] <= 100


def test_several_pixels_come_in_a_beat_where_one_is_too_slow(accelerator: Accelerator) -> None:
    (first,) = (kernel.name for kernel in accelerator.stages[0].kernels if kernel.parameters)
    found = {}
    for cycles in (80, 50, 30):
        chosen = with_throughput(Request(accelerator, {}, BOARD), MHZ * 1e6 / cycles)
        assert Hardware.of(chosen).stage_intervals[0] <= cycles
        pixels = chosen.implementations["stage0"][first].pixels
        assert chosen.image_pixels == pixels
        found[cycles] = pixels
    assert found == {80: 1, 50: 2, 30: 4}


def test_images_that_come_more_slowly_than_is_wished_are_named(accelerator: Accelerator) -> None:
    words = 16  # of 64 bits, for 128 codes in a byte each
    with pytest.raises(
        SettingsError, match=r"in 15 cycles .*, but an image is 16 words of 64 bits, .* most 6,250,000$"
    ):
        with_throughput(Request(accelerator, {}, BOARD), MHZ * 1e6 / (words - 1))
    assert Choosing(accelerator, {}, BOARD, keeps_buffers=False).least_interval == words


def test_the_fastest_within_a_board_fits_it_and_nothing_much_faster_does(accelerator: Accelerator) -> None:
    small = replace(BOARD, capacity=replace(BOARD.capacity, lut=12_000, dsp=10))
    chosen = within_board(Request(accelerator, {}, small))
    assert max(shares(taken(chosen), small.capacity).values()) <= SHARE
    interval = Hardware.of(chosen).stage_intervals[0]
    faster = with_throughput(Request(accelerator, {}, small), MHZ * 1e6 / (interval / 1.5))
    assert max(shares(taken(faster), small.capacity).values()) > SHARE


@pytest.mark.parametrize("lut", [8_000, 12_000])
def test_stages_and_buffers_are_chosen_together_for_a_board(lut: int, accelerator: Accelerator) -> None:
    """No hardware whose stages all are as fast as the same throughput asks is faster, with buffers of any depth."""
    small = replace(BOARD, capacity=replace(BOARD.capacity, lut=lut, dsp=10))
    chosen = Hardware.of(within_board(Request(accelerator, {}, small)))
    predicted = chosen.intake_interval(accelerator.policy.fitted_on.exit_rate)
    choosing = Choosing(accelerator, {}, small, keeps_buffers=False)
    others = [
        built
        for depth in (1, 2, 4, 8, 16)
        for factor in (0.8, 0.9, 1.0, 1.1)
        if choosing.fits(
            built := choosing.built(choosing.speed(factor * predicted, choosing.pacing(depth).busy), depth)
        )
    ]
    assert others
    assert predicted <= min(built.interval for built in others)


def test_the_search_makes_buffers_deeper_where_samples_wait(accelerator: Accelerator) -> None:
    small = replace(BOARD, capacity=replace(BOARD.capacity, lut=12_000, dsp=10))
    choosing = Choosing(accelerator, {}, small, keeps_buffers=False)
    begun = choosing.built(choosing.speed(900, (1.0, 0.95)), 2)
    found = quicker(choosing, begun)
    assert choosing.fits(found)
    assert found.depth > 2
    assert found.interval < begun.interval


def test_buffers_stay_as_long_as_the_user_says(accelerator: Accelerator) -> None:
    kept = replace(accelerator, buffer_samples=3)
    assert within_board(Request(kept, {}, BOARD, keeps_buffers=True)).buffer_samples == 3


def test_where_no_image_leaves_early_buffers_hold_what_waits_for_decisions(pooled: Accelerator) -> None:
    """A decision comes long after a stage has begun: with a place or two, samples would wait for places."""
    assert not pooled.policy.fitted_on.exit_rate
    chosen = Hardware.of(within_board(Request(pooled, {}, BOARD)))
    intervals = [chosen.with_depth(depth).intake_interval(()) for depth in (1, chosen.accelerator.buffer_samples)]
    assert intervals[0] > intervals[1] == max(chosen.stage_intervals)


def test_a_board_that_is_too_small_is_refused_by_what_it_lacks(accelerator: Accelerator) -> None:
    tiny = replace(BOARD, capacity=replace(BOARD.capacity, lut=2_000))
    with pytest.raises(SettingsError, match=r"does not fit pynq-z2, however far .* LUT, .* choose a larger board"):
        within_board(Request(accelerator, {}, tiny))


def test_what_the_user_gave_stays(accelerator: Accelerator) -> None:
    name = next(kernel.name for kernel in accelerator.stages[1].kernels if kernel.parameters)
    own = Implementation(9, RESOURCE, MEMORY)
    chosen = with_throughput(Request(accelerator, {"stage1": {name: own}}, BOARD), MHZ * 1e6 / 1000)
    assert chosen.implementations["stage1"][name] == own


def test_levels_say_what_their_stages_would_take_without_exits(accelerator: Accelerator) -> None:
    chosen = Hardware.of(with_throughput(Request(accelerator, {}, BOARD), MHZ * 1e6 / 900))
    first, last = levels_of(chosen, BOARD)
    assert (first.reached, last.reached) == (1.0, accelerator.policy.fitted_on.exit_rate[1])
    assert first.without is not None
    assert last.without is not None
    assert first.taken.resources.lut > first.without.resources.lut, "it has a head, a decision and a buffer"
    assert last.taken.multipliers < last.without.multipliers, "fewer samples reach it"
    assert first.buffer_bits == chosen.accelerator.buffer_samples * 4 * 4 * 16 * 4
    assert last.buffer_bits == 0
    around = sum(
        (
            block.resources
            for block in AcceleratorEstimate.of(chosen).blocks
            if block.block in {"registers", "control", "unpack", "merge", "pack"}
        ),
        Resources(),
    )
    whole = first.taken.resources + last.taken.resources + around
    assert whole.rounded() == taken(chosen.accelerator).rounded()
    lines = text_of((first, last)).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-2].split()[:4] == [
        *("all", "levels", f"{first.taken.multipliers + last.taken.multipliers}"),
        f"{round(whole.lut - around.lut):,}",
    ]
    assert lines[-1].split()[:3] == [*("without", "exits", f"{first.without.multipliers + last.without.multipliers:,}")]


def test_levels_are_unknown_without_exit_rates(pooled: Accelerator) -> None:
    assert levels_of(Hardware.of(pooled), BOARD) == ()


def test_a_chosen_design_computes_what_the_network_computes_in_the_cycles_that_were_predicted(
    fitted: tuple[hw.MultiExitNetwork, hw.ExitPolicy], tmp_path: Path
) -> None:
    design = hw.compile(*fitted, out=tmp_path / "design", fit=hw.Fit(MHZ * 1e6 / 1000))
    kinds = {built.windows for of in design.accelerator.implementations.values() for built in of.values()}
    assert MEMORY in kinds
    assert design.manifest["settings"]["fit"] == "images_per_second=100000"
    images = np.random.default_rng(3).integers(0, 16, (24, *SHAPE))
    records, expected = (design.run(images, on=place) for place in ("rtl", "software"))
    for field in ("sample_id", "exit", "label", "score"):
        assert np.array_equal(np.sort(records, order="sample_id")[field], expected[field])
    alone = design.run(images[:1], on="rtl")
    assert alone["cycles"][0] == design.manifest["cycles"]["exits"][alone["exit"][0]]["latency"]


@pytest.mark.parametrize(
    "text",
    [
        *("boards", "images_per_second", "images_per_second=fast", "latency=3", "board,latency_us=3"),
        *("latency_us=3,latency_us=4", "latency_us=3,"),
    ],
)
def test_a_wish_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=f"fit '{text}' is neither 'board' nor 'images_per_second' = a number or"):
        hw.Fit.parse(text)


def test_wishes_are_said_as_they_are_read() -> None:
    texts = ["board", "images_per_second=8000", "latency_us=200.5", "images_per_second=8000,latency_us=200"]
    assert [str(hw.Fit.parse(text)) for text in texts] == texts


def test_settings_take_a_wish_as_text_and_refuse_what_is_none() -> None:
    assert CompileSettings.asked(fit="board").fit == hw.Fit()
    assert CompileSettings.asked(fit="latency_us=200").fit == hw.Fit(latency_us=200)
    with pytest.raises(SettingsError, match=r"fit=8000 is no wish: give hw.Fit\(images_per_second=8000\)"):
        CompileSettings.asked(fit=8000)
    with pytest.raises(SettingsError, match=r"layers\['fc'\]=\{'reuse': 4\}: give hw.LayerSettings\(reuse=4\)"):
        CompileSettings.asked(layers={"fc": {"reuse": 4}})


def test_a_layer_without_weights_has_no_settings(
    fitted: tuple[hw.MultiExitNetwork, hw.ExitPolicy], tmp_path: Path
) -> None:
    own = {"stages.0.2": hw.LayerSettings(pixels=2)}
    with pytest.raises(SettingsError, match=r"stages.0.2: it has no weights of its own, .* with weights: stages.0.0"):
        hw.compile(*fitted, layers=own, out=tmp_path / "design")


def test_a_wish_without_rtl_and_one_of_nothing_are_refused() -> None:
    with pytest.raises(SettingsError, match="fit='board' chooses units of StreamRTL, which backend='vitis' does not"):
        hw.CompileSettings(backend="vitis", fit=hw.Fit())
    with pytest.raises(SettingsError, match="images_per_second=0 must be above 0"):
        hw.Fit(0)
    with pytest.raises(SettingsError, match="latency_us=-1 must be above 0"):
        hw.Fit(latency_us=-1)


def test_a_stage_and_head_that_wait_for_each_other_are_made_faster(tmp_path: Path) -> None:
    """Without early exits and their buffers: each alone is fast enough at 21,486 images/s, both together are not."""
    network = with_early_exits(hw.load_recipe("resnet8_cifar_w4a4").published(), [])
    never = hw.fit_policy(network, None, thresholds=[])
    with pytest.warns(DoesNotFitWarning):
        design = hw.compile(network, never, fit=hw.Fit(21_486), oversize=True, out=tmp_path / "design")
    hardware, most = Hardware.of(design.accelerator), 100e6 / 21_486
    assert hardware.stage_intervals[0] < hardware.exits[0].interval <= most
    assert hardware.stream_interval([]) == hardware.exits[0].interval


@CAMPAIGN
def test_what_is_published_of_resnet8_has_room_on_its_board_with_early_exits(tmp_path: Path) -> None:
    """The throughput and half the latency of fpgaConvNet's design, from which steps lead to it only where they begin
    with what fills the board.
    """
    network, rates = hw.load_recipe("resnet8_cifar_w4a4").published(), (0.44, 0.42, 0.14)
    policy = hw.fit_policy(network, None, thresholds=[0.5, 0.5], criterion="margin")
    often = replace(policy, fitted_on=replace(policy.fitted_on, exit_rate=rates))
    wish = hw.Fit(images_per_second=4862, latency_us=205)
    design = hw.compile(network, often, fit=wish, board="pynq-z2", out=tmp_path / "design")  # an error if it has not
    hardware = Hardware.of(design.accelerator)
    assert hardware.mean_latency(rates) <= 20_500
    assert hardware.intake_interval(rates) <= 100e6 / 4862


def test_layers_without_folds_are_chosen_around(tmp_path: Path) -> None:
    """A minimum of two tensors has constants, and one way to be built."""

    class Smaller(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other, self.fc = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.relu(self.one(x))
            return self.fc(torch.minimum(x, torch.relu(self.other(x))).mean((2, 3)))

    torch.manual_seed(3)
    images = np.random.default_rng(4).integers(0, 256, (32, *SHAPE))
    made = hw.quantise(hw.attach_exits(Smaller(), at=["one"], input_shape=SHAPE), calibration=images)
    policy = hw.fit_policy(made, None, criterion="margin", thresholds=[0.1])
    for wish in (hw.Fit(), hw.Fit(images_per_second=50_000)):
        design = hw.compile(made, policy, out=tmp_path / str(wish), fit=wish)
        assert all(np.array_equal(z, w) for z, w in zip(design.logits(images), made.logits(images), strict=True))
