"""B-LeNet with two more convolutions and five exits, on MNIST, for comparing exit policies."""

from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.data.idx import INPUT_FORMAT, mnist

PRECISION = layers.Precision(weights=4, activations=5)


def network() -> hw.MultiExitNetwork:
    """28x28 -> 16x16x5 -> 11x11x10 -> 6x6x20 -> 6x6x20 -> 3x3x40, a linear head behind each but the first."""
    return hw.MultiExitNetwork(
        stages=[
            stage(1, 5, 5, padding=4, pool=2),
            stage(5, 10, 5, padding=5, pool=2),
            stage(10, 20, 5, padding=3, pool=2),
            stage(20, 20, 3, padding=1),
            stage(20, 40, 3, padding=1, pool=2),
        ],
        heads=[
            first_head(),
            *(layers.linear_head(features, 10, precision=PRECISION) for features in (1210, 720, 720, 360)),
        ],
        input_format=INPUT_FORMAT,
        input_shape=(1, 28, 28),
    )


def stage(inputs: int, outputs: int, kernel: int, *, padding: int, pool: int | None = None) -> nn.Module:
    """Convolution, pooling where asked, rectifier."""
    return nn.Sequential(
        layers.conv2d(inputs, outputs, kernel, padding=padding, precision=PRECISION),
        *([] if pool is None else [nn.MaxPool2d(pool)]),
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


#: Up to the third exit that of the network with three.
FOLDING = {
    **hw.load_recipe("blenet3_mnist").compile.layers,
    "stages.3.0": hw.LayerSettings(reuse=180),
    "heads.3.1": hw.LayerSettings(reuse=720),
    "stages.4.0": hw.LayerSettings(reuse=360),
    "heads.4.1": hw.LayerSettings(reuse=360),
}

RECIPE = hw.Recipe(
    name="blenet5_mnist",
    network=network,
    data=mnist,
    training=(hw.TrainingSettings(epochs=3, batch_size=256, learning_rate=0.01, shift=1, seed=1, threads=1),),
    policy=hw.PolicyRequest(criterion="max_softmax", budget=0.4),
    compile=hw.CompileSettings(board="zc706", layers=FOLDING),
)
