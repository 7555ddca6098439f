"""ResNet-8 in MLPerf Tiny's shape with three exits, on CIFAR-10 (JPEG)."""

from torch import nn

import hwcodesign as hw
from hwcodesign.data.cifar import cifar10_jpeg
from hwcodesign.data.image_folders import INPUT_FORMAT
from hwcodesign.networks.blocks import Residual, average_head, convolution_head, rectified

#: Of the three stages.
CHANNELS = (16, 32, 64)
CLASSES = 10


def network() -> hw.FloatNetwork:
    """32x32x3 -> 32x32x16 -> 16x16x32 -> 8x8x64, 12.5 million multiply-accumulates; early heads have 1.8 more.

    Stages and last head are MLPerf Tiny's network. Early heads have a convolution on 8x8 pixels.
    """
    first, second, third = CHANNELS
    return hw.FloatNetwork(
        stages=[
            nn.Sequential(rectified(3, first), Residual(first, first)),
            Residual(first, second, stride=2),
            Residual(second, third, stride=2),
        ],
        heads=[
            convolution_head(first, third, CLASSES, pool=4),
            convolution_head(second, third, CLASSES, pool=2),
            average_head(third, CLASSES),
        ],
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
    compile=hw.CompileSettings(board="zc706", reuse=64),
    quantisation=hw.Quantisation(),
    policy=hw.PolicyRequest(criterion="max_softmax", budget=0.6),
    simulated=100,
)  # fmt: skip
