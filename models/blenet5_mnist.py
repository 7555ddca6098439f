"""B-LeNet with two more convolutions and five exits, on MNIST, for comparing exit policies."""

from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.data.idx import INPUT_FORMAT, mnist


def network(precision: layers.Precision) -> hw.MultiExitNetwork:
    """28x28 -> 16x16x5 -> 11x11x10 -> 6x6x20 -> 6x6x20 -> 3x3x40, a linear head behind each but the first."""
    return hw.MultiExitNetwork(
        stages=[
            stage(precision, 1, 5, 5, padding=4, pool=2),
            stage(precision, 5, 10, 5, padding=5, pool=2),
            stage(precision, 10, 20, 5, padding=3, pool=2),
            stage(precision, 20, 20, 3, padding=1),
            stage(precision, 20, 40, 3, padding=1, pool=2),
        ],
        heads=[
            first_head(precision),
            *(layers.linear_head(features, 10, precision=precision) for features in (1210, 720, 720, 360)),
        ],
        input_format=INPUT_FORMAT,
        input_shape=(1, 28, 28),
    )


def stage(
    precision: layers.Precision, inputs: int, outputs: int, kernel: int, *, padding: int, pool: int | None = None
) -> nn.Module:
    """Convolution, pooling where asked, rectifier."""
    return nn.Sequential(
        layers.conv2d(inputs, outputs, kernel, padding=padding, precision=precision),
        *([] if pool is None else [nn.MaxPool2d(pool)]),
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
    precision=layers.Precision(weights=4, activations=5),
    data=mnist,
    training=(hw.TrainingSettings(epochs=3, batch_size=256, learning_rate=0.01, shift=1, seed=1, threads=1),),
    policy=hw.PolicyRequest(criterion="max_softmax", budget=0.4),
    compile=hw.CompileSettings(board="zc706", layers=FOLDING),
)
