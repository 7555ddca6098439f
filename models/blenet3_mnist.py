"""B-LeNet with an exit behind each of its three convolutions, on MNIST, for comparing exit policies."""

from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.data.idx import INPUT_FORMAT, mnist


def network(precision: layers.Precision) -> hw.MultiExitNetwork:
    """28x28 -> 16x16x5 -> 11x11x10 -> 6x6x20: B-LeNet's first head, a linear one behind each later stage."""
    return hw.MultiExitNetwork(
        stages=[
            stage(precision, 1, 5, padding=4),
            stage(precision, 5, 10, padding=5),
            stage(precision, 10, 20, padding=3),
        ],
        heads=[
            first_head(precision),
            *(layers.linear_head(features, 10, precision=precision) for features in (1210, 720)),
        ],
        input_format=INPUT_FORMAT,
        input_shape=(1, 28, 28),
    )


def stage(precision: layers.Precision, inputs: int, outputs: int, *, padding: int) -> nn.Module:
    """Convolution of 5x5, pooling, rectifier."""
    return nn.Sequential(
        layers.conv2d(inputs, outputs, 5, padding=padding, precision=precision),
        nn.MaxPool2d(2),
        layers.relu(precision=precision),
    )


def first_head(precision: layers.Precision) -> nn.Module:
    """B-LeNet's own, with a convolution."""
    return nn.Sequential(
        layers.conv2d(5, 10, 3, padding=1, precision=precision),
        nn.MaxPool2d(2),
        layers.relu(precision=precision),
        nn.Flatten(),
        layers.linear(640, 10, precision=precision),
        layers.logits(precision=precision),
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
    precision=layers.Precision(weights=4, activations=5),
    data=mnist,
    training=(hw.TrainingSettings(epochs=3, batch_size=256, learning_rate=0.01, shift=1, seed=1, threads=1),),
    policy=hw.PolicyRequest(criterion="max_softmax", budget=0.4),
    compile=hw.CompileSettings(board="zc706", layers=FOLDING),
)
