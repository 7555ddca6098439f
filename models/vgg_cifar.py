"""A VGG in the shape of FINN's CNV with three exits, on CIFAR-10 (JPEG).

Umuroglu et al., "FINN: A Framework for Fast, Scalable Binarized Neural Network Inference" (FPGA 2017). In full:
CHANNELS = (64, 128, 256), HIDDEN = 512, EPOCHS = 100.
"""

from torch import nn

import hwcodesign as hw
from hwcodesign.data.cifar import cifar10_jpeg
from hwcodesign.data.image_folders import INPUT_FORMAT
from hwcodesign.networks.blocks import average_head, convolution_head

#: Of the three pairs of convolutions.
CHANNELS = (16, 32, 64)
#: Outputs of the two linear layers.
HIDDEN = 128
CLASSES = 10
EPOCHS = 6


def pair(inputs: int, outputs: int) -> list[nn.Module]:
    """Returns two 3x3 convolutions without padding, each of which takes two pixels from both sides of an image."""
    return [
        *(nn.Conv2d(inputs, outputs, 3, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()),
        *(nn.Conv2d(outputs, outputs, 3, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()),
    ]


def last_head(inputs: int) -> nn.Sequential:
    """Returns CNV's three linear layers on one pixel."""
    return nn.Sequential(
        nn.Flatten(),
        *(nn.Linear(inputs, HIDDEN, bias=False), nn.BatchNorm1d(HIDDEN), nn.ReLU()),
        *(nn.Linear(HIDDEN, HIDDEN, bias=False), nn.BatchNorm1d(HIDDEN), nn.ReLU()),
        nn.Linear(HIDDEN, CLASSES),
    )


def network() -> hw.FloatNetwork:
    """32x32 -> 28x28 -> 14x14 -> 10x10 -> 5x5 -> 1x1 pixels."""
    first, second, third = CHANNELS
    return hw.FloatNetwork(
        stages=[
            nn.Sequential(*pair(3, first), nn.MaxPool2d(2)),
            nn.Sequential(*pair(first, second), nn.MaxPool2d(2)),
            nn.Sequential(*pair(second, third)),
        ],
        heads=[
            convolution_head(first, second, CLASSES, pool=2),
            average_head(second, CLASSES),
            last_head(third),
        ],
        input_format=INPUT_FORMAT,
        input_shape=(3, 32, 32),
    )


RECIPE = hw.Recipe(
    name="vgg_cifar",
    network=network,
    data=cifar10_jpeg,
    training=(
        hw.TrainingSettings(epochs=EPOCHS, batch_size=128, learning_rate=0.01, crop=4, flip=True, seed=1, threads=2),
    ),
    compile=hw.CompileSettings(board="zc706", reuse=64),
    quantisation=hw.Quantisation(),
    policy=hw.PolicyRequest(criterion="max_softmax", budget=0.8),
)
