"""Stages that hand on several tensors: everywhere the same integers, in RTL the cycles that were predicted."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.project_files import write_segment
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.errors import DesignError, NetworkError, UnsupportedLayerError
from hwcodesign.hardware.cycles import output_ends, segment_cycles
from hwcodesign.hardware.netlist import netlist
from hwcodesign.interface.modes import exit_control
from hwcodesign.kernels import Segment, TensorType
from hwcodesign.networks.layers import value_of
from hwcodesign.simulation.measurement import measure_exits
from hwcodesign.simulation.rtl import RtlSimulation, Stalls
from hwcodesign.simulation.segment import read_segment
from hwcodesign.simulation.timeline import timeline
from hwcodesign.verification.comparison import (
    brevitas_outputs,
    brevitas_records,
    compare_outputs,
    compare_records,
    require_equal,
)
from tests.marks import CAMPAIGN
from tests.several_tensors import CLASSES, FORMAT, SHAPE, P, cut_residual_edge, late_tensor, two_scales
from tests.stalled import assert_equal_however_streams_stall

NETWORKS = {
    "cut_edge": cut_residual_edge,
    "head_on_both": lambda: cut_residual_edge(head_on_both=True),
    "two_scales": two_scales,
}
IMAGES = np.random.default_rng(7).integers(FORMAT.min_code, FORMAT.max_code, (60, *SHAPE), endpoint=True)


@cache
def network(name: str) -> hw.MultiExitNetwork:
    return NETWORKS[name]()


@pytest.fixture(scope="module", params=NETWORKS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def design(name: str, tmp_path_factory: pytest.TempPathFactory) -> hw.Design:
    """At each exit a part of the images leaves."""
    made = network(name)
    policy = hw.fit_policy(made, None, thresholds=[0.5] * (made.exits - 1))
    _, scores = policy.score_exits(made.logits(IMAGES))
    shares = np.linspace(0.7, 0.3, made.exits - 1)
    policy = policy.with_codes([int(np.quantile(scores[k], share)) for k, share in enumerate(shares)])
    return hw.compile(made, policy, out=tmp_path_factory.mktemp(name) / "design", buffer_samples=3)


def test_samples_leave_at_every_exit(name: str, design: hw.Design) -> None:
    assert set(design.run(IMAGES)["exit"]) == set(range(network(name).exits))


@pytest.mark.parametrize(
    ("name", "on"),
    [(name, on) for name in NETWORKS for on in ("software", "csim") if (name, on) != ("head_on_both", "csim")],
    indirect=["name"],
)
def test_every_tensor_and_record_is_brevitas(on: str, name: str, design: hw.Design) -> None:
    reference = brevitas_outputs(network(name), IMAGES)
    require_equal(compare_outputs(on, design.segment_outputs(IMAGES, on), reference, "brevitas"))
    records = brevitas_records(design, network(name).logits(IMAGES))
    require_equal([compare_records(on, design.run(IMAGES, on=on), records, "brevitas", "records")])


#: A head on both tensors is hardware of its own in its queues alone, which have a test below.
IN_RTL = [pytest.param(name, marks=CAMPAIGN if name == "head_on_both" else []) for name in NETWORKS]


@pytest.mark.parametrize("name", IN_RTL, indirect=True)
def test_in_rtl_too_however_streams_stall(design: hw.Design) -> None:
    simulation = RtlSimulation(design.accelerator, design.rtl_project, checked=True)
    assert_equal_however_streams_stall(design, simulation, IMAGES)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "cut_edge" else CAMPAIGN) for name in NETWORKS], indirect=True
)
def test_a_timeline_counts_what_the_registers_count(design: hw.Design) -> None:
    run = design.rtl.run(IMAGES, exit_control(design.policy), activity=True)
    found = timeline(design.accelerator, run)
    assert found.totals() == found.counters == {name: run.counters[name] for name in found.counters}
    assert {drop.buffer for drop in found.drops} == set(range(design.accelerator.exits - 1))


@pytest.mark.parametrize("name", IN_RTL, indirect=True)
def test_cycles_are_as_predicted(design: hw.Design) -> None:
    simulation = RtlSimulation(design.accelerator, design.rtl_project, checked=True)
    for exit_ in measure_exits(simulation, design.manifest["cycles"], IMAGES):
        assert exit_.latency[0] == exit_.latency[1]
        assert exit_.interval[0] == exit_.interval[1]


#: By network, those that read or give several tensors; the last stage but one of two scales hands one on.
ALONE = {"cut_edge": ("stage0", "stage1"), "two_scales": ("stage2", "head3")}


@pytest.mark.parametrize("name", ["cut_edge", pytest.param("two_scales", marks=CAMPAIGN)], indirect=True)
def test_a_segment_alone_takes_and_gives_its_tensors_when_it_is_said_to(
    name: str, design: hw.Design, tmp_path: Path
) -> None:
    for segment in (each for each in design.accelerator.segments if each.name in ALONE[name]):
        rng = np.random.default_rng(5)
        codes = [
            rng.integers(tensor.format.min_code, tensor.format.max_code, (4, *tensor.shape), endpoint=True)
            for tensor in segment.inputs
        ]
        expected = segment.run(*(tensor.astype(np.float64) for tensor in codes))
        write_segment(segment, tmp_path / segment.name, name)
        verilated = read_segment(tmp_path / segment.name)
        for rates in ((1.0, 1.0), (0.4, 0.7)):
            run = verilated.run(*codes, valid_rate=rates[0], ready_rate=rates[1], checked=True)
            assert all(np.array_equal(*pair) for pair in zip(run.outputs, expected, strict=True)), segment.name
            if rates == (1.0, 1.0):
                placed = netlist(segment)
                assert tuple(tuple(ends) for ends in run.ends) == output_ends(placed, samples=4), segment.name
                assert np.array(run.ends).max(axis=0).tolist() == list(segment_cycles(placed, 4).ends), segment.name


@pytest.mark.parametrize("buffered", [1, pytest.param(4, marks=CAMPAIGN)])
def test_a_tensor_that_comes_samples_later_blocks_nothing(buffered: int, tmp_path: Path) -> None:
    """Decisions wait for the late tensor's samples, in buffers of one sample as in deeper ones."""
    made = late_tensor()
    policy = hw.fit_policy(made, None, thresholds=[0.5])
    _, scores = policy.score_exits(made.logits(IMAGES))
    design = hw.compile(
        made, policy.with_codes([int(np.median(scores[0]))]), out=tmp_path / "design", buffer_samples=buffered
    )
    segments = design.manifest["cycles"]["segments"]
    first_decision = 64 + segments["head0"]["latency"]
    assert segments["stage0"]["latency"] > first_decision + 3 * 64
    expected = design.run(IMAGES)
    assert set(expected["exit"]) == {0, 1}
    simulation = RtlSimulation(design.accelerator, design.rtl_project, checked=True)
    for stalls in (Stalls(), Stalls(0.3, 1.0, seed=5), Stalls(1.0, 0.2, seed=6)):
        run = simulation.run(IMAGES, exit_control(design.policy), stalls=stalls)
        records = np.sort(run.records, order="sample_id")
        require_equal([compare_records("rtl", records, expected, "software", "records")])
    for exit_ in measure_exits(simulation, design.manifest["cycles"], IMAGES):
        assert (exit_.latency[0], exit_.interval[0]) == (exit_.latency[1], exit_.interval[1])
    # the last record comes before the last beats of the tensor that no exit waits for
    shown = simulation.run(IMAGES, exit_control(design.policy, "subnet", leave_at=0), outputs=True).outputs
    wanted = design.segment_outputs(IMAGES)
    assert all(np.array_equal(shown[name], wanted[name]) for name in wanted if name.startswith("stage0"))


@pytest.mark.parametrize("name", ["two_scales"], indirect=True)
def test_the_driver_streams_it(design: hw.Design) -> None:
    expected = design.run(IMAGES)
    records = np.concatenate(list(design.stream(IMAGES, on="board-sim")))
    require_equal([compare_records("board-sim", np.sort(records, order="sample_id"), expected, "software", "records")])


def test_a_loaded_design_is_the_same(design: hw.Design) -> None:
    loaded = hw.load(design.folder)
    assert loaded.accelerator.configuration_hash == design.accelerator.configuration_hash
    assert loaded.accelerator.head_reads == design.accelerator.head_reads
    assert np.array_equal(loaded.run(IMAGES), design.run(IMAGES))


def test_the_edge_waits_before_a_head_that_adds_it() -> None:
    """The edge comes while the convolution around it still waits for its windows."""
    made = network("head_on_both")
    assert made.boundaries()[0][0][1].shape == (3, 8, 8)
    # a window of three rows of eight pixels, in front of which nothing is padded, ends in its third row
    hardware = _hardware("head_on_both")
    ready, waiting = hardware.head_queues[0]
    assert (ready, hardware.head_queues[1]) == (2, ())
    assert waiting > 8 + 1


def test_a_sample_has_left_whole_when_the_last_of_its_tensors_has() -> None:
    """One run watches all outputs, as another each of them."""
    several = [placed for placed in _hardware("two_scales").netlists if len(placed.outputs) > 1]
    assert {len(placed.inputs) for placed in several} >= {1, 2}
    for placed in several:
        each = zip(*output_ends(placed, 12), strict=True)
        assert segment_cycles(placed, 12).ends == tuple(max(ends) for ends in each)


@cache
def _hardware(name: str) -> Hardware:
    import tempfile

    made = network(name)
    policy = hw.fit_policy(made, None, thresholds=[0.5] * (made.exits - 1))
    with tempfile.TemporaryDirectory() as scratch:
        return Hardware.of(hw.compile(made, policy, out=Path(scratch) / "design").accelerator)


# What does not fit is refused


class Plain(nn.Module):
    """Gives what a function makes of a quantised map."""

    def __init__(self, gives: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.conv = nn.Sequential(layers.conv2d(1, 2, 3, precision=P), layers.relu(precision=P))
        self.gives = gives

    def forward(self, x: Tensor) -> Any:
        return self.gives(self.conv(x), x)


class Takes(nn.Module):
    """Reads the first of its arguments."""

    def __init__(self, channels: int = 2) -> None:
        super().__init__()
        self.conv = nn.Sequential(layers.conv2d(channels, 2, 3, precision=P), layers.relu(precision=P))

    def forward(self, first: Tensor, *_others: Tensor) -> Any:
        return self.conv(first)


def made_of(
    first: nn.Module, second: nn.Module, head_reads: Any = None, heads: list[nn.Module] | None = None
) -> hw.MultiExitNetwork:
    heads = heads or [layers.linear_head(72, CLASSES, precision=P), layers.linear_head(32, CLASSES, precision=P)]
    result = hw.MultiExitNetwork([first, second], heads, FORMAT, SHAPE, head_reads=head_reads)
    result.train()
    with torch.no_grad():
        result(torch.rand(8, *SHAPE))
    return result.eval()


def both(quantised: Any, x: Tensor) -> Any:
    return quantised, x


@pytest.mark.parametrize(
    ("gives", "reads", "message"),
    [
        (
            both,
            [(2,), (0,)],
            r"head_reads\[0\] is \(2,\), but stage 0 gives 2 tensors: name one or more of 0",
        ),
        (both, [(0, 0), (0,)], r"head_reads\[0\] is \(0, 0\)"),
        (both, [(), (0,)], r"head_reads\[0\] is \(\)"),
        (both, [(0,)], r"head_reads has 1 entries for 2 heads"),
        (lambda q, _: (q, q), [(0,), (0,)], "stage 0 gives the same tensor twice: give it once"),
        (lambda q, _: (q, q.value + 1), [(0,), (0,)], "tensor 1 of stage 0 ends in a plain tensor: end it in"),
        (lambda _, x: (x,), [(0,), (0,)], "stage 0 computes nothing: it hands on all of its tensors as they came"),
    ],
)
def test_tensors_that_cannot_be_are_refused(gives: Any, reads: Any, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        made_of(Plain(gives), Takes(), reads)


def test_a_tensor_that_nobody_reads_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    made = made_of(Plain(lambda q, x: (q, x)), Takes(), [(0,), (0,)])
    policy = hw.fit_policy(made, None, thresholds=[0.5])
    with pytest.raises(NetworkError, match=r"stage1 \(stages.1\) does not read tensor 1 of the 2 that it is given"):
        hw.compile(made, policy, out=tmp_path / "design")
    assert not (tmp_path / "design").exists()


def test_the_last_head_reads_all_that_the_last_stage_gives() -> None:
    class Gives(Takes):
        def forward(self, first: Tensor, *others: Tensor) -> Any:
            return super().forward(first), *others

    with pytest.raises(NetworkError, match="the last stage gives 2 tensors, of which its head leaves some out"):
        made_of(Plain(both), Gives(), [(0,), (0,)])


def test_a_head_that_cannot_take_as_many_tensors_is_refused() -> None:
    with pytest.raises(NetworkError, match=r"head 0 cannot take its input of shape \(2, 6, 6\) and \(1, 8, 8\)"):
        made_of(Plain(both), Takes())


def test_segments_and_boundaries_are_held_to_each_other() -> None:
    accelerator = _hardware("cut_edge").accelerator
    stage, head = accelerator.stages[1], accelerator.heads[0]
    policy = accelerator.policy

    def build(
        stages: Any = accelerator.stages, heads: Any = accelerator.heads, reads: Any = ((0,), (0,))
    ) -> Accelerator:
        return Accelerator("a", accelerator.input_shape, stages, heads, policy, head_reads=reads)

    with pytest.raises(DesignError, match=r"head0 reads .* but stage0 writes"):
        build(reads=((1, 0), (0,)))
    with pytest.raises(DesignError, match=r"head_reads of head0 is \(2,\): it reads one tensor or more of the 2"):
        build(reads=((2,), (0,)))
    fewer = Segment(stage.name, stage.inputs[:1], (), ("input",))
    with pytest.raises(DesignError, match=r"stage1 reads .* but stage0 writes .* and "):
        build(stages=(accelerator.stages[0], fewer))
    with pytest.raises(DesignError, match="gives 'sum', which no kernel writes"):
        Segment("stage1", (TensorType(FORMAT, (4,)),), (), ("sum",))
    with pytest.raises(DesignError, match="stage0 has 2 inputs: it reads images, which are one tensor"):
        build(stages=(stage, stage), heads=(head, head))


def test_two_layers_that_read_the_input_of_a_stage_are_read_as_what_they_are(tmp_path: Path) -> None:
    class Again(nn.Module):
        """Quantises what comes once more, to the same format."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.same = Takes(), layers.relu(precision=P)

        def forward(self, x: Tensor) -> Any:
            return self.conv(x), self.same(x)

    heads = [layers.linear_head(72, CLASSES, precision=P), _Two()]
    made = made_of(Plain(lambda q, _: q), Again(), [(0,), (0, 1)], heads)
    made.get_submodule("stages.1.same").load_state_dict(made.get_submodule("stages.0.conv.1").state_dict())
    policy = hw.fit_policy(made, None, thresholds=[0.5])
    design = hw.compile(made, policy, out=tmp_path / "design")
    reference = brevitas_outputs(made, IMAGES)
    require_equal(compare_outputs("software", design.segment_outputs(IMAGES), reference, "brevitas"))


def test_a_quantiser_that_changes_nothing_is_to_be_left_out(tmp_path: Path) -> None:
    class Again(nn.Module):
        """Hands its input on behind a layer, and through a quantiser of the same format."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.same = Takes(), layers.identity(precision=P)

        def forward(self, x: Tensor) -> Any:
            return self.conv(x), self.same(x)

    first = nn.Sequential(layers.conv2d(1, 2, 3, precision=P), layers.identity(precision=P))
    heads = [layers.linear_head(72, CLASSES, precision=P), _Two()]
    made = made_of(first, Again(), [(0,), (0, 1)], heads)
    made.get_submodule("stages.1.same").load_state_dict(made.get_submodule("stages.0.1").state_dict())
    policy = hw.fit_policy(made, None, thresholds=[0.5])
    with pytest.raises(UnsupportedLayerError, match=r"stage1: tensor 1 is its input unchanged, .* hand the tensor on"):
        hw.compile(made, policy, out=tmp_path / "design")
    assert not (tmp_path / "design").exists()


class _Two(nn.Module):
    """A head on a map, and a linear layer on another one, added up."""

    def __init__(self) -> None:
        super().__init__()
        self.small, self.large = layers.linear(32, CLASSES, precision=P), layers.linear(72, CLASSES, precision=P)
        self.a, self.b, self.sum = (layers.identity(precision=P) for _ in range(3))
        self.logits = layers.logits(precision=P)

    def forward(self, small: Tensor, large: Tensor) -> Any:
        a = value_of(self.a(self.small(small.flatten(1))))
        b = value_of(self.b(self.large(large.flatten(1))))
        return self.logits(a + b)
