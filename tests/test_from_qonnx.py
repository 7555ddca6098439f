"""QONNX files become integer networks, equal bit for bit to the file evaluated in float64, and stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign.data.digits import digits
from hwcodesign.errors import NetworkError
from hwcodesign.networks.brevitas_export import export_qonnx
from hwcodesign.networks.layers import value_of, values_of
from hwcodesign.networks.onnx_models.evaluation import Evaluation
from hwcodesign.networks.onnx_models.opening import open_graph
from tests.comparisons import verify_network
from tests.marks import CAMPAIGN
from tests.onnx_files import QONNX, Drawing, image_input, qonnx_resnet, saved

SAMPLES = 200


def codes(network: hw.MultiExitNetwork, count: int = SAMPLES) -> NDArray[np.int64]:
    fmt = network.input_format
    drawn = np.random.default_rng(7).integers(fmt.min_code, fmt.max_code, (count, *network.input_shape), endpoint=True)
    return np.asarray(drawn)


def assert_equals_the_file(network: hw.MultiExitNetwork, path: Path, count: int = SAMPLES) -> None:
    """Every logit of every image, in `==`; logits take several values in each exit."""
    drawn = codes(network, count)
    wanted = Evaluation(open_graph(path)).outputs(network.input_format.decode(drawn))
    formats = [head.format for head in network.boundaries()[1]]
    for own, fmt, source in zip(network.logits(drawn), formats, wanted, strict=True):
        assert np.array_equal(fmt.decode(own), source)
        assert len(np.unique(own)) > 8


def test_a_resnet_with_residual_adds_of_8_and_4_bits_equals_the_file_in_float64(tmp_path: Path) -> None:
    path = qonnx_resnet(tmp_path / "resnet.onnx")
    network = hw.from_onnx(path)
    assert (network.exits, network.classes, network.input_format) == (3, 10, hw.FixedPoint(8, 0, signed=False))
    formats = [tensors[0].format for tensors in network.boundaries()[0]]
    assert [(fmt.width, fmt.signed) for fmt in formats] == [(8, False), (4, False), (4, False)]
    assert_equals_the_file(network, path)


@CAMPAIGN
@pytest.mark.parametrize("name", ["resnet", "quantisers"])
def test_software_csim_and_rtl_equal_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    network = (
        hw.from_onnx(qonnx_resnet(path, size=4, channels=(2, 3)))
        if name == "resnet"
        else hw.from_onnx(quantisers(path, join=False), input_format=hw.FixedPoint(6, 4))
    )
    drawn = codes(network, 24)
    fitting = codes(network, 60), np.arange(60) % 10
    compared = list(verify_network(network, drawn, fitting, tmp_path / "design", criteria=("margin",)))
    assert {name for comparison in compared for name in comparison.backends} >= {"software", "csim", "rtl", "brevitas"}
    assert [comparison.mismatches for comparison in compared] == [0] * len(compared)


class Whole(nn.Module):
    """A network of ours as one module that gives plain logits, as Brevitas exports it."""

    def __init__(self, network: hw.MultiExitNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        given: tuple[Tensor, ...] = (x,)
        logits = []
        for k, stage in enumerate(self.network.stages):
            given = values_of(stage(*given))
            logits.append(value_of(self.network.heads[k](*self.network.head_inputs(k, given))))
        return tuple(logits)


def calibrated(recipe: str) -> hw.MultiExitNetwork:
    torch.manual_seed(2)
    network = hw.load_recipe(recipe).new_network()
    for _ in range(3):
        network(torch.rand(16, *network.input_shape))
    return network.eval()


@pytest.mark.parametrize("recipe", ["digits_lenet", "two_scales", pytest.param("blenet3_mnist", marks=CAMPAIGN)])
def test_what_brevitas_exports_of_our_recipes_is_read_back_with_the_same_integers(recipe: str, tmp_path: Path) -> None:
    network, path = calibrated(recipe), tmp_path / "brevitas.onnx"
    blank = torch.zeros(1, *network.input_shape)
    export_qonnx(Whole(network), args=blank, export_path=str(path), dynamo=False)
    found = hw.from_onnx(path, input_format=network.input_format)
    drawn = codes(network)
    assert found.costs().heads == network.costs().heads
    assert sum(found.costs().stages) == sum(network.costs().stages)  # some in a later stage, where they are needed
    assert [np.array_equal(a, b) for a, b in zip(found.logits(drawn), network.logits(drawn), strict=True)] == [True] * 3
    assert_equals_the_file(found, path, 50)


def quantisers(path: Path, *, join: bool = True) -> Path:
    """Quantisers of every kind: bipolar weights and activations, three roundings, narrow ranges, cut-off bits."""
    draw = Drawing(prefix="q/")
    x = draw.quant("x", 5, 0.25, narrow=True, rounding="FLOOR")
    weights = draw.node("BipolarQuant", draw.real(6, 2, 3, 3), draw.constant(np.float32(0.5)), domain=QONNX)
    x = draw.node("Conv", x, weights, kernel_shape=[3, 3], pads=[0, 1, 1, 0])
    x = draw.quant(x, 6, 0.125, rounding="DOWN")
    plain = draw.quant(draw.node("Flatten", draw.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])), 6, 0.125)
    first = draw.quant(draw.node("Gemm", plain, draw.weights(10, 6), transB=1), 7, 0.125, narrow=True)
    ones = draw.node("BipolarQuant", draw.conv_of(x, 6, 4), draw.constant(np.float32(1)), domain=QONNX)
    joined = draw.node("Concat", ones, draw.quant(x, 3, 1.0), axis=1) if join else ones
    cut = [draw.constant(np.float32(value)) for value in (0.25, 0, 12, 2.0, 6)]
    y = draw.node(
        "Trunc",
        draw.conv_of(joined, 10 if join else 4, 4),
        *cut,
        domain=QONNX,
        signed=1,
        narrow=0,
        rounding_mode="FLOOR",
    )
    last = draw.quant(draw.node("Gemm", draw.node("Flatten", y), draw.weights(10, 36), transB=1), 9, 0.5)
    return saved(draw.graph([image_input("x", [1, 2, 4, 4])], {first: [1, 10], last: [1, 10]}), path)


def test_quantisers_of_every_kind_equal_the_file_in_float64(tmp_path: Path) -> None:
    path = quantisers(tmp_path / "quantisers.onnx")
    network = hw.from_onnx(path, input_format=hw.FixedPoint(6, 4))
    assert_equals_the_file(network, path)


def test_a_quantiser_of_the_input_is_the_networks_own(tmp_path: Path) -> None:
    network = hw.from_onnx(qonnx_resnet(tmp_path / "net.onnx"))
    images = np.random.default_rng(1).uniform(-0.5, 1.5, (20, 3, 8, 8))
    graph = open_graph(tmp_path / "net.onnx")
    with torch.no_grad():
        own = [z.numpy() for z in network.reference()(torch.from_numpy(images))]
    wanted = Evaluation(graph).outputs(images)  # rounded and clipped by the file itself
    assert [np.array_equal(a, b) for a, b in zip(own, wanted, strict=True)] == [True] * 3


def test_training_refuses_it_by_name(tmp_path: Path) -> None:
    network = hw.from_onnx(qonnx_resnet(tmp_path / "net.onnx"))
    with pytest.raises(NetworkError, match=r"was read from a QONNX file and is frozen.*hwcodesign\.quantise"):
        hw.train(network, digits(), epochs=1)


def test_a_digest_tells_networks_apart_that_differ_in_a_scale_alone(tmp_path: Path) -> None:
    digests = []
    for scale in (0.25, 0.5):
        draw = Drawing()
        x = draw.quant("x", 4, 0.25)
        y = draw.quant(draw.node("Relu", draw.conv_of(x, 2, 2)), 4, scale, signed=False)
        first = draw.quant(draw.node("Gemm", draw.node("Flatten", y), draw.weights(3, 32), transB=1), 8, 0.25)
        z = draw.quant(draw.conv_of(y, 2, 2), 4, 0.5)
        last = draw.quant(draw.node("Gemm", draw.node("Flatten", z), draw.weights(3, 32), transB=1), 8, 0.25)
        path = saved(draw.graph([image_input("x", [1, 2, 4, 4])], {first: [1, 3], last: [1, 3]}), tmp_path / "net.onnx")
        network: Any = hw.from_onnx(path)
        digests.append((hw.MultiExitNetwork.digest(network), network.digest()))
    (state, own), (other_state, other) = digests
    assert state == other_state  # weights are the same
    assert own != other
