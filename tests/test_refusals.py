"""What is not read is refused by an error of ours that names the layer and a way out; every way out is tried."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from brevitas import nn as qnn
from brevitas.inject.enum import FloatToIntImplType
from brevitas.nn.quant_avg_pool import TruncAvgPool2d
from hls4ml.backends import get_backend
from hls4ml.converters import convert_from_onnx_model, convert_from_pytorch_model
from hls4ml.utils import config_from_onnx_model, config_from_pytorch_model
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
from qonnx.util.cleanup import cleanup_model
from torch import Tensor, nn
from torch.nn import functional

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.compilation import check_compiles
from hwcodesign.errors import FormatError, HwcodesignError, MismatchError, UnsupportedLayerError
from hwcodesign.frontend.settings import CompileSettings
from hwcodesign.networks.layers import value_of
from tests.drawn_graphs import quiet
from tests.layer_networks import of as of_layer
from tests.layer_networks import relu, signed
from tests.test_reading_check import P, network_of
from tests.torch_models import IMAGE, MODELS, Net, conv

# --- PyTorch through hls4ml ---

#: Of `MODELS` those that are read, each held to the model in `==`.
READ = {
    "sub1", "mul2", "mul-1+1", "add1", "addt", "add_kw", "torch.relu", "F.relu", "x.relu", "avgpool_kw",
    "avgpool_tuple", "maxpool_pos", "maxpool_kw", "maxpool_idx", "flat_1", "flat_neg", "x.flatten", "flat2", "view-1",
    "view1-1", "unsq", "sq-neg", "cat_kw", "cat_neg", "dropout", "nested", "inner", "shared", "sharedconv", "nobias",
    "conv1d", "conv1dsame", "upsample", "pool1dF", "asym", "bn", "bn_noaffine",
    "subt", "sigmoid", "twoout", "leaky", "maxpoolpadm", "avgpad_nocount",
    "maxpool_pad",
}  # fmt: skip


def model_of(module: nn.Module, shape: tuple[int, ...], folder: Path, backend: str = "StreamRTL") -> Any:
    """hls4ml's graph of a module."""
    with quiet():
        config = config_from_pytorch_model(
            module.eval(), shape, granularity="name", backend=backend, default_precision="fixed<16,6>",
            channels_last_conversion="internal",
        )  # fmt: skip
        for layer in config["LayerName"].values():
            layer["Precision"]["result"] = "fixed<16,6>"
        return convert_from_pytorch_model(
            module, hls_config=config, backend=backend, io_type="io_stream", output_dir=str(folder)
        )


def segment_of(module: nn.Module, shape: tuple[int, ...], folder: Path, backend: str = "StreamRTL") -> Any:
    """The checked kernels of a module."""
    model = model_of(module, shape, folder, backend)
    with quiet():
        return get_backend(backend).segment(model)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_read_rightly_or_refused_by_an_error_of_ours(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    module, shape = MODELS[name]()
    if name in READ:
        assert segment_of(module, shape, tmp_path).kernels
        return
    with pytest.raises(HwcodesignError, match=r"\w+[;:.] .{20,}"):
        segment_of(module, shape, tmp_path)


WAYS_OUT: dict[str, tuple[str, Callable[[], nn.Module]]] = {
    "avgpool_pos": (
        r"'avg_pool2d' .*KeyError\('stride'\); .* F.avg_pool2d\(x, 3, stride=2, padding=0\)",
        lambda: Net(lambda n, x: functional.avg_pool2d(n.c(x), 3, stride=2, padding=0), c=conv()),
    ),
    "flat_kw": (
        r"'flatten' .*IndexError\(.*\); flatten with nn.Flatten\(\) or torch.flatten\(x, 1\)",
        lambda: Net(lambda n, x: n.l(torch.flatten(n.c(x), 1)), c=conv(), l=nn.Linear(72, 3)),
    ),
    "rsub": (
        r"layer 'sub' of class Merge: AssertionError\(\); put the number behind the tensor and both behind an nn.ReLU",
        lambda: Net(lambda n, x: n.r(n.c(x)) * -1.0 + 1.0, c=conv(), r=nn.ReLU()),
    ),
    "adaptive1": (
        r"layer '1' \(AdaptiveAvgPool2d\): .*; use nn.AvgPool2d over the whole image, for example nn.AvgPool2d\(6\)",
        lambda: nn.Sequential(conv(), nn.AvgPool2d(6)),
    ),
    "same": (r"layer '_0' of class Conv2D: .*; give its padding as a number", lambda: nn.Sequential(conv(2, 3))),
    "reflect": (r"layer '0' \(Conv2d\): .*; use padding_mode='zeros', not 'reflect'", lambda: nn.Sequential(conv())),
    "cat": (
        r"'cat' .*; join two at a time, and name the axis: torch.cat\(\[x, y\], dim=1\)",
        lambda: Net(lambda n, x: torch.cat([n.r(y := n.c(x)), n.d(y)], dim=1), c=conv(), d=conv(), r=nn.ReLU()),
    ),
    "zeropad": (
        r"layer '0' \(ZeroPad2d\): .* nn.ConstantPad2d\(1, 0.0\)",
        lambda: nn.Sequential(nn.ReLU(), nn.ConstantPad2d(1, 0.0), conv()),
    ),
    "linear4d": (
        r"flatten before a linear layer", lambda: nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(72, 4))
    ),
    "identity": (r"layer '1' \(Identity\): .*; leave it out", lambda: nn.Sequential(conv(), nn.ReLU())),
    "if": (r"its forward: TraceError.*; write it without conditions", lambda: nn.Sequential(conv())),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS_OUT)
def test_the_way_out_of_a_refusal_is_one(name: str, tmp_path: Path) -> None:
    message, way_out = WAYS_OUT[name]
    module, shape = MODELS[name]()
    with pytest.raises(UnsupportedLayerError, match=message):
        segment_of(module, shape, tmp_path)
    assert segment_of(way_out(), IMAGE, tmp_path).kernels


def test_the_error_that_was_raised_is_kept(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedLayerError) as caught:
        segment_of(*MODELS["avgpool_pos"](), tmp_path)
    assert repr(caught.value.__cause__) == "KeyError('stride')"


def test_other_backends_raise_what_they_raised() -> None:
    module, shape = MODELS["avgpool_pos"]()
    with pytest.raises(KeyError, match="stride"):
        config_from_pytorch_model(module, shape, granularity="name", backend="Vitis")


# --- ONNX through hls4ml ---


def exported(module: nn.Module, path: Path) -> ModelWrapper:
    torch.onnx.export(module.eval(), (torch.zeros(1, *IMAGE),), str(path), input_names=["x"], dynamo=False)
    return cleanup_model(ModelWrapper(onnx.load(path)))


def onnx_segment(model: ModelWrapper, folder: Path) -> Any:
    with quiet():
        config = config_from_onnx_model(model.model, granularity="name", backend="StreamRTL")
        for layer in config["LayerName"].values():
            layer.get("Precision", {})["result"] = "fixed<16,6>"
        return get_backend("StreamRTL").segment(
            convert_from_onnx_model(
                model.model, hls_config=config, backend="StreamRTL", io_type="io_stream", output_dir=str(folder)
            )
        )


def test_channels_first_are_refused_with_what_turns_them(tmp_path: Path) -> None:
    model = exported(nn.Sequential(conv(), nn.ReLU()), tmp_path / "model.onnx")
    with pytest.raises(UnsupportedLayerError, match=r"node 'Conv_0' \(Conv\): .*ConvertToChannelsLastAndClean"):
        onnx_segment(model, tmp_path)
    assert onnx_segment(cleanup_model(model.transform(ConvertToChannelsLastAndClean())), tmp_path).kernels


def test_an_average_of_onnx_is_not_sent_in_a_circle(tmp_path: Path) -> None:
    """qonnx turns no average's channels, so that turning the graph would not help."""
    model = exported(nn.Sequential(conv(), nn.AvgPool2d(2)), tmp_path / "model.onnx")
    with pytest.raises(UnsupportedLayerError, match=r"\(AveragePool\): .*; make it a depthwise convolution"):
        onnx_segment(cleanup_model(model.transform(ConvertToChannelsLastAndClean())), tmp_path)


# --- the main flow ---


def compiles(stage: nn.Module, features: int) -> None:
    check_compiles(network_of(stage, IMAGE, features), CompileSettings())


def c(inputs: int = 2, outputs: int = 2, **arguments: Any) -> nn.Module:
    return layers.conv2d(inputs, outputs, 3, padding=1, precision=P, **arguments)


def r() -> nn.Module:
    return layers.relu(precision=P)


def plain(**arguments: Any) -> nn.Module:
    """A convolution of its own settings, quantised."""
    layer = c()
    for name, value in arguments.items():
        setattr(layer, name, value)
    layer.padding = arguments.get("padding", layer.padding)
    return nn.Sequential(layer, r())


def of(function: Callable[[Any, Tensor], Tensor]) -> nn.Module:
    """A function between a rectified convolution and a quantiser."""
    return Net(
        lambda n, x: n.quant(function(n, value_of(n.relu(n.conv(x))))),
        conv=c(), relu=r(), quant=layers.identity(precision=P),
    )  # fmt: skip


REFUSED: dict[str, tuple[Callable[[], nn.Module], int, str]] = {
    "dilated pooling": (
        lambda: nn.Sequential(c(), nn.MaxPool2d(2, dilation=2), r()), 8,
        r"pooling 'stages.0.1' has dilation=\(2, 2\), .*: use dilation=1 and a larger window",
    ),
    "dilated and padded pooling": (
        lambda: nn.Sequential(c(), nn.MaxPool2d(2, 1, padding=1, dilation=2), layers.identity(precision=P)), 72,
        r"pooling 'stages.0.1' has dilation=\(2, 2\), .*: use dilation=1 and a larger window",
    ),
    "divisor_override": (
        lambda: nn.Sequential(c(), r(), nn.AvgPool2d(2, divisor_override=3), layers.identity(precision=P)), 18,
        r"layer 'stages.0.2' \(AvgPool2d\) has divisor_override=3, which QONNX drops: divide by the window's size",
    ),
    "windows of several sizes": (
        lambda: nn.Sequential(c(), r(), nn.AdaptiveAvgPool2d(4), layers.identity(precision=P)), 32,
        r"adaptive_avg_pool2d.*; give adaptive pooling an output size that divides the image's, or use nn.AvgPool2d",
    ),
    "average of rows": (
        lambda: of(lambda _, x: x.mean(2, keepdim=True)), 12,
        r"\(ReduceMean, of layer 'stages.0'\): .*; average rows and columns of an image, x.mean\(\(2, 3\)\)",
    ),
    "average without a quantiser": (
        lambda: nn.Sequential(c(), r(), nn.AvgPool2d(3), c(), r()), 8,
        r"average 'stages.0.2' of 9 values is no fixed-point number, .*: put one behind it, .*\.identity",
    ),
    "quotient cut off": (
        lambda: nn.Sequential(c(), r(), TruncAvgPool2d(2), r()), 18,
        r"\(TruncAvgPool2d\) has a quotient that Brevitas cuts off, .*: use nn.AvgPool2d, and a quantiser behind it",
    ),
    "padding_mode": (
        lambda: plain(padding_mode="reflect", _reversed_padding_repeated_twice=[1, 1, 1, 1]), 72,
        r"layer 'stages.0.0' \(QuantConv2d\) has padding_mode='reflect', .*: use padding_mode='zeros'",
    ),
    "reshape": (
        lambda: of(lambda _, x: x.reshape(x.shape[0], 2, 4, 9)), 72,
        r"hls4ml cannot take stage0: \w+ \(Reshape, of layer 'stages.0'\): KeyError\('reshape'\); reshape by nn.F",
    ),
    "slice": (lambda: of(lambda _, x: x[:, :1]), 36, r"\(Slice\): .*; compute each part by a layer of its own"),
    "padding at the end": (
        lambda: nn.Sequential(c(), r(), nn.ZeroPad2d(1)), 128, r"is an image that is padded with zeros; pad in front",
    ),
    "padding of one addend": (
        lambda: of(lambda _, x: functional.pad(x, (1, 1, 1, 1)) + functional.pad(x, (2, 0, 2, 0))), 128,
        r"reads an image that is padded with zeros; pad in front of a convolution or pooling$",
    ),
    "reflection": (
        lambda: nn.Sequential(c(), r(), nn.ReflectionPad2d(1), c(), r()), 128,
        r"stage0: 'stages.0.2' pads in mode 'reflect', which has no kernel: pad with zeros",
    ),
    "padding with ones": (
        lambda: nn.Sequential(c(), r(), nn.ConstantPad2d(1, 1.0), c(), r()), 128, r"'stages.0.2' pads with 1.0",
    ),
    "upsampling between pixels": (
        lambda: nn.Sequential(c(), r(), nn.Upsample(scale_factor=2, mode="bilinear"), c(), r()), 288,
        r"layer 'stages.0.2' \(Resize\) makes 6x6 pixels 12x12 by 'linear', .*: use nn.Upsample\(scale_factor=2, mode=",
    ),
    "upsampling by a part": (
        lambda: nn.Sequential(c(), r(), nn.Upsample(size=(9, 12)), c(), r()), 216,
        r"'stages.0.2' \(Resize\) makes 6x6 pixels 9x12 by 'nearest', .* whole factors alone: use nn.Upsample\(scale",
    ),
    "transposed convolution that cuts its kernel off": (
        lambda: nn.Sequential(c(), r(), of_layer(qnn.QuantConvTranspose2d, 2, 2, 2, stride=2, padding=2), r()), 128,
        r"layer 'stages.0.2' \(ConvTranspose\) takes \[2, 2, 2, 2\] pixels off .*: give it a padding below the size of",
    ),
    "quantiser that rounds up": (
        lambda: nn.Sequential(c(), signed(float_to_int_impl_type=FloatToIntImplType.CEIL), c(), r()), 72,
        r"stage0: the quantiser of 'stages.0.1' rounds by CEIL, .*: give it float_to_int_impl_type ROUND or FLOOR",
    ),
    "unsigned quantiser of narrow range": (
        lambda: nn.Sequential(c(), relu(narrow_range=True), c(), r()), 72,
        r"stage0: the unsigned quantiser of 'stages.0.1' has a narrow range, .*: leave narrow_range at False, or use a",
    ),
    "kernel of one row that skips rows": (
        lambda: nn.Sequential(of_layer(qnn.QuantConv2d, 2, 2, (1, 3), stride=(2, 1)), r()), 24,
        r"skips rows with a kernel of one row, .*; give its kernel as many rows as it skips$",
    ),
    "negative padding": (
        lambda: nn.Sequential(c(), r(), nn.ZeroPad2d((-1, 0, 0, 0)), c(), r()), 60, r"pads by .*: add rows and columns",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("stage", "features", "message"), REFUSED.values(), ids=REFUSED)
def test_what_the_main_flow_cannot_take_is_refused_by_its_name(
    stage: Callable[[], nn.Module], features: int, message: str
) -> None:
    with pytest.raises((UnsupportedLayerError, FormatError), match=message):
        compiles(stage(), features)


TAKEN: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "pooling whose size needs no rounding up": (lambda: nn.Sequential(c(), nn.MaxPool2d(2, ceil_mode=True), r()), 18),
    "windows that reach beyond the image": (lambda: nn.Sequential(c(), nn.MaxPool2d(4, ceil_mode=True), r()), 8),
    "those of a function": (lambda: of(lambda _, x: functional.max_pool2d(x, 4, ceil_mode=True)), 8),
    "a window that would begin behind the image": (
        lambda: nn.Sequential(c(), r(), nn.MaxPool2d(2, 3, ceil_mode=True, padding=1), r()), 18
    ),
    "an average of windows": (lambda: nn.Sequential(c(), nn.AvgPool2d(3, 1), r()), 32),
    "a padded average": (lambda: nn.Sequential(c(), nn.AvgPool2d(3, 2, padding=1), layers.identity(precision=P)), 18),
    "an average of an average": (
        lambda: nn.Sequential(c(), r(), nn.AvgPool2d((1, 3)), r(), nn.AvgPool2d((3, 1)), r()), 8
    ),
    "an average of four that a convolution reads": (lambda: nn.Sequential(c(), r(), nn.AvgPool2d(2), c(), r()), 18),
    "an adaptive average": (lambda: nn.Sequential(c(), r(), nn.AdaptiveAvgPool2d((2, 3)), r()), 12),
    "an average of the image": (lambda: nn.Sequential(c(), nn.AdaptiveAvgPool2d(1), layers.identity(precision=P)), 2),
    "one by a function": (lambda: of(lambda _, x: functional.adaptive_avg_pool2d(x, 1)), 2),
    "a mean of rows and columns": (lambda: of(lambda _, x: x.mean((2, 3))), 2),
    "one that keeps them": (lambda: of(lambda _, x: x.mean((-1, -2), keepdim=True)), 2),
    "an average of a padded image": (lambda: nn.Sequential(c(), r(), nn.ZeroPad2d(1), nn.AdaptiveAvgPool2d(1), r()), 2),
    "one whose own padding counts": (lambda: nn.Sequential(c(), r(), nn.AvgPool2d(8, padding=1), r()), 2),
    "a maximum of the image": (lambda: nn.Sequential(c(), r(), nn.AdaptiveMaxPool2d(1), r()), 2),
    "padding in words": (lambda: plain(padding="same", _reversed_padding_repeated_twice=[1, 1, 1, 1]), 72),
    "no padding in words": (lambda: plain(padding="valid"), 32),
    "zeros around the input": (lambda: nn.Sequential(nn.ZeroPad2d((1, 2, 0, 1)), c(), r()), 126),
    "zeros by a function": (lambda: of(lambda _, x: functional.max_pool2d(functional.pad(x, (1, 0, 1, 0)), 2)), 18),
    "zeros in front of a signed maximum": (
        lambda: nn.Sequential(c(), layers.identity(precision=P), nn.ZeroPad2d(1), nn.MaxPool2d(3, 2), r()), 18
    ),
    "a padded maximum of unsigned values": (lambda: nn.Sequential(c(), r(), nn.MaxPool2d(3, 2, padding=1), r()), 18),
    "a padded maximum in front of a ReLU": (lambda: nn.Sequential(c(), nn.MaxPool2d(3, 2, padding=1), r()), 18),
    "a padded maximum of signed values": (
        lambda: nn.Sequential(
            c(), layers.identity(precision=P), nn.MaxPool2d(3, 2, padding=1), layers.identity(precision=P)
        ), 18
    ),
    "padding that an average does not count": (
        lambda: nn.Sequential(
            c(), nn.AvgPool2d((2, 3), padding=1, count_include_pad=False), layers.identity(precision=P)
        ), 16
    ),
    "an average beyond the image": (lambda: nn.Sequential(c(), r(), nn.AvgPool2d(4, ceil_mode=True), r()), 8),
    "an average of two or four that a convolution reads": (
        lambda: nn.Sequential(c(), r(), nn.AvgPool2d(2, padding=1, count_include_pad=False), c(), r()), 32
    ),
    "a number less": (lambda: of(lambda _, x: 1 - x), 72),
    "negation": (lambda: of(lambda _, x: -x), 72),
    "limits": (lambda: of(lambda _, x: x.clamp(0, 1)), 72),
    "negation by a product": (lambda: of(lambda _, x: x * -1.0), 72),
    "a learned average": (
        lambda: nn.Sequential(c(), r(), layers.conv2d(2, 2, 2, stride=2, groups=2, precision=P), r()), 18
    ),
    "several filters a channel": (lambda: nn.Sequential(c(2, 4, groups=2), r()), 144),
    "identity and dropout": (lambda: nn.Sequential(c(), nn.Identity(), nn.Dropout(0.5), r()), 72),
    "a view of its own size": (
        lambda: Net(
            lambda n, x: n.s(n.l((y := value_of(n.r(n.c(x)))).view(y.shape[0], -1))),
            c=c(), r=r(), l=layers.linear(72, 4, precision=P), s=r(),
        ), 4,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("stage", "features"), TAKEN.values(), ids=TAKEN)
def test_what_it_can_take_is_what_the_network_computes(
    stage: Callable[[], nn.Module], features: int, tmp_path: Path
) -> None:
    network = network_of(stage(), IMAGE, features)
    policy = hw.fit_policy(network, None, criterion="margin", thresholds=[1.0])
    design = hw.compile(network, policy, out=tmp_path / "design", backend="vitis")
    images = np.random.default_rng(3).integers(0, 32, (20, *IMAGE))
    expected, outputs = network.integers(images), design.segment_outputs(images)
    assert np.array_equal(outputs["stage0"].reshape(20, -1), expected[0][0][0].reshape(20, -1))


def test_a_divisor_that_qonnx_drops_is_seen_by_the_comparison_with_the_network(tmp_path: Path) -> None:
    network = network_of(of(lambda _, x: functional.avg_pool2d(x, 2, divisor_override=3)), IMAGE, 18)
    policy = hw.fit_policy(network, None, criterion="margin", thresholds=[1.0])
    with pytest.raises(MismatchError, match="stage0: the hardware would not compute what the network computes"):
        hw.compile(network, policy, out=tmp_path / "design", backend="vitis")
