"""What StreamRTL writes, without running it: netlists, names, literals, cycle predictions, files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwcodesign.backends.streamrtl.hardware import queues_before
from hwcodesign.backends.streamrtl.project_files import write_segment
from hwcodesign.backends.streamrtl.segment_source import segment_source
from hwcodesign.design import Design
from hwcodesign.errors import DesignError, FormatError, SimulationError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.cycles import segment_cycles
from hwcodesign.hardware.implementation import Implementation
from hwcodesign.hardware.meeting import ENDLESS
from hwcodesign.hardware.netlist import Netlist, netlist
from hwcodesign.hardware.pace import settle
from hwcodesign.hardware.stepping import Network, run
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.timing import Node, Pipeline, Queue, Windows
from hwcodesign.hardware.units import unit_of
from hwcodesign.kernels import Activation, Add, Conv2D, Dense, Kernel, MaxPool2D, Reshape, Segment
from hwcodesign.kernels.tensor import TensorType
from hwcodesign.simulation.project import read_project
from hwcodesign.simulation.segment import read_segment
from hwcodesign.systemverilog import Bits, Name, PackedStruct, Parameter, Rom, literal, parameter_lines

U5 = FixedPoint(5, 2, signed=False)
W4 = FixedPoint(4, 1)
S8 = FixedPoint(8, 5, rounding="RND_CONV", overflow="SAT")  # type: ignore[arg-type]
WIDE = FixedPoint(24, 18)


def convolution(name: str, source: str, shape: tuple[int, int, int], filters: int, kernel: int = 3) -> Conv2D:
    rng = np.random.default_rng(3)
    weights = rng.integers(-7, 8, (kernel, kernel, shape[2], filters)).astype(float)
    pad = kernel // 2
    return Conv2D(
        name, (source,), (U5,), (shape,), U5, (*shape[:2], filters), weights, np.zeros(filters), W4, WIDE,
        (1, 1), (pad, pad, pad, pad),
    )  # fmt: skip


def dense(name: str, source: str, shape: tuple[int, ...], outputs: int) -> Dense:
    rng = np.random.default_rng(4)
    weights = rng.integers(-7, 8, (int(np.prod(shape)), outputs)).astype(float)
    return Dense(name, (source,), (U5,), (shape,), S8, (outputs,), weights, np.zeros(outputs), W4, WIDE)


#: Of a convolution that is slower than what it reads.
SLOW = Implementation(81)
#: Of the kernels that are folded here.
FOLDED = {name: Implementation(reuse) for name, reuse in (("conv", 9), ("first", 8), ("second", 8), ("fc", 48))}


def activations(*names: str) -> Segment:
    """One activation behind another."""
    shape = (4, 4, 1)
    kernels = [
        Activation(name, (source,), (U5,), (shape,), U5, shape, rectify=True)
        for source, name in pairwise(("input", *names))
    ]
    return Segment.chain("s", U5, shape, tuple(kernels))


def residual(name: str = "conv") -> Segment:
    """A convolution around which its input is added; to be built with `FOLDED`."""
    shape = (6, 6, 3)
    return Segment.chain(
        "stage0",
        U5,
        shape,
        (
            convolution(name, "input", shape, 3),
            Add("sum", (name, "input"), (U5, U5), (shape, shape), U5, shape),
        ),
    )


def test_literals_are_systemverilog() -> None:
    fmt = FixedPoint(9, 12, rounding="RND_INF", overflow="SAT_SYM")  # type: ignore[arg-type]
    assert literal(fmt) == (
        "'{is_signed: 1'b1, width: 16'd9, fraction: -16'sd3, rounding: hwc_pkg::RndInf, overflow: hwc_pkg::SatSym}"
    )
    assert [literal(value) for value in (True, 7, Name("Dsp"), Bits(12, 0xABC), 'a"b')] == [
        "1'b1", "7", "hwc_pkg::Dsp", "12'habc", '"a\\"b"',
    ]  # fmt: skip


def test_fields_are_packed_from_the_lowest_in_twos_complement() -> None:
    assert Bits.pack([1, -1, 2], 4) == Bits(12, 0x2F1)


def test_long_vectors_are_written_over_several_lines() -> None:
    value = Bits(1000, (1 << 1000) - 5)
    lines = parameter_lines([("Weights", value), ("Pe", 2)])
    parts = [re.fullmatch(r"(\d+)'h([0-9a-f]+),?", line.strip()) for line in lines[1:-2]]
    joined = 0
    for part in parts:
        assert part is not None
        joined = joined << int(part[1]) | int(part[2], 16)
    assert joined == value.value
    assert (lines[0], lines[-2], lines[-1]) == (".Weights({", "}),", ".Pe(2)")


def test_rom_images_have_a_word_a_line() -> None:
    assert Rom("weights", "WeightsFile", 9, (1, 0x1FF)).text == "001\n1ff\n"


@pytest.mark.parametrize("name", ["module", "2nd layer", "in", "conv; endmodule", "Ünïcode", "out", "conv-1", "conv_1"])
def test_no_name_of_a_layer_reaches_systemverilog_unescaped(name: str) -> None:
    source = segment_source(netlist(residual(name)), "t").texts["t_stage0.sv"]
    code = "\n".join(line.partition("//")[0] for line in source.splitlines())
    assert set(re.findall(r"u_(\w+) \(", code)) >= {"sum"}
    assert re.findall(r"^ *endmodule", code, re.MULTILINE) == ["endmodule"]
    assert code.isascii()


def test_layers_of_like_names_stay_apart() -> None:
    placed = netlist(activations("a-1", "a_1", "A 1"))
    assert [block.name for block in placed.blocks if block.unit] == ["a_1", "a_1_2", "a_1_3"]


def test_a_flattened_image_reaches_a_linear_layer_in_its_own_beats() -> None:
    shape = (4, 4, 3)
    flat = Reshape("flat", ("input",), (U5,), (shape,), U5, (48,))
    placed = netlist(Segment.chain("head0", U5, shape, (flat, dense("fc", "flat", (48,), 10))), FOLDED)
    assert [(block.name, block.streams) for block in placed.blocks] == [
        ("fc_operand", (Stream(16, 3),)),
        ("fc", (Stream(16, 3),)),
    ]


def test_a_segment_that_ends_flat_gives_one_beat() -> None:
    shape = (2, 2, 3)
    flat = Reshape("flat", ("input",), (U5,), (shape,), U5, (12,))
    placed = netlist(Segment.chain("stage0", U5, shape, (flat,)))
    assert [block.output for block in placed.blocks] == [Stream(1, 12)]


def test_the_short_way_round_a_convolution_gets_the_queue_that_its_windows_need() -> None:
    """A 3x3 window waits for a row and a pixel more; with one beat less in the queue the sum would never get them."""
    placed = netlist(residual(), FOLDED)
    queues = {block.name: block.queue for block in placed.blocks if block.queue}
    assert queues["sum_queue0"] == 2
    cycles = segment_cycles(placed)
    assert cycles.interval >= 36 * 9

    def with_queue(depth: int) -> Netlist:
        blocks = (replace(b, queue=depth) if b.name == "sum_queue1" else b for b in placed.blocks)
        return replace(placed, blocks=tuple(blocks))

    assert segment_cycles(with_queue(1000)) == cycles, "a deeper one would gain nothing"
    with pytest.raises(SimulationError, match="stands still"):
        segment_cycles(with_queue(6))


def test_a_queue_before_a_slow_reader_holds_a_sample_at_most() -> None:
    """Without an end, beats of sample after sample would wait there. A sample is enough: nothing comes later."""
    shape = (6, 6, 3)
    added = residual().kernels
    slow = convolution("slow", "sum", shape, 3)
    placed = netlist(Segment.chain("stage0", U5, shape, (*added, slow)), {"conv": Implementation(9), "slow": SLOW})
    queues = {block.name: block.queue for block in placed.blocks if block.meets}
    assert queues == {"sum_queue0": 36, "sum_queue1": 36}
    assert segment_cycles(placed) == segment_cycles(with_endless(placed))


def with_endless(placed: Netlist) -> Netlist:
    """The same with queues that are never full."""
    blocks = [replace(block, queue=ENDLESS) if block.meets else block for block in placed.blocks]
    return replace(placed, blocks=tuple(blocks))


def chain_with_edge(kernels: Sequence[Kernel], shape: tuple[int, ...]) -> Segment:
    """Kernels behind one another, and the sum of what the last one gives and of the input."""
    edge = Add("sum", (kernels[-1].name, "input"), (U5, U5), (shape, shape), U5, shape)
    return Segment.chain("stage0", U5, shape, (*kernels, edge))


@pytest.mark.parametrize("side", [4, 6])
@pytest.mark.parametrize("length", [1, 2, 4, 7])
def test_a_path_of_several_samples_has_queues_of_as_many_beside_it(length: int, side: int) -> None:
    names, shape = ["input", *(f"conv{i}" for i in range(length))], (side, side, 3)
    kernels = [convolution(name, before, shape, 3) for before, name in pairwise(names)]
    placed = netlist(chain_with_edge(kernels, shape), dict.fromkeys(names[1:], Implementation(9)))
    assert segment_cycles(placed, 24) == segment_cycles(with_endless(placed), 24)


def test_two_sums_may_read_the_input_of_a_segment() -> None:
    """Their queues read it as those do that offer what several inputs read, and are no such queues."""
    shape = (4, 4, 3)

    def added(name: str, other: str) -> Add:
        return Add(name, (other, "input"), (U5, U5), (shape, shape), U5, shape)

    first = convolution("conv0", "input", shape, 3), added("sum0", "conv0")
    second = convolution("conv1", "sum0", shape, 3), added("sum1", "conv1")
    stage = Segment.chain("stage0", U5, shape, (*first, *second))
    placed = netlist(stage, {"conv0": Implementation(9), "conv1": Implementation(9)})
    cycles = segment_cycles(placed, 24)
    assert cycles == segment_cycles(with_endless(placed), 24)
    alone = netlist(Segment.chain("stage0", U5, shape, first), {"conv0": Implementation(9)})
    assert cycles.interval == segment_cycles(alone, 24).interval


def test_a_path_of_linear_layers_holds_a_sample_in_each() -> None:
    names = ["input", *(f"fc{i}" for i in range(8))]
    kernels = [dense(name, before, (8,), 8) for before, name in pairwise(names)]
    placed = netlist(chain_with_edge(kernels, (8,)), dict.fromkeys(names[1:], Implementation(64)))
    (queue,) = [block.queue for block in placed.blocks if block.name == "sum_queue1"]
    assert queue >= len(kernels)
    cycles = segment_cycles(placed, 24)
    assert cycles == segment_cycles(with_endless(placed), 24)
    assert cycles.interval == 64


def test_a_head_of_two_tensors_is_as_fast_as_its_stage() -> None:
    names, shape = ["input", *(f"conv{i}" for i in range(4))], (4, 4, 3)
    kernels = tuple(convolution(name, before, shape, 3) for before, name in pairwise(names))
    stage = Segment("stage0", (TensorType(U5, shape),), kernels, (names[1], names[-1]))
    head_inputs = Segment("head0", stage.inputs * 2, (), ("input",)).input_names
    added = Add("sum", head_inputs, (U5, U5), (shape, shape), U5, shape)
    head = Segment("head0", stage.inputs * 2, (added,), ("sum",))
    placed = netlist(stage, dict.fromkeys(names[1:], Implementation(9))), netlist(head)

    def interval(depths: Sequence[int]) -> float:
        nodes, features = placed[0].nodes()
        nodes += [Node(Queue(depth), (feature,)) for depth, feature in zip(depths, features, strict=True)]
        made, _ = placed[1].nodes(range(len(nodes) - 2, len(nodes)), len(nodes))
        return settle(Network([*nodes, *made]), 16, 16).interval

    depths = queues_before(*placed, (0, 1))
    assert interval(depths) == interval([ENDLESS] * 2) == segment_cycles(placed[0]).interval


def test_too_much_padding_is_refused() -> None:
    shape = (4, 4, 1)
    weights = np.ones((1, 1, 1, 1))
    kernel = Conv2D(
        "c", ("input",), (U5,), (shape,), U5, (6, 6, 1), weights, np.zeros(1), W4, WIDE, (1, 1), (1, 1, 1, 1)
    )
    with pytest.raises(FormatError, match="1 columns of padding left of windows 1 wide"):
        netlist(Segment.chain("s", U5, shape, (kernel,)))


def test_beats_that_do_not_fit_are_refused() -> None:
    shape = (2, 2, 4)
    flat = Reshape("flat", ("input",), (U5,), (shape,), U5, (3, 5))
    with pytest.raises(DesignError, match="does not hold as many elements"):
        netlist(Segment.chain("s", U5, shape, (flat,)))


@pytest.mark.parametrize(("folds", "beats", "depth"), [(1, 1, 1), (3, 1, 4), (2, 5, 6), (7, 3, 2)])
def test_a_pipeline_takes_its_folds_and_its_depth(folds: int, beats: int, depth: int) -> None:
    ends = run([Node(Pipeline(folds, beats, depth), (-1,))], 4, beats, 1)
    assert ends == [folds * beats * (n + 1) - 1 + depth for n in range(4)]


def test_windows_of_a_same_convolution_come_row_by_row() -> None:
    """A pass of a 4x4 image with 3x3 windows reads five columns: one more than it gives windows."""
    ends = run([Node(Windows(4, 4, (3, 3), (1, 1), 1, 1, 4, 4), (-1,))], 3, 16, 16)
    assert [b - a for a, b in pairwise(ends)] == [20, 20]


def test_a_queue_hides_no_beat_and_adds_one_cycle() -> None:
    assert run([Node(Queue(2), (-1,))], 3, 2, 2) == [2, 4, 6]


def test_a_pipeline_stalls_while_its_reader_folds_unless_a_register_is_between() -> None:
    bare = [Node(Pipeline(9, 1, 3), (-1,)), Node(Pipeline(8, 1, 1), (0,))]
    registered = [bare[0], Node(Queue(2), (0,)), Node(Pipeline(8, 1, 1), (1,))]
    assert {b - a for a, b in pairwise(run(bare, 5, 1, 1))} == {9 + 7}
    assert {b - a for a, b in pairwise(run(registered, 5, 1, 1))} == {9}


def test_a_layer_that_folds_its_beats_has_a_register_before_it() -> None:
    layers = (dense("first", "input", (8,), 8), dense("second", "first", (8,), 4))
    placed = netlist(Segment.chain("head0", U5, (8,), (layers[0], replace(layers[1], input_formats=(S8,)))), FOLDED)
    assert [block.name for block in placed.blocks] == ["first_operand", "first", "second_operand", "second"]
    assert segment_cycles(placed).interval == 8


def test_ready_passes_through_two_layers_at_most_in_a_cycle() -> None:
    names = [block.name for block in netlist(activations("a", "b", "c", "d", "e")).blocks]
    assert names == ["a", "b", "c_operand", "c", "d", "e_operand", "e"]


def test_an_output_that_several_readers_take_has_a_register_which_takes_a_cycle_of_an_image_once() -> None:
    alone, forked = (netlist(activations("a", "b"), is_forked=is_forked) for is_forked in (False, True))
    assert [block.name for block in forked.blocks] == ["a", "b", "out_registered"]
    assert forked.driven == ("out_registered",)
    one, other = segment_cycles(alone), segment_cycles(forked)
    assert (other.interval, other.latency) == (one.interval, one.latency + 1)
    wires = Reshape("wires", ("input",), (U5,), ((3, 4),), U5, (3, 4))
    assert netlist(Segment.chain("s", U5, (3, 4), (wires,)), is_forked=True).blocks == ()


def test_a_layer_that_reads_windows_has_a_register_before_it_which_takes_no_time_from_an_image() -> None:
    """What a window_buffer is ready for is a comparison, on which all that is before it would wait."""
    shape = (6, 6, 2)
    pool = MaxPool2D("pool", ("conv",), (U5,), (shape,), U5, (3, 3, 2), (2, 2), (2, 2))
    placed = netlist(Segment.chain("s", U5, shape, (convolution("conv", "input", shape, 2), pool)))
    assert [block.name for block in placed.blocks] == ["conv_operand", "conv", "pool_operand", "pool"]
    assert [block.width * block.output.lanes for block in placed.blocks] == [10] * 4
    bare = [
        replace(block, sources=(source,)) for block, source in zip(placed.blocks[1::2], ("in", "conv"), strict=True)
    ]
    without = segment_cycles(replace(placed, blocks=tuple(bare)))
    cycles = segment_cycles(placed)
    assert (cycles.interval, cycles.latency) == (without.interval, without.latency + 2)


def test_the_same_segment_is_written_byte_for_byte(
    tmp_path: Path, files_below: Callable[[Path], dict[str, bytes]]
) -> None:
    for name in ("a", "b"):
        write_segment(residual(), tmp_path / name, "same", FOLDED)
    assert files_below(tmp_path / "a") == files_below(tmp_path / "b")


def test_a_written_segment_says_what_it_holds(tmp_path: Path) -> None:
    project = write_segment(residual(), tmp_path, "one", FOLDED)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    listed = (tmp_path / "one_stage0.f").read_text().split()
    assert listed == manifest["sources"]
    assert all((tmp_path / name).exists() for name in manifest["sha256"])
    assert read_segment(tmp_path).project == project


def test_a_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DesignError, match="is not a StreamRTL project"):
        read_project(tmp_path)


def test_a_design_carries_rtl_and_its_predictions(compiled_design: Design) -> None:
    cycles = compiled_design.manifest["cycles"]
    assert len(cycles["exits"]) == len(cycles["stages"]) == compiled_design.accelerator.exits
    assert all(exit_["latency"] >= exit_["interval"] > 0 for exit_ in cycles["exits"])
    project = read_project(compiled_design.folder / "rtl")
    assert project.top == compiled_design.accelerator.name
    assert (compiled_design.folder / "vitis" / "stage0").is_dir()


def array_parameters(layer: Dense) -> tuple[dict[str, Any], Parameter]:
    """Fields of the mac_t, and the biases."""
    parameters = dict(unit_of(layer, Implementation(), (Stream(1, 4),)).instance.parameters)
    mac = parameters["Mac"]
    assert isinstance(mac, PackedStruct)
    return dict(mac.fields), parameters["Bias"]


def test_sums_have_no_more_bits_than_they_need() -> None:
    """Nothing is finer than the products here, so the accumulator that hls4ml inferred loses its spare bits."""
    mac, _ = array_parameters(dense("fc", "input", (4,), 2))
    assert mac["product_shift"] == 0
    assert mac["acc_fraction"] == U5.fraction + W4.fraction


@pytest.mark.parametrize(("bias", "shift"), [((8, -24), 0), ((8, -20), 1), ((8, -22), 2), ((8, 3), 3)])
def test_sums_are_as_fine_as_the_finest_bias(bias: tuple[int, int], shift: int) -> None:
    """Codes at the accumulator's fraction, three bits below that of the products."""
    layer = dense("fc", "input", (4,), 2)
    accumulator = FixedPoint(24, 24 - U5.fraction - W4.fraction - 3)
    layer = replace(layer, accumulator=accumulator, bias=np.array(bias, float))
    mac, biases = array_parameters(layer)
    assert mac["product_shift"] == shift
    assert mac["acc_fraction"] == U5.fraction + W4.fraction + shift
    assert biases == Bits.pack([code >> 3 - shift for code in bias], mac["acc_width"])


def test_pooling_reads_windows() -> None:
    shape = (6, 6, 2)
    pool = MaxPool2D("p", ("input",), (U5,), (shape,), U5, (3, 3, 2), (2, 2), (2, 2))
    cycles = segment_cycles(netlist(Segment.chain("s", U5, shape, (pool,))))
    assert cycles.interval == 36  # as many as there are pixels
