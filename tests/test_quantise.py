"""Float networks become integer ones: Brevitas places the quantisers, and what comes out is what hardware computes."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.data.random_inputs import random_inputs
from hwcodesign.errors import ImagesError, NetworkError
from hwcodesign.networks.layers import value_of
from tests.marks import CAMPAIGN
from tests.test_attach_exits import SHAPE, Dense, Residual, seeded

FORMAT = hw.FixedPoint(8, 0, signed=False)
IMAGES = np.random.default_rng(5).integers(0, 256, (64, *SHAPE))


class Bottleneck(nn.Module):
    """MobileNetV2's: ReLU6, a depthwise convolution, a sum of tensors that may be negative."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU6())
        self.expand = nn.Sequential(nn.Conv2d(6, 12, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU6())
        self.depth = nn.Sequential(nn.Conv2d(12, 12, 3, 1, 1, groups=12, bias=False), nn.BatchNorm2d(12), nn.ReLU6())
        self.project = nn.Sequential(nn.Conv2d(12, 6, 1, bias=False), nn.BatchNorm2d(6))
        self.last = nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1), nn.Hardswish())
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + self.project(self.depth(self.expand(x)))
        return self.fc(functional.adaptive_avg_pool2d(self.last(x), 1).flatten(1))


class PreActivated(nn.Module):
    """DenseNet's: norms in front of convolutions, of which none can be merged; concatenations; average pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.norm1, self.conv1 = nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, padding=1)
        self.norm2, self.conv2 = nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3, padding=1)
        self.norm3, self.conv3 = nn.BatchNorm2d(12), nn.Conv2d(12, 6, 1)
        self.pool, self.norm4, self.fc = nn.AvgPool2d(2), nn.BatchNorm2d(6), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.conv1(functional.relu(self.norm1(x)))
        z = self.conv2(functional.relu(self.norm2(torch.cat([x, y], 1))))
        x = self.pool(self.conv3(functional.relu(self.norm3(torch.cat([x, y, z], 1)))))
        return self.fc(functional.relu(self.norm4(x)).mean((2, 3)))


class Multiple(nn.Module):
    """Functions that Brevitas has no layer for, maximum pooling, a sum of three."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
        self.leaky, self.tanh, self.drop = nn.LeakyReLU(0.125), nn.Tanh(), nn.Dropout(0.5)
        self.pool, self.fc = nn.MaxPool2d(2), nn.Linear(100, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.leaky(self.a(x)))
        x = x + self.b(x) + self.c(self.drop(x))
        return self.fc(torch.flatten(self.tanh(x), 1))


class Joined(nn.Module):
    """SqueezeNet's: rectified tensors side by side, which get one quantiser."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, padding=1)
        self.relu, self.last, self.fc = nn.ReLU(), nn.Conv2d(8, 6, 3), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.a(x))
        x = torch.cat([self.relu(self.b(x)), self.relu(self.c(x))], 1)
        return self.fc(self.relu(self.last(x)).mean((2, 3)))


NETWORKS: dict[str, tuple[type[nn.Module], Any]] = {
    "residual": (Residual, ["layer1", "layer2"]),
    "residual edge cut": (Residual, ["layer1.conv1", "layer2.bn1"]),
    "bottleneck": (Bottleneck, ["stem", "depth"]),
    "sum of signed values": (Bottleneck, ["add"]),
    "norms in front": (PreActivated, ["conv1", "pool"]),
    "dense": (Dense, ["a", "b"]),
    "joined": (Joined, ["a", "cat"]),
    "functions": (Multiple, ["pool", "b"]),
}

#: Those that others stand for while there is little time.
LONG = ("residual", "residual edge cut", "bottleneck", "sum of signed values", "dense", "functions")


def float_network(name: str) -> hw.FloatNetwork:
    kind, at = NETWORKS[name]
    return hw.attach_exits(seeded(kind), at, input_shape=SHAPE).eval()


@pytest.fixture(scope="module")
def quantised() -> dict[str, hw.MultiExitNetwork]:
    return {name: hw.quantise(float_network(name), calibration=IMAGES) for name in NETWORKS}


every_network = pytest.mark.parametrize("name", NETWORKS)


def relative_error(network: hw.MultiExitNetwork, plain: hw.FloatNetwork) -> list[float]:
    x = torch.from_numpy(IMAGES.astype(np.float32) / 256)
    with torch.no_grad():
        return [float((z - w).norm() / w.norm()) for z, w in zip(network(x), plain(x), strict=True)]


@pytest.mark.parametrize("name", [pytest.param(name, marks=CAMPAIGN if name in LONG else ()) for name in NETWORKS])
def test_what_is_compiled_computes_brevitas_integers(name: str, quantised: Any, tmp_path: Path) -> None:
    network = quantised[name]
    policy = hw.fit_policy(network, None, thresholds=[0.5] * (network.exits - 1), criterion="max_softmax")
    design = hw.compile(network, policy, out=tmp_path / "design", reuse=64)
    expected, found = network.logits(IMAGES), design.logits(IMAGES)
    assert all(np.array_equal(z, w) for z, w in zip(found, expected, strict=True))
    assert all(len(np.unique(z)) > 20 for z in expected)


@every_network
def test_eight_bits_stay_near_the_float_network_and_two_are_five_times_as_far(name: str, quantised: Any) -> None:
    near = relative_error(quantised[name], float_network(name))
    coarse = hw.quantise(float_network(name), layers.Precision(2, 2, 16, 16), calibration=IMAGES)
    far = relative_error(coarse, float_network(name))
    assert max(near) < 0.03
    assert all(b > 5 * a for a, b in zip(near, far, strict=True)), (near, far)


def test_bits_are_those_that_were_asked_for() -> None:
    asked = {"stages.1": layers.Precision(3, 5, 16, 16), "stages.1.layer2.conv2": layers.Precision(6, 7, 16, 16)}
    network = hw.quantise(float_network("residual"), layers.Precision(4, 4, 12, 9), calibration=IMAGES, layers=asked)
    _, heads = network.boundaries()
    assert [boundary.format.width for boundary in heads] == [9, 9, 9]
    bits = {(line.name, line.what): line.bits for line in hw.quantisation_noise(network, IMAGES)}
    assert bits["stages.0.layer1.conv1", "weights"] == 4
    assert bits["stages.1.layer2.conv1", "weights"] == 3
    assert bits["stages.1.layer2.relu", "activations"] == 5
    assert bits["stages.1.layer2.conv2", "weights"] == 6
    assert bits["heads.2.fc", "weights"] == 4
    # what is added shares a scale, and with it the widest of the widths
    (sum_,) = [width for (name, _), width in bits.items() if name == "stages.1.add_1_quant"]
    assert sum_ == 7


def test_the_layer_that_gives_logits_may_have_other_bits_of_them() -> None:
    coarse = layers.Precision(8, 8, bias=16, logits=6)
    network = hw.quantise(float_network("residual"), calibration=IMAGES, layers={"heads.1": coarse})
    assert [boundary.format.width for boundary in network.boundaries()[1]] == [16, 6, 16]


class Unlike(nn.Module):
    """A sum of two tensors, of which one is about five times as large."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.fc = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        with torch.no_grad():
            self.b.weight.mul_(8)
            self.b.bias.mul_(8)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.a(x))
        return self.fc(x + functional.silu(self.b(x)))


def test_a_shared_scale_is_that_of_least_squared_error() -> None:
    """The terms of a sum have one scale; the mean of their own would clip the larger one."""
    torch.manual_seed(0)
    images = np.random.default_rng(1).integers(0, 256, (256, 8))
    network = hw.attach_exits(Unlike(), at=["a"], input_shape=(8,))
    made = hw.quantise(network, calibration=images)
    assert max(noise.clipped for noise in hw.quantisation_noise(made, images)) < 0.01
    x = network.values(images)
    with torch.no_grad():
        wanted, found = network.eval()(x)[-1], made(x)[-1]
    assert float((found - wanted).norm() / wanted.norm()) < 0.05


def test_weights_have_a_power_of_two_for_each_channel_that_leaves_the_least_squared_error(quantised: Any) -> None:
    layer = quantised["residual"].stages[1].get_submodule("layer2.conv1")
    weight, found = layer.weight.detach(), layer.quant_weight()
    assert found.scale.numel() == 8
    assert all(math.log2(scale) == round(math.log2(scale)) for scale in found.scale.flatten().tolist())
    for channel in range(8):
        own = float(((found.value[channel] - weight[channel]) ** 2).sum())
        for factor in (0.5, 2.0):
            scale = found.scale.flatten()[channel] * factor
            other = torch.clamp(torch.round(weight[channel] / scale), -127, 127) * scale
            assert own <= float(((other - weight[channel]) ** 2).sum())


def test_biases_are_corrected_so_that_the_mean_of_every_channel_stays() -> None:
    plain = float_network("residual")
    network = hw.quantise(plain, layers.Precision(3, 8, 16, 16), calibration=IMAGES)
    x = torch.from_numpy(IMAGES.astype(np.float32) / 256)
    with torch.no_grad():
        before = value_of(plain.stages[0].stem(x)).mean((0, 2, 3))
        layer = network.stages[0].get_submodule("stem")
        after = value_of(layer(x)).mean((0, 2, 3))
        kept = layer.bias.clone()
        layer.bias.copy_(plain.stages[0].stem.bias)
        uncorrected = value_of(layer(x)).mean((0, 2, 3))
        layer.bias.copy_(kept)
    assert (after - before).abs().max() < (uncorrected - before).abs().max() / 4


def test_the_float_network_stays_as_it_was() -> None:
    plain = float_network("residual")
    before = plain.digest()
    hw.quantise(plain, calibration=IMAGES)
    assert plain.digest() == before


def test_it_is_the_same_every_time(quantised: Any) -> None:
    assert hw.quantise(float_network("dense"), calibration=IMAGES).digest() == quantised["dense"].digest()


def test_a_quantised_network_learns_on(digits_data: Any) -> None:
    torch.manual_seed(3)
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 8, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(128, 10),
    )
    plain = hw.attach_exits(module, ["2"], input_shape=(1, 8, 8), input_format=digits_data.input_format)
    settings = {"epochs": 3, "batch_size": 50, "learning_rate": 0.01, "threads": 1}
    hw.train(plain, digits_data, **settings)
    network = hw.quantise(plain, layers.Precision(2, 2, 8, 8), calibration=digits_data.training.images[:200])
    history = hw.train(network, digits_data, **settings)
    assert history[-1]["loss"] < history[0]["loss"]
    network.check()


def test_scales_that_stages_share_stay_one_while_the_network_learns() -> None:
    network = hw.quantise(float_network("residual edge cut"), layers.Precision(4, 4, 16, 16), calibration=IMAGES)
    before = network.boundaries()[0]
    assert any(len(tensors) > 1 for tensors in before)
    data = random_inputs("noise", FORMAT, SHAPE, 5)
    hw.train(network, data, epochs=2, batch_size=50, learning_rate=0.05, threads=1)
    shared = [name for name, parameter in network.named_parameters() if not parameter.requires_grad]
    assert shared
    assert all(name.endswith("scaling_impl.value") for name in shared)
    fresh = hw.quantise(float_network("residual edge cut"), layers.Precision(4, 4, 16, 16), calibration=IMAGES)
    assert all(torch.equal(network.get_parameter(name), fresh.get_parameter(name)) for name in shared)


def test_noise_is_told_for_each_tensor() -> None:
    plain = float_network("residual")
    network = hw.quantise(plain, layers.Precision(4, 4, 16, 16), calibration=IMAGES)
    lines = hw.quantisation_noise(network, IMAGES)
    (stem,) = [line for line in lines if line.name == "stages.0.stem"]
    layer = network.stages[0].get_submodule("stem")
    weight, found = layer.weight.detach().double(), layer.quant_weight().value.double()
    ratio = float((weight**2).sum()) / float(((weight - found) ** 2).sum())
    assert stem.sqnr == pytest.approx(10 * math.log10(ratio), abs=1e-9)
    assert (stem.what, stem.bits) == ("weights", 4)
    assert any(0 < line.clipped < 0.2 for line in lines)
    assert "stages.0.stem" in str(stem)
    assert " 4 bits" in str(stem)


@pytest.mark.parametrize(
    ("use", "error", "words"),
    [
        (lambda plain: hw.quantise(plain, calibration=IMAGES[:0]), ImagesError, "no images to calibrate on"),
        (lambda plain: hw.quantise(plain, calibration=IMAGES[:, :1]), ImagesError, r"1, 12, 12"),
        (
            lambda plain: hw.quantise(plain, calibration=IMAGES, layers={"stages.0.stam": layers.Precision()}),
            NetworkError,
            r"layer 'stages.0.stam' is not known: did you mean 'stages.0.stem'",
        ),
        (
            lambda plain: hw.quantise(hw.quantise(plain, calibration=IMAGES), calibration=IMAGES),
            NetworkError,
            "MultiExitNetwork is no float network",
        ),
    ],
    ids=["none", "shape", "layer", "quantised"],
)
def test_what_cannot_be_quantised_is_refused(use: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        use(float_network("residual"))


class Branches(nn.Module):
    """What `join` makes of a rectified tensor, a convolution of it, and another convolution."""

    def __init__(self, join: Callable[[Branches, Tensor], Tensor]) -> None:
        super().__init__()
        self.join = join
        self.stem, self.a, self.b = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 1, 1), nn.Conv2d(4, 4, 3, 1, 1)
        self.fc = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.join(self, functional.relu(self.stem(x)))
        return self.fc(functional.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1))


JOINS: dict[str, Callable[[Branches, Tensor], Tensor]] = {
    "ELU and a rectified tensor": lambda net, x: functional.elu(net.a(x)) + x,
    "a rectified tensor and LeakyReLU": lambda net, x: x + functional.leaky_relu(net.a(x), 0.25),
    "torch.tanh and a rectified tensor": lambda net, x: torch.tanh(net.a(x)) + x,
    "torch.sigmoid and a rectified tensor": lambda net, x: torch.sigmoid(net.a(x)) + x,
    "a number less a gate": lambda net, x: 1 - torch.sigmoid(net.a(x)) + x,
    "half a tensor less a convolution": lambda net, x: 0.5 * x + -net.a(x),
    "methods": lambda net, x: x.mul(0.75).sub(net.a(x)).add(0.125),
    "a clamp": lambda net, x: net.a(x).clamp(-1.5, max=1.5) + x,
    "a difference": lambda net, x: x - net.a(x),
    "a bound below": lambda net, x: net.a(x).clamp(min=-1.5) + x,
    "SiLU and a rectified tensor": lambda net, x: functional.silu(5 * net.a(x)) + x,
    "three branches": lambda net, x: functional.relu(net.a(x) + net.b(x) + x),
    "two sums of one tensor": lambda net, x: functional.relu(net.b(functional.relu(net.a(x) + x)) + x),
}


@pytest.mark.parametrize("name", JOINS)
def test_a_sum_keeps_what_is_negative_and_ends_in_one_scale(name: str) -> None:
    """Sums of rectified and other tensors: none of their quantisers clips more than few values."""
    network = hw.attach_exits(seeded(lambda: Branches(JOINS[name])), at=["stem"], input_shape=SHAPE)
    made = hw.quantise(network, calibration=IMAGES)
    for noise in hw.quantisation_noise(made, IMAGES):
        assert noise.clipped < 0.05, noise
        assert noise.sqnr > 25, noise


def _with_hook(net: nn.Module) -> None:
    net.a.register_forward_hook(lambda _, __, result: 2 * result)


def _with_forward(net: nn.Module) -> None:
    net.a.forward = functional.relu  # type: ignore[method-assign,assignment]


def _with_weight_norm(net: nn.Module) -> None:
    nn.utils.parametrizations.weight_norm(net.a)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_with_hook, "a.*Conv2d.* has a forward hook, which would be lost"),
        (_with_forward, "a.*Conv2d.* has a forward of its own"),
        (_with_weight_norm, r"a.*Conv2d.* has weights that are computed .*remove_parametrizations\(layer, 'weight'\)"),
    ],
    ids=["hook", "forward", "weight norm"],
)
def test_a_layer_that_computes_more_than_its_type_says_is_refused(change: Any, words: str) -> None:
    module = seeded(lambda: Branches(lambda net, x: net.a(x)))
    change(module)
    network = hw.attach_exits(module, at=["stem"], input_shape=SHAPE)
    with pytest.raises(NetworkError, match=words):
        hw.quantise(network, calibration=IMAGES)


def test_a_layer_that_is_called_twice_is_refused() -> None:
    network = hw.attach_exits(seeded(lambda: Branches(lambda net, x: net.a(net.a(x)))), at=["stem"], input_shape=SHAPE)
    with pytest.raises(NetworkError, match=r"stages\.1\.a is called in 2 places .*copy\.deepcopy\(layer\)"):
        hw.quantise(network, calibration=IMAGES)


#: Steps that change nothing, in front of a quantiser of another scale than what they read.
NEUTRAL: dict[str, Callable[[Tensor], Tensor]] = {
    "x - 0": lambda x: x - 0.0,
    "0 + x": lambda x: 0 + x,
    "1 * x": lambda x: 1.0 * x,
    "x / 1": lambda x: x / 1,
}


def assert_compiled_exactly(join: Callable[[Branches, Tensor], Tensor], folder: Path) -> None:
    network = hw.attach_exits(seeded(lambda: Branches(join)), at=["relu"], input_shape=SHAPE)
    made = hw.quantise(network, calibration=IMAGES)
    design = hw.compile(made, hw.fit_policy(made, None, thresholds=[0.5], criterion="margin"), out=folder / "design")
    assert all(np.array_equal(z, w) for z, w in zip(design.logits(IMAGES), made.logits(IMAGES), strict=True))


@pytest.mark.parametrize("name", NEUTRAL)
def test_a_step_that_changes_nothing_leaves_the_quantiser_behind_it(name: str, tmp_path: Path) -> None:
    assert_compiled_exactly(lambda net, x: NEUTRAL[name](x) + functional.leaky_relu(net.a(x), 0.25), tmp_path)


def test_numbers_are_the_same_in_the_network_and_in_hardware(tmp_path: Path) -> None:
    """With 0.3 in float32, other products would lie in the middle between two codes."""
    assert_compiled_exactly(lambda net, x: functional.leaky_relu(net.a(x) * 0.3, 0.1) + x, tmp_path)


@pytest.mark.parametrize(
    ("join", "words"),
    [(lambda net, x: net.a(x).abs(), r"x\.abs\. "), (lambda net, x: 1 / (net.a(x) + 2), "")],
    ids=["absolute values", "one over a tensor"],
)
def test_operations_that_brevitas_does_not_know_are_refused_with_a_way_out(join: Any, words: str) -> None:
    network = hw.attach_exits(seeded(lambda: Branches(join)), at=["stem"], input_shape=SHAPE)
    with pytest.raises(NetworkError, match=rf"cannot be quantised: {words}.*docs/layers\.md lists the operations"):
        hw.quantise(network, calibration=IMAGES)


@pytest.mark.parametrize(
    ("join", "words"),
    [
        (lambda net, x: net.a(x)[:, :, 1:], "getitem takes a part of a tensor"),
        (lambda net, x: torch.cat(net.a(x).chunk(2, 1), 1), "chunk takes a part of a tensor"),
        (lambda net, x: torch.roll(net.a(x), 1, 2), "roll moves or repeats elements of a tensor"),
        (lambda net, x: torch.channel_shuffle(net.a(x), 2), "channel_shuffle moves or repeats elements of a tensor"),
        (lambda net, x: torch.stack([net.a(x), x], 1).mean(1), "stack moves or repeats elements of a tensor"),
        (
            lambda net, x: functional.conv2d(x, net.b.weight, padding=1),
            r"stages.1.b.weight is read by a function, conv2d, .* nn\.Conv2d",
        ),
    ],
    ids=["slices", "chunks", "rolled", "channels in another order", "stacked", "a convolution by a function"],
)
def test_parts_and_orders_of_tensors_and_functions_with_weights_are_refused(join: Any, words: str) -> None:
    network = hw.attach_exits(seeded(lambda: Branches(join)), at=["stem"], input_shape=SHAPE)
    with pytest.raises(NetworkError, match=words):
        hw.quantise(network, calibration=IMAGES)


def test_a_transposed_convolution_of_groups_has_one_scale(tmp_path: Path) -> None:
    class Larger(Branches):
        def __init__(self) -> None:
            super().__init__(lambda _, x: x)
            self.a = nn.ConvTranspose2d(4, 8, 2, stride=2, groups=2)
            self.b = nn.Conv2d(8, 4, 3, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = functional.relu(self.b(functional.relu(self.a(functional.relu(self.stem(x))))))
            return self.fc(functional.avg_pool2d(x, x.shape[-1]).flatten(1))

    network = hw.attach_exits(seeded(Larger), at=["stem"], input_shape=SHAPE)
    made = hw.quantise(network, calibration=IMAGES)
    assert made.stages[1].a.quant_weight().scale.numel() == 1
    assert made.stages[1].b.quant_weight().scale.numel() == 4
    design = hw.compile(made, hw.fit_policy(made, None, thresholds=[0.5], criterion="margin"), out=tmp_path / "design")
    assert all(np.array_equal(z, w) for z, w in zip(design.logits(IMAGES), made.logits(IMAGES), strict=True))


#: Means over all pixels, as networks write them.
MEANS = {
    "columns, then rows": lambda x: x.mean(3).mean(2),
    "rows, then columns": lambda x: x.mean(2).mean(-1),
    "by names, dimensions kept": lambda x: torch.mean(input=x.mean(-1, keepdim=True), dim=2, keepdim=True).flatten(1),
}


@pytest.mark.parametrize("name", MEANS)
def test_means_of_rows_and_of_columns_are_one_over_all_pixels(name: str) -> None:
    class Averaged(Branches):
        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.join(functional.relu(self.a(functional.relu(self.stem(x))))))

    def made(mean: Any) -> hw.MultiExitNetwork:
        network = hw.attach_exits(seeded(lambda: Averaged(mean)), at=["stem"], input_shape=SHAPE)
        return hw.quantise(network, calibration=IMAGES)

    expected, found = made(lambda x: x.mean((2, 3))).logits(IMAGES), made(MEANS[name]).logits(IMAGES)
    assert all(np.array_equal(z, w) for z, w in zip(found, expected, strict=True))


def test_padding_in_front_of_the_last_pooling_goes_with_it(tmp_path: Path) -> None:
    class Padded(Branches):
        def forward(self, x: Tensor) -> Tensor:
            x = functional.relu(self.a(functional.relu(self.stem(x))))
            return self.fc(functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1)), x.shape[-1] + 2).flatten(1))

    network = hw.attach_exits(seeded(lambda: Padded(lambda _, x: x)), at=["stem"], input_shape=SHAPE)
    made = hw.quantise(network, calibration=IMAGES)
    design = hw.compile(made, hw.fit_policy(made, None, thresholds=[0.5], criterion="margin"), out=tmp_path / "design")
    assert all(np.array_equal(z, w) for z, w in zip(design.logits(IMAGES), made.logits(IMAGES), strict=True))


def test_logits_may_end_in_arithmetic(tmp_path: Path) -> None:
    """Such as those that are divided by a temperature."""

    class Tempered(Branches):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) / 1.5 + 0.25

    module = seeded(lambda: Tempered(lambda net, x: functional.relu(net.a(x))))
    network = hw.attach_exits(module, at=["stem"], input_shape=SHAPE)
    made = hw.quantise(network, layers.Precision(8, 8, 16, 12), calibration=IMAGES)
    assert [boundary.format.width for boundary in made.boundaries()[1]] == [12, 12]
    assert max(relative_error(made, network)) < 0.05
    design = hw.compile(made, hw.fit_policy(made, None, thresholds=[0.5], criterion="margin"), out=tmp_path / "design")
    assert all(np.array_equal(z, w) for z, w in zip(design.logits(IMAGES), made.logits(IMAGES), strict=True))


def test_a_class_that_is_derived_from_a_layer_is_quantised_like_it() -> None:
    class Named(nn.Conv2d):
        def __init__(self, *sizes: int, name: str) -> None:
            super().__init__(*sizes)
            self.name = name

        def extra_repr(self) -> str:
            return f"{super().extra_repr()}, {self.name}"

    def branches(kind: Callable[[], nn.Module]) -> hw.FloatNetwork:
        module = seeded(lambda: Branches(lambda net, x: functional.relu(net.a(x))))
        torch.manual_seed(1)
        module.a = kind()  # type: ignore[assignment]
        return hw.attach_exits(module, at=["stem"], input_shape=SHAPE)

    derived = hw.quantise(branches(lambda: Named(4, 4, 3, name="a")), calibration=IMAGES)
    plain = hw.quantise(branches(lambda: nn.Conv2d(4, 4, 3)), calibration=IMAGES)
    assert derived.digest() == plain.digest()


def test_signed_images_are_taken_as_they_are(tmp_path: Path) -> None:
    module = seeded(Residual)
    signed = hw.FixedPoint(8, 1, signed=True)
    network = hw.attach_exits(module, ["layer1"], input_shape=SHAPE, input_format=signed).eval()
    images = np.random.default_rng(6).integers(-128, 128, (40, *SHAPE))
    quantised = hw.quantise(network, calibration=images)
    policy = hw.fit_policy(quantised, None, thresholds=[0.5], criterion="max_softmax")
    design = hw.compile(quantised, policy, out=tmp_path / "design", reuse=64)
    assert all(map(np.array_equal, design.logits(images), quantised.logits(images)))
