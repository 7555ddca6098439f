"""A small LeNet with three exits for scikit-learn's 8x8 digits: the default recipe."""

from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.data.digits import INPUT_FORMAT, digits


def network(precision: layers.Precision) -> hw.MultiExitNetwork:
    """8x8 -> 4x4x8 -> 4x4x20 -> 2x2x32, a linear head behind each."""
    return hw.MultiExitNetwork(
        stages=[
            nn.Sequential(
                layers.conv2d(1, 8, 3, padding=1, precision=precision),
                nn.MaxPool2d(2),
                layers.relu(precision=precision),
            ),
            nn.Sequential(
                layers.conv2d(8, 20, 3, padding=1, precision=precision),
                layers.relu(precision=precision),
            ),
            nn.Sequential(
                layers.conv2d(20, 32, 3, padding=1, precision=precision),
                nn.MaxPool2d(2),
                layers.relu(precision=precision),
            ),
        ],
        heads=[
            layers.linear_head(features, 10, precision=precision) for features in (8 * 4 * 4, 20 * 4 * 4, 32 * 2 * 2)
        ],
        input_format=INPUT_FORMAT,
        input_shape=(1, 8, 8),
    )


#: The first stage takes an image in about 64 cycles, one a pixel. Fewer images reach the later stages, which get fewer
#: multipliers: up to a quarter of the images go on to stage 1 and up to a seventh to stage 2, so that with intervals of
#: three and six times the first stage's neither of them is what images wait for.
FOLDING = {
    "stages.1.0": hw.LayerSettings(reuse=12),
    "stages.2.0": hw.LayerSettings(reuse=24),
    "heads.0.1": hw.LayerSettings(reuse=64),
    "heads.1.1": hw.LayerSettings(reuse=160),
    "heads.2.1": hw.LayerSettings(reuse=128),
}

#: An image leaves where the network is 95 % sure: one threshold for all exits, on a softmax whose temperature is fitted
#: for each exit, so that 95 % means 95 %. One number an exit is what 397 fitting images settle. Thresholds fitted to so
#: few depend on a handful of hard images: they lose accuracy on other images, and with some training seeds hardly
#: anybody was left for the last exit. README has what comes of it over ten seeds; `make readme-figures` checks that.
POLICY = hw.PolicyRequest(criterion="max_softmax", calibrate=True, thresholds=(0.95, 0.95))

RECIPE = hw.Recipe(
    name="digits",
    network=network,
    precision=layers.Precision(weights=4, activations=5),
    data=digits,
    training=(hw.TrainingSettings(epochs=50, batch_size=50, learning_rate=0.01, shift=1, seed=1, threads=1),),
    policy=POLICY,
    compile=hw.CompileSettings(layers=FOLDING),
)
