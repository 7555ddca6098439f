"""A small LeNet with three exits for scikit-learn's 8x8 digits: the default recipe."""

from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.data.digits import INPUT_FORMAT, digits

PRECISION = layers.Precision(weights=4, activations=5)


def network() -> hw.MultiExitNetwork:
    """8x8 -> 4x4x8 -> 4x4x20 -> 2x2x32, a linear head behind each."""
    return hw.MultiExitNetwork(
        stages=[
            nn.Sequential(
                layers.conv2d(1, 8, 3, padding=1, precision=PRECISION),
                nn.MaxPool2d(2),
                layers.relu(precision=PRECISION),
            ),
            nn.Sequential(
                layers.conv2d(8, 20, 3, padding=1, precision=PRECISION),
                layers.relu(precision=PRECISION),
            ),
            nn.Sequential(
                layers.conv2d(20, 32, 3, padding=1, precision=PRECISION),
                nn.MaxPool2d(2),
                layers.relu(precision=PRECISION),
            ),
        ],
        heads=[
            layers.linear_head(features, 10, precision=PRECISION) for features in (8 * 4 * 4, 20 * 4 * 4, 32 * 2 * 2)
        ],
        input_format=INPUT_FORMAT,
        input_shape=(1, 8, 8),
    )


#: The first stage takes an image in about 64 cycles, one a pixel. Fewer images reach the later stages, which get fewer
#: multipliers.
FOLDING = {
    "stages.1.0": hw.LayerSettings(reuse=12),
    "stages.2.0": hw.LayerSettings(reuse=36),
    "heads.0.1": hw.LayerSettings(reuse=64),
    "heads.1.1": hw.LayerSettings(reuse=160),
    "heads.2.1": hw.LayerSettings(reuse=128),
}

RECIPE = hw.Recipe(
    name="digits",
    network=network,
    data=digits,
    training=(hw.TrainingSettings(epochs=50, batch_size=50, learning_rate=0.01, shift=1, seed=1, threads=1),),
    policy=hw.PolicySettings(criterion="max_softmax", accuracy_drop=0.005, confidence=0.95),
    compile=hw.CompileSettings(layers=FOLDING),
)
