"""Exits attached to float networks: where they stand, what is cut, and that the last one answers as before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional

import hwcodesign as hw
from hwcodesign.errors import NetworkError, UnsupportedLayerError

SHAPE = (3, 12, 12)


class Block(nn.Module):
    """A residual block as torchvision writes it: one activation module twice, in place."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.down = None if stride == 1 else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        y += x if self.down is None else self.down(x)
        return self.relu(y)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 1, 1)
        self.layer1 = Block(4, 4, 1)
        self.layer2 = Block(4, 8, 2)
        self.layer3 = Block(8, 8, 1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.stem(x), inplace=True)
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(functional.adaptive_avg_pool2d(x, 1).view(x.size(0), -1))


class Dense(nn.Module):
    """Each layer reads all before it."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(7, 4, 3, padding=1), nn.Conv2d(11, 6, 3)
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.a(x))
        z = torch.relu(self.b(torch.cat([x, y], 1)))
        return self.fc(torch.relu(self.c(torch.cat([x, y, z], 1))).mean((2, 3)))


def seeded(kind: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(11)
    module = kind()
    for _ in range(2):
        module(torch.randn(8, *SHAPE))  # so that norms have statistics
    return module.eval()


@pytest.mark.parametrize(
    ("kind", "at"),
    [
        (Residual, ["layer1", "layer2"]),
        (Residual, ["stem"]),
        (Residual, ["layer1.conv1", "layer2.conv1", "layer3.bn2"]),
        (Residual, 2),
        (Residual, 4),
        (Dense, ["a"]),
        (Dense, ["a", "b"]),
    ],
    ids=str,
)
def test_the_last_exit_answers_as_the_network_did_to_the_last_bit(kind: type[nn.Module], at: Any) -> None:
    module = seeded(kind)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    network = hw.attach_exits(module, at, input_shape=SHAPE).eval()
    x = torch.randn(6, *SHAPE)
    logits = network(x)
    assert torch.equal(logits[-1], module(x))
    assert network.exits == (at if isinstance(at, int) else len(at) + 1)
    assert all(z.shape == (6, 5) for z in logits)
    assert all(torch.equal(module.state_dict()[name], value) for name, value in before.items())


class Written(nn.Module):
    """A tensor that is read again after something was written into it."""

    def __init__(self, write: Callable[[Written, Tensor], Tensor]) -> None:
        super().__init__()
        self.write, self.relu = write, nn.ReLU(inplace=True)
        self.stem, self.a, self.fc = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 1, 1), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.write(self, self.stem(x)).mean((2, 3)))


def _added_to(net: Written, x: Tensor) -> Tensor:
    y = x
    y += net.a(x)
    return net.a(x)


def _rectified(net: Written, x: Tensor) -> Tensor:
    x.relu_()
    return net.a(x)


@pytest.mark.parametrize(
    "write",
    [lambda net, x: net.a(net.relu(x)) + x, _rectified, _added_to],
    ids=["ReLU(inplace=True)", "x.relu_()", "y += x"],
)
def test_a_module_that_reads_again_what_it_wrote_into_is_refused(write: Any) -> None:
    with pytest.raises(NetworkError, match=r"writes into a tensor that it reads again.*write x = x \+ y instead"):
        hw.attach_exits(seeded(lambda: Written(write)), at=["stem"], input_shape=SHAPE)


def test_a_stage_computes_what_its_head_needs_and_nothing_else() -> None:
    network = hw.attach_exits(seeded(Residual), ["layer1.conv1"], input_shape=SHAPE)
    first = {name for name, _ in network.stages[0].named_modules()}
    assert "layer1.conv1" in first
    assert "layer1.bn1" not in first
    assert "layer1.conv2" not in first
    # the residual edge goes on beside what the head reads
    assert network.tensor_shapes()[0] == ((4, 12, 12), (4, 12, 12))
    assert network.reads_of(0, 2) == (1,)


def test_exits_by_number_share_the_work_as_equally_as_places_allow() -> None:
    network = hw.attach_exits(seeded(Residual), 3, input_shape=SHAPE)
    pixels = 144
    stem, block1 = pixels * 27 * 4, pixels * (36 * 4 + 36 * 4)
    block2 = pixels // 4 * (36 * 8 + 72 * 8 + 4 * 8)
    assert network.costs().stages == (stem + block1, block2, pixels // 4 * 2 * 72 * 8)
    assert network.tensor_shapes()[:2] == [((4, 12, 12),), ((8, 6, 6),)]


def test_heads_of_ones_own_stand_in_the_order_of_the_names() -> None:
    heads = [nn.Sequential(nn.Flatten(), nn.Linear(8 * 36, 5)), nn.Sequential(nn.Flatten(), nn.Linear(4 * 144, 5))]
    network = hw.attach_exits(seeded(Residual), ["layer2", "layer1"], heads, input_shape=SHAPE)
    assert network.heads[0] is heads[1]
    assert network.heads[1] is heads[0]


def test_a_perceptron_and_a_sequence_get_heads_of_their_own_shape() -> None:
    flat = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    network = hw.attach_exits(flat, ["1"], input_shape=(6,))
    assert [type(layer) for layer in network.heads] == [nn.Linear, type(network.heads[1])]
    long = nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU(), nn.Conv1d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3))
    network = hw.attach_exits(long, ["1"], input_shape=(2, 10))
    assert isinstance(network.heads[0][0], nn.AdaptiveAvgPool1d)
    assert torch.equal(network.eval()(torch.ones(1, 2, 10))[-1], long(torch.ones(1, 2, 10)))


def test_heads_learn_while_the_backbone_stays(digits_data: Any) -> None:
    torch.manual_seed(2)
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 10)
    )
    network = hw.attach_exits(module, ["1"], input_shape=(1, 8, 8), input_format=digits_data.input_format)
    history = hw.train(
        network, digits_data, strategy="heads_only", epochs=2, batch_size=50, learning_rate=0.02, threads=1
    )
    assert history[-1]["accuracy"][0] > history[0]["accuracy"][0]
    x = torch.rand(4, 1, 8, 8)
    assert torch.equal(network(x)[-1], module.eval()(x))


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) if x.sum() > 0 else -x.flatten(1)


class BranchingWithin(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.ReLU(), Branching())


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.rnn, self.fc = nn.Linear(4, 4), nn.GRU(4, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.rnn(self.first(x))[0])


@pytest.mark.parametrize(
    ("module", "at", "words"),
    [
        (Residual, ["layer9"], r"exit at 'layer9' is not known: did you mean 'layer3'\? Known: fc, layer1"),
        (Residual, ["layer1", "layer1.relu"], r"exits 'layer1' and 'layer1.relu' stand at the same place"),
        (Residual, ["layer3"], r"exit 'layer3' stands at the end of the network, which is the last exit in any case"),
        (Residual, ["fc"], r"exit 'fc' stands at the end"),
        (Residual, [], r"at=\[\]: give a list of layers' names, or a number of exits"),
        (Residual, 1, r"at=1: a multi-exit network has two exits or more"),
        (Residual, 9, r"at=9: there are 3 places where one tensor alone goes on, too few for 9 exits"),
        (Branching, ["x"], r"Branching cannot be traced: .*; a forward may not branch"),
        (BranchingWithin, ["0"], r"BranchingWithin cannot be traced, at '1' \(Branching\): "),
    ],
    ids=str,
)
def test_an_exit_that_cannot_be_is_refused_by_name(module: type[nn.Module], at: Any, words: str) -> None:
    with pytest.raises(NetworkError, match=words):
        hw.attach_exits(module().eval(), at, input_shape=SHAPE)


def test_a_head_of_another_shape_is_refused_by_name() -> None:
    wrong = nn.Sequential(nn.Flatten(), nn.Linear(9, 5))
    with pytest.raises(NetworkError, match=r"head 0 cannot take what 'layer1_relu_1' gives, \(4, 12, 12\) a sample"):
        hw.attach_exits(seeded(Residual), ["layer1"], [wrong], input_shape=SHAPE)
    few = nn.Sequential(nn.Flatten(), nn.Linear(576, 4))
    with pytest.raises(NetworkError, match=r"head 0 gives \(4,\) a sample, the last exit \(5,\)"):
        hw.attach_exits(seeded(Residual), ["layer1"], [few], input_shape=SHAPE)
    with pytest.raises(NetworkError, match="1 heads for 2 early exits"):
        hw.attach_exits(seeded(Residual), ["layer1", "layer2"], [few], input_shape=SHAPE)


def test_images_of_another_shape_are_refused_with_the_operation() -> None:
    with pytest.raises(NetworkError, match=r"operation 'stem' fails for images of shape \(1, 12, 12\)"):
        hw.attach_exits(seeded(Residual), ["layer1"], input_shape=(1, 12, 12))


def test_a_weight_that_two_stages_share_is_refused() -> None:
    layer = nn.Linear(4, 4)
    module = nn.Sequential(layer, nn.ReLU(), layer, nn.ReLU(), nn.Linear(4, 3))
    with pytest.raises(NetworkError, match="a layer is used in two stages or heads"):
        hw.attach_exits(module, ["1"], input_shape=(4,))


def test_layers_without_hardware_are_refused() -> None:
    with pytest.raises(UnsupportedLayerError, match=r"layer 'stages.1.rnn' \(GRU\) is not taken: recurrent layers"):
        hw.attach_exits(Recurrent(), ["first"], input_shape=(4,))


def test_norms_without_statistics_are_refused() -> None:
    norm = nn.BatchNorm2d(4, track_running_stats=False)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.ReLU(), nn.Flatten(), nn.Linear(400, 3))
    with pytest.raises(UnsupportedLayerError, match=r"layer 'stages.0.1' \(BatchNorm2d\) .*track_running_stats=True"):
        hw.attach_exits(module, ["1"], input_shape=SHAPE)


@pytest.mark.parametrize(
    "softmax",
    [nn.Softmax(1), nn.LogSoftmax(1), lambda z: z.softmax(1), lambda z: torch.log_softmax(z, 1)],
    ids=["a layer", "another", "a method", "a function"],
)
def test_a_softmax_at_the_end_is_refused(softmax: Any) -> None:
    class Ending(Residual):
        def __init__(self) -> None:
            super().__init__()
            self.end = softmax

        def forward(self, x: Tensor) -> Tensor:
            return self.end(super().forward(x))

    with pytest.raises(NetworkError, match=r"the network ends in a softmax, '.*': let it return its logits"):
        hw.attach_exits(seeded(Ending), ["layer1"], input_shape=SHAPE)


def test_weights_that_are_not_float32_are_refused() -> None:
    with pytest.raises(NetworkError, match=r"Residual has weights of torch.float64: give module.float\(\)"):
        hw.attach_exits(seeded(Residual).double(), ["layer1"], input_shape=SHAPE)


class Sized(nn.Module):
    """Its head pools and reshapes by the sizes of what it is given, as `head` does."""

    def __init__(self, head: Any) -> None:
        super().__init__()
        self.stem, self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3), nn.Linear(6, 5)
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.head(functional.relu(self.conv(functional.relu(self.stem(x))))))


def by_shape(x: Tensor) -> Tensor:
    x = functional.avg_pool2d(x, x.shape[2:])
    return x.view(x.shape[0], -1)


def by_size(x: Tensor) -> Tensor:
    x = functional.avg_pool2d(x, kernel_size=x.size(-1))
    images, channels, _, _ = x.size()
    return x.reshape(images, channels)


def in_two_steps(x: Tensor) -> Tensor:
    return functional.adaptive_avg_pool2d(x, 1).flatten(2).flatten(1)


def by_squeezing(x: Tensor) -> Tensor:
    return functional.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1)


@pytest.mark.parametrize("head", [by_shape, by_size, in_two_steps, by_squeezing])
def test_sizes_of_tensors_are_numbers(head: Any) -> None:
    module = seeded(lambda: Sized(head)).eval()
    network = hw.attach_exits(module, ["stem"], input_shape=SHAPE).eval()
    x = torch.rand(7, *SHAPE)
    assert torch.equal(network(x)[-1], module(x))
    graphs = [piece.graph for piece in (*network.stages, *network.heads) if isinstance(piece, fx.GraphModule)]
    assert [node for graph in graphs for node in graph.nodes if node.op == "call_method"] == []


def test_a_network_for_one_image_alone_is_refused() -> None:
    module = Sized(lambda x: x.mean((2, 3)).view(1, 6))
    with pytest.raises(NetworkError, match=r"cannot take several images at once: .*; write x.flatten\(1\)"):
        hw.attach_exits(module, ["stem"], input_shape=SHAPE)
