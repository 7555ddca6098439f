"""hls4ml with backend="StreamRTL": hls4ml's own C++ gives the same numbers; what has no exact kernel is refused."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hls4ml.backends import get_backend
from hls4ml.converters import convert_from_pytorch_model
from hls4ml.model.graph import ModelGraph
from hls4ml.utils import config_from_pytorch_model
from hls4ml.utils.config import create_config
from torch import Tensor, nn

from hwcodesign.errors import FormatError, ImagesError, SettingsError, SimulationError, ToolError, UnsupportedLayerError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.frontend.lowering import cast_values, implementations, lower_graph
from hwcodesign.hardware.cycles import segment_cycles
from hwcodesign.hardware.implementation import Implementation
from hwcodesign.hardware.netlist import netlist
from hwcodesign.kernels import Affine, Conv2D, Dense, GlobalPool, Segment, Transpose
from hwcodesign.simulation.segment import read_segment
from hwcodesign.tools.verilator import find_verilator
from tests.drawn_graphs import quiet
from tests.generated_graphs import generate_graph, graph_comparisons, vitis_predict
from tests.marks import CAMPAIGN

Layer = dict[str, Any]

needs_gxx = pytest.mark.skipif(
    shutil.which("g++") is None, reason="g++ is not installed: nothing generated is compiled"
)

#: A sequence with a join; depthwise with joins; poolings after padding; strides and a norm.
SEEDS = (14, 27, 28, 41)
WIDE = FixedPoint(20, 14)


def _verilator_is_missing() -> str:
    try:
        find_verilator()
    except ToolError as error:
        return str(error)
    return ""


needs_verilator = pytest.mark.skipif(bool(_verilator_is_missing()), reason=_verilator_is_missing() or "-")


@needs_gxx
@needs_verilator
@pytest.mark.parametrize("seed", [pytest.param(s, marks=() if s == SEEDS[0] else CAMPAIGN) for s in SEEDS])
def test_a_generated_graph_gives_what_hls4mls_cpp_gives(seed: int) -> None:
    print(f"seed {seed}: {generate_graph(seed).text}")
    comparisons = list(graph_comparisons(seed, "rtl"))
    assert [agreement.backends[1] for agreement in comparisons] == ["StreamRTL software", "StreamRTL rtl"]
    assert [agreement.mismatches for agreement in comparisons] == [0, 0]


# --- graphs written down layer by layer, for what no front end gives ---


def graph_of(layers: Sequence[Layer], types: dict[str, dict[str, str]], backend: str, folder: Path) -> ModelGraph:
    """A ModelGraph of hls4ml's own layer dictionaries; the first is the input, the last the output."""
    config = create_config(output_dir=str(folder), project_name="layers", backend=backend, io_type="io_stream")
    config["HLSConfig"] = {
        "Model": {"Precision": {"default": "fixed<16,6>"}, "ReuseFactor": 1},
        "LayerName": {name: {"Precision": precision} for name, precision in types.items()},
    }
    with quiet():
        return ModelGraph.from_layer_list(
            config, copy.deepcopy(list(layers)), [layers[0]["name"]], [layers[-1]["name"]]
        )


def pooled(shape: list[int]) -> list[Layer]:
    """Average and maximum over a whole image or sequence, side by side."""
    sizes = dict(zip(("in_height", "in_width") if len(shape) == 3 else ("n_in",), shape, strict=False))
    common = {"n_filt": shape[-1], "data_format": "channels_last", **sizes}
    rank = f"{len(shape) - 1}D"
    return [
        {"class_name": "InputLayer", "name": "x", "input_shape": shape},
        {"class_name": f"GlobalAveragePooling{rank}", "name": "mean", "inputs": ["x"], **common},
        {"class_name": f"GlobalMaxPooling{rank}", "name": "most", "inputs": ["x"], **common},
        {"class_name": "Concatenate", "name": "both", "inputs": ["mean", "most"], "op": "concatenate1d", "axis": -1},
    ]


POOL_TYPES = {
    "x": {"result": "fixed<8,4>"},
    "mean": {"accum": "fixed<16,9>", "result": "fixed<9,4,RND_CONV,SAT>"},
    "most": {"accum": "fixed<8,4>", "result": "fixed<6,3,RND_ZERO,SAT_SYM>"},
    "both": {"result": "fixed<12,5>"},
}


@needs_gxx
@pytest.mark.parametrize("shape", [[4, 5, 3], [7, 3]], ids=["image", "sequence"])
def test_global_pooling_divides_and_compares_as_hls4mls_cpp_does(shape: list[int], tmp_path: Path) -> None:
    x = np.random.default_rng(len(shape)).normal(size=(40, *shape)) * 6
    model = graph_of(pooled(shape), POOL_TYPES, "StreamRTL", tmp_path / "rtl")
    kernels = lower_graph(model).kernels
    assert [kernel.maximum for kernel in kernels if isinstance(kernel, GlobalPool)] == [False, True]
    reference = vitis_predict(graph_of(pooled(shape), POOL_TYPES, "Vitis", tmp_path / "vitis"), x)
    assert np.array_equal(model.predict(x, on="software"), reference)


def depthwise(shape: list[int], stride: int = 1, filters: int = 1) -> list[Layer]:
    """A depthwise convolution of a sequence, or of an image with a kernel of one row."""
    rng = np.random.default_rng(5)
    *_, length, channels = shape
    image = {
        "in_height": shape[0], "filt_height": 1, "stride_height": stride, "pad_top": 0, "pad_bottom": 0,
        "out_height": (shape[0] - 1) // stride + 1,
    }  # fmt: skip
    layer = {
        "class_name": f"DepthwiseConv{len(shape) - 1}D", "name": "dw", "inputs": ["x"], "data_format": "channels_last",
        "n_chan": channels, "n_filt": channels * filters, "depth_multiplier": filters, "filt_width": 3,
        "stride_width": 1, "pad_left": 1, "pad_right": 0, "in_width": length, "out_width": length - 1,
        "depthwise_data": rng.normal(size=(*(1,) * (len(shape) - 2), 3, channels, filters)),
        "bias_data": rng.normal(size=channels * filters),
        **(image if len(shape) == 3 else {}),
    }  # fmt: skip
    return [{"class_name": "InputLayer", "name": "x", "input_shape": shape}, layer]


DEPTHWISE_TYPES = {"x": {"result": "fixed<8,4>"}, "dw": {"weight": "fixed<6,3,RND,SAT>", "bias": "fixed<6,3>"}}


@needs_gxx
def test_a_depthwise_convolution_of_a_sequence_gives_what_hls4mls_cpp_gives(tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(size=(20, 7, 3)) * 3
    types = {**DEPTHWISE_TYPES, "dw": {**DEPTHWISE_TYPES["dw"], "accum": "fixed<24,12>", "result": "fixed<20,10>"}}
    reference = vitis_predict(graph_of(depthwise([7, 3]), types, "Vitis", tmp_path / "vitis"), x)
    model = graph_of(depthwise([7, 3]), types, "StreamRTL", tmp_path / "rtl")
    assert np.array_equal(model.predict(x, on="software"), reference)


@pytest.mark.parametrize(
    ("stride", "filters", "message"),
    [
        (2, 1, "skips rows with a kernel of one row, .*; give its kernel as many rows as it skips"),
        (1, 2, "has several filters a channel, .*; give it one filter a channel"),
    ],
    ids=["rows skipped", "filters a channel"],
)
def test_what_hls4mls_streams_get_wrong_is_refused_for_vitis_only(
    stride: int, filters: int, message: str, tmp_path: Path
) -> None:
    types = {**DEPTHWISE_TYPES, "dw": {**DEPTHWISE_TYPES["dw"], "accum": "fixed<24,12>", "result": "fixed<24,12>"}}
    layers = depthwise([5, 6, 2], stride, filters)
    with pytest.raises(UnsupportedLayerError, match=f"layer dw of class DepthwiseConv2D {message}"):
        lower_graph(graph_of(layers, types, "Vitis", tmp_path))
    x = np.round(np.random.default_rng(2).normal(size=(4, 5, 6, 2)) * 8) / 16
    segment = lower_graph(graph_of(layers, types, "StreamRTL", tmp_path))
    conv = segment.kernels[0]
    assert isinstance(conv, Conv2D)
    weights, bias = conv.weights / 8, conv.bias * conv.accumulator.scale
    got = segment.results[0].format.decode(segment.run(segment.inputs[0].format.encode(x))[0])
    padded = np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 0)))[:, ::stride]
    for o in range(2 * filters):
        wanted = sum(padded[:, :, j : j + 5, o // filters] * weights[0, j, 0, o] for j in range(3)) + bias[o]
        assert np.array_equal(got[..., o], wanted)


# --- settings survive ---


class Joined(nn.Module):
    """Two flattenings of one image, which linear layers read."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, padding=1)
        self.relu = nn.ReLU()
        self.flat = nn.Flatten()
        self.linear = nn.Linear(3 * 4 * 5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.flat(self.relu(self.conv(x))))


def convert(
    module: nn.Module,
    shape: tuple[int, ...],
    folder: Path,
    change: Callable[[dict[str, Any]], None] = lambda _: None,
    backend: str = "StreamRTL",
    **settings: Any,
) -> ModelGraph:
    with quiet():
        config = config_from_pytorch_model(
            module.eval(), shape, granularity="name", backend=backend, default_precision="fixed<16,6>",
            channels_last_conversion="internal",
        )  # fmt: skip
        change(config)
        return convert_from_pytorch_model(
            module, hls_config=config, backend=backend, output_dir=str(folder), project_name="My-net",
            **{"io_type": "io_stream", **settings},
        )  # fmt: skip


def kernels_of(model: ModelGraph) -> Segment:
    segment = get_backend("StreamRTL").segment(model)
    assert isinstance(segment, Segment)
    return segment


@pytest.mark.parametrize("strategy", ["Latency", "Resource", "Distributed_Arithmetic", "da"])
@pytest.mark.parametrize("reuse", [1, 7])
def test_any_reuse_factor_and_strategy_reaches_the_implementations(strategy: str, reuse: int, tmp_path: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        config["Model"]["Strategy"] = strategy
        config["LayerName"]["conv"]["ReuseFactor"] = reuse

    model = convert(Joined(), (2, 4, 5), tmp_path, change)
    segment = kernels_of(model)
    weighted = [kernel.name for kernel in segment.kernels if isinstance(kernel, Conv2D | Dense)]
    found = [implementations(model, segment)[name] for name in weighted]
    wanted = {"Latency": "latency", "Resource": "resource"}.get(strategy, "distributed_arithmetic")
    assert found == [Implementation(reuse, wanted), Implementation(1, wanted)]


def test_a_transpose_before_flattening_becomes_the_order_of_weights(tmp_path: Path) -> None:
    model = convert(Joined(), (2, 4, 5), tmp_path)
    assert any(layer.class_name == "Transpose" for layer in model.get_layers())
    assert not any(isinstance(kernel, Transpose) for kernel in kernels_of(model).kernels)


def test_weights_are_cast_as_hls4mls_cpp_casts_them(tmp_path: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        config["LayerName"]["linear"]["Precision"].update(weight="fixed<4,2,RND,SAT>", bias="fixed<4,2,TRN,WRAP>")

    module = nn.Sequential()
    module.add_module("linear", nn.Linear(3, 1))
    module.linear.weight.data[:] = torch.tensor([0.126, -0.99, 5.0])
    module.linear.bias.data[:] = 2.3
    dense = kernels_of(convert(module, (3,), tmp_path, change)).kernels[0]
    assert isinstance(dense, Dense)
    # in quarters; 0.126 is written as 0.13, and 2.3 wraps
    assert dense.weights[:, 0].tolist() == [1, -4, 7]
    assert dense.bias[0] * dense.accumulator.scale == (9 - 16) / 4


@pytest.mark.parametrize("seed", range(8))
def test_reals_are_cast_exactly_in_every_mode(
    seed: int, exact_cast: Callable[[Fraction, FixedPoint], int], random_format: Callable[..., FixedPoint]
) -> None:
    rng = np.random.default_rng(seed)
    fmt = random_format(rng, (2, 9), (-2, 9))
    values = np.concatenate(
        [
            rng.normal(size=40) * 2.0 ** (fmt.integer + 1),
            (rng.integers(-40, 40, 40) / 2) * fmt.scale,  # on the grid, and halfway
            np.nextafter((rng.integers(-40, 40, 40) / 2) * fmt.scale, rng.choice([-1, 1], 40)),
            rng.normal(size=10) * 1e-300,
        ]
    )
    wanted = [exact_cast(Fraction(float(value)), fmt) for value in values]
    assert cast_values(fmt, values).tolist() == wanted


# --- write, compile, predict ---


@needs_verilator
def test_predict_gives_hls4mls_shapes_and_casts_its_input(tmp_path: Path) -> None:
    model = convert(Joined(), (2, 4, 5), tmp_path / "project")
    x = np.random.default_rng(0).normal(size=(3, 4, 5, 2))
    with pytest.raises(SimulationError, match=r"My-net is not compiled: call compile\(\) first"):
        model.predict(x)
    model.compile()
    assert (tmp_path / "project" / "my_net_top.sv").exists()
    wanted = model.predict(x, on="software")
    assert wanted.shape == (3, 4)
    assert np.array_equal(model.predict(x), wanted)
    assert np.array_equal(model.predict(x.reshape(3, 40)), wanted)
    for single in (x[0], x[:1]):
        assert np.array_equal(model.predict(single), wanted[0])
    assert model.predict(x.astype(np.float32)).dtype == np.float32
    assert np.array_equal(model.predict(x, on="software"), model.predict(np.asfortranarray(x)))
    segment = model.config.backend.segment(model)
    simulated = read_segment(tmp_path / "project").run(np.zeros((4, *segment.inputs[0].shape), np.int64))
    ends = segment_cycles(netlist(segment, implementations(model, segment)), samples=4).ends
    assert tuple(simulated.ends[0]) == ends


def test_what_is_no_sample_is_refused(tmp_path: Path) -> None:
    model = convert(Joined(), (2, 4, 5), tmp_path)
    for bad in (np.zeros((3, 39)), np.zeros((2, 4, 5), complex), [0.0] * 40, np.zeros((0, 40))):
        with pytest.raises(ImagesError, match="My-net takes NumPy arrays of 40 numbers a sample"):
            model.predict(bad, on="software")
    with pytest.raises(ImagesError, match="NaN or infinity cannot be cast"):
        model.predict(np.full((1, 40), np.nan), on="software")
    with pytest.raises(SettingsError, match=r"on='board' is not known\. Known: rtl, software"):
        model.predict(np.zeros((1, 40)), on="board")


# --- refusals ---


def test_only_streams_have_hardware(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="io_type 'io_parallel' has no StreamRTL hardware"):
        convert(Joined(), (2, 4, 5), tmp_path, io_type="io_parallel")


def test_an_unknown_strategy_is_refused(tmp_path: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        config["Model"]["Strategy"] = "compressed"

    with pytest.raises(SettingsError, match=r"conv: strategy 'compressed' is not known\. Known: latency, resource"):
        convert(Joined(), (2, 4, 5), tmp_path, change)


class Square(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.mul(torch.relu(x), x)


class TwoOutputs(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = torch.relu(x)
        return y, torch.relu(y)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            nn.Sequential(nn.ConstantPad2d(1, 0.0), nn.MaxPool2d(3, 2, 1)),
            r"of class Pooling2D is padded, and zeros are in front of it, too; pad once",
        ),
        (nn.Conv2d(2, 2, 2, dilation=2), r"of class Conv2D is dilated.*use a larger kernel"),
        (Square(), r"of class Merge is a multiply, which has no exact kernel; use torch.add"),
    ],
    ids=["padded twice", "dilation", "product"],
)
def test_a_layer_without_an_exact_kernel_is_refused_by_name_and_class(
    module: nn.Module, message: str, tmp_path: Path
) -> None:
    wrapped = module if isinstance(module, nn.Sequential | Square) else nn.Sequential(module)
    model = convert(wrapped, (2, 6, 6), tmp_path)
    with pytest.raises(UnsupportedLayerError, match=rf"^My-net: .*{message}"):
        model.write()


def test_a_graph_of_two_outputs_is_a_segment_of_two(tmp_path: Path) -> None:
    layers = pooled([4, 5, 3])[:3]
    config = create_config(output_dir=str(tmp_path), project_name="layers", backend="StreamRTL", io_type="io_stream")
    config["HLSConfig"] = {
        "Model": {"Precision": {"default": "fixed<24,16>"}, "ReuseFactor": 1},
        "LayerName": {"x": {"Precision": {"result": "fixed<8,4>"}}},
    }
    with quiet():
        model = ModelGraph.from_layer_list(config, layers, ["x"], ["mean", "most"])
    assert lower_graph(model).outputs == ("mean", "most")


def test_an_average_whose_accumulator_could_overflow_is_refused_with_the_type_that_would_do(tmp_path: Path) -> None:
    types = {**POOL_TYPES, "mean": {"accum": "fixed<10,6>", "result": "fixed<8,4>"}}
    with pytest.raises(FormatError, match=r"layers: mean: the accumulator fixed<10,6,.*; fixed<13,9,.*> would do"):
        lower_graph(graph_of(pooled([4, 5, 3]), types, "StreamRTL", tmp_path))
    types = {**POOL_TYPES, "most": {"accum": "fixed<7,4>", "result": "fixed<8,4>"}}
    with pytest.raises(UnsupportedLayerError, match=r"most .* compares in fixed<7,4,.* does not hold every fixed<8,4"):
        lower_graph(graph_of(pooled([4, 5, 3]), types, "StreamRTL", tmp_path))


def test_sums_in_a_type_without_its_most_negative_code_are_refused(tmp_path: Path) -> None:
    types = {**POOL_TYPES, "mean": {"accum": "fixed<16,9,TRN,SAT_SYM>", "result": "fixed<8,4>"}}
    with pytest.raises(
        UnsupportedLayerError, match=r"mean .* lacks its most negative code; give it an accum type that"
    ):
        lower_graph(graph_of(pooled([4, 5, 3]), types, "StreamRTL", tmp_path))


def test_a_global_pooling_that_hls4ml_feeds_channels_first_is_refused(tmp_path: Path) -> None:
    first, *others = pooled([3, 3, 3])
    turn = {"class_name": "Transpose", "name": "turn", "inputs": ["x"], "perm": [2, 0, 1]}
    others[0]["inputs"], others[1]["inputs"] = ["turn"], ["turn"]
    with pytest.raises(UnsupportedLayerError, match=r"mean of class GlobalPooling2D pools .* itself would be wrong"):
        lower_graph(graph_of([first, turn, *others], POOL_TYPES, "StreamRTL", tmp_path))


def test_a_norm_of_an_image_has_one_scale_a_channel(tmp_path: Path) -> None:
    module = nn.Sequential(nn.BatchNorm2d(2), nn.ReLU())
    affine = kernels_of(convert(module, (2, 4, 5), tmp_path)).kernels[0]
    assert isinstance(affine, Affine)
    assert affine.scale.shape == affine.bias.shape == (2,)


def test_a_norm_multiplies_in_luts_whatever_the_strategy_and_says_so(tmp_path: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        config["LayerName"]["_0"] |= {"Strategy": "Resource", "ReuseFactor": 2}

    model = convert(nn.Sequential(nn.BatchNorm2d(2), nn.ReLU()), (2, 4, 5), tmp_path, change)
    segment = kernels_of(model)
    with pytest.warns(UserWarning, match=r"built by strategy 'latency', .* no other: _0 \(strategy 'resource'\)"):
        assert implementations(model, segment) == {"_0": Implementation(2, "latency")}


def test_a_join_along_rows_is_one_along_channels_between_transposes(tmp_path: Path) -> None:
    layers: list[Layer] = [
        {"class_name": "InputLayer", "name": "x", "input_shape": [2, 3, 4]},
        {"class_name": "Activation", "name": "a", "inputs": ["x"], "activation": "relu"},
        {"class_name": "Concatenate", "name": "both", "inputs": ["a", "x"], "op": "concatenate3d", "axis": 1},
    ]
    segment = lower_graph(graph_of(layers, {}, "StreamRTL", tmp_path))
    x = np.random.default_rng(0).integers(-9, 9, (3, 2, 3, 4)).astype(np.float64)
    assert np.array_equal(segment.run(x)[0], np.concatenate([np.maximum(x, 0), x], axis=1))


def test_values_between_layers_are_the_same_with_and_without_transposes() -> None:
    from hwcodesign.frontend.lowering.simplification import without_transposes
    from hwcodesign.kernels import INPUT, Activation, Add, Kernel, Reshape

    rng = np.random.default_rng(0)
    for _ in range(60):
        fmt = FixedPoint(6, 3)
        shape: tuple[int, ...] = (2, 3, 4)
        kernels: list[Kernel] = []
        last = INPUT
        for number in range(int(rng.integers(1, 7))):
            name, source = f"k{number}", (last,)
            kind = rng.integers(4)
            if kind < 2:
                axes = tuple(int(axis) for axis in rng.permutation(3))
                after = (shape[axes[0]], shape[axes[1]], shape[axes[2]])
                kernels.append(Transpose(name, source, (fmt,), (shape,), fmt, after, (axes[0], axes[1], axes[2])))
                shape = after
            elif kind == 2:
                kernels.append(Activation(name, source, (fmt,), (shape,), fmt, shape, rectify=False))
            else:
                kernels.append(Add(name, (last, last), (fmt, fmt), (shape, shape), fmt, shape))
            last = name
        if rng.integers(2):
            kernels.append(Reshape("flat", (last,), (fmt,), (shape,), fmt, (24,)))
            weights = rng.integers(-3, 4, (24, 2)).astype(np.float64)
            kernels.append(
                Dense("linear", ("flat",), (fmt,), ((24,),), fmt, (2,), weights, np.zeros(2), fmt, FixedPoint(20, 14))
            )
            last = "linear"
        fewer, (output,) = without_transposes(kernels, [last])
        x = rng.integers(-32, 32, (5, 2, 3, 4)).astype(np.float64)
        whole = Segment.chain("s", fmt, (2, 3, 4), tuple(kernels))
        assert (fewer[-1].name if fewer else INPUT) == output
        assert np.array_equal(Segment.chain("s", fmt, (2, 3, 4), fewer).run(x)[0], whole.run(x)[0])
        turned = [kernel for kernel in fewer if isinstance(kernel, Transpose)]
        assert len(turned) <= (0 if last == "linear" else 1)
