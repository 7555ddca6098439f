"""B-AlexNet, an AlexNet for 32x32 pixels with three exits, on CIFAR-10 (JPEG).

Teerapittayanon et al., "BranchyNet: Fast Inference via Early Exiting from Deep Neural Networks" (ICPR 2016). Batch
norms take the place of local response normalisation, which has no integer form here. In full: CHANNELS = (32, 64, 96),
HIDDEN = (256, 128), EPOCHS = 100.
"""

from torch import nn

import hwcodesign as hw
from hwcodesign.data.cifar import cifar10_jpeg
from hwcodesign.data.image_folders import INPUT_FORMAT
from hwcodesign.networks.blocks import average_head, convolution_head, rectified

#: Of the first, the second, and the third and fourth convolution; the fifth has as many as the second.
CHANNELS = (16, 32, 48)
#: Outputs of the last head's first two linear layers.
HIDDEN = (128, 64)
CLASSES = 10
EPOCHS = 5


def last_head(inputs: int) -> nn.Sequential:
    """Returns AlexNet's three linear layers."""
    first, second = HIDDEN
    return nn.Sequential(
        nn.Flatten(),
        *(nn.Linear(inputs, first), nn.ReLU()),
        *(nn.Linear(first, second), nn.ReLU()),
        nn.Linear(second, CLASSES),
    )


def network() -> hw.FloatNetwork:
    """32x32 -> 16x16 -> 8x8 -> 4x4 pixels; pooling overlaps, 3x3 pixels by two."""
    first, second, third = CHANNELS
    return hw.FloatNetwork(
        stages=[
            nn.Sequential(*rectified(3, first, 5), nn.MaxPool2d(3, 2, 1)),
            nn.Sequential(*rectified(first, second, 5), nn.MaxPool2d(3, 2, 1)),
            nn.Sequential(
                *rectified(second, third), *rectified(third, third), *rectified(third, second), nn.MaxPool2d(3, 2, 1)
            ),
        ],
        heads=[
            convolution_head(first, second, CLASSES, pool=2),
            average_head(second, CLASSES),
            last_head(second * 4 * 4),
        ],
        input_format=INPUT_FORMAT,
        input_shape=(3, 32, 32),
    )


RECIPE = hw.Recipe(
    name="alexnet_cifar",
    network=network,
    data=cifar10_jpeg,
    training=(
        hw.TrainingSettings(epochs=EPOCHS, batch_size=128, learning_rate=0.005, crop=4, flip=True, seed=1, threads=2),
    ),
    compile=hw.CompileSettings(board="zc706", reuse=64),
    quantisation=hw.Quantisation(),
    policy=hw.PolicyRequest(criterion="max_softmax", budget=0.6),
)
