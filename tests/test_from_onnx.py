"""Float networks that are read from ONNX files compute what the files compute, whatever their tensors are called."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign.data.digits import digits
from hwcodesign.policies import NEVER
from tests.comparisons import verify_network
from tests.marks import CAMPAIGN
from tests.onnx_files import Drawing, image_input, nested_ifs, qonnx_resnet, run, saved, two_outputs

FORMAT = hw.FixedPoint(8, 2)
SAMPLES = 200


def values(*shape: int) -> NDArray[np.float32]:
    """Images that differ in the brightness of their channels, so that labels differ."""
    rng = np.random.default_rng(3)
    bright = 2 * rng.normal(size=(SAMPLES, shape[0], *[1] * (len(shape) - 1)))
    return (bright + rng.normal(size=(SAMPLES, *shape))).astype(np.float32)


def confidence(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray((powers / powers.sum(1, keepdims=True)).max(1))


def logits(network: hw.MultiExitNetwork, images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    with torch.no_grad():
        return [z.numpy() for z in network.eval()(torch.from_numpy(images))]


def assert_same(one: list[NDArray[np.float32]], other: list[NDArray[np.float32]]) -> None:
    assert [np.array_equal(a, b) for a, b in zip(one, other, strict=True)] == [True] * len(one)


def assert_near(own: NDArray[np.float32], source: NDArray[np.float32]) -> None:
    """Within 1e-4 of onnxruntime, with its labels, which are several."""
    assert np.abs(own - source).max() < 1e-4
    assert (own.argmax(1) == source.argmax(1)).all()
    assert len(set(source.argmax(1))) > 1


def test_a_network_of_two_outputs_gives_what_onnxruntime_gives_the_less_deep_one_first(tmp_path: Path) -> None:
    path = two_outputs(tmp_path / "two outputs.onnx")
    network = hw.from_onnx(path, input_format=FORMAT)
    assert isinstance(network, hw.FloatNetwork)
    images = values(3, 12, 12)
    deeper, early = run(path, images)  # as the file lists them
    for own, source in zip(logits(network, images), (early, deeper), strict=True):
        assert_near(own, source)


def test_its_cut_leaves_to_the_second_stage_what_the_first_exit_does_not_need(tmp_path: Path) -> None:
    network = hw.from_onnx(two_outputs(tmp_path / "net.onnx"), input_format=FORMAT)
    pixels = 12 * 12
    assert network.costs() == hw.ExitCosts((pixels * 9 * 8 * (3 + 8), pixels // 4 * 9 * 8 * 16), (4 * 80, 4 * 160))


def test_exits_are_taken_as_they_are_named_and_others_are_left_out(tmp_path: Path) -> None:
    path = nested_ifs(tmp_path / "net.onnx")
    every = hw.from_onnx(path, input_format=FORMAT)
    names = [node.output[0] for node in onnx.load(str(path)).graph.node if node.op_type == "Gemm"]
    deepest = onnx.load(str(path)).graph.node[-1]
    while deepest.op_type == "If":
        branch = next(item.g for item in deepest.attribute if item.name == "else_branch")
        deepest = branch.node[-1]
    network = hw.from_onnx(path, exits=[names[0], deepest.output[0]], input_format=FORMAT)
    assert (every.exits, network.exits) == (3, 2)
    images = values(3, 8, 8)
    first, _, last = logits(every, images)
    assert_same(logits(network, images), [first, last])


@pytest.mark.parametrize("comparison", ["Greater", "GreaterOrEqual", "Less", "Turned"])
def test_nested_ifs_become_exits_that_answer_where_onnxruntime_leaves(comparison: str, tmp_path: Path) -> None:
    images = values(3, 8, 8)
    every = logits(hw.from_onnx(nested_ifs(tmp_path / "net.onnx"), input_format=FORMAT), images)
    limits = [float(np.quantile(confidence(z), 0.6)) for z in every[:2]]
    path = nested_ifs(tmp_path / "branches.onnx", limits, comparison)
    assert_same(logits(hw.from_onnx(path, input_format=FORMAT), images), every)
    (answers,) = run(path, images)
    leaves = [confidence(z) > limit for z, limit in zip(every, (*limits, 0), strict=True)]
    taken = np.argmax(leaves, axis=0)
    assert set(taken) == {0, 1, 2}
    assert_near(np.stack(every)[taken, np.arange(SAMPLES)], answers)
    rule = hw.exit_rule(path)
    assert (rule.criterion, rule.temperatures) == ("max_softmax", (1.0, 1.0))
    assert rule.thresholds == tuple(float(np.float32(limit)) for limit in limits)


def test_a_divisor_in_front_of_the_softmax_is_the_rules_temperature(tmp_path: Path) -> None:
    path = nested_ifs(tmp_path / "net.onnx")
    model = onnx.load(str(path))
    softmax = next(i for i, node in enumerate(model.graph.node) if node.op_type == "Softmax")
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(2.5), "heat"))
    divided = onnx.helper.make_node("Div", [model.graph.node[softmax].input[0], "heat"], ["cooler"])
    model.graph.node[softmax].input[0] = "cooler"
    model.graph.node.insert(softmax, divided)
    onnx.save(model, str(path))
    assert hw.exit_rule(path).temperatures == (2.5, 1.0)
    assert hw.from_onnx(path, input_format=FORMAT).exits == 3


def test_the_rule_becomes_a_policy_of_the_integers_of_a_quantised_network(tmp_path: Path) -> None:
    network = hw.from_onnx(qonnx_resnet(tmp_path / "resnet.onnx"))
    policy = hw.exit_rule(nested_ifs(tmp_path / "branches.onnx", (0.5, 0.25))).policy(network)
    assert policy.threshold_codes == (-(1 << 21), -(1 << 22), NEVER)
    assert policy.fitted_on.network_sha256 == network.digest()


class Exported(nn.Module):
    """What PyTorch's exporters write of usual layers: means, reshapes by sizes, ReLU6, padding of one side, 1-D."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.pool = nn.AvgPool2d(3, stride=2, padding=1)
        self.deep = nn.Conv2d(16, 12, 3, stride=2, dilation=2, groups=2)
        self.acts = nn.Sequential(nn.LeakyReLU(0.1), nn.PReLU(12), nn.Hardswish(), nn.ELU(), nn.Hardtanh(-0.5, 2))
        self.heads = nn.ModuleList([nn.Linear(8, 7), nn.Linear(12, 7, bias=False)])
        for layer in (self.deep, *self.heads):
            nn.init.normal_(layer.weight)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = torch.tensor([0.1, -0.2, 0.3]).reshape(1, 3, 1, 1)
        y = torch.relu(self.conv((x - mean) / 0.5))
        first = self.heads[0](y.mean((2, 3)))
        wide = torch.cat([self.up(y), nn.functional.interpolate(y, scale_factor=2)], dim=1)
        z = self.acts(self.deep(self.pool(nn.functional.pad(wide, (0, 1, 1, 0)))))
        z = nn.functional.relu6(torch.sigmoid(z) + torch.tanh(z))
        return first, self.heads[1](nn.functional.adaptive_avg_pool2d(z, 1).view(z.size(0), -1))


@pytest.mark.parametrize("dynamo", [False, True])
def test_what_pytorch_exports_is_read_whichever_of_its_exporters_wrote_it(dynamo: bool, tmp_path: Path) -> None:
    path, images = tmp_path / "exported.onnx", values(3, 8, 8)
    module = Exported().eval()
    names = ["logits/0", "logits/1"]
    torch.onnx.export(module, (torch.zeros(1, 3, 8, 8),), str(path), dynamo=dynamo, output_names=names, verbose=False)
    network = hw.from_onnx(path, exits=names, input_format=FORMAT)
    for own, source in zip(logits(network, images), run(path, images), strict=True):
        assert_near(own, source)


def test_sequences_and_vectors_are_read(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.node("Relu", draw.node("Conv", "x", draw.real(6, 4, 3), pads=[2, 0], dilations=[1]))  # looks back alone
    first = draw.node("Gemm", draw.node("ReduceMean", x, axes=[2], keepdims=0), draw.real(6, 5))
    x = draw.node("MaxPool", x, kernel_shape=[2], strides=[2])
    x = draw.node("Relu", draw.node("Conv", x, draw.real(8, 6, 3), kernel_shape=[3], auto_pad="SAME_UPPER"))
    last = draw.node("MatMul", draw.node("Flatten", x), draw.real(8 * 8, 5))
    last = draw.node("Add", draw.node("Mul", last, draw.constant(np.float32(0.5))), draw.real(5))
    graph = draw.graph([image_input("x", ["n", 4, 16])], {first: ["n", 5], last: ["n", 5]})
    path, images = saved(graph, tmp_path / "sequence.onnx"), values(4, 16)
    for own, source in zip(logits(hw.from_onnx(path, input_format=FORMAT), images), run(path, images), strict=True):
        assert_near(own, source)


FUNCTIONS: dict[str, Callable[[Drawing, str], str]] = {
    "SiLU": lambda draw, x: draw.node("Mul", x, draw.node("Sigmoid", x)),
    "SiLU, turned": lambda draw, x: draw.node("Mul", draw.node("Sigmoid", x), x),
    "Mish": lambda draw, x: draw.node("Mul", x, draw.node("Tanh", draw.node("Softplus", x))),
    "a bound below": lambda draw, x: draw.node("Clip", x, draw.constant(np.float32(-0.125))),
    "a bound above": lambda draw, x: draw.node("Clip", x, "", draw.constant(np.float32(0.125))),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_that_older_opsets_write_as_several_operators_are_read(name: str, tmp_path: Path) -> None:
    draw = Drawing(3)
    x = FUNCTIONS[name](draw, draw.conv("x", 3, 4))
    first, last = draw.head(x, 4, 6), draw.head(draw.node("Relu", draw.conv(x, 4, 4)), 4, 6)
    path = saved(draw.graph([image_input("x", [1, 3, 6, 6])], {first: [1, 10], last: [1, 10]}), tmp_path / "net.onnx")
    images = values(3, 6, 6)
    for own, source in zip(logits(hw.from_onnx(path, input_format=FORMAT), images), run(path, images), strict=True):
        assert_near(own, source)


@pytest.mark.parametrize(("mode", "pads"), [("SAME_UPPER", [0, 0, 1, 1]), ("SAME_LOWER", [1, 1, 0, 0])])
def test_padding_that_is_said_in_words_is_what_onnx_says(mode: str, pads: list[int], tmp_path: Path) -> None:
    """8 pixels become 8/2 by windows of 3, which need 9; onnx' own evaluator pads otherwise."""
    images, found = values(3, 8, 8), []
    for given in ({"auto_pad": mode}, {"pads": pads}):
        draw = Drawing(7)
        x = draw.node(
            "Relu", draw.node("Conv", "x", draw.real(4, 3, 3, 3), kernel_shape=[3, 3], strides=[2, 2], **given)
        )
        first = draw.head(x, 4, 4)
        last = draw.head(draw.conv(x, 4, 4), 4, 4)
        graph = draw.graph([image_input("x", [1, 3, 8, 8])], {first: [1, 10], last: [1, 10]})
        path = saved(graph, tmp_path / f"{next(iter(given))}.onnx")
        found.append(logits(hw.from_onnx(path, input_format=FORMAT), images))
    assert all(np.array_equal(words, numbers) for words, numbers in zip(*found, strict=True))


def test_a_file_whose_size_is_open_is_read_at_the_size_that_is_given(tmp_path: Path) -> None:
    path = two_outputs(tmp_path / "net.onnx")
    model = onnx.load(str(path))
    for axis, name in enumerate(("batch", "", "height", "width")):
        if name:
            model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    onnx.save(model, str(path))
    assert hw.from_onnx(path, input_format=FORMAT, input_shape=(3, 16, 16)).input_shape == (3, 16, 16)


def test_a_softmax_at_the_end_of_exits_is_left_off_when_asked(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.node("Relu", draw.conv("x", 3, 4))
    first = draw.node("Softmax", draw.head(x, 4, 6), axis=-1)
    last = draw.node("Softmax", draw.head(draw.conv(x, 4, 4), 4, 6), axis=-1)
    path = saved(draw.graph([image_input("x", [1, 3, 6, 6])], {first: [1, 10], last: [1, 10]}), tmp_path / "net.onnx")
    images = values(3, 6, 6)
    for own, source in zip(
        logits(hw.from_onnx(path, input_format=FORMAT, leave_off_softmax=True), images), run(path, images), strict=True
    ):
        powers = np.exp(own)
        assert_near(powers / powers.sum(1, keepdims=True), source)


def test_a_network_of_one_output_becomes_a_module(tmp_path: Path) -> None:
    draw = Drawing()
    logits_ = draw.head(draw.node("Relu", draw.conv("x", 3, 4)), 4, 6)
    path = saved(draw.graph([image_input("x", [1, 3, 6, 6])], {logits_: [1, 10]}), tmp_path / "one.onnx")
    module, images = hw.module_from_onnx(path), values(3, 6, 6)
    with torch.no_grad():
        assert_near(module.eval()(torch.from_numpy(images)).numpy(), run(path, images)[0])
    assert [type(part).__name__ for part in module.children()] == ["Conv2d", "ReLU", "MaxPool2d", "Linear"]


class Branching(nn.Module):
    """A network that stops by itself, as PyTorch's exporter writes one that is scripted: the form of ATHEENA's."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Sequential(nn.Conv2d(1, 4, 5), nn.MaxPool2d(2), nn.ReLU())
        self.head = nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 5))
        self.second = nn.Sequential(nn.Conv2d(4, 6, 3), nn.ReLU())
        self.last = nn.Sequential(nn.Flatten(), nn.Linear(24, 20), nn.ReLU(), nn.Linear(20, 5))
        for layer in (self.head[3], self.last[3]):  # so that answers differ
            nn.init.normal_(layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        z = self.head(y)
        if torch.max(torch.softmax(z, dim=-1)) > 0.3125:
            return z
        return self.last(self.second(y))


def test_a_network_that_pytorch_scripted_and_exported_is_read_with_its_exits(tmp_path: Path) -> None:
    path, images = tmp_path / "branching.onnx", values(1, 12, 12)
    scripted = torch.jit.script(Branching().eval())
    torch.onnx.export(scripted, (torch.zeros(1, 1, 12, 12),), str(path), dynamo=False)
    model = onnx.load(str(path))
    assert [node.op_type for node in model.graph.node][-6:] == [
        "Softmax",
        "ReduceMax",
        "Constant",
        "Greater",
        "Cast",
        "If",
    ]
    network = hw.from_onnx(path, input_format=FORMAT)
    every = logits(network, images)
    early = confidence(every[0]) > 0.3125
    assert 0 < early.sum() < SAMPLES
    assert_near(np.where(early[:, None], *every), run(path, images)[0])
    assert hw.exit_rule(path).thresholds == (0.3125,)


@CAMPAIGN
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda path: two_outputs(path, 8, (2, 3)), id="two outputs"),
        pytest.param(lambda path: nested_ifs(path, size=4, width=2), id="nested ifs"),
    ],
)
def test_quantised_it_is_the_same_in_software_csim_and_rtl(make: Callable[[Path], Path], tmp_path: Path) -> None:
    network = hw.from_onnx(make(tmp_path / "net.onnx"))
    rng = np.random.default_rng(5)
    drawn = [rng.integers(0, 256, (count, *network.input_shape)) for count in (16, 60)]
    quantised = hw.quantise(network, calibration=drawn[1])
    fitting = drawn[1], np.arange(60) % 10
    compared = list(verify_network(quantised, drawn[0], fitting, tmp_path / "design", criteria=("max_softmax",)))
    assert {name for comparison in compared for name in comparison.backends} >= {"software", "csim", "rtl", "brevitas"}
    assert [comparison.mismatches for comparison in compared] == [0] * len(compared)


def test_a_network_that_was_read_trains(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.node("Relu", draw.conv("x", 1, 4, stride=2))
    first = draw.head(x, 4, 4)
    last = draw.head(draw.node("Relu", draw.conv(x, 4, 8, stride=2)), 8, 2)
    path = saved(draw.graph([image_input("x", [1, 1, 8, 8])], {first: [1, 10], last: [1, 10]}), tmp_path / "net.onnx")
    data = digits()
    network = hw.from_onnx(path, input_format=data.input_format)
    losses = [entry["loss"] for entry in hw.train(network, data, epochs=2, seed=1)]
    assert losses[1] < losses[0]


def test_every_name_of_the_files_is_one_that_no_language_would_take(tmp_path: Path) -> None:
    """What the tests above rely on."""
    model = onnx.load(str(two_outputs(tmp_path / "net.onnx")))
    names = {name for node in model.graph.node for name in itertools.chain([node.name], node.input, node.output)}
    assert names
    assert not [name for name in names if name.isidentifier()]


def test_the_same_file_gives_the_same_network(tmp_path: Path) -> None:
    path: Any = qonnx_resnet(tmp_path / "net.onnx")
    assert hw.from_onnx(path).digest() == hw.from_onnx(str(path)).digest()
