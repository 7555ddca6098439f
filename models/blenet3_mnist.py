"""B-LeNet with an exit behind each of its three convolutions, on MNIST, for comparing exit policies."""

from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.data.idx import INPUT_FORMAT, mnist

PRECISION = layers.Precision(weights=4, activations=5)


def network() -> hw.MultiExitNetwork:
    """28x28 -> 16x16x5 -> 11x11x10 -> 6x6x20: B-LeNet's first head, a linear one behind each later stage."""
    return hw.MultiExitNetwork(
        stages=[stage(1, 5, padding=4), stage(5, 10, padding=5), stage(10, 20, padding=3)],
        heads=[first_head(), *(layers.linear_head(features, 10, precision=PRECISION) for features in (1210, 720))],
        input_format=INPUT_FORMAT,
        input_shape=(1, 28, 28),
    )


def stage(inputs: int, outputs: int, *, padding: int) -> nn.Module:
    """Convolution of 5x5, pooling, rectifier."""
    return nn.Sequential(
        layers.conv2d(inputs, outputs, 5, padding=padding, precision=PRECISION),
        nn.MaxPool2d(2),
        layers.relu(precision=PRECISION),
    )


def first_head() -> nn.Module:
    """B-LeNet's own, with a convolution."""
    return nn.Sequential(
        layers.conv2d(5, 10, 3, padding=1, precision=PRECISION),
        nn.MaxPool2d(2),
        layers.relu(precision=PRECISION),
        nn.Flatten(),
        layers.linear(640, 10, precision=PRECISION),
        layers.logits(precision=PRECISION),
    )


#: The later a stage, the fewer images reach it, and the fewer multipliers it needs.
FOLDING = {
    "heads.0.0": hw.LayerSettings(reuse=3),
    "heads.0.4": hw.LayerSettings(reuse=640),
    "stages.1.0": hw.LayerSettings(reuse=50),
    "heads.1.1": hw.LayerSettings(reuse=1210),
    "stages.2.0": hw.LayerSettings(reuse=250),
    "heads.2.1": hw.LayerSettings(reuse=720),
}

RECIPE = hw.Recipe(
    name="blenet3_mnist",
    network=network,
    data=mnist,
    training=(hw.TrainingSettings(epochs=3, batch_size=256, learning_rate=0.01, shift=1, seed=1, threads=1),),
    policy=hw.PolicyRequest(criterion="max_softmax", budget=0.4),
    compile=hw.CompileSettings(board="zc706", layers=FOLDING),
)
