"""backend="StreamRTL" gives no wrong reading of a model: hls4ml's front ends are held to the model, in `==`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hls4ml.backends import get_backend
from hls4ml.converters import convert_from_onnx_model
from hls4ml.model.graph import ModelGraph
from hls4ml.utils import config_from_onnx_model
from torch import Tensor, nn
from torch.nn import functional

from hwcodesign.errors import MismatchError, UnsupportedLayerError
from hwcodesign.frontend.readings import check_front_end
from tests.drawn_graphs import quiet
from tests.generated_graphs import generate_graph
from tests.qonnx_graphs import _Drawing
from tests.test_streamrtl_plugin import convert, graph_of, pooled

TORCH = sys.modules["hls4ml.converters.pytorch_to_hls"]
ONNX = sys.modules["hls4ml.converters.onnx_to_hls"]


class Net(nn.Module):
    """A function of an input and of layers."""

    def __init__(self, function: Callable[[Any, Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def conv(inputs: int = 2, outputs: int = 2) -> nn.Module:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def converted(module: nn.Module, shape: tuple[int, ...], folder: Path, layout: str = "internal") -> ModelGraph:
    def change(config: dict[str, Any]) -> None:
        config["Model"]["ChannelsLastConversion"] = layout
        for layer in config["LayerName"].values():
            layer["Precision"]["result"] = "fixed<16,6>"

    return convert(module, shape, folder, change)


def read(model: ModelGraph) -> None:
    """What write, compile and predict begin with."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert get_backend("StreamRTL").segment(model).kernels


# --- PyTorch: what it ignores ---

IGNORED: dict[str, tuple[nn.Module, tuple[int, ...], str, str]] = {
    "a slice": (
        Net(lambda net, x: net.conv(x[:, :, 2:]), conv=conv()), (2, 6, 6), "internal",
        r"differ from layer 'conv' on\. hls4ml ignores the slice 'getitem'",
    ),
    "a pooling that rounds its size up": (
        Net(lambda net, x: net.pool(net.conv(x)), conv=conv(), pool=nn.MaxPool2d(2, ceil_mode=True)), (2, 5, 5), "full",
        r"up to layer 'conv', and differ from layer 'pool' on\. hls4ml ignores ceil_mode=True of MaxPool2d 'pool'",
    ),
    "an average by another divisor": (
        Net(lambda net, x: net.pool(net.conv(x)), conv=conv(), pool=nn.AvgPool2d(2, divisor_override=1)), (2, 6, 6),
        "internal", r"differ from layer 'pool' on\. hls4ml ignores divisor_override=1 of AvgPool2d 'pool'",
    ),
    "an input that two layers read, as many channels as rows and columns": (
        Net(lambda net, x: net.conv(x) + x, conv=conv()), (2, 2, 2), "full",
        r"up to layer 'conv', and differ from layer 'add' on",
    ),
    "a dilated maximum": (
        Net(lambda net, x: net.pool(net.conv(x)), conv=conv(), pool=nn.MaxPool2d(2, 1, dilation=2)), (2, 6, 6), "full",
        r"hls4ml ignores dilation=2 of MaxPool2d 'pool'",
    ),
    "a function that rounds its size up": (
        Net(lambda net, x: functional.max_pool2d(net.conv(x), 2, ceil_mode=True), conv=conv()), (2, 5, 5), "internal",
        r"hls4ml ignores ceil_mode=True of max_pool2d 'max_pool2d'",
    ),
    "a layer that changes what another reads": (
        Net(lambda net, x: torch.add(net.relu(y := net.conv(x)), y), conv=conv(), relu=nn.ReLU(inplace=True)),
        (2, 4, 4), "internal", r"differ from layer 'add' on\. hls4ml ignores that ReLU 'relu' works in place",
    ),
    "a factor of a sum": (
        Net(lambda net, x: torch.add(net.relu(y := net.conv(x)), y, alpha=2), conv=conv(), relu=nn.ReLU()), (2, 4, 4),
        "internal", r"differ from layer 'add' on\. hls4ml ignores alpha=2 of add 'add'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("module", "shape", "layout", "message"), IGNORED.values(), ids=IGNORED)
def test_what_hls4mls_pytorch_front_end_ignores_is_refused_with_the_layer(
    module: nn.Module, shape: tuple[int, ...], layout: str, message: str, tmp_path: Path
) -> None:
    model = converted(module, shape, tmp_path, layout)
    with pytest.raises(MismatchError, match=rf"^My-net: hls4ml did not read the model correctly: .*{message}"):
        model.write()
    assert not list(tmp_path.glob("*.sv"))


RIGHT: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "convolution, norm, average of nine, linear": (
        nn.Sequential(
            nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(3), nn.Flatten(), nn.Dropout(),
            nn.Linear(16, 3),
        ),
        (2, 8, 8),
    ),
    "a residual sum": (
        Net(lambda net, x: net.relu(torch.add(net.conv(y := net.first(x)), y)), conv=conv(), relu=nn.ReLU(),
            first=nn.ReLU()),
        (2, 2, 2),
    ),
    "layers that work in place": (nn.Sequential(nn.ReLU(inplace=True), conv(), nn.ReLU(inplace=True)), (2, 5, 5)),
    "a sequence": (
        nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(12, 3)), (2, 8)
    ),
    "a perceptron": (nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)), (5,)),
    "a size that needs no rounding up": (nn.Sequential(conv(), nn.MaxPool2d(2, ceil_mode=True)), (2, 6, 6)),
    "numbers that are exact in no type": (Net(lambda net, x: net.relu(x) * 0.3 + 0.7, relu=nn.ReLU()), (2, 4, 4)),
    "a batch of one by name": (
        Net(lambda net, x: net.linear(net.conv(x).view(1, 50)), conv=conv(), linear=nn.Linear(50, 3)), (2, 5, 5)
    ),
    "twelve convolutions of 48 channels": (
        nn.Sequential(conv(3, 48), *(part for _ in range(11) for part in (nn.ReLU(), conv(48, 48)))), (3, 6, 6)
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", ["internal", "full"])
@pytest.mark.parametrize(("module", "shape"), RIGHT.values(), ids=RIGHT)
def test_what_it_reads_rightly_is_taken(module: nn.Module, shape: tuple[int, ...], layout: str, tmp_path: Path) -> None:
    read(converted(module, shape, tmp_path, layout))


@pytest.mark.parametrize("seed", range(16))
def test_no_generated_graph_is_refused(seed: int, tmp_path: Path) -> None:
    read(generate_graph(seed).convert("StreamRTL", tmp_path))


def test_a_module_in_training_mode_is_held_to_what_it_infers(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    model = converted(module, (2, 5, 5), tmp_path)
    module.train()
    read(model)
    assert module.training


def test_the_users_module_stays_as_it_is(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    read(converted(module, (2, 5, 5), tmp_path))
    after = module.state_dict()
    assert all(torch.equal(before[name], after[name]) and before[name].dtype == after[name].dtype for name in before)


def test_a_shape_that_the_module_cannot_read_is_refused(tmp_path: Path) -> None:
    module = Net(lambda net, x: net.linear(x[:, :3]), linear=nn.Linear(5, 2))
    with pytest.raises(MismatchError, match=r"PyTorch itself does not compute the model for samples of shape \(5,\)"):
        read(converted(module, (5,), tmp_path))


def test_a_model_that_no_small_weights_keep_exact_is_taken_with_a_warning(tmp_path: Path) -> None:
    model = converted(nn.Sequential(*(nn.AvgPool1d(3, 1) for _ in range(22))), (1, 50), tmp_path)
    with pytest.warns(
        UserWarning, match="My-net: it was not checked whether hls4ml read the model correctly, because no copy"
    ):
        check_front_end(model)


# --- faults planted in its front ends ---


def planted(handlers: dict[str, Any], kind: str, change: Callable[[dict[str, Any]], None], result: Any) -> Any:
    """A handler that changes what the true one gives."""
    handler = handlers[kind]

    def wrong(*args: Any) -> Any:
        given = handler(*args)
        change(result(given))
        return given

    return wrong


def turned(layer: dict[str, Any]) -> None:
    layer["weight_data"] = layer["weight_data"].swapaxes(2, 3)


def doubled_variance(layer: dict[str, Any]) -> None:
    layer["epsilon"] = 1e-5


FAULTS: dict[str, tuple[str, Callable[[dict[str, Any]], Any], str]] = {
    "a kernel turned": ("Conv2d", turned, "conv"),
    "a bias lost": ("Conv2d", lambda layer: layer.update(bias_data=None), "conv"),
    "a bias lost behind a flattening": (
        "Linear",
        lambda layer: layer.update(bias_data=0 * layer["bias_data"]),
        "linear",
    ),
    "a rectifier lost": ("ReLU", lambda layer: layer.update(activation="linear"), "norm"),
    "another epsilon": ("BatchNorm2d", doubled_variance, "norm"),
    "a maximum for an average": ("AvgPool2d", lambda layer: layer.update(class_name="MaxPooling2D"), "pool"),
}


@pytest.mark.parametrize(("kind", "change", "named"), FAULTS.values(), ids=FAULTS)
def test_a_fault_planted_in_the_pytorch_front_end_is_caught(
    kind: str, change: Callable[[dict[str, Any]], Any], named: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = nn.Sequential()
    for name, layer in {
        "first": nn.ReLU(), "norm": nn.BatchNorm2d(2), "rectified": nn.ReLU(), "conv": conv(2, 3), "relu": nn.ReLU(),
        "pool": nn.AvgPool2d(2), "flat": nn.Flatten(), "linear": nn.Linear(12, 3),
    }.items():  # fmt: skip
        module.add_module(name, layer)
    read(converted(module, (2, 4, 4), tmp_path))
    wrong = planted(TORCH.layer_handlers, kind, change, lambda given: given[0])
    monkeypatch.setitem(TORCH.layer_handlers, kind, wrong)
    with pytest.raises(MismatchError, match=f"differ from layer '_?{named}' on"):
        read(converted(module, (2, 4, 4), tmp_path))


def test_a_model_is_checked_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = converted(nn.Sequential(conv()), (2, 4, 4), tmp_path)
    calls: list[dict[str, Any]] = []
    monkeypatch.setitem(
        TORCH.layer_handlers, "Conv2d", planted(TORCH.layer_handlers, "Conv2d", calls.append, lambda given: given[0])
    )
    for _ in range(3):
        read(model)
    model.write()
    assert len(calls) == 1


# --- QONNX ---


def qonnx(
    draw: Callable[[_Drawing], None], shape: tuple[int, ...], folder: Path, *, by_path: bool = False
) -> ModelGraph:
    drawing = _Drawing(np.random.default_rng(0), shape)
    draw(drawing)
    with quiet():
        model = drawing.model(shape).model
        config = config_from_onnx_model(model, granularity="name", backend="StreamRTL", default_precision="fixed<16,6>")
        config["LayerName"]["global_in"]["Precision"]["result"] = "fixed<8,4>"
        path = folder / "model.onnx"
        onnx.save(model, path)
        return convert_from_onnx_model(
            str(path) if by_path else model, hls_config=config, backend="StreamRTL", io_type="io_stream",
            output_dir=str(folder), project_name="drawn",
        )  # fmt: skip


def quantised(drawing: _Drawing, zero: float = 0, scale: float = 0.25, bits: int = 5) -> None:
    constants = [drawing.constant(np.float32(value)) for value in (scale, zero, bits)]
    drawing.tensor = drawing.node(
        "Quant", drawing.tensor, *constants, domain="qonnx.custom_op.general", rounding_mode="ROUND", signed=1, narrow=0
    )


def depthwise(drawing: _Drawing, zero: float = 0) -> None:
    """A quantiser, a depthwise convolution, a quantiser."""
    quantised(drawing, zero)
    channels, rows, columns = drawing.size
    drawing.tensor = drawing.node(
        "Conv", drawing.tensor, drawing.weights(channels, 1, 2, 2), kernel_shape=[2, 2], strides=[1, 1], pads=[0] * 4,
        dilations=[1, 1], group=channels,
    )  # fmt: skip
    drawing.size = (channels, rows - 1, columns - 1)
    quantised(drawing, scale=0.5)


def rounded_up(drawing: _Drawing) -> None:
    quantised(drawing)
    drawing.tensor = drawing.node(
        "MaxPool", drawing.tensor, kernel_shape=[2, 2], strides=[2, 2], pads=[0] * 4, ceil_mode=1
    )
    channels, *sides = drawing.size
    drawing.size = (channels, *((side + 1) // 2 for side in sides))
    quantised(drawing)


def averaged(drawing: _Drawing) -> None:
    quantised(drawing, bits=4)
    drawing.tensor = drawing.node("GlobalAveragePool", drawing.tensor)
    drawing.size = (drawing.size[0], 1, 1)


def flattened_late(drawing: _Drawing) -> None:
    """(1, C, H, W) to (C, H * W), of which hls4ml makes one vector a sample."""
    quantised(drawing)
    drawing.tensor = drawing.node("Flatten", drawing.tensor, axis=2)
    drawing.size = (drawing.size[1] * drawing.size[2],)
    quantised(drawing)


@pytest.mark.parametrize("by_path", [False, True], ids=["model", "path"])
@pytest.mark.parametrize("zero", [3, -3])
def test_a_quantiser_with_a_zero_point_is_refused(zero: int, by_path: bool, tmp_path: Path) -> None:
    model = qonnx(lambda drawing: depthwise(drawing, zero), (2, 5, 5), tmp_path, by_path=by_path)
    with pytest.raises(
        UnsupportedLayerError, match=rf"^drawn: layer Quant_\d of class Quant has the zero point \[{zero}"
    ):
        model.write()


def test_what_hls4mls_onnx_front_end_ignores_is_refused_with_the_layer(tmp_path: Path) -> None:
    with pytest.raises(
        MismatchError, match=r"from layer 'MaxPool_0' on\. hls4ml ignores ceil_mode=1 of MaxPool 'MaxPoo"
    ):
        read(qonnx(rounded_up, (2, 5, 5), tmp_path))
    with pytest.raises(MismatchError, match="hls4ml ignores axis=2 of Flatten 'Flatten_0'"):
        read(qonnx(flattened_late, (2, 5, 5), tmp_path))
    with pytest.raises(MismatchError, match="differ from layer 'GlobalAveragePool_0' on"):
        read(qonnx(averaged, (4, 4, 4), tmp_path))


def test_what_it_reads_rightly_of_qonnx_is_taken(tmp_path: Path) -> None:
    read(qonnx(depthwise, (3, 5, 6), tmp_path, by_path=True))
    read(qonnx(rounded_up, (2, 6, 6), tmp_path))


def test_a_fault_planted_in_the_onnx_front_end_is_caught(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for kind, change in {
        "Quant": lambda layer: layer.update(rounding_mode="FLOOR"),
        "Conv": lambda layer: layer.update(pad_left=layer["pad_left"] + 1, pad_right=layer["pad_right"] - 1),
    }.items():
        with monkeypatch.context() as patch:
            patch.setitem(ONNX.layer_handlers, kind, planted(ONNX.layer_handlers, kind, change, lambda given: given))
            with pytest.raises(MismatchError, match=rf"differ from layer '\w*{kind}_"):
                read(qonnx(depthwise if kind == "Quant" else padded, (2, 5, 5), tmp_path))


def padded(drawing: _Drawing) -> None:
    quantised(drawing)
    drawing.tensor = drawing.node(
        "Conv", drawing.tensor, drawing.weights(3, 2, 3, 3), kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4,
        dilations=[1, 1], group=1,
    )  # fmt: skip
    drawing.size = (3, *drawing.size[1:])
    quantised(drawing, scale=0.5)


# --- what is not checked ---


def test_a_model_whose_file_is_gone_is_taken_with_a_warning(tmp_path: Path) -> None:
    model = qonnx(depthwise, (2, 5, 5), tmp_path, by_path=True)
    (tmp_path / "model.onnx").unlink()
    with pytest.warns(
        UserWarning, match=r"drawn: it was not checked .*, because its file .*model\.onnx is no longer there"
    ):
        check_front_end(model)


def test_a_keras_model_is_taken_with_a_warning_and_a_list_of_layers_without(tmp_path: Path) -> None:
    types = {"x": {"result": "fixed<8,4>"}}
    model = graph_of(pooled([4, 4, 4])[:2], types, "StreamRTL", tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_front_end(model)
    model.config.config["KerasModel"] = object()
    with pytest.warns(
        UserWarning, match="layers: it was not checked whether hls4ml read the model correctly, because it is a K"
    ):
        check_front_end(model)
