"""ResNet-8 in MLPerf Tiny's shape with three exits, on CIFAR-10 (JPEG)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign.data.cifar import cifar10_jpeg
from hwcodesign.data.image_folders import INPUT_FORMAT

#: Of the three stacks.
CHANNELS = (16, 32, 64)
CLASSES = 10


def convolution(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """Returns a 3x3 convolution and its norm, which has the bias."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    """Two convolutions, beside which their input goes: as it is, or through a 1x1 convolution where shapes differ."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(convolution(inputs, outputs, stride=stride), nn.ReLU(), convolution(outputs, outputs))
        alike = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if alike else nn.Conv2d(inputs, outputs, 1, stride)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Computes the rectified sum of both."""
        rectified: Tensor = self.relu(self.body(x) + self.shortcut(x))
        return rectified


def stages() -> list[nn.Module]:
    """32x32x3 -> 32x32x16 -> 16x16x32 -> 8x8x64; MLPerf Tiny's network up to its average."""
    first = nn.Sequential(convolution(3, CHANNELS[0]), nn.ReLU(), Residual(CHANNELS[0], CHANNELS[0], stride=1))
    return [first, *(Residual(before, after, stride=2) for before, after in pairwise(CHANNELS))]


def early_head(inputs: int, pool: int) -> nn.Module:
    """Returns a head of one convolution on 8x8 pixels: edges alone, averaged, hardly tell classes apart."""
    return nn.Sequential(nn.MaxPool2d(pool), convolution(inputs, CHANNELS[-1]), nn.ReLU(), *last_head())


def last_head() -> nn.Sequential:
    """Returns MLPerf Tiny's: the average over all pixels, and a linear layer."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS[-1], CLASSES))


def network() -> hw.FloatNetwork:
    """Returns the network in floating point."""
    return hw.FloatNetwork(
        stages=stages(),
        heads=[early_head(CHANNELS[0], pool=4), early_head(CHANNELS[1], pool=2), last_head()],
        input_format=INPUT_FORMAT,
        input_shape=(3, 32, 32),
    )


RECIPE = hw.Recipe(
    name="resnet8_cifar",
    network=network,
    data=cifar10_jpeg,
    training=(
        hw.TrainingSettings(
            epochs=30, batch_size=128, learning_rate=0.01, exit_weights=(0.5, 0.5, 1.0),
            crop=4, flip=True, seed=1, threads=1,
        ),
    ),
    policy=hw.PolicyRequest(criterion="max_softmax", budget=0.5),
)  # fmt: skip
