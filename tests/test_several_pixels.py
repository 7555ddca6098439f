"""Streams of several pixels in a beat: through units, stages, heads and buffers, bit for bit and cycle by cycle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.project_files import write_segment
from hwcodesign.errors import DesignError, FormatError, SettingsError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.cycles import output_ends
from hwcodesign.hardware.dataflow import images_taken
from hwcodesign.hardware.implementation import DISTRIBUTED, MEMORY, RESOURCE, Implementation, Implementations
from hwcodesign.hardware.netlist import netlist
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.units import possible_pixels, unit_of
from hwcodesign.hardware.window import Window
from hwcodesign.interface.modes import exit_control
from hwcodesign.kernels import Conv2D, Kernel, Segment, TensorType
from hwcodesign.kernels.kernel import Shape
from hwcodesign.simulation.measurement import measure_exits
from hwcodesign.simulation.rtl import RtlSimulation
from hwcodesign.simulation.segment import read_segment
from hwcodesign.simulation.timeline import timeline
from tests.drawn_kernels import DRAWS
from tests.marks import CAMPAIGN
from tests.segments_alone import assert_equal_alone
from tests.several_tensors import FORMAT, SHAPE, cut_residual_edge
from tests.stalled import assert_equal_however_streams_stall

IMAGES = np.random.default_rng(9).integers(FORMAT.min_code, FORMAT.max_code, (40, *SHAPE), endpoint=True)
#: By name of the layer; the convolutions with the largest stride read as many pixels as make one window.
PIXELS = {"stages.0.stem.0": 4, "stages.0.conv.0": 4, "stages.1.conv.0": 4}


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> hw.Design:
    """Its exit cuts a residual edge, so that two tensors pass; half of the images go on."""
    network = cut_residual_edge()
    policy = hw.fit_policy(network, None, thresholds=[0.5] * (network.exits - 1))
    _, scores = policy.score_exits(network.logits(IMAGES))
    policy = policy.with_codes([int(np.median(scores[k])) for k in range(network.exits - 1)])
    settings = {name: hw.LayerSettings(pixels=pixels) for name, pixels in PIXELS.items()}
    folder = tmp_path_factory.mktemp("several") / "design"
    return hw.compile(network, policy, out=folder, buffer_samples=3, layers=settings)


@pytest.fixture(scope="module")
def simulation(design: hw.Design) -> RtlSimulation:
    return RtlSimulation(design.accelerator, design.rtl_project, checked=True)


def test_images_and_tensors_pass_in_the_beats_in_which_layers_take_and_make_them(design: hw.Design) -> None:
    made = design.accelerator
    assert made.image_pixels == 4
    assert made.lanes[0] == tuple(4 * tensor.shape[-1] for tensor in made.stages[0].results)
    assert [made.least_buffer_beats(0, i) for i in range(2)] == [16, 16]
    blocks = [block for placed in Hardware.of(made).netlists[::2] for block in placed.blocks]
    assert blocks
    assert not [block.name for block in blocks if "resized" in block.name]


def test_every_tensor_and_record_is_the_softwares_however_streams_stall(
    design: hw.Design, simulation: RtlSimulation
) -> None:
    assert set(design.run(IMAGES)["exit"]) == set(range(design.accelerator.exits))
    assert_equal_however_streams_stall(design, simulation, IMAGES)


def test_every_cycle_shows_where_samples_are(design: hw.Design, simulation: RtlSimulation) -> None:
    run = simulation.run(IMAGES, exit_control(design.policy), activity=True)
    found = timeline(design.accelerator, run)
    assert found.totals() == found.counters == {name: run.counters[name] for name in found.counters}


@CAMPAIGN
def test_the_module_of_every_segment_gives_the_same_alone(design: hw.Design, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_equal_alone(design, IMAGES, monkeypatch)


def test_cycles_are_as_predicted_and_below_one_a_pixel(design: hw.Design, simulation: RtlSimulation) -> None:
    for exit_ in measure_exits(simulation, design.manifest["cycles"], IMAGES):
        assert exit_.latency[0] == exit_.latency[1]
        assert exit_.interval[0] == exit_.interval[1]
    assert max(design.manifest["cycles"]["segments"][name]["interval"] for name in ("stage0", "stage1")) < 64


def test_a_loaded_design_keeps_its_beats_and_its_hash_knows_them(design: hw.Design) -> None:
    made, loaded = design.accelerator, hw.load(design.folder).accelerator
    assert (loaded.image_pixels, loaded.lanes) == (made.image_pixels, made.lanes)
    assert loaded.implementations["stage0"] == made.implementations["stage0"]
    assert loaded.configuration_hash == made.configuration_hash
    assert replace(made, image_pixels=2).configuration_hash != made.configuration_hash


def test_a_design_of_an_older_version_is_refused(design: hw.Design) -> None:
    manifest = design.folder / "design.json"
    text = manifest.read_text()
    try:
        manifest.write_text(json.dumps({**json.loads(text), "design_version": 9}))
        with pytest.raises(DesignError, match=r"is not a design of version 10: compile the design again$"):
            hw.load(design.folder)
    finally:
        manifest.write_text(text)


def test_beats_of_images_that_cut_no_row_are_refused(design: hw.Design) -> None:
    with pytest.raises(DesignError, match=r"image_pixels is 3: images of \(8, 8, 1\) have rows of 8 pixels"):
        replace(design.accelerator, image_pixels=3)
    lanes = ((3 * 3, 3), *design.accelerator.lanes[1:])
    with pytest.raises(DesignError, match=r"in beats of 9 elements, .* lanes must divide it, or be pixels that divide"):
        replace(design.accelerator, lanes=lanes)


def conv(shape: Shape, kernel: tuple[int, int], stride: int = 1, padding: int = 0, groups: int = 1) -> Conv2D:
    """A convolution to two channels for each group."""
    rng, (height, width, channels) = np.random.default_rng(1), shape
    size = tuple((side + 2 * padding - taps) // stride + 1 for side, taps in zip((height, width), kernel, strict=True))
    weights = rng.integers(-7, 8, (*kernel, channels // groups, 2 * groups)).astype(float)
    fields = ("conv", ("input",), (FixedPoint(4, 2),), (shape,), FixedPoint(6, 5), (*size, 2 * groups), weights)
    more = (np.zeros(2 * groups), FixedPoint(4, 1), FixedPoint(20, 12))
    return Conv2D(*fields, *more, stride=(stride, stride), padding=(padding,) * 4)


@pytest.mark.parametrize(
    ("kernel", "possible"),
    [
        (conv((28, 28, 1), (5, 5), padding=4), [1, 2, 4]),  # 32 results a row: 7 and 14 divide only the pixels
        (conv((28, 28, 1), (5, 5), padding=2), [1, 2, 4, 7, 14, 28]),
        (conv((8, 12, 2), (3, 3), stride=2, padding=1), [1, 2, 4, 6, 12]),  # 3 begins windows elsewhere in each beat
        (conv((8, 9, 2), (1, 1), stride=3), [1, 3, 9]),
        (conv((7, 7, 2), (3, 3)), [1]),
    ],
)
def test_pixels_of_a_beat_cut_rows_of_pixels_and_of_results(kernel: Conv2D, possible: list[int]) -> None:
    assert possible_pixels(kernel) == possible
    for pixels in possible:
        unit = unit_of(kernel, Implementation(pixels=pixels), (Stream.of(kernel.input_shapes[0]),))
        at_once = max(1, pixels // kernel.stride[1])
        assert unit.reads[0].lanes == pixels * kernel.input_shapes[0][2]
        assert unit.writes == Stream.of(kernel.output_shape, at_once * kernel.output_shape[2])
        assert unit.folding is not None
        assert unit.products == at_once * unit.folding.products


@pytest.mark.parametrize(
    ("implementation", "refused"),
    [
        (
            Implementation(pixels=3),
            r"^conv: pixels=3 does not cut its rows of 28 pixels, and of 32 results 1 pixels",
        ),
        (Implementation(pixels=7), r"into whole beats: use pixels=1 or pixels=2 or pixels=4$"),
        (Implementation(pixels=2, windows=MEMORY), r"needs windows='registers' .* windows='memory' is asked for: use"),
        (
            Implementation(pixels=2, strategy=DISTRIBUTED),
            r"multipliers, and strategy='distributed_arithmetic' is asked",
        ),
    ],
)
def test_pixels_that_cannot_be_are_refused_by_name(implementation: Implementation, refused: str) -> None:
    kernel = conv((28, 28, 1), (5, 5), padding=4)
    with pytest.raises(DesignError, match=refused):
        unit_of(kernel, implementation, (Stream.of(kernel.input_shapes[0]),))


def test_windows_of_such_beats_are_refused() -> None:
    with pytest.raises(FormatError, match=r"3 pixels of \(8, 8, 1\) do not make whole beats of windows: take 1 or 2"):
        Window((8, 8, 1), (6, 6, 1), (3, 3), (1, 1), pixels=3)


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        ({"stages.0.stem.0": hw.LayerSettings(pixels=3)}, r"^stages\.0\.stem\.0: pixels=3 does not cut its rows"),
        (
            {"heads.0.1": hw.LayerSettings(pixels=2)},
            r"pixels=2 is for convolutions, and its kind is dense: leave",
        ),
    ],
)
def test_a_layer_whose_pixels_cannot_be_is_refused(
    settings: dict[str, hw.LayerSettings], refused: str, tmp_path: Path
) -> None:
    network = cut_residual_edge()
    named = {name: name for name, part in network.named_modules() if isinstance(part, nn.Linear)}
    if "heads.0.1" in settings:
        settings = {next(iter(named)): settings["heads.0.1"]}
    policy = hw.fit_policy(network, None, thresholds=[0.5] * (network.exits - 1))
    with pytest.raises(SettingsError, match=refused):
        hw.compile(network, policy, out=tmp_path / "design", layers=settings)


def test_settings_that_have_no_pixels_are_refused() -> None:
    with pytest.raises(SettingsError, match="pixels 0 is not a positive whole number"):
        hw.LayerSettings(pixels=0)
    with pytest.raises(SettingsError, match=r"pixels=2 is for StreamRTL, .* use backend='streamrtl', or pixels=1"):
        hw.CompileSettings(backend="vitis", layers={"stages.0.0": hw.LayerSettings(pixels=2)})


def codes_of(source: TensorType, seed: int) -> NDArray[np.int64]:
    """Six samples of random codes."""
    rng, fmt = np.random.default_rng(seed), source.format
    return rng.integers(fmt.min_code, fmt.max_code, (6, *source.shape), endpoint=True)


def drawn(seed: int) -> tuple[Segment, Implementations]:
    """A convolution of several pixels in a beat, and three kernels of any kind behind it; the results of each tell."""
    rng = np.random.default_rng(seed)
    shape = int(rng.integers(3, 7)), int(rng.choice([4, 6, 8, 12])), int(rng.integers(1, 4))
    source = last = TensorType(FixedPoint(4, 2, signed=bool(rng.integers(2))), shape)
    kernels: list[Kernel] = []
    values, read = codes_of(source, seed).astype(np.float64), "input"
    kinds = ["conv2d", *rng.choice(["conv2d", "max_pool2d", "average_pool2d", "affine", "thresholds", "add"], 2)]
    for kind in (*kinds, rng.choice(["concatenate", "global_pool", "dense", "activation"])):
        for kernel in _tries(rng, kind, f"kernel{len(kernels)}", last, read):
            results = kernel.compute(*(values,) * len(kernel.inputs))
            several = kernel.kind != "conv2d" or _several(kernel)
            if _tells(results) and several and _reads_last_row(kernel) and kernel.result.width <= 16:
                kernels.append(kernel)
                values, last, read = results, TensorType(kernel.result, kernel.output_shape), kernel.name
                break
    implementations = {
        kernel.name: Implementation(
            int(rng.integers(1, 7)), str(rng.choice(["latency", RESOURCE])), pixels=int(rng.choice(_several(kernel)))
        )
        for kernel in kernels
        if kernel.kind == "conv2d"
    }
    return Segment("drawn", (source,), tuple(kernels), (read,)), implementations


def _reads_last_row(kernel: Kernel) -> bool:
    """Whether results wait for all pixels: a simulation ends with the last result, and counts the beats taken."""
    windows = kernel.windows
    if windows is None:
        return True
    below = (kernel.output_shape[0] - 1) * windows.stride[0] - windows.padding[0] + windows.sides[0]
    return below >= kernel.input_shapes[0][0]


def _tells(results: NDArray[Any]) -> bool:
    """Whether no value is more than three quarters of the results, so that a wrong place shows."""
    return int(np.unique(results, return_counts=True)[1].max()) <= 0.75 * results.size


def _tries(rng: np.random.Generator, kind: str, name: str, source: TensorType, read: str) -> Iterator[Kernel]:
    for _ in range(300):
        try:
            yield DRAWS[kind](rng, name, source, read)
        except FormatError:  # a window larger than the image, or sums wider than any format
            continue


def _several(kernel: Kernel) -> list[int]:
    return [pixels for pixels in possible_pixels(kernel) if pixels > 1]


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=CAMPAIGN) for seed in range(2, 40))])
def test_drawn_segments_give_what_software_gives_when_it_is_said_to(seed: int, tmp_path: Path) -> None:
    segment, implementations = drawn(seed)
    placed = netlist(segment, implementations)
    print([(kernel.kind, kernel.input_shapes, kernel.output_shape) for kernel in segment.kernels], implementations)
    assert images_taken(segment, implementations)[0].lanes > segment.inputs[0].shape[-1]
    codes = codes_of(segment.inputs[0], seed)
    (expected,) = segment.run(codes.astype(np.float64))
    assert _tells(expected)
    write_segment(segment, tmp_path, "drawn", implementations)
    verilated = read_segment(tmp_path)
    for rates in ((1.0, 1.0), (0.4, 0.7)):
        run = verilated.run(codes, valid_rate=rates[0], ready_rate=rates[1], checked=True)
        assert np.array_equal(run.outputs[0], expected)
        if rates == (1.0, 1.0):
            assert tuple(tuple(ends) for ends in run.ends) == output_ends(placed, samples=6)


def test_no_stage_is_faster_than_the_words_of_images(tmp_path: Path) -> None:
    precision = layers.Precision(4, 4, logits=8)
    network = hw.MultiExitNetwork(
        [nn.Sequential(layers.linear(40, 8, precision=precision), layers.relu(precision=precision))],
        [layers.linear_head(8, 4, precision=precision)],
        FixedPoint(8, 0, signed=False),
        (40,),
    )
    network.train()
    with torch.no_grad():
        network(torch.rand(64, 40))
    policy = hw.fit_policy(network.eval(), None, thresholds=[])
    built = Hardware.of(hw.compile(network, policy, out=tmp_path / "design").accelerator)
    assert built.segments[0].interval == 1
    assert built.stage_intervals == (5,)  # 40 bytes are five words
    assert built.exits[0].interval == 5
