"""This module has the parts of plain torch layers that many networks are made of; recipes in models/ share them."""

from __future__ import annotations

from torch import Tensor, nn


def convolution(inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Returns a convolution that keeps the size of an image, but for its stride, with a norm, which has the bias.

    Args:
        inputs, outputs: channels.
        kernel: pixels on each side, an odd number.
        stride: pixels from one result to the next.
        groups: see torch; as many as there are channels make it depthwise.
    """
    weights = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(weights, nn.BatchNorm2d(outputs))


def rectified(inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Returns `convolution` with a rectifier behind it."""
    return nn.Sequential(*convolution(inputs, outputs, kernel, stride=stride, groups=groups), nn.ReLU())


def average_head(channels: int, classes: int) -> nn.Sequential:
    """Returns a head that averages over all pixels, and has a linear layer."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def convolution_head(inputs: int, channels: int, classes: int, *, pool: int = 1) -> nn.Sequential:
    """Returns a head with a convolution of its own: averages of an early stage's edges hardly tell classes apart.

    Args:
        inputs: channels that it reads.
        channels: channels of its convolution.
        classes: number of classes.
        pool: pixels on each side that are pooled in front of the convolution.
    """
    pooling = [nn.MaxPool2d(pool)] if pool > 1 else []
    return nn.Sequential(*pooling, *rectified(inputs, channels), *average_head(channels, classes))


class Residual(nn.Module):
    """A residual block has two convolutions, beside which its input goes on: as it is, or through a 1x1 convolution
    where the shapes differ.

    Args:
        inputs, outputs: channels.
        stride: of the first convolution.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(*rectified(inputs, outputs, stride=stride), *convolution(outputs, outputs))
        alike = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if alike else nn.Conv2d(inputs, outputs, 1, stride)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Computes the rectified sum of both ways."""
        both: Tensor = self.relu(self.body(x) + self.shortcut(x))
        return both
