"""A DenseNet with an exit behind each of its four blocks, on CIFAR-10 (JPEG).

Huang et al., "Densely Connected Convolutional Networks" (CVPR 2017): a layer reads the outputs of all layers in front
of it, in its block. In full: LAYERS = (6, 12, 24, 16), GROWTH = 32, EPOCHS = 160, which is DenseNet-121 without its
first pooling.
"""

from itertools import accumulate

import torch
from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign.data.cifar import cifar10_jpeg
from hwcodesign.data.image_folders import INPUT_FORMAT
from hwcodesign.networks.blocks import average_head

#: Of each block.
LAYERS = (2, 4, 8, 8)
#: Channels that each layer adds.
GROWTH = 8
CLASSES = 10
EPOCHS = 3


def normed(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """Returns a convolution with norm and rectifier in front of it."""
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), convolution)


class DenseLayer(nn.Module):
    """A dense layer adds its channels to those that it reads."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.new = nn.Sequential(*normed(inputs, 4 * GROWTH, 1), *normed(4 * GROWTH, GROWTH, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Computes all channels."""
        return torch.cat([x, self.new(x)], dim=1)


def block(inputs: int, layers: int) -> nn.Sequential:
    """Returns dense layers, `layers` of them."""
    return nn.Sequential(*(DenseLayer(inputs + GROWTH * i) for i in range(layers)))


def transition(inputs: int) -> nn.Sequential:
    """Returns what halves channels, height and width between blocks."""
    return nn.Sequential(*normed(inputs, inputs // 2, 1), nn.AvgPool2d(2))


def head(inputs: int) -> nn.Sequential:
    """Returns DenseNet's head."""
    return nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), *average_head(inputs, CLASSES))


def network() -> hw.FloatNetwork:
    """32x32 -> 16x16 -> 8x8 -> 4x4 pixels."""
    # what each block gives: what it is given, and GROWTH channels a layer
    given = list(accumulate(LAYERS, lambda before, layers: before // 2 + GROWTH * layers, initial=4 * GROWTH))[1:]
    stages = [nn.Sequential(nn.Conv2d(3, 2 * GROWTH, 3, padding=1, bias=False), block(2 * GROWTH, LAYERS[0]))]
    for before, layers in zip(given, LAYERS[1:], strict=False):
        stages.append(nn.Sequential(transition(before), block(before // 2, layers)))
    return hw.FloatNetwork(stages, [head(channels) for channels in given], INPUT_FORMAT, (3, 32, 32))


RECIPE = hw.Recipe(
    name="densenet_cifar",
    network=network,
    data=cifar10_jpeg,
    training=(
        hw.TrainingSettings(epochs=EPOCHS, batch_size=128, learning_rate=0.01, crop=4, flip=True, seed=1, threads=2),
    ),
    compile=hw.CompileSettings(board="zc706", backend="vitis"),
    quantisation=hw.Quantisation(),
    policy=hw.PolicyRequest(criterion="max_softmax", budget=0.6),
)
