"""ResNet-20, 32 or 56 with three exits, on CIFAR-10 (JPEG).

He et al., "Deep Residual Learning for Image Recognition" (CVPR 2016), section 4.2; exits as in BranchyNet
(Teerapittayanon et al. 2016). In full: DEPTH = 56, EPOCHS = 160.
"""

from torch import nn

import hwcodesign as hw
from hwcodesign.data.cifar import cifar10_jpeg
from hwcodesign.data.image_folders import INPUT_FORMAT
from hwcodesign.networks.blocks import Residual, average_head, convolution_head, rectified

#: 6 n + 2, with n residual blocks in each stage: 20, 32 or 56.
DEPTH = 20
#: Of the three stages.
CHANNELS = (16, 32, 64)
CLASSES = 10
EPOCHS = 3


def stage(inputs: int, outputs: int, *, stride: int) -> nn.Sequential:
    """Returns n residual blocks, the first of them with a stride."""
    blocks = (DEPTH - 2) // 6
    return nn.Sequential(
        Residual(inputs, outputs, stride=stride), *(Residual(outputs, outputs) for _ in range(blocks - 1))
    )


def network() -> hw.FloatNetwork:
    """32x32x3 -> 32x32x16 -> 16x16x32 -> 8x8x64."""
    first, second, third = CHANNELS
    return hw.FloatNetwork(
        stages=[
            nn.Sequential(rectified(3, first), stage(first, first, stride=1)),
            stage(first, second, stride=2),
            stage(second, third, stride=2),
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
    name="resnet_cifar",
    network=network,
    data=cifar10_jpeg,
    training=(
        hw.TrainingSettings(epochs=EPOCHS, batch_size=128, learning_rate=0.01, crop=4, flip=True, seed=1, threads=2),
    ),
    compile=hw.CompileSettings(board="zc706", reuse=288, windows="memory"),
    quantisation=hw.Quantisation(),
    policy=hw.PolicyRequest(criterion="max_softmax", budget=0.6),
)
