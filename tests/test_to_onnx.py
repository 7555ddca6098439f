"""Networks that are written to ONNX give in onnxruntime what they give here, and stop where they leave."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.data import Dataset
from hwcodesign.errors import NetworkError, PolicyError, UnsupportedLayerError
from hwcodesign.policies import ExitPolicy
from tests.onnx_files import Drawing, image_input, qonnx_resnet, run, saved, two_outputs
from tests.test_from_qonnx import codes, quantisers

SAMPLES = 200


def in_onnxruntime(path: Path, network: hw.MultiExitNetwork, drawn: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    """All outputs, of all images at once."""
    session = onnxruntime.InferenceSession(str(path))
    values = network.input_format.decode(drawn).astype(np.float32)
    found: list[NDArray[np.float32]] = session.run(None, {"images": values})
    return found


def assert_same_codes(path: Path, network: hw.MultiExitNetwork) -> None:
    """Every logit of every image in onnxruntime, in `==`."""
    drawn = codes(network)
    formats = [head.format for head in network.boundaries()[1]]
    for own, fmt, found in zip(network.logits(drawn), formats, in_onnxruntime(path, network, drawn), strict=True):
        assert np.array_equal(fmt.decode(own), found)
        assert len(np.unique(own)) > 8


def test_a_float_network_gives_its_logits_and_is_read_again(tmp_path: Path) -> None:
    network = hw.from_onnx(two_outputs(tmp_path / "given.onnx"), input_format=hw.FixedPoint(8, 2)).eval()
    path = tmp_path / "written.onnx"
    network.to_onnx(path)
    again = hw.from_onnx(path, input_format=network.input_format).eval()
    images = torch.randn(SAMPLES, 3, 12, 12)
    session = onnxruntime.InferenceSession(str(path))
    assert [output.name for output in session.get_outputs()] == ["exit0", "exit1"]
    with torch.no_grad():
        triples = zip(network(images), again(images), session.run(None, {"images": images.numpy()}), strict=True)
    for own, read, found in triples:
        assert np.abs(own.numpy() - found).max() < 1e-4
        assert np.abs(own.numpy() - read.numpy()).max() < 1e-4


def functions_of(path: Path) -> set[tuple[str, str]]:
    """Domain and name of the functions that a file carries."""
    return {(function.domain, function.name) for function in onnx.load(str(path)).functions}


@pytest.mark.parametrize("size", [6, 8])
def test_a_resnet_gives_its_logits_exactly_whatever_the_number_of_pixels_in_its_averages(
    size: int, tmp_path: Path
) -> None:
    network = hw.from_onnx(qonnx_resnet(tmp_path / "given.onnx", size))  # averages of 36 and 9 pixels, or 64 and 16
    network.to_onnx(tmp_path / "written.onnx")
    divided = ("hwcodesign.exact", "GlobalAveragePool") in functions_of(tmp_path / "written.onnx")
    assert divided == (size == 6)
    assert_same_codes(tmp_path / "written.onnx", network)


def test_quantisers_of_every_kind_are_exact(tmp_path: Path) -> None:
    network = hw.from_onnx(without_trunc(quantisers(tmp_path / "given.onnx")), input_format=hw.FixedPoint(6, 4))
    network.to_onnx(tmp_path / "written.onnx")
    assert_same_codes(tmp_path / "written.onnx", network)


def without_trunc(path: Path) -> Path:
    """The same file with a quantiser in the place of the node that cuts bits off."""
    model = onnx.load(str(path))
    for node in model.graph.node:
        if node.op_type == "Trunc":
            node.op_type = "Quant"
            node.input[:] = [node.input[i] for i in (0, 4, 2, 5)]
    onnx.save(model, str(path))
    return path


def averages(path: Path) -> Path:
    """Averages over windows, padded ones among them, of 9 and of 6 pixels."""
    draw = Drawing(prefix="a/")
    x = draw.quant("x", 8, 0.25)
    y = draw.node("AveragePool", x, kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4, count_include_pad=1)
    y = draw.quant(y, 8, 0.5)
    first = draw.quant(draw.node("Gemm", draw.node("Flatten", y), draw.weights(5, 72), transB=1), 9, 0.5)
    z = draw.quant(draw.conv_of(y, 2, 3), 9, 0.5)
    z = draw.quant(draw.node("AveragePool", z, kernel_shape=[2, 3], strides=[2, 3]), 8, 1.0)
    last = draw.quant(draw.node("Gemm", draw.node("Flatten", z), draw.weights(5, 18), transB=1), 9, 0.5)
    return saved(draw.graph([image_input("x", [1, 2, 6, 6])], {first: [1, 5], last: [1, 5]}), path)


def test_averages_that_are_halfway_are_rounded_as_ours(tmp_path: Path) -> None:
    network = hw.from_onnx(averages(tmp_path / "given.onnx"))
    network.to_onnx(tmp_path / "written.onnx")
    assert ("hwcodesign.exact", "AveragePool") in functions_of(tmp_path / "written.onnx")
    assert_same_codes(tmp_path / "written.onnx", network)
    again, drawn = hw.from_onnx(tmp_path / "written.onnx"), codes(network)
    pairs = zip(again.logits(drawn), network.logits(drawn), strict=True)
    assert [np.array_equal(own, source) for own, source in pairs] == [True, True]


def test_a_trained_network_of_brevitas_layers_is_exact_and_is_read_again_with_its_integers(
    trained_network: hw.MultiExitNetwork, digits_data: Dataset, tmp_path: Path
) -> None:
    path, images = tmp_path / "written.onnx", digits_data.test.images
    trained_network.to_onnx(path)
    found = in_onnxruntime(path, trained_network, images)
    formats = [head.format for head in trained_network.boundaries()[1]]
    again = hw.from_onnx(path)  # whose input format is in the file
    assert again.input_format == digits_data.input_format
    for own, fmt, z, read in zip(trained_network.logits(images), formats, found, again.logits(images), strict=True):
        assert np.array_equal(fmt.decode(own), z)
        assert np.array_equal(own, read)


@pytest.fixture
def policies(trained_network: hw.MultiExitNetwork, digits_data: Dataset) -> dict[str, ExitPolicy]:
    """Of both criteria, one of them at temperatures of its own; half of the first 300 test images reach each threshold,
    some of them just so.
    """
    fitting = (digits_data.fitting.images, digits_data.fitting.labels)
    asked: dict[str, dict[str, Any]] = {
        "margin": {"criterion": "margin"},
        "max_softmax": {"criterion": "max_softmax"},
        "calibrated": {"criterion": "max_softmax", "calibrate": True},
    }
    found = {}
    for name, request in asked.items():
        policy = hw.fit_policy(trained_network, fitting, budget=0.75, **request)
        _, scores = policy.score_exits(trained_network.logits(digits_data.test.images[:300]))
        found[name] = policy.with_codes([int(np.sort(own)[len(own) // 2]) for own in scores[:-1]])
    return found


@pytest.mark.parametrize("name", ["margin", "max_softmax", "calibrated"])
def test_labels_and_exits_of_the_conditional_file_are_those_of_the_records(
    name: str,
    policies: dict[str, ExitPolicy],
    trained_network: hw.MultiExitNetwork,
    digits_data: Dataset,
    tmp_path: Path,
) -> None:
    images, policy, path = digits_data.test.images[:300], policies[name], tmp_path / "conditional.onnx"
    design = hw.compile(trained_network, policy, out=tmp_path / "design", backend="vitis")
    records = design.run(images)
    trained_network.to_onnx(path, conditional=True, policy=policy)
    label, left_at = run(path, digits_data.input_format.decode(images))
    assert set(left_at) == set(range(trained_network.exits))
    assert np.array_equal(left_at, records["exit"])
    assert np.array_equal(label, records["label"])


@pytest.mark.parametrize("name", ["margin", "max_softmax", "calibrated"])
def test_the_conditional_file_is_read_again_with_its_integers_and_its_thresholds(
    name: str,
    policies: dict[str, ExitPolicy],
    trained_network: hw.MultiExitNetwork,
    digits_data: Dataset,
    tmp_path: Path,
) -> None:
    path, policy, images = tmp_path / "conditional.onnx", policies[name], digits_data.test.images
    hw.to_onnx(trained_network, path, conditional=True, policy=policy)
    again = hw.from_onnx(path)
    pairs = zip(again.logits(images), trained_network.logits(images), strict=True)
    assert [np.array_equal(own, source) for own, source in pairs] == [True] * trained_network.exits
    read = hw.exit_rule(path).policy(again)
    assert read.threshold_codes == policy.threshold_codes
    assert [a.parameters for a in read.exits[:-1]] == [b.parameters for b in policy.exits[:-1]]


def test_an_exit_that_no_sample_leaves_at_stays_so(
    policies: dict[str, ExitPolicy], trained_network: hw.MultiExitNetwork, digits_data: Dataset, tmp_path: Path
) -> None:
    path, images = tmp_path / "conditional.onnx", digits_data.test.images[:50]
    for name in ("margin", "max_softmax"):
        never = policies[name].with_thresholds([None] * (trained_network.exits - 1))
        trained_network.to_onnx(path, conditional=True, policy=never)
        assert set(run(path, digits_data.input_format.decode(images))[1]) == {trained_network.exits - 1}
        assert hw.exit_rule(path).thresholds == never.thresholds


def executed(path: Path, image: NDArray[Any], folder: Path) -> list[str]:
    """Names of the nodes that onnxruntime ran, by its own profile."""
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options)
    session.run(None, {"images": image[None].astype(np.float32)})
    events = json.loads(Path(session.end_profiling()).read_text())
    return [event["name"].removesuffix("_kernel_time") for event in events if event["name"].endswith("_kernel_time")]


def test_what_is_behind_the_exit_at_which_an_image_leaves_is_not_run(
    policies: dict[str, ExitPolicy], trained_network: hw.MultiExitNetwork, digits_data: Dataset, tmp_path: Path
) -> None:
    path, values = tmp_path / "conditional.onnx", digits_data.input_format.decode(digits_data.test.images)
    trained_network.to_onnx(path, conditional=True, policy=policies["margin"])
    _, left_at = run(path, values)
    counts = []
    for k in range(trained_network.exits):
        ran = executed(path, values[np.argmax(left_at == k)], tmp_path)
        weighted = [name for name in ran if any(word in name for word in ("Conv", "Gemm", "MatMul"))]
        assert len(weighted) == len(weighted_layers(trained_network, k))
        counts.append(len(weighted))
    assert all(fewer < more for fewer, more in itertools.pairwise(counts))


def weighted_layers(network: hw.MultiExitNetwork, last: int) -> list[nn.Module]:
    """Convolutions and linear layers up to an exit, and of the heads up to it."""
    parts = [*network.stages[: last + 1], *network.heads[: last + 1]]
    kinds = (nn.Linear, nn.modules.conv._ConvNd)
    return [module for part in parts for module in part.modules() if isinstance(module, kinds)]


def refused(network: hw.MultiExitNetwork, tmp_path: Path, error: type[Exception], words: str, **more: Any) -> None:
    with pytest.raises(error, match=words):
        network.to_onnx(tmp_path / "never.onnx", **more)
    assert not (tmp_path / "never.onnx").exists()


def test_conditional_files_need_a_policy_that_they_can_hold(
    policies: dict[str, ExitPolicy], trained_network: hw.MultiExitNetwork, digits_data: Dataset, tmp_path: Path
) -> None:
    fitting = (digits_data.fitting.images, digits_data.fitting.labels)
    entropy = hw.fit_policy(trained_network, fitting, criterion="entropy", budget=0.75)
    by_class = hw.fit_policy(trained_network, fitting, criterion="margin", budget=0.75, class_thresholds=True)
    other = ExitPolicy.build("margin", [hw.FixedPoint(9, 3)] * trained_network.exits, 10)
    float_network = hw.from_onnx(two_outputs(tmp_path / "given.onnx"), input_format=hw.FixedPoint(8, 2))
    refused(trained_network, tmp_path, PolicyError, "needs a policy", conditional=True)
    refused(trained_network, tmp_path, PolicyError, "with conditional=True", policy=policies["margin"])
    refused(trained_network, tmp_path, PolicyError, "criterion entropy is not", conditional=True, policy=entropy)
    refused(trained_network, tmp_path, PolicyError, "thresholds by class", conditional=True, policy=by_class)
    refused(trained_network, tmp_path, PolicyError, "other formats", conditional=True, policy=other)
    refused(float_network, tmp_path, NetworkError, "floating point", conditional=True, policy=other)


P = layers.Precision(weights=8, activations=8, logits=8)


def small(*stage: nn.Module, inputs: int = 4, gates: bool = False) -> hw.MultiExitNetwork:
    torch.manual_seed(0)
    stages = [nn.Sequential(layers.conv2d(1, 4, 3, precision=P), layers.relu(precision=P)), nn.Sequential(*stage)]
    heads = [layers.linear_head(4 * 36, 3, precision=P), layers.linear_head(inputs * 16, 3, precision=P)]
    network = hw.MultiExitNetwork(stages, heads, hw.FixedPoint(8, 0, signed=False), (1, 8, 8), gates=gates)
    for _ in range(3):
        network(torch.rand(8, 1, 8, 8))
    return network.eval()


@pytest.mark.parametrize(("layer", "words"), [(nn.BatchNorm2d(4), "BatchNormalization"), (nn.Sigmoid(), "Sigmoid")])
def test_what_is_not_exact_is_refused_by_its_node(layer: nn.Module, words: str, tmp_path: Path) -> None:
    network = small(layers.conv2d(4, 4, 3, precision=P), layer, layers.identity(precision=P))
    refused(network, tmp_path, UnsupportedLayerError, f"{words} node '/.*' is not exact in the real numbers that ONNX")


def wide_sums(path: Path, *, bias_bits: int, bits: int, given_bits: int = 8) -> Path:
    """Two convolutions with a bias of a fine step, and linear layers with and without bias."""
    draw = Drawing(prefix="w/")

    def conv(given: str, inputs: int, outputs: int) -> str:
        weights = draw.weights(outputs, inputs, 3, 3, bits=bits, exponent=-bits)
        bias = draw.quant(draw.constant(draw.rng.normal(size=outputs).astype(np.float32)), bias_bits, 2.0**-bias_bits)
        return draw.quant(draw.node("Conv", given, weights, bias, pads=[1] * 4), given_bits, 0.25)

    x = conv(draw.quant("x", given_bits, 0.25), 2, 4)
    flat, weights = draw.node("Flatten", x), draw.weights(5, 64, bits=bits, exponent=-bits)
    bias = draw.quant(draw.real(5), bias_bits, 2.0**-bias_bits)
    first = draw.quant(draw.node("Gemm", flat, weights, bias, transB=1), 9, 1.0)
    y = draw.node("Flatten", draw.node("Relu", conv(draw.node("MaxPool", x, kernel_shape=[1, 1]), 4, 4)))
    turned = draw.node("Transpose", draw.weights(5, 64, bits=bits, exponent=-bits), perm=[1, 0])
    last = draw.quant(draw.node("MatMul", y, turned), 9, 1.0)
    return saved(draw.graph([image_input("x", [1, 2, 4, 4])], {first: [1, 5], last: [1, 5]}), path)


@pytest.mark.parametrize(
    ("bits", "bias_bits", "functions"),
    [
        (6, 12, set()),
        (6, 26, {("hwcodesign.exact", "Conv"), ("hwcodesign.exact", "Gemm")}),
        (16, 20, {("hwcodesign.exact.split", "Conv"), ("hwcodesign.exact", "Gemm"), ("hwcodesign.exact", "MatMul")}),
    ],
)
def test_sums_that_float32_does_not_hold_are_exact_and_are_read_as_the_layers_that_they_are(
    bits: int, bias_bits: int, functions: set[tuple[str, str]], tmp_path: Path
) -> None:
    network = hw.from_onnx(wide_sums(tmp_path / "given.onnx", bits=bits, bias_bits=bias_bits))
    path = tmp_path / "written.onnx"
    network.to_onnx(path)
    assert functions_of(path) == functions | {("qonnx.custom_op.general", "Quant")}
    assert_same_codes(path, network)
    again = hw.from_onnx(path)
    assert again.costs() == network.costs()
    drawn = codes(network)
    pairs = zip(again.logits(drawn), network.logits(drawn), strict=True)
    assert [np.array_equal(own, source) for own, source in pairs] == [True, True]


def test_sums_that_are_too_wide_for_any_of_it_are_refused_by_their_node(tmp_path: Path) -> None:
    network = hw.from_onnx(wide_sums(tmp_path / "given.onnx", bits=16, bias_bits=20, given_bits=17))
    words = r"Conv node '/stages.*' has sums of 3\d bits, which are not exact.*fewer bits for weights"
    refused(network, tmp_path, UnsupportedLayerError, words)


def test_gated_networks_are_refused(tmp_path: Path) -> None:
    network = small(layers.conv2d(4, 4, 3, precision=P), layers.relu(precision=P), gates=True)
    refused(network, tmp_path, NetworkError, "a network with gates is not written")
