"""Graphs of many layers: passes that look at each layer once, and refusals of what is too wide before they run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hls4ml.writer.vitis_writer import VitisWriter
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.util.cleanup import cleanup_model
from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.backends.vitis import project_files
from hwcodesign.compilation import check_compiles, lowered
from hwcodesign.errors import SettingsError
from hwcodesign.frontend import conversion
from hwcodesign.frontend.conversion import convert
from hwcodesign.frontend.pool_types import first_types, pool_types
from hwcodesign.frontend.settings import CompileSettings
from hwcodesign.kernels.serialisation import kernel_to_json
from hwcodesign.networks.brevitas_export import export_qonnx
from hwcodesign.networks.export import ExportedSegment, export_network
from hwcodesign.networks.graphs.cleaning import cleaned
from hwcodesign.networks.layers import value_of
from hwcodesign.verification.comparison import brevitas_outputs, compare_outputs, require_equal

P = layers.Precision()
INPUT = hw.FixedPoint(5, 1, signed=False)
SHAPE = (2, 6, 4)


def convolution(inputs: int, outputs: int, kernel: int = 3) -> nn.Module:
    return nn.Sequential(
        layers.conv2d(inputs, outputs, kernel, padding=kernel // 2, precision=P), layers.relu(precision=P)
    )


class DenseBlock(nn.Module):
    """Each layer reads its input and all layers before it, which are joined anew for each; then a 1x1 convolution."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.grown = nn.ModuleList(convolution(2 + i, 1) for i in range(count))
        self.narrowed = convolution(2 + count, 3, 1)

    def forward(self, x: Any) -> Any:
        found = [value_of(x)]
        for layer in self.grown:
            found.append(value_of(layer(torch.cat(found, 1))))
        return self.narrowed(torch.cat(found, 1))


class JoinedRows(nn.Module):
    """Joins the rows of one image and of what a convolution makes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.other, self.last = convolution(2, 2), convolution(2, 3)

    def forward(self, x: Any) -> Any:
        return self.last(torch.cat([value_of(self.other(x)), value_of(x)], 2)[:, :, :])


class TwoLinear(nn.Module):
    """Two linear layers read one flattened image."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.one, self.other = (layers.linear(features, classes, precision=P) for _ in range(2))
        self.quantised, self.sum = layers.identity(precision=P), layers.logits(precision=P)

    def forward(self, x: Any) -> Any:
        flat = torch.flatten(value_of(x), 1)
        return self.sum(value_of(self.quantised(self.one(flat))) + self.other(flat))


def averaged_head(inputs: int) -> nn.Module:
    """A head that ends in a flattening, as SqueezeNet's does; without its ReLU, which can be 0 for all images."""
    narrowed = [layers.conv2d(inputs, 3, 1, precision=P), layers.identity(precision=P)]
    return nn.Sequential(*narrowed, nn.AdaptiveAvgPool2d(1), layers.logits(precision=P), nn.Flatten(), Opened())


class Opened(nn.Module):
    """Gives what it is given."""

    def forward(self, x: Any) -> Any:
        return x


def network_of(first: nn.Module, heads: list[nn.Module] | None = None, rows: int = 6) -> hw.MultiExitNetwork:
    """Two stages; `first` takes (2, 6, 4) to (3, rows, 4)."""
    torch.manual_seed(3)
    heads = heads or [layers.linear_head(3 * rows * 4, 3, precision=P) for _ in range(2)]
    made = hw.MultiExitNetwork([first, convolution(3, 3)], heads, INPUT, SHAPE)
    made.train()
    with torch.no_grad():
        for _ in range(3):
            made(torch.rand(32, *SHAPE) * torch.rand(32, 1, 1, 1))
    return made.eval()


def images(count: int = 40) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Some bright, some dark: a head that averages tells them apart on whatever processor the network was made."""
    rng = np.random.default_rng(5)
    codes = rng.integers(INPUT.min_code, INPUT.max_code, (count, *SHAPE), endpoint=True)
    return (codes * rng.random((count, 1, 1, 1))).astype(np.int64)


def compiled(network: hw.MultiExitNetwork, folder: Path, **settings: Any) -> hw.Design:
    policy = hw.fit_policy(network, None, criterion="margin", thresholds=[1.0])
    return hw.compile(network, policy, out=folder / "design", **settings)


@pytest.mark.parametrize(
    ("first", "head", "rows"),
    [(lambda: DenseBlock(4), averaged_head, 6), (JoinedRows, lambda _: TwoLinear(144, 3), 12)],
    ids=["a dense block, heads that end in a flattening", "rows joined, heads that read an image twice"],
)
def test_what_is_read_with_channels_last_is_what_it_was(
    first: Callable[[], nn.Module], head: Callable[[int], nn.Module], rows: int, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    network = network_of(first(), [head(3), head(3)], rows)
    design = compiled(network, tmp_path, backend="vitis")
    reference = brevitas_outputs(network, images())
    assert all(len(np.unique(codes)) > 3 for codes in reference.values())
    for place in ("software", "csim"):
        require_equal(compare_outputs(place, design.segment_outputs(images(), on=place), reference, "brevitas"))


def test_a_dense_block_of_n_layers_joins_n_times_and_turns_nothing(tmp_path: Path) -> None:
    network = network_of(DenseBlock(5))
    (stage, *_) = export_network(network, tmp_path)
    kinds = Counter(node.op_type for node in stage.graph.graph.node)
    assert (kinds["Concat"], kinds["Transpose"]) == (5, 0)
    readers = Counter(name for node in stage.graph.graph.node for name in node.input)
    assert max(readers.values()) == 2


class Computed(nn.Module):
    """A stage whose graph has constants that are computed, shapes among them, and a parameter that two layers share."""

    def __init__(self) -> None:
        super().__init__()
        self.quantised, self.steps = layers.identity(precision=P), nn.Parameter(torch.tensor([0.5, 0.25, 2.0, 1.0]))

    def forward(self, x: Tensor) -> Tensor:
        scaled = x * (self.steps * 2 + 1) - self.steps
        rows = scaled.view(x.shape[0], 2, x.shape[2] * x.shape[3])
        return value_of(self.quantised(rows.reshape(x.shape[0], 2, 6, 4).clamp(-1, 1)))


def test_cleaning_gives_what_qonnx_gives(tmp_path: Path) -> None:
    torch.manual_seed(2)
    module = Computed().train()
    module(torch.rand(8, *SHAPE))
    path = str(tmp_path / "raw.onnx")
    export_qonnx(module.eval(), args=(torch.zeros(1, *SHAPE),), export_path=path, dynamo=False)
    ours, theirs = cleaned(ModelWrapper(path)), cleanup_model(ModelWrapper(path))
    kinds = [Counter(node.op_type for node in graph.graph.node) for graph in (ours, theirs)]
    assert kinds[0] == kinds[1]
    assert set(ours.get_all_tensor_names()) == set(theirs.get_all_tensor_names())
    given = {"global_in": np.random.default_rng(1).random((1, *SHAPE)).astype(np.float32)}
    found = [execute_onnx(graph, given)["global_out"] for graph in (ours, theirs)]
    assert len(np.unique(found[0])) > 3
    assert np.array_equal(*found)


def test_layers_of_a_traced_network_have_names_of_their_own_in_settings(tmp_path: Path) -> None:
    class Block(nn.Module):
        def __init__(self, inputs: int) -> None:
            super().__init__()
            self.conv, self.act = nn.Conv2d(inputs, 3, 3, padding=1), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return self.act(self.conv(x))

    torch.manual_seed(4)
    module = nn.Sequential(Block(2), Block(3), Block(3), nn.Flatten(), nn.Linear(72, 3))
    exits = hw.attach_exits(module, at=["1"], input_shape=SHAPE, input_format=INPUT)
    network = hw.quantise(exits, calibration=images(16))
    segments = export_network(network, tmp_path / "qonnx")
    names = [name for segment in segments for node, name in segment.modules.items() if "conv" in node]
    assert names == ["stages.0.0.conv", "stages.0.1.conv", "stages.1.2.conv"]
    assert set(names) <= {name for name, _ in network.named_modules()}
    design = compiled(network, tmp_path, layers={"stages.0.1.conv": hw.LayerSettings(reuse=3)})
    reuse = {name: built.reuse_factor for name, built in design.accelerator.implementations["stage0"].items()}
    assert sorted(reuse.items()) == [("Conv2D_conv0_conv", 1), ("Conv2D_conv1_conv", 3)]


def exported(tmp_path: Path) -> list[ExportedSegment]:
    first = nn.Sequential(DenseBlock(2), nn.AvgPool2d(2), layers.identity(precision=P), convolution(3, 3))
    heads = [layers.linear_head(18, 3, precision=P), averaged_head(3)]
    return export_network(network_of(first, heads), tmp_path / "qonnx")


def test_quantisers_that_hold_their_constants_become_the_same_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = exported(tmp_path)

    def kernels() -> list[Any]:
        found: list[Any] = []
        for segment in segments:
            arrays: dict[str, Any] = {}
            graph = convert(segment, CompileSettings(), "Vitis", tmp_path / "project")
            found += [kernel_to_json(kernel, "", arrays) for kernel in lowered(segment, graph).kernels]
            found += [(name, array.tolist()) for name, array in sorted(arrays.items())]
        return found

    held = kernels()
    monkeypatch.setattr(conversion, "with_held_constants", lambda model: model)
    assert held == kernels()


def test_an_average_behind_a_quantiser_needs_one_conversion(tmp_path: Path) -> None:
    pooled = 0
    for segment in exported(tmp_path):
        types = first_types(segment)
        graph = convert(segment, CompileSettings(), "Vitis", tmp_path / "project")
        assert types == pool_types(segment, graph)
        pooled += len(types)
    assert pooled == 2


def test_weights_are_those_that_hls4ml_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (stage, *_) = exported(tmp_path)
    written = []
    for writer in (project_files.SegmentWriter, VitisWriter):
        monkeypatch.setattr(project_files, "SegmentWriter", writer)
        folder = tmp_path / writer.__name__
        project_files.write_segment(convert(stage, CompileSettings(), "Vitis", folder), stage.name, folder)
        texts = {path.relative_to(folder): path.read_text() for path in folder.rglob("*") if path.is_file()}
        weights = {path: text for path, text in texts.items() if "weights" in path.parts}
        numbers = {path: re.findall(r"= \{(.*)\};", text) for path, text in weights.items()}
        named = {path: set(re.findall(r"(\w+_t \w+\[\d+\])", text)) for path, text in weights.items()}
        plain = {path: [float(number) for number in text[0].split(", ")] for path, text in numbers.items()}
        written.append(({path: text for path, text in texts.items() if path not in weights}, named, plain))
    assert any(written[0][2].values())
    assert written[0] == written[1]


def test_a_project_names_its_model_and_does_not_hold_it(tmp_path: Path) -> None:
    design = compiled(network_of(convolution(2, 3)), tmp_path, backend="vitis")
    config = (design.folder / "vitis" / "stage0" / "hls4ml_config.yml").read_text()
    (named,) = re.findall(r"^OnnxModel: (.*)$", config, re.MULTILINE)
    assert (design.folder / "vitis" / "stage0" / named).resolve() == (design.folder / "qonnx" / "stage0.onnx").resolve()


def test_layers_too_wide_for_rtl_are_refused_together_before_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = nn.Sequential(convolution(2, 64), convolution(64, 96), convolution(96, 64), convolution(64, 3))
    network = network_of(first)
    message = (
        r"^2 layers make more than the 4,096 products in a cycle that StreamRTL simulates, most of all "
        r"'stages.0.1.0', which makes 55,296 at ReuseFactor 1: reuse=16 is enough for each of them; or compile with "
        r"backend='vitis', which writes no RTL"
    )
    with monkeypatch.context() as unused:
        unused.setattr("hwcodesign.compilation.export_network", None)
        with pytest.raises(SettingsError, match=message):
            compiled(network, tmp_path)
    assert not (tmp_path / "design").exists()
    check_compiles(network, CompileSettings(reuse=16))
    with pytest.raises(SettingsError, match=r"^2 layers make more than"):
        check_compiles(network, CompileSettings(reuse=12))
    design = compiled(network, tmp_path, backend="vitis")
    reference = brevitas_outputs(network, images())
    require_equal(compare_outputs("software", design.segment_outputs(images()), reference, "brevitas"))
